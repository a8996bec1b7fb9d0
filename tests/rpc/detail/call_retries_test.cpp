// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/call_retries.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <optional>

using namespace conduit;
using namespace std::chrono_literals;
using rpc::fault;
using rpc::status;
using rpc::detail::call_retries;
using rpc::detail::method_row;

namespace {

constexpr clock::time_point start{1'000s};
constexpr auto never = clock::time_point::max();

call_retries rules(std::uint32_t tries_max = 3, std::uint32_t per_second = 10) {
    return {{tries_max, 20ms, 100ms, 60s}, rpc::detail::retry_budget(20, per_second), 1};
}

fault not_sent() { return fault(status::unavailable, "gone").ran(false, false); }

}  // namespace

TEST_CASE("only what surely did no harm is made again", "[rpc][call_retries]") {
    const method_row plain;
    call_retries retries = rules();
    const fault ran = fault(status::unavailable, "gone").ran(true, false);
    const fault idempotent = fault(status::unavailable, "gone").ran(true, true);
    REQUIRE(retries.wait_after(not_sent(), plain, 1, never, start));
    REQUIRE_FALSE(retries.wait_after(ran, plain, 1, never, start));
    REQUIRE(retries.wait_after(idempotent, plain, 1, never, start));
}

TEST_CASE("only what passes by itself is tried again", "[rpc][call_retries]") {
    const method_row plain;
    call_retries retries = rules();
    for (const status code :
         {status::cancelled, status::deadline_exceeded, status::not_found, status::internal,
          status::resource_exhausted, status::unimplemented}) {
        const fault why = fault(code, "").ran(false, true);
        REQUIRE_FALSE(retries.wait_after(why, plain, 1, never, start));
    }
    fault full = fault(status::resource_exhausted, "").ran(false, true);
    full.retry_after(10ms);
    REQUIRE(retries.wait_after(full, plain, 1, never, start));
    fault listed = not_sent();
    listed.with_details("some.error", {});
    REQUIRE_FALSE(retries.wait_after(listed, plain, 1, never, start));
}

TEST_CASE("what was consumed by the first try cannot be sent again", "[rpc][call_retries]") {
    method_row streams;
    streams.request_stream = true;
    method_row gives;
    gives.takes_handles = true;
    call_retries retries = rules();
    REQUIRE_FALSE(retries.wait_after(not_sent(), streams, 1, never, start));
    REQUIRE_FALSE(retries.wait_after(not_sent(), gives, 1, never, start));
}

TEST_CASE("waits are drawn below a limit that doubles, behind what the server asked for",
          "[rpc][call_retries]") {
    const method_row plain;
    call_retries retries = rules(100, 1000);
    fault asked = not_sent();
    asked.retry_after(300ms);
    for (int i = 0; i < 200; ++i) {
        REQUIRE(retries.wait_after(not_sent(), plain, 1, never, start).value() <= 20ms);
        REQUIRE(retries.wait_after(not_sent(), plain, 2, never, start).value() <= 40ms);
        REQUIRE(retries.wait_after(not_sent(), plain, 99, never, start).value() <= 100ms);
        const auto pushed = retries.wait_after(asked, plain, 1, never, start);
        REQUIRE(pushed.value() >= 300ms);
        REQUIRE(pushed.value() <= 320ms);
    }
    REQUIRE(retries.pushbacks() == 200);
    asked.retry_after(61s);
    REQUIRE_FALSE(retries.wait_after(asked, plain, 1, never, start));
}

TEST_CASE("tries, the deadline and the budget end it", "[rpc][call_retries]") {
    const method_row plain;
    call_retries retries = rules(3, 1);
    REQUIRE_FALSE(retries.wait_after(not_sent(), plain, 3, never, start));
    REQUIRE_FALSE(retries.wait_after(not_sent(), plain, 1, start, start));
    REQUIRE(retries.denied() == 0);
    int made = 0;
    while (retries.wait_after(not_sent(), plain, 1, never, start)) ++made;
    REQUIRE(made >= 8);
    REQUIRE(made <= 10);
    REQUIRE(retries.retried() == static_cast<std::uint64_t>(made));
    REQUIRE(retries.denied() == 1);
    REQUIRE(retries.wait_after(not_sent(), plain, 1, never, start + 10s));
    retries.close();
    REQUIRE_FALSE(retries.wait_after(not_sent(), plain, 1, never, start + 20s));
}
