// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/enumerators.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace conduit::rpc::detail;

namespace {

enum class colour : std::uint8_t { red, green, blue, last = 255 };
enum class flags : std::int64_t { low = -2, none = 0, high = std::int64_t{1} << 40, odd = 1000 };
enum plain : std::uint16_t { plain_one = 1, plain_same = 1 };
enum loose { loose_one };

template <class E>
std::string listed() {
    std::string text;
    for (const enumerator& each : enumerators_of<E>()) {
        text.append(each.name).append("=").append(std::to_string(each.number)).append(" ");
    }
    return text;
}

}  // namespace

TEST_CASE("enumerators are found by their numbers, with their names", "[rpc][enumerators]") {
    CHECK(listed<colour>() == "red=0 green=1 blue=2 last=255 ");
    CHECK(listed<flags>() == "low=-2 none=0 high=1099511627776 ");
    CHECK(listed<plain>() == "plain_one=1 ");
    CHECK(enumerator_name<colour::green>() == "green");
    CHECK(enumerator_name<static_cast<colour>(77)>().empty());
}

TEST_CASE("only an enum that may have any number is scanned", "[rpc][enumerators]") {
    STATIC_REQUIRE(scannable_enum<colour>);
    STATIC_REQUIRE(scannable_enum<plain>);
    STATIC_REQUIRE_FALSE(scannable_enum<loose>);
    STATIC_REQUIRE_FALSE(scannable_enum<int>);
}

TEST_CASE("an enum without gaps has its names in a table", "[rpc][enumerators]") {
    STATIC_REQUIRE(dense_enumerators<colour> == 3);
    CHECK(dense_names<colour>[2] == "blue");
}
