// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/result.hpp>

#include "../support/dies.hpp"

#include <catch2/catch.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

using namespace conduit;

static_assert(std::is_same_v<result<int>::value_type, int>);
static_assert(!std::is_convertible_v<result<int>, bool>);

namespace {

result<int> parse(const std::string& digits) {
    if (digits.empty()) return errc::end_of_stream;
    return std::stoi(digits);
}

result<void> check(bool good) {
    if (!good) return std::make_error_code(std::errc::permission_denied);
    return {};
}

}  // namespace

TEST_CASE("a result holds a value or the reason why there is none", "[runtime][result]") {
    auto good = parse("7");
    REQUIRE(good);
    REQUIRE(good.has_value());
    REQUIRE(*good == 7);
    REQUIRE(good.value() == 7);
    REQUIRE_FALSE(good.error());
    auto bad = parse("");
    REQUIRE_FALSE(bad);
    REQUIRE(bad.error() == errc::end_of_stream);
    REQUIRE(bad.value_or(3) == 3);
    REQUIRE(good.value_or(3) == 7);
}

TEST_CASE("a result gives its value away", "[runtime][result]") {
    result<std::unique_ptr<int>> box(std::make_unique<int>(4));
    REQUIRE(**box == 4);
    REQUIRE(box->get() != nullptr);
    const std::unique_ptr<int> taken = *std::move(box);
    REQUIRE(*taken == 4);
    const std::unique_ptr<int> again =
        result<std::unique_ptr<int>>(std::make_unique<int>(5)).value();
    REQUIRE(*again == 5);
}

TEST_CASE("value() throws the reason", "[runtime][result]") {
    REQUIRE_THROWS_AS(parse("").value(), std::system_error);
    REQUIRE_THROWS_AS(check(false).value(), std::system_error);
    try {
        check(false).value();
    } catch (const std::system_error& error) {
        REQUIRE(error.code() == std::errc::permission_denied);
    }
}

TEST_CASE("a result without a value is success or the reason why not", "[runtime][result]") {
    REQUIRE(check(true));
    REQUIRE_FALSE(check(true).error());
    REQUIRE_FALSE(check(false));
    REQUIRE(check(false).error() == std::errc::permission_denied);
    check(true).value();
}

TEST_CASE("misuse of a result is named", "[runtime][result]") {
    const std::string no_value = test::stderr_of_death([] { static_cast<void>(*parse("")); });
    REQUIRE_THAT(no_value, Catch::Contains("a result without a value was dereferenced"));
    const std::string no_reason =
        test::stderr_of_death([] { result<int> none{std::error_code()}; });
    REQUIRE_THAT(no_reason, Catch::Contains("an error code of zero is no reason"));
}

namespace {

class refusal : public std::runtime_error {
public:
    explicit refusal(const std::string& why) : std::runtime_error(why) {}
};

}  // namespace

TEST_CASE("a result's reason may be an exception, which value() throws", "[runtime][result]") {
    const result<int, refusal> good = 7;
    const result<int, refusal> bad = refusal("no room");
    const result<void, refusal> done;
    const result<void, refusal> undone = refusal("no time");

    REQUIRE(good.value() == 7);
    REQUIRE_FALSE(bad);
    REQUIRE(std::string(bad.error().what()) == "no room");
    REQUIRE_THROWS_AS(bad.value(), refusal);
    REQUIRE(done);
    done.value();
    REQUIRE(std::string(undone.error().what()) == "no time");
    REQUIRE_THROWS_AS(undone.value(), refusal);
    const auto asked = [] { (void)result<int, refusal>(7).error(); };
    REQUIRE_THAT(test::stderr_of_death(asked), Catch::Contains("asked for its error"));
}
