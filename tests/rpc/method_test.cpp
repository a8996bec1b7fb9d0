// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/method.hpp>
#include <conduit/runtime/task.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <string>
#include <type_traits>

using namespace conduit::rpc;
using namespace std::chrono_literals;

namespace {

class store {
public:
    virtual ~store() = default;
    virtual conduit::task<std::string> get(std::string key) = 0;
    virtual conduit::task<void> put(std::string key, std::string value) = 0;
};

struct no_space {};
struct too_long {};

}  // namespace

TEST_CASE("a method's attributes are chained, in any order", "[rpc][method]") {
    constexpr auto none = method<&store::get>();
    STATIC_REQUIRE_FALSE(none.is_idempotent());
    STATIC_REQUIRE(none.deadline() == conduit::clock::duration::max());
    STATIC_REQUIRE(none.text().empty());

    constexpr auto all = method<&store::put>()
                             .deadline(2s)
                             .throws<no_space>()
                             .text("Keeps a value.")
                             .idempotent()
                             .throws<too_long>()
                             .since("1.2");
    STATIC_REQUIRE(all.is_idempotent());
    STATIC_REQUIRE(all.deadline() == 2s);
    STATIC_REQUIRE(all.text() == "Keeps a value.");
    STATIC_REQUIRE(all.since() == "1.2");
    STATIC_REQUIRE(std::is_same_v<decltype(all), const method<&store::put, no_space, too_long>>);
}

TEST_CASE("the attributes of several methods are one value", "[rpc][method]") {
    constexpr auto both =
        methods(method<&store::get>().idempotent(), method<&store::put>().deadline(1s));
    const method<&store::get>& get = both;
    const method<&store::put>& put = both;
    REQUIRE(get.is_idempotent());
    REQUIRE_FALSE(put.is_idempotent());
    REQUIRE(put.deadline() == 1s);
}
