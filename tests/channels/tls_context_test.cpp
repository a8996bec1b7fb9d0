// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/tls_context.hpp>

#include "../support/temp_dir.hpp"
#include "../support/tls_certificates.hpp"

#include <conduit/channels/tls_error.hpp>

#include <catch2/catch.hpp>

#include <fstream>
#include <string>

using namespace conduit;

namespace {

void write_file(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::trunc) << text;
}

/// A certificate, its key and its root in a folder.
class place {
public:
    place() {
        put(server_);
        write_file(roots(), root_.certificate);
    }

    void put(const test::tls_identity& identity) const {
        write_file(certificate(), identity.certificate);
        write_file(key(), identity.key);
    }
    test::tls_identity issue(const test::certificate_wish& wish) const {
        return test::issue(wish, root_);
    }
    std::string certificate() const { return folder_.path("server.pem"); }
    std::string key() const { return folder_.path("server.key"); }
    std::string roots() const { return folder_.path("roots.pem"); }
    tls_options options() const { return tls_options().certificate(certificate(), key()); }
    const test::tls_identity& identity() const noexcept { return server_; }

private:
    test::temp_dir folder_;
    test::tls_identity root_ = test::make_authority("root");
    test::tls_identity server_ = test::issue(test::certificate_wish("server"), root_);
};

/// What is said where it must fail.
std::string refusal(const tls_options& options) {
    std::string why;
    const auto made = tls_context::for_server(options, &why);
    REQUIRE(made.error() == tls_errc::unusable_files);
    return why;
}

}  // namespace

TEST_CASE("a context is made of files", "[channels][tls_context]") {
    const place here;
    const auto server = tls_context::for_server(here.options());
    const auto mutual =
        tls_context::for_server(here.options().trust(here.roots()).require_client_certificate());
    const auto client = tls_context::for_client(tls_options().trust(here.roots()));
    const auto careless =
        tls_context::for_client(tls_options().trust(here.roots()).any_server_name());
    REQUIRE(server.value()->is_server());
    REQUIRE_FALSE(server.value()->requires_client_certificate());
    REQUIRE(mutual.value()->requires_client_certificate());
    REQUIRE_FALSE(client.value()->is_server());
    REQUIRE(client.value()->checks_server_name());
    REQUIRE_FALSE(careless.value()->checks_server_name());
}

TEST_CASE("a context is made of text, and of what the system trusts", "[channels][tls_context]") {
    const place here;
    const auto& own = here.identity();
    const auto server =
        tls_context::for_server(tls_options().certificate_text(own.certificate, own.key));
    const auto client = tls_context::for_client(tls_options().trust_system());
    REQUIRE(server);
    REQUIRE(client);
}

TEST_CASE("a context without what it needs says what is missing", "[channels][tls_context]") {
    const place here;
    std::string why;
    const auto server = tls_context::for_server(tls_options(), &why);
    REQUIRE(server.error() == tls_errc::unusable_files);
    REQUIRE(why == "TLS: a server needs a certificate (tls_options::certificate())");
    const auto client = tls_context::for_client(tls_options(), &why);
    REQUIRE(client.error() == tls_errc::unusable_files);
    REQUIRE(why == "TLS: nobody is trusted (tls_options::trust(), trust_system())");
    REQUIRE(refusal(here.options().require_client_certificate()) == why);
}

TEST_CASE("a file that cannot be read is named, with the kernel's reason",
          "[channels][tls_context]") {
    const place here;
    const test::temp_dir folder;
    const std::string missing = folder.path("missing.pem");
    std::string why;
    const auto no_certificate =
        tls_context::for_server(tls_options().certificate(missing, here.key()), &why);
    REQUIRE(no_certificate.error() == std::errc::no_such_file_or_directory);
    REQUIRE(why == "certificate '" + missing + "': No such file or directory");
    const auto no_key =
        tls_context::for_server(tls_options().certificate(here.certificate(), missing), &why);
    REQUIRE(no_key.error() == std::errc::no_such_file_or_directory);
    REQUIRE(why == "key '" + missing + "': No such file or directory");
    const auto a_folder = tls_context::for_client(tls_options().trust(folder.path()), &why);
    REQUIRE(a_folder.error() == std::errc::is_a_directory);
    REQUIRE(why == "roots '" + folder.path() + "': Is a directory");
}

TEST_CASE("a file with something else in it is named", "[channels][tls_context]") {
    const place here;
    const test::temp_dir folder;
    const std::string odd = folder.path("odd.pem");
    write_file(odd, "nothing of the kind\n");
    REQUIRE(refusal(tls_options().certificate(odd, here.key())) ==
            "certificate '" + odd + "': no certificate in it");
    REQUIRE(refusal(tls_options().certificate(here.certificate(), odd)) ==
            "key '" + odd + "': no private key in it");
    REQUIRE(refusal(here.options().trust(odd)) == "roots '" + odd + "': no certificate in it");
    write_file(odd, here.identity().certificate + "-----BEGIN CERTIFICATE-----\nAAAA\n");
    REQUIRE(refusal(here.options().trust(odd)) ==
            "roots '" + odd + "': a certificate in it is broken");
    write_file(odd, std::string(tls_context::file_bytes_max + 1, 'x'));
    REQUIRE(refusal(here.options().trust(odd)) ==
            "roots '" + odd + "': more than 1048576 bytes (file_bytes_max)");
    REQUIRE(refusal(tls_options().certificate_text("x", "y")) ==
            "certificate given as text: no certificate in it");
}

TEST_CASE("a key that belongs to another certificate, or has a pass phrase, is refused",
          "[channels][tls_context]") {
    const place here;
    const auto other = here.issue(test::certificate_wish("other"));
    write_file(here.key(), other.key);
    REQUIRE(refusal(here.options()) == "key '" + here.key() +
                                           "': does not belong to certificate '" +
                                           here.certificate() + "'");
    write_file(here.key(), test::locked_key(here.identity()));
    REQUIRE(refusal(here.options()) == "key '" + here.key() + "': has a pass phrase");
}

TEST_CASE("a certificate that is not valid now is refused", "[channels][tls_context]") {
    const place here;
    here.put(here.issue(test::certificate_wish("server").expired()));
    REQUIRE(refusal(here.options()) ==
            "certificate '" + here.certificate() + "': expired Jan  1 00:00:00 2001 GMT");
    here.put(here.issue(test::certificate_wish("server").not_yet_valid()));
    REQUIRE(refusal(here.options()) ==
            "certificate '" + here.certificate() + "': not valid before Jan  1 00:00:00 9998 GMT");
}

TEST_CASE("a reload that fails says why and leaves what is there", "[channels][tls_context]") {
    const place here;
    const auto context = tls_context::for_server(here.options()).value();
    write_file(here.certificate(), "half of a certif");
    std::string why;
    const auto failed = context->reload(&why);
    REQUIRE(failed.error() == tls_errc::unusable_files);
    REQUIRE(why == "certificate '" + here.certificate() + "': no certificate in it");
    here.put(here.identity());
    REQUIRE(context->reload());
}
