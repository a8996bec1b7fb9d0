// SPDX-License-Identifier: BSL-1.0
#include "tls_pair.hpp"

#include <conduit/channels/memory_stream.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/runtime/when_all.hpp>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <array>
#include <span>
#include <stdexcept>
#include <string_view>
#include <tuple>

namespace conduit::test {
namespace {

void show(SSL_CTX* context, const tls_identity& identity) {
    const auto read = [](const std::string& text) {
        return std::unique_ptr<BIO, void (*)(BIO*)>(
            BIO_new_mem_buf(text.data(), static_cast<int>(text.size())),
            [](BIO* bio) { BIO_free(bio); });
    };
    const std::unique_ptr<X509, void (*)(X509*)> certificate(
        PEM_read_bio_X509(read(identity.certificate).get(), nullptr, nullptr, nullptr), &X509_free);
    const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(
        PEM_read_bio_PrivateKey(read(identity.key).get(), nullptr, nullptr, nullptr),
        &EVP_PKEY_free);
    const bool done = SSL_CTX_use_certificate(context, certificate.get()) == 1 &&
                      SSL_CTX_use_PrivateKey(context, key.get()) == 1;
    if (!done) throw std::runtime_error("OpenSSL takes no such certificate");
}

/// The alert that ended the last call, or "".
std::string alert_received() {
    const int reason = ERR_GET_REASON(ERR_peek_error());
    if (reason <= SSL_AD_REASON_OFFSET) return "";
    return SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET);
}

}  // namespace

task<tls_ends> shake_hands(any_stream client_side, any_stream server_side,
                           const tls_context& client, const tls_context& server, std::string name) {
    std::string client_why;
    std::string server_why;
    auto connecting = tls_stream::connect(std::move(client_side), client, name, &client_why);
    auto accepting = tls_stream::accept(std::move(server_side), server, &server_why);
    auto both = co_await when_all(std::move(connecting), std::move(accepting));
    tls_ends ends(std::get<0>(std::move(both)), std::get<1>(std::move(both)));
    ends.client_why = client_why;
    ends.server_why = server_why;
    co_return std::move(ends);
}

task<tls_ends> shake_hands(const tls_context& client, const tls_context& server, std::string name,
                           std::size_t room) {
    auto [one, other] = make_memory_stream_pair(room);
    any_stream client_side(std::move(one));
    any_stream server_side(std::move(other));
    co_return co_await shake_hands(std::move(client_side), std::move(server_side), client, server,
                                   std::move(name));
}

raw_tls::raw_tls(any_stream over, version newest)
    : raw_tls(std::move(over), side::client, newest, nullptr) {}

raw_tls::raw_tls(any_stream over, side which, const tls_identity& identity)
    : raw_tls(std::move(over), which, version::tls_1_3, &identity) {}

raw_tls::raw_tls(any_stream over, side which, version newest, const tls_identity* identity)
    : over_(std::move(over)), ssl_(nullptr, &SSL_free) {
    const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_method()),
                                                               &SSL_CTX_free);
    SSL_CTX_set_max_proto_version(context.get(),
                                  newest == version::tls_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION);
    SSL_CTX_set_num_tickets(context.get(), 0);
    if (identity != nullptr) show(context.get(), *identity);
    ssl_.reset(SSL_new(context.get()));
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    which == side::client ? SSL_set_connect_state(ssl_.get()) : SSL_set_accept_state(ssl_.get());
}

raw_tls::~raw_tls() = default;

task<bool> raw_tls::shake_hands() {
    for (;;) {
        ERR_clear_error();
        const int said = SSL_do_handshake(ssl_.get());
        const bool wants_more = SSL_get_error(ssl_.get(), said) == SSL_ERROR_WANT_READ;
        alert_ = alert_received();
        const bool sent = co_await flush();
        if (said == 1) co_return sent;
        if (!wants_more) co_return false;
        const bool came = co_await fetch();
        if (!came) co_return false;
    }
}

void raw_tls::write(std::string_view text) {
    ERR_clear_error();
    std::size_t taken = 0;
    SSL_write_ex(ssl_.get(), text.data(), text.size(), &taken);
}

void raw_tls::ask_for_new_keys() {
    SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_REQUESTED);
    SSL_do_handshake(ssl_.get());
}

std::string raw_tls::take_output() {
    std::string all;
    std::array<char, 4096> part{};
    for (;;) {
        const int got = BIO_read(SSL_get_wbio(ssl_.get()), part.data(), 4096);
        if (got <= 0) return all;
        all.append(part.data(), static_cast<std::size_t>(got));
    }
}

task<bool> raw_tls::flush() { return send(take_output()); }

task<bool> raw_tls::send(std::string bytes) {
    const std::string own = std::move(bytes);
    auto sent = co_await write_all(over_, bytes_of(own));
    co_return sent.error() == std::error_code();
}

task<bool> raw_tls::fetch() {
    std::array<std::byte, 4096> part{};
    auto got = co_await over_.read_some(std::span(part));
    if (!got || *got == 0) co_return false;
    BIO_write(SSL_get_rbio(ssl_.get()), part.data(), static_cast<int>(*got));
    co_return true;
}

task<std::string> raw_tls::alert() {
    while (alert_.empty()) {
        ERR_clear_error();
        std::array<std::byte, 4096> ignored{};
        std::size_t got = 0;
        if (SSL_read_ex(ssl_.get(), ignored.data(), ignored.size(), &got) == 1) continue;
        alert_ = alert_received();
        if (!alert_.empty()) break;
        const bool came = co_await fetch();
        if (!came) break;
    }
    co_return alert_;
}

}  // namespace conduit::test
