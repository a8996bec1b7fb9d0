// SPDX-License-Identifier: BSL-1.0
//
// A connection that calls a peer who answers anything (connection_script.hpp): each call ends
// exactly once, with a value or with a fault, at the latest when the peer has gone.

#include "connection_script.hpp"
#include "require.hpp"

#include <conduit/rpc/connection.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <chrono>
#include <utility>

namespace {

using namespace std::chrono_literals;
using namespace conduit;

using remote = rpc::stub<fuzz::subject>;

stream<std::uint64_t> numbers() {
    for (std::uint64_t i = 0; i < 60; ++i) co_yield i;
}

stream<std::string> lines() {
    for (int i = 0; i < 10; ++i) co_yield std::string(1000, 'x');
}

task<void> echo_twice(remote& there) {
    const auto first = co_await there.echo(std::string(100, 'x'));
    const auto second = co_await there.echo(first);
}

task<void> send_much(remote& there) {
    const auto back = co_await there.echo(std::string(200'000, 'x'));  // in pieces
}

task<void> send_some(remote& there) {
    co_await sleep_for(1ms);  // until the peer may have said what it takes
    const auto back = co_await there.echo(std::string(20'000, 'x'));
}

task<void> wait_a_little(remote& there) { co_await within(50ms, there.wait(100)); }

task<void> fail_and_list(remote& there) {
    co_await there.note("a note");
    const auto listed = co_await there.list(7);
    co_await there.fail(1);
}

task<void> read_numbers(remote& there) {
    auto counted = there.count(1000);
    while (auto number = co_await counted.next()) {
        if (*number == 3) co_return;
    }
}

task<void> add_up(remote& there) { co_await there.sum(numbers()); }

task<void> talk(remote& there) {
    auto answers = there.chat(lines());
    while (auto answer = co_await answers.next()) continue;
}

/// Counts the end of a call.
task<void> ended(task<void> call, int& count) {
    task<void> own = std::move(call);
    try {
        co_await std::move(own);
    } catch (const rpc::fault&) {
        // as good as a value
    }
    ++count;
}

task<> call(fuzz::script actions) {
    auto ends = make_memory_stream_pair();
    rpc::connection peer(any_stream(std::move(ends.first)), fuzz::narrow_options());
    remote there(peer);
    int count = 0;
    task_scope scope;
    int made = 0;
    for (const auto each : {&echo_twice, &send_much, &send_some, &wait_a_little, &fail_and_list,
                            &read_numbers, &add_up, &talk}) {
        scope.spawn(ended(each(there), count));
        ++made;
    }
    co_await fuzz::play(ends.second, actions);
    ends.second.close();
    co_await peer.until_down();
    co_await scope.join();
    fuzz::require(peer.is_down(), "the peer has gone, and the connection is not down");
    fuzz::require(count == made, "a call did not end");
    fuzz::require(peer.calls_made_now() == 0, "a call ended and is counted still");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
    fuzz::simulate({input, size}, call);
    return 0;
}
