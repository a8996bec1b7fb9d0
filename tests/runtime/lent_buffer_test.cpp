// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/lent_buffer.hpp>

#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/timer.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

using namespace conduit;
using namespace conduit::test;

namespace {

task<> send(io_handle& out, std::string text) {
    auto written = co_await out.write_some(bytes_of(text));
    REQUIRE(written.value() == text.size());
}

task<> send_often(io_handle& out, int times) {
    for (int i = 0; i < times; ++i) co_await send(out, std::string(4096, 'x'));
}

task<> note_arrival(io_handle& in, std::vector<int>& log, int who) {
    auto got = co_await in.receive_lent();
    if (got && !got->empty()) log.push_back(who);
}

/// Two buffers, four receivers: two of them hold theirs, two are parked.
task<> starve(bool sockets) {
    std::vector<handle_pair> pairs;
    for (int i = 0; i < 4; ++i) {
        pairs.push_back(sockets ? attached_socket_pair() : attached_pipe());
        co_await send(pairs.back().out, "x");
    }
    auto first = co_await pairs[0].in.receive_lent();
    auto second = co_await pairs[1].in.receive_lent();
    REQUIRE(first->bytes().size() == 1);
    REQUIRE(second->bytes().size() == 1);
    std::vector<int> log;
    task_group group;
    auto third = group.spawn(note_arrival(pairs[2].in, log, 2));
    co_await settle();
    auto fourth = group.spawn(note_arrival(pairs[3].in, log, 3));
    co_await settle();
    REQUIRE(log.empty());
    first = lent_buffer();
    co_await third;
    co_await fourth;  // gets the buffer that the third gave back
    REQUIRE(log == std::vector<int>{2, 3});
}

task<> destroy_parked() {
    std::vector<handle_pair> pairs;
    for (int i = 0; i < 3; ++i) {
        pairs.push_back(attached_pipe());
        co_await send(pairs.back().out, "x");
    }
    auto first = co_await pairs[0].in.receive_lent();
    auto second = co_await pairs[1].in.receive_lent();
    std::vector<int> log;
    {
        task_group group;
        group.spawn(note_arrival(pairs[2].in, log, 2));
        co_await settle();
    }
    first = lent_buffer();
    second = lent_buffer();
    auto kept = co_await pairs[2].in.receive_lent();
    REQUIRE(log.empty());
    REQUIRE(kept->bytes().size() == 1);
}

/// The parked receiver that a returned buffer was promised to is stopped before it has it.
task<> stop_promised() {
    std::vector<handle_pair> pairs;
    for (int i = 0; i < 4; ++i) {
        pairs.push_back(attached_pipe());
        co_await send(pairs.back().out, "x");
    }
    auto first = co_await pairs[0].in.receive_lent();
    auto second = co_await pairs[1].in.receive_lent();
    std::vector<int> log;
    task_group group;
    auto third = group.spawn(note_arrival(pairs[2].in, log, 2));
    co_await settle();
    auto fourth = group.spawn(note_arrival(pairs[3].in, log, 3));
    co_await settle();
    first = lent_buffer();
    third.request_stop();
    co_await fourth;
    co_await third;
    REQUIRE(log.back() == 3);
}

task<> send_handle(io_handle& out, std::string text) {
    auto ends = current_kernel().make_pipe().value();
    outgoing_message message(bytes_of(text));
    REQUIRE(message.attach(ends.first));
    auto sent = co_await out.send(message);
    REQUIRE(sent.value() == text.size());
}

/// One buffer, which was held while two wanted it; then nothing comes for either.
task<> outnumber_buffers(bool sockets) {
    std::vector<handle_pair> pairs;
    for (int i = 0; i < 3; ++i) {
        pairs.push_back(sockets ? attached_socket_pair() : attached_pipe());
    }
    co_await send(pairs[0].out, "x");
    auto held = co_await pairs[0].in.receive_lent();
    std::vector<int> log;
    task_group group;
    auto second = group.spawn(note_arrival(pairs[1].in, log, 1));
    auto third = group.spawn(note_arrival(pairs[2].in, log, 2));
    co_await settle();
    held = lent_buffer();
    co_await settle();
    const counter& polls = scheduler::current().counters().polls;
    const std::uint64_t before = polls.value();
    co_await sleep_for(std::chrono::milliseconds(5));
    REQUIRE(polls.value() - before < 20);  // one that is not idle makes hundreds
    co_await send(pairs[2].out, "x");
    co_await third;
    co_await send(pairs[1].out, "x");
    co_await second;
    REQUIRE(log == std::vector<int>{2, 1});
}

/// Bytes that tell by their order.
std::string numbered(std::size_t from, std::size_t count) {
    std::string text(count, ' ');
    for (std::size_t i = 0; i < count; ++i) text[i] = static_cast<char>('!' + (from + i) % 89);
    return text;
}

/// Receives so many bytes; yields the largest part.
task<std::size_t> receive_numbered(io_handle& in, std::size_t from, std::size_t count) {
    std::size_t largest = 0;
    std::string got;
    while (got.size() < count) {
        auto part = co_await in.receive_lent();
        REQUIRE(part.value().bytes().size() > 0);
        for (const std::byte each : part->bytes()) got += static_cast<char>(each);
        largest = std::max(largest, part->bytes().size());
    }
    REQUIRE(got == numbered(from, count));
    co_return largest;
}

task<> receive_much_at_once() {
    handle_pair pair = attached_socket_pair();
    constexpr std::size_t much = 60'000;
    std::size_t largest = 0;
    for (int round = 0; round < 3; ++round) {
        co_await send(pair.out, numbered(0, much));
        largest = co_await receive_numbered(pair.in, 0, much);
    }
    REQUIRE(largest == much);
    co_await send_handle(pair.out, "k");
    auto with_handle = co_await pair.in.receive_lent();
    REQUIRE(with_handle->ancillary()->handles.size() == 1);
}

task<> receive_more_and_less() {
    handle_pair pair = attached_socket_pair();
    std::size_t sent = 0;
    for (const std::size_t bytes : {50'000, 1, 5'000, 60'000, 4'096, 4'097, 12'288, 70'000}) {
        for (int times = 0; times < 12; ++times) {  // until what comes at once is usual
            co_await send(pair.out, numbered(sent, bytes));
            if (times % 3 == 0) co_await settle();
            static_cast<void>(co_await receive_numbered(pair.in, sent, bytes));
            sent += bytes;
        }
    }
}

/// Of more connections than there are large buffers, each with much at once, and all hold theirs.
task<> hold_more_than_there_are() {
    constexpr std::size_t much = 30'000;
    std::vector<handle_pair> pairs;
    for (int i = 0; i < 20; ++i) {
        pairs.push_back(attached_socket_pair());
        co_await send(pairs.back().out, numbered(0, much));
        static_cast<void>(co_await receive_numbered(pairs.back().in, 0, much));
        co_await send(pairs.back().out, numbered(0, much));
    }
    std::vector<lent_buffer> held;
    for (handle_pair& pair : pairs) {
        auto part = co_await pair.in.receive_lent();
        held.push_back(std::move(part.value()));
    }
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        const std::size_t had = held[i].bytes().size();
        held[i] = lent_buffer();
        if (had == much) continue;
        static_cast<void>(co_await receive_numbered(pairs[i].in, had, much - had));
    }
}

scheduler_options two_buffers(backend_kind kind) {
    return scheduler_options().backend(kind).lent_buffers(2, 64);
}

}  // namespace

CO_TEST_CASE("a lent buffer holds what arrived, an empty one is the end", "[runtime][lent]") {
    handle_pair pair = attached_pipe();
    co_await send(pair.out, "hello");
    std::string got;
    while (got.size() < 5) {
        auto part = co_await pair.in.receive_lent();
        for (const std::byte each : part.value().bytes()) got += static_cast<char>(each);
    }
    pair.out.close();
    auto end = co_await pair.in.receive_lent();
    REQUIRE(got == "hello");
    REQUIRE(end.value().empty());
}

CO_TEST_CASE("more arrives than one turn lends", "[runtime][lent]") {
    handle_pair pair = attached_pipe();
    scope.spawn(send_often(pair.out, 12));
    co_await settle();
    std::size_t bytes = 0;
    while (bytes < 12 * 4096) {
        auto part = co_await pair.in.receive_lent();
        bytes += part.value().bytes().size();
    }
    REQUIRE(bytes == 12 * 4096);
    co_await scope.join();
}

TEST_CASE("receivers without a buffer are parked and served in order", "[runtime][lent]") {
    for (const backend_kind kernel : kernel_backends()) {
        scheduler(two_buffers(kernel)).run(starve(true));
        scheduler(two_buffers(kernel)).run(starve(false));
    }
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        scheduler(two_buffers(backend_kind::sim).seed(seed)).run(starve(seed % 2 == 0));
    }
}

TEST_CASE("receivers that found no buffer sleep until something comes", "[runtime][lent]") {
    for (const backend_kind kernel : kernel_backends()) {
        const auto options = scheduler_options().backend(kernel).lent_buffers(1, 64);
        scheduler(options).run(outnumber_buffers(true));
        scheduler(options).run(outnumber_buffers(false));
    }
}

TEST_CASE("a parked receiver that is destroyed leaves its place", "[runtime][lent]") {
    for (const backend_kind kernel : kernel_backends()) {
        scheduler(two_buffers(kernel)).run(destroy_parked());
    }
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        scheduler(two_buffers(backend_kind::sim).seed(seed)).run(destroy_parked());
    }
}

TEST_CASE("a buffer promised to a receiver that is stopped goes to the next", "[runtime][lent]") {
    for (const backend_kind kernel : kernel_backends()) {
        scheduler(two_buffers(kernel)).run(stop_promised());
    }
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        scheduler(two_buffers(backend_kind::sim).seed(seed)).run(stop_promised());
    }
}

CO_TEST_CASE("handles and credentials come along with lent bytes", "[runtime][lent]") {
    kernel& here = current_kernel();
    auto ends = here.make_socket_pair(socket_kind::stream).value();
    REQUIRE(here.set_option(ends.first, socket_option::pass_credentials, 1));
    const credentials own = here.peer_credentials(ends.first).value();
    handle_pair pair;
    pair.in = io_handle::attach(std::move(ends.first)).value();
    pair.out = io_handle::attach(std::move(ends.second)).value();
    co_await send_handle(pair.out, "1");
    auto first = co_await pair.in.receive_lent();
    co_await send(pair.out, "2");
    auto second = co_await pair.in.receive_lent();
    REQUIRE(first->bytes().size() == 1);
    REQUIRE(first->ancillary() != nullptr);
    REQUIRE(first->ancillary()->handles.size() == 1);
    REQUIRE_FALSE(first->ancillary()->truncated);
    REQUIRE(first->ancillary()->sender->uid == own.uid);
    REQUIRE(second->ancillary()->handles.empty());
    const unique_fd kept = std::move(first->ancillary()->handles[0]);
    first = lent_buffer();
    REQUIRE(here.kind_of(kept).value() == handle_kind::pipe);
}

CO_TEST_CASE("nothing comes along with plain bytes", "[runtime][lent]") {
    handle_pair pair = attached_pipe();
    co_await send(pair.out, "plain");
    auto got = co_await pair.in.receive_lent();
    REQUIRE(got->ancillary() == nullptr);
}

CO_TEST_CASE("bytes with handles arrive apart, and what nobody takes is closed",
             "[runtime][lent]") {
    handle_pair pair = attached_socket_pair();
    for (int round = 0; round < 3; ++round) {
        co_await send_handle(pair.out, "with");
        co_await send(pair.out, "plain");
        co_await settle();
    }
    std::size_t handles = 0;
    for (std::size_t bytes = 0; bytes < 27;) {
        auto got = co_await pair.in.receive_lent();
        bytes += got->bytes().size();
        if (got->ancillary() != nullptr) handles += got->ancillary()->handles.size();
    }
    co_await send_handle(pair.out, "left behind");  // the census of descriptors sees a leak
    co_await settle();
    REQUIRE(handles == 3);
}

CO_TEST_CASE("a receive through which nobody waits keeps what comes", "[runtime][lent]") {
    handle_pair pair = attached_socket_pair();
    std::vector<int> log;
    task_group group;
    auto stopped = group.spawn(note_arrival(pair.in, log, 1));
    co_await settle();
    stopped.request_stop();
    co_await stopped;
    co_await send_handle(pair.out, "k");
    co_await settle();
    auto got = co_await pair.in.receive_lent();
    REQUIRE(log.empty());
    REQUIRE(got->bytes().size() == 1);
    REQUIRE(got->ancillary()->handles.size() == 1);
}

CO_TEST_CASE("the end of a stream that came with its last bytes is seen", "[runtime][lent]") {
    for (int round = 0; round < 50; ++round) {
        handle_pair pair = attached_socket_pair();
        std::vector<int> log;
        task_group group;
        auto first = group.spawn(note_arrival(pair.in, log, round));
        if (round % 2 == 0) co_await settle();
        co_await send(pair.out, "!");
        pair.out.close();
        co_await first;
        auto end = co_await pair.in.receive_lent();
        REQUIRE(end->empty());
    }
}

TEST_CASE("where much comes at once it is lent at once", "[runtime][lent]") {
    run_on_each_kernel(&receive_much_at_once);
}

TEST_CASE("bytes stay in order as more or less comes at once", "[runtime][lent]") {
    run_on_each_kernel(&receive_more_and_less);
}

TEST_CASE("more connections than large buffers lose nothing", "[runtime][lent]") {
    run_on_each_kernel(&hold_more_than_there_are);
}
