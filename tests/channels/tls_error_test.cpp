// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/tls_error.hpp>

#include <catch2/catch.hpp>

#include <string>

using namespace conduit;

TEST_CASE("each error of TLS has words and the nearest of the standard's codes",
          "[channels][tls_error]") {
    const auto nearest = [](tls_errc each) { return make_error_code(each); };
    REQUIRE(nearest(tls_errc::unusable_files) == std::errc::invalid_argument);
    for (const auto each : {tls_errc::not_tls, tls_errc::old_version, tls_errc::broken_rules,
                            tls_errc::too_many_answers}) {
        REQUIRE(nearest(each) == std::errc::protocol_error);
    }
    for (const auto each : {tls_errc::certificate_missing, tls_errc::certificate_expired,
                            tls_errc::certificate_not_yet_valid, tls_errc::certificate_untrusted,
                            tls_errc::certificate_wrong_name, tls_errc::certificate_refused,
                            tls_errc::peer_wants_certificate, tls_errc::peer_found_expired,
                            tls_errc::peer_found_untrusted, tls_errc::peer_refused_certificate}) {
        REQUIRE(nearest(each) == std::errc::permission_denied);
    }
    REQUIRE(nearest(tls_errc::peer_refused) == std::errc::connection_aborted);
    for (int each = 1; each <= static_cast<int>(tls_errc::peer_refused); ++each) {
        REQUIRE(std::error_code(each, tls_error_category()).message() != "unknown error");
    }
    const std::error_code expired = tls_errc::certificate_expired;
    REQUIRE(expired.message() == "the certificate of the peer has expired");
    REQUIRE(std::string(expired.category().name()) == "conduit.tls");
}
