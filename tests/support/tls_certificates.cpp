// SPDX-License-Identifier: BSL-1.0
#include "tls_certificates.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>
#include <stdexcept>

namespace conduit::test {
namespace {

template <class T>
using owner = std::unique_ptr<T, void (*)(T*)>;

void must(bool done) {
    if (done) return;
    const char* why = ERR_reason_error_string(ERR_get_error());
    throw std::runtime_error(std::string("OpenSSL: ") + (why != nullptr ? why : "failed"));
}

template <class Write>
std::string as_pem(Write write) {
    const owner<BIO> out(BIO_new(BIO_s_mem()), [](BIO* bio) { BIO_free(bio); });
    must(write(out.get()) == 1);
    std::string text;
    std::array<char, 512> part{};
    for (;;) {
        const int got = BIO_read(out.get(), part.data(), static_cast<int>(part.size()));
        if (got <= 0) return text;
        text.append(part.data(), static_cast<std::size_t>(got));
    }
}

owner<BIO> reader_of(const std::string& pem) {
    return {BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
            [](BIO* bio) { BIO_free(bio); }};
}

owner<EVP_PKEY> key_of(const tls_identity& from) {
    owner<EVP_PKEY> key(
        PEM_read_bio_PrivateKey(reader_of(from.key).get(), nullptr, nullptr, nullptr),
        &EVP_PKEY_free);
    must(key != nullptr);
    return key;
}

void extend(X509* certificate, X509* issuer, int what, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const owner<X509_EXTENSION> made(X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str()),
                                     &X509_EXTENSION_free);
    must(made != nullptr && X509_add_ext(certificate, made.get(), -1) == 1);
}

void set_subject(X509* certificate, const std::string& common_name) {
    X509_NAME* subject = X509_get_subject_name(certificate);
    for (const auto& [field, value] :
         {std::pair("CN", common_name), std::pair("O", std::string("conduit tests"))}) {
        if (value.empty()) continue;
        const std::basic_string<unsigned char> bytes(value.begin(), value.end());
        must(X509_NAME_add_entry_by_txt(subject, field, MBSTRING_UTF8, bytes.data(),
                                        static_cast<int>(bytes.size()), -1, 0) == 1);
    }
}

/// Vouched for by `by`, or by itself where that is null.
tls_identity make(const certificate_wish& wish, const tls_identity* by) {
    const owner<EVP_PKEY> key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), &EVP_PKEY_free);
    const owner<X509> made(X509_new(), &X509_free);
    must(key != nullptr && made != nullptr);
    X509_set_version(made.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 4711);
    must(ASN1_TIME_set_string_X509(X509_getm_notBefore(made.get()), wish.from().c_str()) == 1);
    must(ASN1_TIME_set_string_X509(X509_getm_notAfter(made.get()), wish.to().c_str()) == 1);
    must(X509_set_pubkey(made.get(), key.get()) == 1);
    set_subject(made.get(), wish.common_name());

    owner<X509> parent(nullptr, &X509_free);
    if (by != nullptr) {
        parent.reset(
            PEM_read_bio_X509(reader_of(by->certificate).get(), nullptr, nullptr, nullptr));
        must(parent != nullptr);
    }
    X509* issuer = by != nullptr ? parent.get() : made.get();
    X509_set_issuer_name(made.get(), X509_get_subject_name(issuer));
    extend(made.get(), issuer, NID_basic_constraints,
           wish.is_authority() ? "critical,CA:TRUE" : "critical,CA:FALSE");
    extend(made.get(), issuer, NID_subject_key_identifier, "hash");
    if (!wish.names().empty()) extend(made.get(), issuer, NID_subject_alt_name, wish.names());

    const owner<EVP_PKEY> parent_key =
        by != nullptr ? key_of(*by) : owner<EVP_PKEY>(nullptr, &EVP_PKEY_free);
    must(X509_sign(made.get(), by != nullptr ? parent_key.get() : key.get(), nullptr) > 0);
    return {as_pem([&](BIO* out) { return PEM_write_bio_X509(out, made.get()); }),
            as_pem([&](BIO* out) {
                return PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr,
                                                nullptr);
            })};
}

}  // namespace

tls_identity make_authority(const std::string& name) {
    return make(certificate_wish(name).authority(), nullptr);
}

tls_identity issue(const certificate_wish& wish, const tls_identity& by) { return make(wish, &by); }

std::string locked_key(const tls_identity& of) {
    const owner<EVP_PKEY> key = key_of(of);
    const std::basic_string<unsigned char> phrase = {'o', 'p', 'e', 'n'};
    return as_pem([&](BIO* out) {
        return PEM_write_bio_PrivateKey(out, key.get(), EVP_aes_256_cbc(), phrase.data(),
                                        static_cast<int>(phrase.size()), nullptr, nullptr);
    });
}

shared_context make_server(const tls_options& options) {
    std::string why;
    auto made = tls_context::for_server(options, &why);
    if (!made) throw std::runtime_error(why);
    return *made;
}

shared_context make_client(const tls_options& options) {
    std::string why;
    auto made = tls_context::for_client(options, &why);
    if (!made) throw std::runtime_error(why);
    return *made;
}

tls_world::tls_world()
    : root_(make_authority("root")),
      server_(issue(certificate_wish("server").dns("localhost").address("127.0.0.1"), root_)),
      alice_(issue(certificate_wish("alice"), root_)) {}

shared_context tls_world::server() const {
    return make_server(tls_options().certificate_text(server_.certificate, server_.key));
}

shared_context tls_world::mutual_server() const {
    return make_server(tls_options()
                           .certificate_text(server_.certificate, server_.key)
                           .trust_text(root_.certificate)
                           .require_client_certificate());
}

shared_context tls_world::server_with(const certificate_wish& wish) const {
    const tls_identity made = issue(wish, root_);
    return make_server(tls_options().certificate_text(made.certificate, made.key));
}

shared_context tls_world::client() const {
    return make_client(tls_options().trust_text(root_.certificate));
}

shared_context tls_world::alice() const { return client_with(alice_); }

shared_context tls_world::client_with(const tls_identity& identity) const {
    return make_client(tls_options()
                           .certificate_text(identity.certificate, identity.key)
                           .trust_text(root_.certificate));
}

}  // namespace conduit::test
