// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/detail/quoted.hpp>
#include <conduit/channels/detail/tls_engine.hpp>
#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/socket_address.hpp>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <new>

namespace conduit {
namespace {

constexpr std::size_t tls_header_bytes = 5;
constexpr std::size_t tls_payload_max = 16'384;
constexpr std::size_t record_overhead_max = 64;

/// "Unexpected message", as a record that no key protects: for who does not speak TLS, or not yet.
constexpr auto plain_alert =
    std::to_array<std::byte>({std::byte{21}, std::byte{3}, std::byte{3}, std::byte{0}, std::byte{2},
                              std::byte{2}, std::byte{10}});

// --- the BIO ------------------------------------------------------------------------------------
//
// OpenSSL's own memory BIOs keep what they once grew to, which ten thousand idle connections would
// have each. This one is a window on the engine's memory.

tls_engine& engine_of(BIO* bio) noexcept { return *static_cast<tls_engine*>(BIO_get_data(bio)); }

int read_from_engine(BIO* bio, char* into, std::size_t size, std::size_t* done) {
    BIO_clear_retry_flags(bio);
    *done = engine_of(bio).give_input(std::as_writable_bytes(std::span(into, size)));
    if (*done == 0) BIO_set_retry_read(bio);
    return *done == 0 ? 0 : 1;
}

int write_to_engine(BIO* bio, const char* bytes, std::size_t size, std::size_t* done) {
    BIO_clear_retry_flags(bio);
    try {
        engine_of(bio).add_output(std::as_bytes(std::span(bytes, size)));
    } catch (const std::bad_alloc&) {  // must not pass through C
        return 0;
    }
    *done = size;
    return 1;
}

long control_engine(BIO* /*bio*/, int what, long /*number*/, void* /*unused*/) {
    return what == BIO_CTRL_FLUSH ? 1 : 0;
}

int begin_bio(BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
}

const BIO_METHOD* bio_of_engine() {
    static const std::unique_ptr<BIO_METHOD, void (*)(BIO_METHOD*)> method = [] {
        BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "conduit");
        if (made == nullptr) throw std::bad_alloc();
        BIO_meth_set_read_ex(made, &read_from_engine);
        BIO_meth_set_write_ex(made, &write_to_engine);
        BIO_meth_set_ctrl(made, &control_engine);
        BIO_meth_set_create(made, &begin_bio);
        return std::unique_ptr<BIO_METHOD, void (*)(BIO_METHOD*)>(made, &BIO_meth_free);
    }();
    return method.get();
}

// --- what was said in certificates --------------------------------------------------------------

std::string text_of(const ASN1_STRING* text) {
    const unsigned char* first = ASN1_STRING_get0_data(text);
    return {first, first + ASN1_STRING_length(text)};
}

std::string address_text(const ASN1_OCTET_STRING* address) {
    const std::string bytes = text_of(address);
    std::array<std::uint8_t, 4> v4{};
    std::array<std::uint8_t, 16> v6{};
    if (bytes.size() == v4.size()) {
        std::copy(bytes.begin(), bytes.end(), v4.begin());
        return socket_address::ipv4(v4, 0).host();
    }
    if (bytes.size() != v6.size()) return {};
    std::copy(bytes.begin(), bytes.end(), v6.begin());
    return socket_address::ipv6(v6, 0).host();
}

std::string subject_text(X509_NAME* subject) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), &BIO_free);
    if (out == nullptr || X509_NAME_print_ex(out.get(), subject, 0, XN_FLAG_RFC2253) < 0) return {};
    std::string text;
    std::array<char, 256> part{};
    for (;;) {
        const int got = BIO_read(out.get(), part.data(), static_cast<int>(part.size()));
        if (got <= 0) return text;
        text.append(part.data(), static_cast<std::size_t>(got));
    }
}

std::string common_name_of(X509_NAME* subject) {
    const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0) return {};
    unsigned char* utf8 = nullptr;
    const int size =
        ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (size < 0) return {};
    std::string name(utf8, utf8 + size);
    OPENSSL_free(utf8);
    return name;
}

void add_other_names(const X509* from, tls_certificate& into) {
    const auto release = [](GENERAL_NAMES* names) { GENERAL_NAMES_free(names); };
    const std::unique_ptr<GENERAL_NAMES, decltype(release)> names(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(from, NID_subject_alt_name, nullptr, nullptr)),
        release);
    if (names == nullptr) return;
    for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
        int kind = 0;
        const void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &kind);
        const auto* text = static_cast<const ASN1_STRING*>(value);
        if (kind == GEN_DNS) into.dns_names.push_back(text_of(text));
        if (kind == GEN_URI) into.uris.push_back(text_of(text));
        if (kind == GEN_IPADD) into.addresses.push_back(address_text(text));
    }
}

// --- what went wrong ----------------------------------------------------------------------------

tls_errc meaning_of_verdict(long verdict) noexcept {
    switch (verdict) {
        case X509_V_ERR_CERT_HAS_EXPIRED: return tls_errc::certificate_expired;
        case X509_V_ERR_CERT_NOT_YET_VALID: return tls_errc::certificate_not_yet_valid;
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH: return tls_errc::certificate_wrong_name;
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        case X509_V_ERR_CERT_UNTRUSTED: return tls_errc::certificate_untrusted;
        default: return tls_errc::certificate_refused;
    }
}

tls_errc meaning_of_alert(int alert) noexcept {
    switch (alert) {
        case SSL_AD_CERTIFICATE_REQUIRED: return tls_errc::peer_wants_certificate;
        case SSL_AD_CERTIFICATE_EXPIRED: return tls_errc::peer_found_expired;
        case SSL_AD_UNKNOWN_CA: return tls_errc::peer_found_untrusted;
        case SSL_AD_BAD_CERTIFICATE:
        case SSL_AD_UNSUPPORTED_CERTIFICATE:
        case SSL_AD_CERTIFICATE_REVOKED:
        case SSL_AD_CERTIFICATE_UNKNOWN:
        case SSL_AD_ACCESS_DENIED: return tls_errc::peer_refused_certificate;
        case SSL_AD_PROTOCOL_VERSION: return tls_errc::old_version;
        default: return tls_errc::peer_refused;
    }
}

tls_errc meaning_of_reason(int reason) noexcept {
    switch (reason) {
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return tls_errc::certificate_missing;
        case SSL_R_UNSUPPORTED_PROTOCOL:
        case SSL_R_VERSION_TOO_LOW:
        case SSL_R_WRONG_SSL_VERSION: return tls_errc::old_version;
        case SSL_R_EE_KEY_TOO_SMALL:
        case SSL_R_CA_KEY_TOO_SMALL:
        case SSL_R_CA_MD_TOO_WEAK: return tls_errc::certificate_refused;
        default: return tls_errc::broken_rules;
    }
}

bool is_number(const std::string& name) {
    const std::unique_ptr<ASN1_OCTET_STRING, decltype(&ASN1_OCTET_STRING_free)> address(
        a2i_IPADDRESS(name.c_str()), &ASN1_OCTET_STRING_free);
    return address != nullptr;
}

}  // namespace

// --- life ---------------------------------------------------------------------------------------

tls_engine::tls_engine(const tls_context& context, std::string_view name)
    : ssl_(SSL_new(context.current().get()), &SSL_free) {
    BIO* bio = BIO_new(bio_of_engine());
    if (ssl_ == nullptr || bio == nullptr) {
        BIO_free(bio);
        throw std::bad_alloc();
    }
    BIO_set_data(bio, this);
    SSL_set_bio(ssl_.get(), bio, bio);
    if (context.is_server()) {
        SSL_set_accept_state(ssl_.get());
    } else {
        SSL_set_connect_state(ssl_.get());
        expect_name(context, name);
    }
}

tls_engine::~tls_engine() { ERR_clear_error(); }

void tls_engine::expect_name(const tls_context& context, std::string_view name) {
    const std::string own(name);
    if (own.find('\0') != std::string::npos || (own.empty() && context.checks_server_name())) {
        return fail(std::make_error_code(std::errc::invalid_argument),
                    quoted(own) + " is no server's name");
    }
    const bool numeric = is_number(own);
    bool taken = numeric || own.empty() || SSL_set_tlsext_host_name(ssl_.get(), own.c_str()) == 1;
    if (context.checks_server_name()) {
        X509_VERIFY_PARAM* rules = SSL_get0_param(ssl_.get());
        X509_VERIFY_PARAM_set_hostflags(
            rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
        taken =
            taken && (numeric ? X509_VERIFY_PARAM_set1_ip_asc(rules, own.c_str()) == 1
                              : X509_VERIFY_PARAM_set1_host(rules, own.data(), own.size()) == 1);
    }
    ERR_clear_error();
    if (taken) return;
    fail(std::make_error_code(std::errc::invalid_argument), quoted(own) + " is no server's name");
}

tls_engine::progress tls_engine::shake_hands() {
    if (failure_) return progress::failed;
    ERR_clear_error();
    const int said = SSL_do_handshake(ssl_.get());
    if (said == 1) {
        established_ = true;
        return progress::done;
    }
    const int error = SSL_get_error(ssl_.get(), said);
    if (error != SSL_ERROR_WANT_READ) {
        note_failure(error);
        return progress::failed;
    }
    if (!input_ended_) return progress::wants_input;
    fail(make_error_code(errc::truncated), "in the handshake");
    return progress::failed;
}

// --- the user's bytes ---------------------------------------------------------------------------

std::optional<result<std::size_t>> tls_engine::read(std::span<std::byte> into) {
    std::size_t total = 0;
    while (total < into.size() && can_read()) {
        const bool has_more = input_left() > 0 || SSL_pending(ssl_.get()) > 0;
        if (total > 0 && !has_more) break;
        std::size_t got = 0;
        const auto room = into.subspan(total);
        ERR_clear_error();
        if (SSL_read_ex(ssl_.get(), room.data(), room.size(), &got) != 1) {
            if (note_nothing_read()) break;
        }
        total += got;
    }
    if (total > 0 || read_last_) return result<std::size_t>(total);
    if (failure_) return result<std::size_t>(failure_);
    if (input_ended_) return result<std::size_t>(errc::truncated);
    return std::nullopt;
}

/// Looking at one byte takes a record apart; then it is known how long it is.
std::optional<result<lent_buffer>> tls_engine::read_lent() {
    std::byte first{};
    std::size_t got = 0;
    ERR_clear_error();
    if (can_read() && SSL_peek_ex(ssl_.get(), &first, 1, &got) != 1) note_nothing_read();
    if (got == 0) {
        if (read_last_) return result<lent_buffer>(lent_buffer());
        if (failure_) return result<lent_buffer>(failure_);
        if (input_ended_) return result<lent_buffer>(errc::truncated);
        return std::nullopt;
    }
    const std::size_t room = static_cast<std::size_t>(SSL_pending(ssl_.get())) + input_left();
    auto copy = std::make_unique_for_overwrite<std::byte[]>(room);
    const auto taken = read(std::span(copy.get(), room));
    const std::span<const std::byte> bytes(copy.get(), taken->value());
    return result<lent_buffer>(lent_buffer(std::move(copy), bytes));
}

/// Whether it wants input; else this is the end, or a failure. OpenSSL says which only once.
bool tls_engine::note_nothing_read() {
    const int said = SSL_get_error(ssl_.get(), 0);
    if (said == SSL_ERROR_WANT_READ) return true;
    read_last_ = said == SSL_ERROR_ZERO_RETURN;
    if (!read_last_) note_failure(said);
    return false;
}

result<void> tls_engine::write(std::span<const std::byte> bytes) {
    const std::size_t records = bytes.size() / tls_payload_max + 1;
    output_.reserve(output_.size() + bytes.size() + records * record_overhead_max);
    while (!bytes.empty() && !failure_) {
        std::size_t taken = 0;
        ERR_clear_error();
        if (SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &taken) == 1) {
            bytes = bytes.subspan(taken);
        } else {
            note_failure(SSL_get_error(ssl_.get(), 0));
        }
    }
    if (failure_) return failure_;
    return {};
}

void tls_engine::end_writing() {
    if (wrote_last_ || failure_ || !established_) return;
    wrote_last_ = true;
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
}

// --- the transport's bytes ----------------------------------------------------------------------

std::span<std::byte> tls_engine::input_room(std::size_t bytes) {
    input_ = std::make_unique_for_overwrite<std::byte[]>(bytes);
    input_size_ = taken_ = 0;
    return {input_.get(), bytes};
}

void tls_engine::came(std::size_t bytes) {
    input_size_ = bytes;
    if (bytes == 0) return input_.reset();
    if (!has_begun_) look_at_beginning();
}

void tls_engine::came(std::span<const std::byte> bytes) {
    const auto room = input_room(bytes.size());
    std::copy(bytes.begin(), bytes.end(), room.begin());
    came(bytes.size());
}

/// A record of a handshake, or an alert, of any version since SSL 3.0 begins so.
void tls_engine::look_at_beginning() {
    has_begun_ = true;
    constexpr std::byte alert{21};
    constexpr std::byte handshake{22};
    constexpr std::byte major{3};
    const bool first_fits = input_[0] == handshake || input_[0] == alert;
    if (first_fits && (input_size_ < 2 || input_[1] == major)) return;
    fail(tls_errc::not_tls);
    output_.assign(plain_alert.begin(), plain_alert.end());
}

std::size_t tls_engine::give_input(std::span<std::byte> into) noexcept {
    const std::size_t n = std::min(into.size(), input_left());
    std::copy_n(input_.get() + taken_, n, into.begin());
    taken_ += n;
    if (taken_ == input_size_) {
        input_.reset();
        input_size_ = taken_ = 0;
    }
    const bool is_between_records = into.size() == tls_header_bytes && n == 0;
    missing_ = is_between_records ? 0 : into.size() - n;
    return n;
}

// --- failures -----------------------------------------------------------------------------------

void tls_engine::fail(std::error_code failure, std::string detail) {
    if (failure_) return;
    failure_ = failure;
    detail_ = std::move(detail);
}

std::string tls_engine::why() const {
    const std::string message = failure_.message();
    return detail_.empty() ? message : message + " (" + detail_ + ")";
}

void tls_engine::note_failure(int said) {
    const unsigned long error = ERR_peek_error();
    const int reason = ERR_GET_REASON(error);
    const char* words = ERR_reason_error_string(error);
    if (said != SSL_ERROR_SSL || ERR_GET_LIB(error) != ERR_LIB_SSL) {
        fail(tls_errc::broken_rules, words != nullptr ? words : "a message in pieces");
    } else if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        note_refused_certificate();
    } else if (reason > SSL_AD_REASON_OFFSET) {
        const int alert = reason - SSL_AD_REASON_OFFSET;
        fail(meaning_of_alert(alert), SSL_alert_desc_string_long(alert));
    } else {
        fail(meaning_of_reason(reason), words != nullptr ? words : "");
    }
    ERR_clear_error();
}

void tls_engine::note_refused_certificate() {
    const long verdict = SSL_get_verify_result(ssl_.get());
    const tls_errc meaning = meaning_of_verdict(verdict);
    std::string detail = X509_verify_cert_error_string(verdict);
    if (meaning == tls_errc::certificate_wrong_name) {
        const char* expected = X509_VERIFY_PARAM_get0_host(SSL_get0_param(ssl_.get()), 0);
        detail = expected != nullptr ? "not for " + quoted(expected) : "not for this address";
    }
    fail(meaning, std::move(detail));
}

// --- who is there -------------------------------------------------------------------------------

std::optional<tls_certificate> tls_engine::peer_certificate() const {
    const X509* shown = established_ ? SSL_get0_peer_certificate(ssl_.get()) : nullptr;
    if (shown == nullptr) return std::nullopt;
    tls_certificate made;
    made.subject = subject_text(X509_get_subject_name(shown));
    made.common_name = common_name_of(X509_get_subject_name(shown));
    add_other_names(shown, made);
    ERR_clear_error();
    return made;
}

std::string tls_engine::peer_name() const {
    const auto shown = peer_certificate();
    if (!shown) return {};
    if (!shown->common_name.empty()) return shown->common_name;
    for (const auto* names : {&shown->dns_names, &shown->uris, &shown->addresses}) {
        if (!names->empty()) return names->front();
    }
    return {};
}

}  // namespace conduit
