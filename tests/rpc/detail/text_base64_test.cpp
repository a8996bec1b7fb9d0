// SPDX-License-Identifier: BSL-1.0

#include <conduit/rpc/detail/text_base64.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <string_view>
#include <vector>

using namespace conduit::rpc::detail;

namespace {

std::string base64_of(std::string_view text) {
    return to_base64(std::as_bytes(std::span(text.data(), text.size())));
}

}  // namespace

TEST_CASE("base64 is that of RFC 4648", "[rpc][json]") {
    CHECK(base64_of("").empty());
    CHECK(base64_of("f") == "Zg==");
    CHECK(base64_of("fo") == "Zm8=");
    CHECK(base64_of("foo") == "Zm9v");
    CHECK(base64_of("foobar") == "Zm9vYmFy");
    std::vector<std::byte> all(256);
    for (std::size_t i = 0; i < 256; ++i) all[i] = static_cast<std::byte>(i);
    CHECK(from_base64(to_base64(all)) == all);
}

TEST_CASE("base64 has one form only", "[rpc][json]") {
    for (const auto* bad :
         {"Z", "Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zg==Zg==", "Zm9v\n", "Zm9-", "Zm 9"}) {
        CHECK_FALSE(from_base64(bad).has_value());
    }
    CHECK(from_base64("")->empty());
}
