// SPDX-License-Identifier: BSL-1.0
//
// Certificates made on the spot, with OpenSSL: authorities, and whom they vouch for. Keys are of
// Ed25519, whose signatures have one size, so that a simulated run is the same each time.
//
//     const auto root = test::make_authority("root");
//     const auto server = test::issue(test::certificate_wish("server").dns("localhost"), root);
//     auto context = test::server_context(server);

#pragma once

#include <conduit/channels/tls_context.hpp>

#include <memory>
#include <string>
#include <utility>

namespace conduit::test {

/// A certificate and its key, in PEM.
struct tls_identity {
    std::string certificate;
    std::string key;
};

/// What is to be in a certificate. It is good from 2000 to 9999 unless said otherwise.
class certificate_wish {
public:
    explicit certificate_wish(std::string common_name) : common_name_(std::move(common_name)) {}

    certificate_wish& dns(const std::string& name) { return add("DNS:" + name); }
    certificate_wish& address(const std::string& number) { return add("IP:" + number); }
    certificate_wish& uri(const std::string& name) { return add("URI:" + name); }
    /// As "20000101000000Z".
    certificate_wish& valid(std::string from, std::string to) {
        from_ = std::move(from);
        to_ = std::move(to);
        return *this;
    }
    certificate_wish& expired() { return valid("20000101000000Z", "20010101000000Z"); }
    certificate_wish& not_yet_valid() { return valid("99980101000000Z", "99991231235959Z"); }
    certificate_wish& authority() {
        is_authority_ = true;
        return *this;
    }

    const std::string& common_name() const noexcept { return common_name_; }
    const std::string& names() const noexcept { return names_; }
    const std::string& from() const noexcept { return from_; }
    const std::string& to() const noexcept { return to_; }
    bool is_authority() const noexcept { return is_authority_; }

private:
    certificate_wish& add(const std::string& name) {
        names_ += (names_.empty() ? "" : ",") + name;
        return *this;
    }

    std::string common_name_;
    std::string names_;
    std::string from_ = "20000101000000Z";
    std::string to_ = "99991231235959Z";
    bool is_authority_ = false;
};

/// A root.
tls_identity make_authority(const std::string& name);
/// A certificate that `by` vouches for.
tls_identity issue(const certificate_wish& wish, const tls_identity& by);
/// The same key under a pass phrase.
std::string locked_key(const tls_identity& of);

using shared_context = std::shared_ptr<tls_context>;

/// For what is given; throws where it cannot be had.
shared_context make_server(const tls_options& options);
shared_context make_client(const tls_options& options);

/// One authority, and contexts of those it vouches for: a server for "localhost" and 127.0.0.1, and
/// a client, "alice".
class tls_world {
public:
    tls_world();

    /// Of the server, and with clients that must show a certificate.
    shared_context server() const;
    shared_context mutual_server() const;
    shared_context server_with(const certificate_wish& wish) const;

    /// Of a client without a certificate, of alice, and of one with another.
    shared_context client() const;
    shared_context alice() const;
    shared_context client_with(const tls_identity& identity) const;

    const tls_identity& root() const noexcept { return root_; }
    const tls_identity& server_identity() const noexcept { return server_; }

private:
    tls_identity root_;
    tls_identity server_;
    tls_identity alice_;
};

}  // namespace conduit::test
