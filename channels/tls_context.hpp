// SPDX-License-Identifier: BSL-1.0
//
// What TLS needs besides a stream: who this side is, and whom it trusts. One is made for many
// connections; tls_stream.hpp makes them. docs/guide/tls.md says how to make certificates.
//
//     std::string why;
//     auto context = conduit::tls_context::for_server(
//         conduit::tls_options().certificate("server.pem", "server.key"), &why);
//     if (!context) return complain(why);      // "key 'server.key': does not belong to ..."
//     ...
//     auto renewed = (*context)->reload(&why);             // the files are new; nobody is cut off
//
// It is TLS 1.3 only. There is no early data, no compression and no resumption: each connection
// proves everything again. What the system's policy forbids (keys too short, digests too weak)
// stays forbidden.

#pragma once

#include <conduit/runtime/result.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

struct ssl_ctx_st;  // OpenSSL's

namespace conduit {

class tls_engine;

/// Where certificates, keys and roots are: files in PEM, or the same as text. Each setter returns
/// the options, to be chained.
class tls_options {
public:
    /// Who this side is: the certificate, with those between it and its root behind it, and the key
    /// that belongs to it, without a pass phrase. A server must have them, a client may.
    tls_options& certificate(std::string certificate_path, std::string key_path) {
        certificate_ = {std::move(certificate_path), {}};
        key_ = {std::move(key_path), {}};
        return *this;
    }
    tls_options& certificate_text(std::string certificate, std::string key) {
        certificate_ = {{}, std::move(certificate)};
        key_ = {{}, std::move(key)};
        return *this;
    }

    /// Whom to trust: a file with any number of certificates. To be called once for each. A client
    /// must trust somebody, and so must a server that requires certificates.
    tls_options& trust(std::string roots_path) {
        roots_.push_back({std::move(roots_path), {}});
        return *this;
    }
    tls_options& trust_text(std::string roots) {
        roots_.push_back({{}, std::move(roots)});
        return *this;
    }
    /// The authorities that this system trusts: those of the web.
    tls_options& trust_system() noexcept {
        trusts_system_ = true;
        return *this;
    }

    /// Of a server: takes clients only that show a certificate under a trusted root (mutual TLS).
    tls_options& require_client_certificate() noexcept {
        requires_client_ = true;
        return *this;
    }
    /// Of a client: takes any server with a certificate under a trusted root, whatever its name.
    tls_options& any_server_name() noexcept {
        checks_name_ = false;
        return *this;
    }

    /// A file, or where its path is empty a text.
    struct source {
        std::string path;
        std::string text;
        bool empty() const noexcept { return path.empty() && text.empty(); }
    };

    const source& certificate() const noexcept { return certificate_; }
    const source& key() const noexcept { return key_; }
    const std::vector<source>& roots() const noexcept { return roots_; }
    bool trusts_system() const noexcept { return trusts_system_; }
    bool requires_client_certificate() const noexcept { return requires_client_; }
    bool checks_server_name() const noexcept { return checks_name_; }

private:
    source certificate_;
    source key_;
    std::vector<source> roots_;
    bool trusts_system_ = false;
    bool requires_client_ = false;
    bool checks_name_ = true;
};

/// Certificates, key and roots, read and checked. May be used by any number of connections, of any
/// scheduler, and from any thread; those that are there do not need it any more.
///
/// What makes or renews one fails with the kernel's error for a file that cannot be read, else with
/// tls_errc::unusable_files, and then puts one line into `*why`, where given, that names the file
/// and the reason. Among the reasons: a key that does not belong to the certificate or has a pass
/// phrase, a certificate that has expired or is not valid yet. Files are read at once, by this
/// thread; they are small, 1 MiB at most.
class tls_context {
public:
    static constexpr std::size_t file_bytes_max = std::size_t{1024} * 1024;

    [[nodiscard]] static result<std::shared_ptr<tls_context>> for_server(
        tls_options options, std::string* why = nullptr);
    [[nodiscard]] static result<std::shared_ptr<tls_context>> for_client(
        tls_options options, std::string* why = nullptr);

    tls_context(const tls_context&) = delete;
    tls_context& operator=(const tls_context&) = delete;
    ~tls_context();

    /// Reads the files again. Handshakes that begin from now on use them; where that fails, they
    /// go on with what was there before.
    [[nodiscard]] result<void> reload(std::string* why = nullptr);

    bool is_server() const noexcept { return is_server_; }
    bool requires_client_certificate() const noexcept {
        return options_.requires_client_certificate();
    }
    bool checks_server_name() const noexcept { return options_.checks_server_name(); }

private:
    friend class tls_engine;
    class shared_slot;

    tls_context(bool is_server, tls_options options, std::shared_ptr<ssl_ctx_st> made);
    static result<std::shared_ptr<tls_context>> make(bool is_server, tls_options options,
                                                     std::string* why);
    std::shared_ptr<ssl_ctx_st> current() const;

    bool is_server_;
    tls_options options_;
    std::unique_ptr<shared_slot> slot_;
};

}  // namespace conduit
