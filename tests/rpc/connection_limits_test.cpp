// SPDX-License-Identifier: BSL-1.0
//
// What a peer may hold here and for how long: memory and handles of calls that do not end, calls
// that come as a connection ends, frames and readers that make no progress, queues that stand.

#include "hostile.hpp"

#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <conduit/channels/unix_stream.hpp>
#include <conduit/rpc/detail/call_statistics.hpp>
#include <conduit/rpc/detail/connection_terms.hpp>
#include <conduit/rpc/detail/shared_limits.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/unique_fd.hpp>
#include <conduit/runtime/yield.hpp>

#include <catch2/catch.hpp>

#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace connection_limits_test {

class holder {
public:
    virtual ~holder() = default;
    /// Until it is released, whoever wants it stopped.
    virtual conduit::task<void> stubborn(conduit::stream<std::string> unread) = 0;
    virtual conduit::task<std::uint32_t> keep(std::vector<conduit::unique_fd> files) = 0;
    virtual conduit::task<std::uint32_t> size(std::string text) = 0;
    /// Keeps the loop for so many microseconds.
    virtual conduit::task<void> spin(std::uint32_t microseconds) = 0;
    virtual conduit::task<std::string> text(std::uint32_t size) = 0;
};
CONDUIT_INTERFACE(holder, "test.holder", stubborn, keep, size, spin, text)

}  // namespace connection_limits_test

using namespace conduit;
using namespace conduit::test;
using namespace conduit::rpc::detail;
using namespace connection_limits_test;
using namespace std::chrono_literals;
using rpc::status;
namespace flag = conduit::rpc::detail::frame_flag;

namespace {

class holder_service final : public holder {
public:
    task<void> stubborn(stream<std::string> unread) override {
        const stream<std::string> kept = std::move(unread);
        ++holding;
        while (!released) co_await yield();
        --holding;
    }
    task<std::uint32_t> keep(std::vector<unique_fd> files) override {
        const std::vector<unique_fd> kept = std::move(files);
        ++holding;
        while (!released) co_await yield();
        --holding;
        co_return static_cast<std::uint32_t>(kept.size());
    }
    task<std::uint32_t> size(std::string text) override {
        co_return static_cast<std::uint32_t>(text.size());
    }
    task<void> spin(std::uint32_t microseconds) override {
        const auto until = clock::now() + std::chrono::microseconds(microseconds);
        while (clock::now() < until) continue;
        ++spun;
        co_return;
    }

    task<std::string> text(std::uint32_t size) override { co_return std::string(size, 'x'); }

    int holding = 0;
    int spun = 0;
    bool released = false;
};

template <class Ends>
struct held_ends {
    explicit held_ends(Ends ends, const rpc::connection_options& options)
        : offers(table_of(service)),
          server(any_stream(std::move(ends.first)), offers, options),
          client(any_stream(std::move(ends.second))),
          there(client) {}

    static rpc::service_table table_of(holder& object) {
        rpc::service_table made;
        made.add<holder>(object);
        return made;
    }

    holder_service service;
    rpc::service_table offers;
    rpc::connection server;
    rpc::connection client;
    rpc::stub<holder> there;
};

stream<std::string> one_item(std::size_t size) { co_yield std::string(size, 'x'); }

task<result<void, rpc::fault>> try_stubborn(holder& there, std::size_t size) {
    auto items = one_item(size);
    co_return co_await rpc::try_call(there.stubborn(std::move(items)));
}

void real_kernel_only() {
    if (scheduler::current().backend_name() != "sim") return;
    throw std::system_error(std::make_error_code(std::errc::not_supported));
}

}  // namespace

CO_TEST_CASE("what cancelled calls hold is charged until they let go", "[rpc][connection][limit]") {
    real_kernel_only();  // a procedure that will not stop takes all of a simulation's turns
    held_ends<memory_stream_ends> ends(make_memory_stream_pair(),
                                       rpc::connection_options().memory_max(500'000));
    auto call = scope.spawn(try_stubborn(ends.there, 300'000));
    while (ends.service.holding == 0 || ends.server.counters().bytes_received < 300'000) {
        co_await settle();
    }
    call.request_stop();
    auto why = co_await call;
    auto refused = co_await rpc::try_call(ends.there.size(std::string(200'000, 'y')));
    ends.service.released = true;
    while (ends.server.calls_served_now() > 0) co_await settle();
    auto taken = co_await rpc::try_call(ends.there.size(std::string(200'000, 'y')));
    REQUIRE(why.error().code() == status::cancelled);
    REQUIRE_THAT(std::string(refused.error().text()), Catch::Contains("of 500000 bytes"));
    REQUIRE(refused.error().code() == status::resource_exhausted);
    REQUIRE(taken.value() == 200'000);
}

namespace {

std::vector<unique_fd> open_files(std::size_t count) {
    std::vector<unique_fd> all;
    for (std::size_t i = 0; i < count; ++i) {
        all.push_back(unique_fd(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC)));
    }
    return all;
}

task<result<std::uint32_t, rpc::fault>> try_keep(holder& there, std::size_t count) {
    std::vector<unique_fd> files = open_files(count);
    co_return co_await rpc::try_call(there.keep(std::move(files)));
}

}  // namespace

CO_TEST_CASE("a peer has so many handles held for it, and no more", "[rpc][connection][handles]") {
    real_kernel_only();
    held_ends<unix_pair> ends(make_unix_pair().value(),
                              rpc::connection_options().handles_held_max(40));
    co_await ends.client.until_greeted();
    auto first = scope.spawn(try_keep(ends.there, 16));
    auto second = scope.spawn(try_keep(ends.there, 16));
    while (ends.service.holding < 2) co_await settle();
    auto refused = co_await try_keep(ends.there, 9);
    auto third = scope.spawn(try_keep(ends.there, 8));
    while (ends.service.holding < 3) co_await settle();
    ends.service.released = true;
    auto kept = co_await first;
    auto kept_too = co_await second;
    auto kept_third = co_await third;
    auto again = co_await try_keep(ends.there, 16);
    REQUIRE(refused.error().code() == status::resource_exhausted);
    REQUIRE_FALSE(refused.error().may_have_run());
    REQUIRE(refused.error().text() ==
            "test.holder/keep: 9 more handles: 32 of 40 open handles are held "
            "(handles_held_max)");
    REQUIRE(kept.value() == 16);
    REQUIRE(kept_too.value() == 16);
    REQUIRE(kept_third.value() == 8);
    REQUIRE(again.value() == 16);
}

CO_TEST_CASE("a call that crosses the word that a connection drains is served",
             "[rpc][connection][drain]") {
    raw_client with;
    co_await with.peer.send(greeting());
    co_await with.peer.until_greeted();
    with.server.start_draining();
    while (with.peer.pings == 0) co_await settle();
    const bool open_before = with.peer.goaway->reason == goaway_reason::draining;
    co_await with.peer.send(echo_frame(0, "crossed"));
    bytes pong = raw_frame({0, frame_type::pong, 0, 0, 0, 0}, with.peer.last_ping);
    co_await with.peer.send(std::move(pong));
    co_await with.peer.until_told_off();
    REQUIRE(open_before);
    REQUIRE(with.peer.ends.size() == 1);
    REQUIRE(with.peer.ends[0].status == 0);
    REQUIRE(first_string(with.peer.ends[0].message) == "crossed");
    REQUIRE(with.peer.goaway->reason == goaway_reason::shutdown);
    REQUIRE(with.peer.goaway->opens == 1);
}

CO_TEST_CASE("a connection does not drain for ever for want of an answer",
             "[rpc][connection][drain]") {
    raw_client with;
    co_await with.peer.send(greeting());
    co_await with.peer.until_greeted();
    co_await with.server.drain();
    REQUIRE(with.server.is_down());
    REQUIRE(with.server.why()->reason == goaway_reason::shutdown);
}

namespace {

bytes frame_with_metadata(std::string_view given) {
    const std::string text = encoded_text("x");
    return open_frame(0, 0, {.name = "test.probe/echo", .metadata = given, .message = text});
}

}  // namespace

CO_TEST_CASE("metadata that is none refuses its call", "[rpc][connection][hostile]") {
    raw_client with;
    bytes sent = joined({greeting(), frame_with_metadata("no list")});
    co_await with.peer.send(std::move(sent));
    co_await with.peer.until_ends(1);
    REQUIRE(with.peer.ends[0].status == static_cast<std::uint32_t>(status::invalid_argument));
    REQUIRE(with.peer.ends[0].not_started);
    REQUIRE_THAT(first_string(with.peer.ends[0].message),
                 Catch::StartsWith("test.probe/echo: its metadata: "));
    REQUIRE(with.server.is_open());
}

CO_TEST_CASE("a frame that does not come to its end is given up", "[rpc][connection][hostile]") {
    raw_client with(rpc::connection_options().progress_within(20ms));
    bytes half = echo_frame(0, "a text of some length");
    half.resize(half.size() / 2);
    bytes sent = joined({greeting(), half});
    co_await with.peer.send(std::move(sent));
    co_await with.peer.until_told_off();
    REQUIRE(with.peer.goaway->reason == goaway_reason::timeout);
    REQUIRE(with.peer.goaway->text == "a frame has been on its way for 20 ms (progress_within)");
}

CO_TEST_CASE("a peer that reads nothing of what waits for it is let go",
             "[rpc][connection][flood]") {
    raw_client with(rpc::connection_options().progress_within(20ms), raw_peer::hearing::deaf);
    const std::string million = encoded_number(1'000'000);
    const bytes sent =
        joined({greeting(), open_frame(0, 0, {.name = "test.probe/count", .message = million}),
                raw_frame({0, frame_type::credit, 0, 0, 0, 0x7ffe'0000})});
    co_await with.peer.send(sent);
    co_await with.server.until_down();
    REQUIRE(with.server.why()->reason == goaway_reason::timeout);
    REQUIRE_THAT(with.server.why()->text, Catch::StartsWith("the peer has read nothing for 20 ms"));
    REQUIRE(with.server.counters().faults_of_peer == 1);
}

namespace {

bytes spin_frame(std::uint32_t stream, std::uint32_t microseconds, std::uint64_t deadline_us = 0) {
    const std::string message = encoded_number(microseconds);
    return open_frame(stream, 0,
                      {.deadline_us = deadline_us,
                       .name = stream == 0 ? "test.holder/spin" : "",
                       .message = message});
}

struct spinning_server {
    explicit spinning_server(connection_terms terms = {})
        : spinning_server(make_memory_stream_pair(), std::move(terms)) {}
    spinning_server(memory_stream_ends ends, connection_terms terms)
        : offers(held_ends<memory_stream_ends>::table_of(service)),
          server(any_stream(std::move(ends.first)), offers, std::move(terms)),
          peer(any_stream(std::move(ends.second))) {}

    holder_service service;
    rpc::service_table offers;
    rpc::connection server;
    raw_peer peer;
};

}  // namespace

CO_TEST_CASE("a call whose deadline passed while it was queued is not begun",
             "[rpc][connection][deadline]") {
    real_kernel_only();  // simulated time stands still while a procedure spins
    spinning_server with;
    bytes sent = joined({greeting(), spin_frame(0, 3000), spin_frame(1, 0, 1000)});
    co_await with.peer.send(std::move(sent));
    co_await with.peer.until_ends(2);
    REQUIRE(with.service.spun == 1);
    REQUIRE(with.peer.ends[1].status == static_cast<std::uint32_t>(status::deadline_exceeded));
    REQUIRE(with.peer.ends[1].not_started);
}

CO_TEST_CASE("a server whose calls wait too long refuses those that waited longest",
             "[rpc][connection][overload]") {
    real_kernel_only();
    const auto limits = std::make_shared<shared_limits>(amounts{no_limit, no_limit, no_limit},
                                                        clock::duration(1ms));
    connection_terms terms;
    terms.user = limits->user("");
    spinning_server with(std::move(terms));
    constexpr std::uint32_t calls = 60;
    bytes sent = greeting();
    for (std::uint32_t i = 0; i < calls; ++i) sent = joined({sent, spin_frame(i, 3000)});
    co_await with.peer.send(std::move(sent));
    co_await with.peer.until_ends(calls);
    const auto refused = static_cast<int>(with.server.counters().calls_refused);
    REQUIRE(with.service.spun >= 1);
    REQUIRE(refused >= 1);
    REQUIRE(with.service.spun + refused == static_cast<int>(calls));
    const auto& last = with.peer.ends.back();
    REQUIRE(last.status == static_cast<std::uint32_t>(status::resource_exhausted));
    REQUIRE(last.not_started);
    REQUIRE_THAT(first_string(last.message), Catch::Contains("where 1 ms are wanted"));
    // The queue is gone; a call may still wait too long where this process is off the CPU.
    constexpr auto refusal = static_cast<std::uint32_t>(status::resource_exhausted);
    std::uint32_t number = calls;
    do {
        co_await settle();
        co_await with.peer.send(spin_frame(number++, 0));
        co_await with.peer.until_ends(number);
    } while (with.peer.ends.back().status == refusal);
    REQUIRE(with.peer.ends.back().status == 0);
}

namespace {

bytes text_frame(std::uint32_t stream, std::uint32_t size) {
    const std::string message = encoded_number(size);
    return open_frame(stream, 0,
                      {.name = stream == 0 ? "test.holder/text" : "", .message = message});
}

}  // namespace

CO_TEST_CASE("a long result is not kept for ever for who gives no credit",
             "[rpc][connection][flood]") {
    call_statistics counted;
    connection_terms terms(rpc::connection_options().progress_within(20ms).memory_max(1'000'000));
    terms.statistics = &counted;
    spinning_server with(std::move(terms));
    bytes sent = joined({greeting(), text_frame(0, 900'000), text_frame(1, 900'000)});
    co_await with.peer.send(std::move(sent));
    co_await with.peer.until_ends(2);  // the second one had to wait for the first to go
    for (const raw_peer::end_seen& each : with.peer.ends) {
        INFO(first_string(each.message));
        REQUIRE(each.status == static_cast<std::uint32_t>(status::resource_exhausted));
        REQUIRE_FALSE(each.not_started);
        REQUIRE_THAT(first_string(each.message),
                     Catch::Contains("900004 bytes") && Catch::Contains("20 ms (progress_within)"));
    }
    const auto was_begun = [](const raw_peer::end_seen& each) {
        return first_string(each.message)
            .starts_with("test.holder/text: 65536 of 900004 bytes of the result were taken");
    };
    REQUIRE(std::ranges::count_if(with.peer.ends, was_begun) >= 1);
    REQUIRE(counted.hits(limit::progress_within) == 2);
    REQUIRE(with.server.is_open());
}

CO_TEST_CASE("long results take turns at the memory that a connection has",
             "[rpc][connection][flood]") {
    held_ends<memory_stream_ends> ends(make_memory_stream_pair(),
                                       rpc::connection_options().memory_max(500'000));
    const auto ask = [](holder& there) -> task<std::size_t> {
        auto text = co_await there.text(400'000);
        co_return text.size();
    };
    std::vector<child<std::size_t>> calls;
    for (int i = 0; i < 5; ++i) calls.push_back(scope.spawn(ask(ends.there)));
    auto alone = co_await ends.there.text(700'000);  // longer than all the memory
    std::size_t sum = 0;
    for (auto& each : calls) {
        const std::size_t size = co_await each;
        sum += size;
    }
    REQUIRE(alone.size() == 700'000);
    REQUIRE(sum == 5 * 400'000);
}

CO_TEST_CASE("each message that is cut is charged for more than its bytes",
             "[rpc][connection][flood]") {
    real_kernel_only();
    const std::string sized = encoded_number(2) + "a";
    const bytes tiny = joined({data_frame(0, flag::message | flag::more | flag::sized, sized),
                               data_frame(0, flag::message, "b")});
    call_statistics counted;
    connection_terms terms(rpc::connection_options().memory_max(100'000));
    terms.statistics = &counted;
    spinning_server with(std::move(terms));
    const bytes open = open_frame(0, 0, {.name = "test.holder/stubborn", .fin = false});
    bytes sent = joined({greeting(), open});
    for (int i = 0; i < 3000; ++i) sent.insert(sent.end(), tiny.begin(), tiny.end());
    co_await with.peer.send(std::move(sent));  // 6 kB of items
    while (counted.hits(limit::memory_max) == 0) co_await settle();
    with.service.released = true;
    co_await with.peer.until_ends(1);
    REQUIRE(with.server.counters().messages_refused == 1);
    REQUIRE(with.server.is_open());
}
