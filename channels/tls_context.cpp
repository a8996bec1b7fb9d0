// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/detail/quoted.hpp>
#include <conduit/channels/tls_context.hpp>
#include <conduit/channels/tls_error.hpp>
#include <conduit/runtime/error.hpp>

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <array>
#include <cerrno>
#include <mutex>
#include <string_view>
#include <system_error>

namespace conduit {
namespace {

using source = tls_options::source;

template <auto release>
struct released_by {
    void operator()(auto* object) const noexcept { release(object); }
};
using bio_owner = std::unique_ptr<BIO, released_by<&BIO_free>>;
using certificate_owner = std::unique_ptr<X509, released_by<&X509_free>>;
using key_owner = std::unique_ptr<EVP_PKEY, released_by<&EVP_PKEY_free>>;

constexpr int security_level_least = 2;  // OpenSSL's own from 3.2 on

/// Why the first call that failed did, in OpenSSL's words.
std::string reason_of(unsigned long error) {
    const char* text = ERR_reason_error_string(error);
    return text != nullptr ? text : fmt::format("error {:x}", error);
}

/// A key with a pass phrase must not make a server wait for somebody to type it.
int no_pass_phrase(char* /*into*/, int /*size*/, int /*rwflag*/, void* /*unused*/) { return -1; }

bool reads_to_its_end(BIO* in, std::string& text) {
    std::array<char, 4096> part{};
    for (;;) {
        const int got = BIO_read(in, part.data(), static_cast<int>(part.size()));
        if (got <= 0) return got == 0 || BIO_eof(in) == 1;
        text.append(part.data(), static_cast<std::size_t>(got));
        if (text.size() > tls_context::file_bytes_max) return true;
    }
}

std::string time_of(const ASN1_TIME* time) {
    const bio_owner out(BIO_new(BIO_s_mem()));
    std::array<char, 64> text{};
    if (out == nullptr || ASN1_TIME_print(out.get(), time) != 1) return "an unknown time";
    const int size = BIO_read(out.get(), text.data(), static_cast<int>(text.size()));
    return {text.data(), static_cast<std::size_t>(std::max(size, 0))};
}

/// Makes one of OpenSSL's contexts of the options; says why where it cannot.
class builder {
public:
    builder(bool is_server, const tls_options& options, std::string* why)
        : is_server_(is_server), options_(options), why_(why) {
        ERR_clear_error();
    }
    builder(const builder&) = delete;
    ~builder() { ERR_clear_error(); }

    result<std::shared_ptr<ssl_ctx_st>> build() {
        made_.reset(SSL_CTX_new(is_server_ ? TLS_server_method() : TLS_client_method()),
                    &SSL_CTX_free);
        if (made_ == nullptr) return refuse("TLS", "there is no memory for a context");
        set_rules();
        if (auto used = use_certificate(); !used) return used.error();
        if (auto used = use_roots(); !used) return used.error();
        return made_;
    }

private:
    std::error_code say(std::error_code error, std::string_view what, std::string_view reason) {
        if (why_ != nullptr) *why_ = fmt::format("{}: {}", what, reason);
        return error;
    }
    std::error_code refuse(std::string_view what, std::string_view reason) {
        return say(tls_errc::unusable_files, what, reason);
    }

    void set_rules() {
        SSL_CTX* context = made_.get();
        SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
        SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION);
        SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                         SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
        SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_num_tickets(context, 0);
        SSL_CTX_set_max_early_data(context, 0);
        if (SSL_CTX_get_security_level(context) < security_level_least) {
            SSL_CTX_set_security_level(context, security_level_least);
        }
        int verify = SSL_VERIFY_NONE;
        if (!is_server_) verify = SSL_VERIFY_PEER;
        if (options_.requires_client_certificate()) {
            verify = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
        }
        SSL_CTX_set_verify(context, verify, nullptr);
    }

    static std::string name_of(std::string_view kind, const source& from) {
        if (from.path.empty()) return fmt::format("{} given as text", kind);
        return fmt::format("{} {}", kind, quoted(from.path, 256));
    }

    result<std::string> content_of(std::string_view kind, const source& from) {
        if (from.path.empty()) return from.text;
        const std::string name = name_of(kind, from);
        if (from.path.find('\0') != std::string::npos) {
            return refuse(name, "a zero byte in the path");
        }
        std::string text;
        const bio_owner in(BIO_new_file(from.path.c_str(), "rb"));
        if (in == nullptr || !reads_to_its_end(in.get(), text)) {
            const unsigned long said = ERR_get_error();
            const int number = ERR_SYSTEM_ERROR(said) ? ERR_GET_REASON(said) : EIO;
            const std::error_code error = error_from_kernel(number);
            return say(error, name, error.message());
        }
        if (text.size() > tls_context::file_bytes_max) {
            return refuse(name, fmt::format("more than {} bytes (file_bytes_max)",
                                            tls_context::file_bytes_max));
        }
        return text;
    }

    static bio_owner reader_of(const std::string& text) {
        return bio_owner(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    }

    result<void> use_certificate() {
        if (options_.certificate().empty()) {
            if (!is_server_) return {};
            return refuse("TLS", "a server needs a certificate (tls_options::certificate())");
        }
        const std::string name = name_of("certificate", options_.certificate());
        const auto text = content_of("certificate", options_.certificate());
        if (!text) return text.error();
        const bio_owner in = reader_of(*text);
        const certificate_owner own(PEM_read_bio_X509_AUX(in.get(), nullptr, &no_pass_phrase, {}));
        if (own == nullptr) return refuse(name, "no certificate in it");
        if (X509_cmp_current_time(X509_get0_notAfter(own.get())) < 0) {
            return refuse(name, "expired " + time_of(X509_get0_notAfter(own.get())));
        }
        if (X509_cmp_current_time(X509_get0_notBefore(own.get())) > 0) {
            return refuse(name, "not valid before " + time_of(X509_get0_notBefore(own.get())));
        }
        if (SSL_CTX_use_certificate(made_.get(), own.get()) != 1) {
            return refuse(name, reason_of(ERR_peek_error()));
        }
        while (X509* next = PEM_read_bio_X509(in.get(), nullptr, &no_pass_phrase, {})) {
            const certificate_owner between(next);
            if (SSL_CTX_add1_chain_cert(made_.get(), next) != 1) {
                return refuse(name, reason_of(ERR_peek_error()));
            }
        }
        ERR_clear_error();
        return use_key(name);
    }

    result<void> use_key(const std::string& name_of_certificate) {
        const std::string name = name_of("key", options_.key());
        const auto text = content_of("key", options_.key());
        if (!text) return text.error();
        const bio_owner in = reader_of(*text);
        const key_owner key(PEM_read_bio_PrivateKey(in.get(), nullptr, &no_pass_phrase, {}));
        if (key == nullptr) {
            const bool is_locked = text->find("ENCRYPTED") != std::string::npos;
            return refuse(name, is_locked ? "has a pass phrase" : "no private key in it");
        }
        if (SSL_CTX_use_PrivateKey(made_.get(), key.get()) != 1 ||
            SSL_CTX_check_private_key(made_.get()) != 1) {
            return refuse(name, "does not belong to " + name_of_certificate);
        }
        return {};
    }

    result<void> use_roots() {
        const bool needs_some = !is_server_ || options_.requires_client_certificate();
        if (needs_some && options_.roots().empty() && !options_.trusts_system()) {
            return refuse("TLS", "nobody is trusted (tls_options::trust(), trust_system())");
        }
        if (options_.trusts_system() && SSL_CTX_set_default_verify_paths(made_.get()) != 1) {
            return refuse("TLS", "the roots of the system cannot be read");
        }
        for (const source& each : options_.roots()) {
            if (auto added = add_roots(each); !added) return added;
        }
        return {};
    }

    result<void> add_roots(const source& from) {
        const std::string name = name_of("roots", from);
        const auto text = content_of("roots", from);
        if (!text) return text.error();
        const bio_owner in = reader_of(*text);
        X509_STORE* store = SSL_CTX_get_cert_store(made_.get());
        std::size_t found = 0;
        while (X509* next = PEM_read_bio_X509(in.get(), nullptr, &no_pass_phrase, {})) {
            const certificate_owner root(next);
            if (X509_STORE_add_cert(store, next) != 1) {
                return refuse(name, reason_of(ERR_peek_error()));
            }
            ++found;
        }
        const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
        if (found == 0) return refuse(name, "no certificate in it");
        if (!at_end) return refuse(name, "a certificate in it is broken");
        ERR_clear_error();
        return {};
    }

    bool is_server_;
    const tls_options& options_;
    std::string* why_;
    std::shared_ptr<ssl_ctx_st> made_;
};

}  // namespace

/// What handshakes take, on whichever thread, and reload() replaces.
class tls_context::shared_slot {
public:
    explicit shared_slot(std::shared_ptr<ssl_ctx_st> made) : held_(std::move(made)) {}

    std::shared_ptr<ssl_ctx_st> get() const {
        const std::scoped_lock lock(mutex_);
        return held_;
    }
    void set(std::shared_ptr<ssl_ctx_st> made) {
        const std::scoped_lock lock(mutex_);
        held_.swap(made);
    }

private:
    mutable std::mutex mutex_;
    std::shared_ptr<ssl_ctx_st> held_;
};

tls_context::tls_context(bool is_server, tls_options options, std::shared_ptr<ssl_ctx_st> made)
    : is_server_(is_server),
      options_(std::move(options)),
      slot_(std::make_unique<shared_slot>(std::move(made))) {}

tls_context::~tls_context() = default;

result<std::shared_ptr<tls_context>> tls_context::make(bool is_server, tls_options options,
                                                       std::string* why) {
    auto made = builder(is_server, options, why).build();
    if (!made) return made.error();
    return std::shared_ptr<tls_context>(
        new tls_context(is_server, std::move(options), std::move(*made)));
}

result<std::shared_ptr<tls_context>> tls_context::for_server(tls_options options,
                                                             std::string* why) {
    return make(true, std::move(options), why);
}

result<std::shared_ptr<tls_context>> tls_context::for_client(tls_options options,
                                                             std::string* why) {
    return make(false, std::move(options), why);
}

result<void> tls_context::reload(std::string* why) {
    auto made = builder(is_server_, options_, why).build();
    if (!made) return made.error();
    slot_->set(std::move(*made));
    return {};
}

std::shared_ptr<ssl_ctx_st> tls_context::current() const { return slot_->get(); }

}  // namespace conduit
