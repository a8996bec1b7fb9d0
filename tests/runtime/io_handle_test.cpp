// SPDX-License-Identifier: BSL-1.0
//
// The edges of single operations. What all of them promise is in conformance_test.cpp.

#include <conduit/runtime/io_handle.hpp>

#include "../support/co_test.hpp"
#include "../support/loopback.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/runtime/as_task.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

using namespace conduit;
using namespace conduit::test;
using namespace std::chrono_literals;

namespace {

task<std::string> read_all(io_handle& in) {
    std::string text;
    std::array<std::byte, 7> buffer{};
    for (;;) {
        auto got = co_await in.read_some(buffer);
        if (got.value() == 0) co_return text;
        text.append(reinterpret_cast<const char*>(buffer.data()), *got);
    }
}

task<> write_whole(io_handle& out, std::string text) {
    std::span<const std::byte> rest = bytes_of(text);
    while (!rest.empty()) {
        auto written = co_await out.write_some(rest);
        rest = rest.subspan(written.value());
    }
}

task<> write_and_close(io_handle out, std::string text) {
    io_handle mine = std::move(out);
    co_await write_whole(mine, std::move(text));
}

std::string long_text(std::size_t bytes) {
    std::string text;
    while (text.size() < bytes) text += std::to_string(text.size()) + ' ';
    return text;
}

task<std::error_code> read_error(io_handle& in) {
    std::array<std::byte, 16> buffer{};
    auto got = co_await in.read_some(buffer);
    co_return got.error();
}

task<std::error_code> poll_readable(io_handle& on) {
    auto ready = co_await on.readable();
    co_return ready.error();
}

task<std::error_code> poll_writable(io_handle& on) {
    auto ready = co_await on.writable();
    co_return ready.error();
}

/// The same handle, with operations that may block the thread.
io_handle without_nonblocking(io_handle handle) {
    auto loose = handle.detach().value();
    const int flags = ::fcntl(loose.handle(), F_GETFL);
    REQUIRE(::fcntl(loose.handle(), F_SETFL, flags & ~O_NONBLOCK) == 0);
    return io_handle::attach(std::move(loose)).value();
}

task<std::error_code> move_bytes(io_handle& from, io_handle& to, std::size_t& moved) {
    auto got = co_await from.splice_to(to, 100'000);
    if (got) moved = *got;
    co_return got.error();
}

/// How often the kernel is asked while nothing happens for a moment.
task<std::uint64_t> polls_while_idle() {
    const counter& polls = scheduler::current().counters().polls;
    const std::uint64_t before = polls.value();
    co_await sleep_for(5ms);
    co_return polls.value() - before;
}

task<std::error_code> send_message(io_handle& out, std::string text) {
    outgoing_message message(bytes_of(text));
    auto sent = co_await out.send(message);
    co_return sent.error();
}

task<std::error_code> write_error(io_handle& out) {
    auto written = co_await out.write_some(bytes_of("x"));
    co_return written.error();
}

constexpr std::uint64_t polls_of_idle_max = 20;  // one that is not idle makes hundreds

struct tcp_pair {
    io_handle client;
    io_handle server;
};

task<tcp_pair> connected_tcp() {
    auto [listening, address] = listen_on_loopback(1);
    auto listener = io_handle::attach(std::move(listening)).value();
    tcp_pair pair;
    pair.client = attached_tcp_socket();
    auto connected = co_await pair.client.connect(address);
    connected.value();
    auto accepted = co_await listener.accept();
    pair.server = io_handle::attach(std::move(*accepted)).value();
    co_return pair;
}

}  // namespace

CO_TEST_CASE("bytes arrive in order, however they are cut", "[runtime][io]") {
    handle_pair pair = attached_pipe();
    const std::string sent = long_text(300'000);  // several times what a pipe holds
    scope.spawn(write_and_close(std::move(pair.out), sent));
    auto got = co_await read_all(pair.in);
    REQUIRE(got == sent);
}

CO_TEST_CASE("a closed writer is the end of the stream, after what it wrote", "[runtime][io]") {
    handle_pair pair = attached_pipe();
    co_await write_whole(pair.out, "last");
    pair.out.close();
    auto got = co_await read_all(pair.in);
    std::array<std::byte, 4> buffer{};
    auto still_the_end = co_await pair.in.read_some(buffer);
    REQUIRE(got == "last");
    REQUIRE(still_the_end.value() == 0);
}

CO_TEST_CASE("a reader that waits hears that the writer closed", "[runtime][io]") {
    handle_pair pair = attached_pipe();
    task_group group;
    auto pending = group.spawn(read_all(pair.in));
    co_await settle();
    REQUIRE_FALSE(pending.is_done());
    pair.out.close();
    auto got = co_await pending;
    REQUIRE(got.empty());
}

CO_TEST_CASE("writing without a reader fails and raises no signal", "[runtime][io]") {
    handle_pair pair = attached_pipe();
    pair.in.close();
    auto written = co_await pair.out.write_some(bytes_of("lost"));
    REQUIRE(written.error() == std::errc::broken_pipe);
}

CO_TEST_CASE("moving to where nobody reads fails and raises no signal", "[runtime][io]") {
    handle_pair from = attached_pipe();
    handle_pair to = attached_pipe();
    co_await write_whole(from.out, "kept");
    to.in.close();
    auto moved = co_await from.in.splice_to(to.out, 4);
    REQUIRE(moved.error() == std::errc::broken_pipe);
    from.out.close();
    auto kept = co_await read_all(from.in);
    REQUIRE(kept == "kept");
}

CO_TEST_CASE("moving to a socket whose peer has gone fails and raises no signal", "[runtime][io]") {
    handle_pair to = attached_socket_pair();
    handle_pair from = attached_pipe();
    co_await write_whole(from.out, "lost");
    to.in.close();
    auto moved = co_await from.in.splice_to(to.out, 4);
    REQUIRE(moved.error() == std::errc::broken_pipe);
}

CO_TEST_CASE("the wrong end of a pipe is ready only when the other one is closed",
             "[runtime][io]") {
    handle_pair one = attached_pipe();
    handle_pair two = attached_pipe();
    co_await write_whole(one.out, "something to read");
    task_group group;
    auto readable = group.spawn(poll_readable(one.out));
    auto writable = group.spawn(poll_writable(two.in));
    co_await settle();
    REQUIRE_FALSE(readable.is_done());
    REQUIRE_FALSE(writable.is_done());
    one.in.close();
    two.out.close();
    const std::error_code of_writing_end = co_await readable;
    const std::error_code of_reading_end = co_await writable;
    REQUIRE(of_writing_end == std::error_code());
    REQUIRE(of_reading_end == std::error_code());
}

CO_TEST_CASE("writing to a socket whose peer has gone fails and raises no signal",
             "[runtime][io]") {
    handle_pair pair = attached_socket_pair();
    pair.in.close();
    auto written = co_await pair.out.write_some(bytes_of("lost"));
    REQUIRE(written.error() == std::errc::broken_pipe);
}

CO_TEST_CASE("a read takes what is there, also after a short one", "[runtime][io]") {
    handle_pair pair = attached_pipe();
    std::array<std::byte, 64> buffer{};
    for (int round = 0; round < 100; ++round) {
        co_await write_whole(pair.out, "x");
        auto got = co_await pair.in.read_some(buffer);
        REQUIRE(got.value() == 1);
        if (round % 10 == 0) co_await settle();
    }
}

CO_TEST_CASE("operations on what is no socket say so", "[runtime][io]") {
    handle_pair pair = attached_pipe();
    auto accepted = co_await pair.in.accept();
    auto shut = co_await pair.out.shutdown(io_handle::direction::writing);
    auto process = co_await pair.in.wait_process();
    REQUIRE(accepted.error() == std::errc::not_a_socket);
    REQUIRE(shut.error() == std::errc::not_a_socket);
    REQUIRE(process.error() == std::errc::bad_file_descriptor);
}

CO_TEST_CASE("reading from a writing end fails", "[runtime][io]") {
    handle_pair pair = attached_pipe();
    const std::error_code error = co_await read_error(pair.out);
    REQUIRE(error == std::errc::bad_file_descriptor);
}

CO_TEST_CASE("a handle can be detached while idle and attached again", "[runtime][io]") {
    handle_pair pair = attached_pipe();
    task_group group;
    auto pending = group.spawn(read_error(pair.in));
    co_await settle();
    auto refused = pair.in.detach();
    REQUIRE(refused.error() == std::errc::device_or_resource_busy);
    pending.request_stop();
    const std::error_code ended = co_await pending;
    auto loose = pair.in.detach();
    REQUIRE(ended == errc::cancelled);
    REQUIRE_FALSE(pair.in.is_open());
    pair.in = io_handle::attach(std::move(*loose)).value();
    co_await write_whole(pair.out, "kept");
    pair.out.close();
    auto got = co_await read_all(pair.in);
    REQUIRE(got == "kept");
}

CO_TEST_CASE("close_and_wait ends what waits and yields once it is closed", "[runtime][io]") {
    handle_pair pair = attached_pipe();
    task_group group;
    auto pending = group.spawn(read_error(pair.in));
    co_await settle();
    auto closed = co_await pair.in.close_and_wait();
    const std::error_code ended = co_await pending;
    auto again = co_await pair.in.close_and_wait();
    REQUIRE(closed);
    REQUIRE(ended == errc::cancelled);
    REQUIRE(again.error() == std::errc::bad_file_descriptor);
}

CO_TEST_CASE("closing a socket with a pending read tells the peer at once", "[runtime][io]") {
    handle_pair pair = attached_socket_pair();
    auto duplicate = current_kernel().duplicate(unique_fd()).error();
    REQUIRE(duplicate == std::errc::bad_file_descriptor);
    task_group group;
    auto pending = group.spawn(read_error(pair.in));
    co_await settle();
    pair.in.close();
    auto end = co_await read_all(pair.out);
    const std::error_code ended = co_await pending;
    REQUIRE(end.empty());
    REQUIRE(ended == errc::cancelled);
}

CO_TEST_CASE("TCP connects, carries bytes and half-closes", "[runtime][io]") {
    auto pair = co_await connected_tcp();
    const std::string text = long_text(100'000);
    scope.spawn(write_and_close(std::move(pair.client), text));
    auto got = co_await read_all(pair.server);
    REQUIRE(got == text);
}

CO_TEST_CASE("the end of a TCP stream is seen, however it comes after the bytes", "[runtime][io]") {
    for (int round = 0; round < 20; ++round) {
        auto pair = co_await connected_tcp();
        task_group group;
        auto text = group.spawn(read_all(pair.server));
        if (round % 2 == 0) co_await settle();
        co_await write_whole(pair.client, "one");
        if (round % 3 == 0) co_await settle();
        co_await write_whole(pair.client, "two");
        if (round % 4 == 0) co_await settle();
        pair.client.close();
        auto got = co_await text;
        REQUIRE(got == "onetwo");
    }
}

CO_TEST_CASE("urgent data keeps nothing from a reader", "[runtime][io]") {
    auto pair = co_await connected_tcp();
    task_group group;
    auto text = group.spawn(read_all(pair.server));
    co_await settle();
    const int fd = pair.client.native().value();
    REQUIRE(::send(fd, "before!", 7, MSG_OOB) == 7);  // the last byte is the urgent one
    co_await write_whole(pair.client, "after");
    co_await settle();
    pair.client.close();
    auto got = co_await text;
    REQUIRE(got == "beforeafter");
}

CO_TEST_CASE("half-closing leaves the other direction open", "[runtime][io]") {
    handle_pair pair = attached_socket_pair();
    auto shut = co_await pair.out.shutdown(io_handle::direction::writing);
    auto end = co_await read_all(pair.in);
    co_await write_whole(pair.in, "reply");
    pair.in.close();
    auto reply = co_await read_all(pair.out);
    REQUIRE(shut);
    REQUIRE(end.empty());
    REQUIRE(reply == "reply");
}

CO_TEST_CASE("connecting where nobody listens is refused", "[runtime][io]") {
    kernel& here = current_kernel();
    auto unused = here.make_socket(socket_family::ipv4, socket_kind::stream).value();
    REQUIRE(here.bind(unused, socket_address::ipv4_loopback(0)));
    const socket_address address = here.local_address(unused).value();
    auto client = attached_tcp_socket();
    auto connected = co_await client.connect(address);
    REQUIRE(connected.error() == std::errc::connection_refused);
}

CO_TEST_CASE("a connect that must wait is cancelled and expires", "[runtime][io]") {
    auto [full, address] = listen_on_loopback(0);
    std::vector<io_handle> clients;
    std::error_code ended;
    for (int i = 0; i < 8 && ended != errc::timed_out; ++i) {
        clients.push_back(attached_tcp_socket());
        auto connected = co_await within(5ms, clients.back().connect(address));
        ended = connected.error();
    }
    REQUIRE(ended == errc::timed_out);
}

CO_TEST_CASE("a connect that was cancelled can be waited for again", "[runtime][io]") {
    auto [full, address] = listen_on_loopback(0);
    std::vector<io_handle> clients;
    std::error_code ended;
    for (int i = 0; i < 8 && ended != errc::timed_out; ++i) {
        clients.push_back(attached_tcp_socket());
        auto connected = co_await within(5ms, clients.back().connect(address));
        ended = connected.error();
    }
    auto again = co_await within(5ms, clients.back().connect(address));
    REQUIRE(ended == errc::timed_out);
    REQUIRE(again.error() == errc::timed_out);
}

CO_TEST_CASE("files open, are written and read in order", "[runtime][io]") {
    const temp_dir folder;
    const std::string path = folder.path() + "/file";
    auto made = co_await open_file(path.c_str(), open_mode::write_new);
    auto out = io_handle::attach(std::move(made.value())).value();
    co_await write_whole(out, "hello ");
    out.close();
    auto more = co_await open_file(path.c_str(), open_mode::append);
    out = io_handle::attach(std::move(more.value())).value();
    co_await write_whole(out, "again");
    out.close();
    auto opened = co_await open_file(path.c_str(), open_mode::read);
    auto in = io_handle::attach(std::move(opened.value())).value();
    auto ready = co_await in.readable();
    auto text = co_await read_all(in);
    REQUIRE(ready);
    REQUIRE(text == "hello again");
}

CO_TEST_CASE("opening what does not exist says so", "[runtime][io]") {
    auto opened = co_await open_file("/nonexistent/file", open_mode::read);
    if (opened.error() == std::errc::not_supported) opened.value();  // a skip
    REQUIRE(opened.error() == std::errc::no_such_file_or_directory);
}

CO_TEST_CASE("more handles than a message may carry are refused", "[runtime][io]") {
    auto ends = current_kernel().make_pipe().value();
    outgoing_message message(bytes_of("x"));
    for (std::size_t i = 0; i < handles_per_message_max; ++i) {
        REQUIRE(message.attach(ends.first));
    }
    auto refused = message.attach(ends.first);
    REQUIRE(refused.error() == std::errc::argument_list_too_long);
    auto empty = message.attach(unique_fd());
    REQUIRE(empty.error() == std::errc::bad_file_descriptor);
    co_return;
}

CO_TEST_CASE("a datagram tells where it came from and whether it was cut", "[runtime][io]") {
    kernel& here = current_kernel();
    auto one = here.make_socket(socket_family::ipv4, socket_kind::datagram).value();
    auto two = here.make_socket(socket_family::ipv4, socket_kind::datagram).value();
    REQUIRE(here.bind(one, socket_address::ipv4_loopback(0)));
    REQUIRE(here.bind(two, socket_address::ipv4_loopback(0)));
    const socket_address from = here.local_address(one).value();
    const socket_address to = here.local_address(two).value();
    auto sender = io_handle::attach(std::move(one)).value();
    auto receiver = io_handle::attach(std::move(two)).value();
    outgoing_message message(bytes_of("four"));
    message.to(to);
    auto sent = co_await sender.send(message);
    std::array<std::byte, 2> small{};
    incoming_message incoming(small);
    auto got = co_await receiver.receive(incoming);
    REQUIRE(sent.value() == 4);
    REQUIRE(got.value() == 2);
    REQUIRE(incoming.truncated);
    REQUIRE(incoming.from.port() == from.port());
}

TEST_CASE("a blocking pipe does not block the thread", "[runtime][io]") {
    auto body = []() -> task<> {
        std::array<int, 2> ends{};
        REQUIRE(::pipe(ends.data()) == 0);  // as a child inherits one
        handle_pair pair;
        pair.in = io_handle::attach(unique_fd(ends[0])).value();
        pair.out = io_handle::attach(unique_fd(ends[1])).value();
        const std::string text = long_text(300'000);
        task_scope scope;
        scope.spawn(write_and_close(std::move(pair.out), text));
        co_await settle();  // the pipe is full by now
        auto got = co_await read_all(pair.in);
        co_await scope.join();
        REQUIRE(got == text);
    };
    run_on_each_kernel(body);
}

TEST_CASE("moving from or to a blocking socket does not block the thread", "[runtime][io]") {
    auto body = []() -> task<> {
        auto tcp = co_await connected_tcp();
        handle_pair through = attached_pipe();
        io_handle from = without_nonblocking(std::move(tcp.server));
        auto nothing = co_await within(1ms, from.splice_to(through.out, 64));
        co_await write_whole(tcp.client, "to the pipe");
        auto moved = co_await from.splice_to(through.out, 64);
        REQUIRE(nothing.error() == errc::timed_out);
        REQUIRE(moved.value() == 11);
        handle_pair last = attached_socket_pair();
        co_await fill(last.out);
        io_handle to = without_nonblocking(std::move(last.out));
        std::size_t given = 0;
        task_group group;
        auto pending = group.spawn(move_bytes(through.in, to, given));
        co_await settle();
        REQUIRE_FALSE(pending.is_done());
        co_await drain(last.in);
        const std::error_code ended = co_await pending;
        REQUIRE(ended == std::error_code());
        REQUIRE(given == 11);
    };
    run_on_each_kernel(body);
}

TEST_CASE("what takes only certain sizes says so and stays usable", "[runtime][io]") {
    auto body = []() -> task<> {
        auto counter = io_handle::attach(unique_fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)));
        const std::array<std::byte, 8> count{};
        auto refused = co_await counter->write_some(std::span(count).first(3));
        auto taken = co_await counter->write_some(count);
        REQUIRE(refused.error() == std::errc::invalid_argument);
        REQUIRE(taken.value() == count.size());
    };
    run_on_each_kernel(body);
}

TEST_CASE("a blocking listener does not block the thread, a blocking connect is refused",
          "[runtime][io]") {
    auto body = []() -> task<> {
        unique_fd listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        kernel& here = current_kernel();
        REQUIRE(here.bind(listening, socket_address::ipv4_loopback(0)));
        REQUIRE(here.listen(listening, 4));
        const socket_address address = here.local_address(listening).value();
        auto listener = io_handle::attach(std::move(listening)).value();
        auto nobody = co_await within(1ms, listener.accept());
        auto client = attached_tcp_socket();
        auto connected = co_await client.connect(address);
        auto peer = co_await listener.accept();
        unique_fd blocking(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        auto blocked = io_handle::attach(std::move(blocking)).value();
        auto refused = co_await blocked.connect(address);
        REQUIRE(nobody.error() == errc::timed_out);
        REQUIRE(connected);
        REQUIRE(peer);
        REQUIRE(refused.error() == std::errc::operation_not_supported);
    };
    run_on_each_kernel(body);
}

TEST_CASE("attaching nothing, or something closed, fails", "[runtime][io]") {
    auto attach_wrong_things = []() -> task<> {
        auto nothing = io_handle::attach(unique_fd());
        REQUIRE(nothing.error() == std::errc::bad_file_descriptor);
        auto closed = io_handle::attach(unique_fd(123456));
        REQUIRE(closed.error() == std::errc::bad_file_descriptor);
        co_return;
    };
    run_on_each_kernel(attach_wrong_things);
}

CO_TEST_CASE("an operation whose handle is closed before it starts fails", "[runtime][io]") {
    handle_pair pair = attached_pipe();
    std::array<std::byte, 8> buffer{};
    task_group group;
    auto late = group.spawn(as_task(pair.in.read_some(buffer)));
    pair.in = io_handle();
    auto got = co_await late;
    auto kept = pair.out.write_some(bytes_of("x"));
    auto loose = pair.out.detach();
    auto written = co_await kept;
    REQUIRE(got.error() == std::errc::bad_file_descriptor);
    REQUIRE(loose);
    REQUIRE(written.error() == std::errc::bad_file_descriptor);
}

CO_TEST_CASE("close_and_wait closes what it was made on, wherever that has moved",
             "[runtime][io]") {
    handle_pair pair = attached_pipe();
    auto closing = pair.in.close_and_wait();
    io_handle moved = std::move(pair.in);
    auto closed = co_await closing;
    REQUIRE(closed);
    REQUIRE_FALSE(moved.is_open());
}

CO_TEST_CASE("closing and shutting down are done also after a stop request", "[runtime][io]") {
    handle_pair pair = attached_pipe();
    auto close_stopped = [](io_handle& closed) -> task<result<void>> {
        current_context().request_stop();
        auto done = co_await closed.close_and_wait();
        co_return done;
    };
    task_group group;
    auto closing = group.spawn(close_stopped(pair.in));
    auto closed = co_await closing;
    REQUIRE(closed);
    REQUIRE_FALSE(pair.in.is_open());
}

CO_TEST_CASE("a splice ends when the handle it moves to is closed", "[runtime][io]") {
    handle_pair from = attached_pipe();
    handle_pair to = attached_pipe();
    auto move = [](io_handle& source, io_handle& sink) -> task<result<std::size_t>> {
        auto moved = co_await source.splice_to(sink, 16);
        co_return moved;
    };
    task_group group;
    auto pending = group.spawn(move(from.in, to.out));
    co_await settle();
    to.out.close();
    auto moved = co_await pending;
    auto nowhere = co_await from.in.splice_to(to.out, 16);
    co_await write_whole(from.out, "kept");
    co_await settle();
    from.out.close();
    auto kept = co_await read_all(from.in);
    REQUIRE(moved.error() == errc::cancelled);
    REQUIRE(nowhere.error() == std::errc::bad_file_descriptor);
    REQUIRE(kept == "kept");
}

TEST_CASE("a pipe whose writer keeps packets apart is read to its end", "[runtime][io]") {
    auto body = []() -> task<> {
        auto ends = current_kernel().make_pipe().value();
        const int out = ends.second.handle();
        REQUIRE(::fcntl(out, F_SETFL, O_NONBLOCK | O_DIRECT) == 0);
        auto in = io_handle::attach(std::move(ends.first)).value();
        auto read_two = [](io_handle& from) -> task<std::size_t> {
            std::array<std::byte, 64> buffer{};
            auto one = co_await from.read_some(buffer);
            auto two = co_await from.read_some(buffer);
            co_return one.value() + two.value();
        };
        task_group group;
        auto pending = group.spawn(read_two(in));
        co_await settle();
        REQUIRE(::write(out, "a", 1) == 1);
        REQUIRE(::write(out, "b", 1) == 1);
        auto bytes = co_await pending;
        REQUIRE(bytes == 2);
    };
    run_on_each_kernel(body);
}

TEST_CASE("closing one handle on a listener leaves the others listening", "[runtime][io]") {
    auto body = []() -> task<> {
        kernel& here = current_kernel();
        auto [shared, address] = listen_on_loopback(4);
        auto ours = io_handle::attach(here.duplicate(shared).value()).value();
        ours.close();
        auto client = attached_tcp_socket();
        auto connected = co_await client.connect(address);
        REQUIRE(connected);
    };
    run_on_each_kernel(body);
}

CO_TEST_CASE("a peer that closed its side does not keep who waits for room awake",
             "[runtime][io]") {
    std::vector<handle_pair> pairs;
    for (int i = 0; i < 4; ++i) {
        pairs.push_back(attached_socket_pair());
        co_await fill(pairs.back().out);
        auto shut = co_await pairs.back().in.shutdown(io_handle::direction::writing);
        REQUIRE(shut);
    }
    handle_pair source = attached_pipe();
    co_await write_whole(source.out, "m");
    std::size_t moved = 0;
    task_group group;
    auto sent = group.spawn(send_message(pairs[0].out, "sent"));
    auto ready = group.spawn(poll_writable(pairs[1].out));
    auto spliced = group.spawn(move_bytes(source.in, pairs[2].out, moved));
    auto written = group.spawn(write_error(pairs[3].out));
    co_await settle();
    auto polls = co_await polls_while_idle();
    REQUIRE(polls < polls_of_idle_max);
    for (handle_pair& pair : pairs) co_await drain(pair.in);
    for (auto* each : {&sent, &ready, &spliced, &written}) {
        const std::error_code ended = co_await *each;
        REQUIRE(ended == std::error_code());
    }
    REQUIRE(moved == 1);
}

CO_TEST_CASE("a splice whose target is closed lets go of it before the close is over",
             "[runtime][io]") {
    handle_pair from = attached_pipe();
    handle_pair to = attached_pipe();
    co_await fill(to.out);
    co_await write_whole(from.out, "stays");
    std::size_t moved = 0;
    task_group group;
    auto pending = group.spawn(move_bytes(from.in, to.out, moved));
    co_await settle();
    auto closed = co_await to.out.close_and_wait();
    std::array<std::byte, 4096> buffer{};
    std::size_t got = 1;
    while (got > 0) {  // to the end of the stream, which is there at once
        auto part = co_await to.in.read_some(buffer);
        got = part.value();
    }
    const std::error_code ended = co_await pending;
    REQUIRE(closed);
    REQUIRE(ended == errc::cancelled);
}

CO_TEST_CASE("a receive through which nothing comes leaves nothing of the last one",
             "[runtime][io]") {
    handle_pair pair = attached_socket_pair();
    co_await write_whole(pair.out, "x");
    auto armed = co_await pair.in.receive_lent();
    auto ends = current_kernel().make_pipe().value();
    outgoing_message message(bytes_of("h"));
    REQUIRE(message.attach(ends.first));
    auto sent = co_await pair.out.send(message);
    std::array<std::byte, 64> buffer{};
    incoming_message incoming(buffer);
    auto got = co_await pair.in.receive(incoming);
    REQUIRE(armed->bytes().size() == 1);
    REQUIRE(sent);
    REQUIRE(got.value() == 1);
    REQUIRE(incoming.handles.size() == 1);
    pair.out.close();
    auto end = co_await pair.in.receive(incoming);
    REQUIRE(end.value() == 0);
    REQUIRE(incoming.handles.empty());
}

TEST_CASE("a datagram for whom has no room is refused at once", "[runtime][io]") {
    auto body = []() -> task<> {
        kernel& here = current_kernel();
        const temp_dir folder;
        const auto address = socket_address::unix_path(folder.path() + "/full").value();
        auto full = here.make_socket(socket_family::unix_domain, socket_kind::datagram).value();
        REQUIRE(here.bind(full, address));
        auto one = here.make_socket(socket_family::unix_domain, socket_kind::datagram).value();
        auto out = io_handle::attach(std::move(one)).value();
        outgoing_message message(bytes_of("one"));
        message.to(address);
        std::error_code refused;
        for (int i = 0; i < 100'000 && !refused; ++i) {
            auto sent = co_await out.send(message);
            refused = sent.error();
        }
        REQUIRE(refused == std::errc::resource_unavailable_try_again);
    };
    run_on_each_kernel(body);
}
