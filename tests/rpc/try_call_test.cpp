// SPDX-License-Identifier: BSL-1.0
#include "../support/co_test.hpp"

#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/stream.hpp>
#include <conduit/runtime/within.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

using namespace conduit;
using namespace conduit::rpc;
using namespace std::chrono_literals;

namespace {

task<std::string> answer_or_throw(bool good) {
    if (!good) throw fault(status::not_found, "no answer");
    co_return "a text that is too long for the short form";
}

task<> do_or_throw(bool good) {
    if (!good) throw fault(status::aborted, "collided");
    co_return;
}

task<int> throw_another() {
    throw std::invalid_argument("no fault");
    co_return 0;
}

stream<int> one_fault_between() {
    co_yield 1;
    co_yield failed::with(fault(status::deadline_exceeded, "late"));
    co_yield 2;
}

task<int> wait_in_vain(event& never) {
    const std::error_code stopped = co_await never.wait();
    throw fault(status::deadline_exceeded, stopped.message());
}

}  // namespace

CO_TEST_CASE("try_call yields the value, or the fault that was thrown", "[rpc][try_call]") {
    auto good = co_await try_call(answer_or_throw(true));
    auto bad = co_await try_call(answer_or_throw(false));
    auto done = co_await try_call(do_or_throw(true));
    auto not_done = co_await try_call(do_or_throw(false));

    static_assert(std::is_same_v<decltype(good), result<std::string, fault>>);
    static_assert(std::is_same_v<decltype(done), result<void, fault>>);
    REQUIRE(good);
    REQUIRE(*good == "a text that is too long for the short form");
    REQUIRE_FALSE(bad);
    REQUIRE(bad.error().code() == status::not_found);
    REQUIRE(bad.error().text() == "no answer");
    REQUIRE(done);
    REQUIRE_FALSE(not_done);
    REQUIRE(not_done.error().code() == status::aborted);
    REQUIRE_THROWS_AS(bad.value(), fault);
}

CO_TEST_CASE("try_call catches faults only", "[rpc][try_call]") {
    bool passed = false;
    try {
        auto none = co_await try_call(throw_another());
        REQUIRE_FALSE(none);
    } catch (const std::invalid_argument&) {
        passed = true;
    }
    REQUIRE(passed);
}

CO_TEST_CASE("try_call takes one item of a stream, and the stream goes on after a fault",
             "[rpc][try_call]") {
    auto numbers = one_fault_between();
    auto first = co_await try_call(numbers.next());
    auto second = co_await try_call(numbers.next());
    auto third = co_await try_call(numbers.next());
    auto end = co_await try_call(numbers.next());

    static_assert(std::is_same_v<decltype(first), result<std::optional<int>, fault>>);
    REQUIRE(first.value() == 1);
    REQUIRE(second.error().code() == status::deadline_exceeded);
    REQUIRE(third.value() == 2);
    REQUIRE_FALSE(end.value().has_value());
}

CO_TEST_CASE("try_call and within stand in either order", "[rpc][try_call]") {
    event never;
    auto outside = co_await try_call(within(1ms, wait_in_vain(never)));
    auto inside = co_await within(1ms, try_call(wait_in_vain(never)));
    REQUIRE(outside.error().code() == status::deadline_exceeded);
    REQUIRE(inside.error().code() == status::deadline_exceeded);
}
