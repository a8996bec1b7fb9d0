// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/unix_error.hpp>

#include <catch2/catch.hpp>

using namespace conduit;

TEST_CASE("each error of Unix sockets has words and the nearest of the standard's codes",
          "[channels][unix_error]") {
    const std::error_code code = unix_errc::wrong_peer;
    REQUIRE(code == std::errc::permission_denied);
    REQUIRE(code != std::errc::bad_message);
    REQUIRE(code.message().find("not allowed") != std::string::npos);
    REQUIRE(std::string(code.category().name()) == "conduit.unix");
    const std::error_code cut = unix_errc::message_truncated;
    const std::error_code refused = unix_errc::handle_refused;
    const std::error_code many = unix_errc::too_many_handles;
    const std::error_code taken = unix_errc::path_taken;
    const std::error_code abstract = unix_errc::abstract_name;
    const std::error_code folder = unix_errc::folder_not_trusted;
    REQUIRE(cut == std::errc::bad_message);
    REQUIRE(refused == std::errc::bad_message);
    REQUIRE(many == std::errc::bad_message);
    REQUIRE(taken == std::errc::file_exists);
    REQUIRE(abstract == std::errc::invalid_argument);
    REQUIRE(folder == std::errc::permission_denied);
    for (const std::error_code each : {code, cut, refused, many, taken, abstract, folder}) {
        REQUIRE(each.message() != "unknown error");
    }
}
