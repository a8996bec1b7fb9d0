// SPDX-License-Identifier: BSL-1.0
#include "io_workload.hpp"

#include "loopback.hpp"
#include "settle.hpp"

#include <conduit/runtime/error.hpp>
#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/task_scope.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <vector>

namespace conduit::test {
namespace {

task<> echo_bytes(io_handle& end, std::size_t expected) {
    std::array<std::byte, 64> buffer{};
    for (std::size_t done = 0; done < expected;) {
        auto got = co_await end.read_some(buffer);
        auto sent = co_await end.write_some(std::span(buffer).first(got.value()));
        done += sent.value();
    }
}

task<> ask_bytes(io_handle& end, std::size_t times) {
    std::array<std::byte, 64> buffer{};
    for (std::size_t i = 0; i < times; ++i) {
        auto sent = co_await end.write_some(bytes_of("12345678"));
        REQUIRE(sent.value() == 8);
        for (std::size_t done = 0; done < 8;) {
            auto got = co_await end.read_some(buffer);
            done += got.value();
        }
    }
}

/// Of a stream in which bytes that change places show.
std::byte byte_at(std::size_t position) noexcept {
    return static_cast<std::byte>(position * 31 + position / 251);
}

}  // namespace

task<> many_echoes(int connections, std::size_t times) {
    std::vector<handle_pair> pairs;
    for (int i = 0; i < connections; ++i) pairs.push_back(attached_socket_pair());
    task_scope scope;
    for (handle_pair& pair : pairs) {
        scope.spawn(echo_bytes(pair.in, 8 * times));
        scope.spawn(ask_bytes(pair.out, times));
    }
    co_await scope.join();
}

task<std::error_code> read_once(io_handle& in) {
    std::array<std::byte, 16> buffer{};
    auto got = co_await in.read_some(buffer);
    co_return got.error();
}

task<> cancel_many(int count) {
    std::vector<handle_pair> pairs;
    for (int i = 0; i < count; ++i) pairs.push_back(attached_pipe());
    task_group group;
    std::vector<child<std::error_code>> reads;
    for (handle_pair& pair : pairs) reads.push_back(group.spawn(read_once(pair.in)));
    co_await settle();
    for (auto& read : reads) read.request_stop();
    for (auto& read : reads) {
        const std::error_code ended = co_await read;
        REQUIRE(ended == errc::cancelled);
    }
}

task<std::size_t> take_lent(io_handle& in) {
    std::size_t total = 0;
    for (;;) {
        auto got = co_await in.receive_lent();
        if (got.value().empty()) co_return total;
        const std::span<const std::byte> bytes = got->bytes();
        std::size_t in_order = 0;
        while (in_order < bytes.size() && bytes[in_order] == byte_at(total + in_order)) ++in_order;
        REQUIRE(in_order == bytes.size());
        total += bytes.size();
    }
}

task<> send_and_close(io_handle out, std::size_t bytes) {
    io_handle mine = std::move(out);
    std::vector<std::byte> all(bytes);
    for (std::size_t at = 0; at < bytes; ++at) all[at] = byte_at(at);
    std::span<const std::byte> rest(all);
    for (int writes = 1; !rest.empty(); ++writes) {
        const std::size_t most = writes % 8 == 0 ? 50'000 : 300;
        auto sent = co_await mine.write_some(rest.first(std::min(rest.size(), most)));
        rest = rest.subspan(sent.value());
    }
}

task<> many_lent(int connections, std::size_t bytes) {
    std::vector<handle_pair> pairs;
    for (int i = 0; i < connections; ++i) pairs.push_back(attached_socket_pair());
    task_scope scope;
    std::vector<child<std::size_t>> takers;
    for (handle_pair& pair : pairs) {
        takers.push_back(scope.spawn(take_lent(pair.in)));
        scope.spawn(send_and_close(std::move(pair.out), bytes));
    }
    for (auto& taker : takers) {
        const std::size_t got = co_await taker;
        REQUIRE(got == bytes);
    }
    co_await scope.join();
}

task<> accept_all(int count) {
    auto [socket, address] = listen_on_loopback(64);
    auto listener = io_handle::attach(std::move(socket)).value();
    std::vector<io_handle> clients;
    for (int i = 0; i < count; ++i) {
        clients.push_back(attached_tcp_socket());
        auto connected = co_await clients.back().connect(address);
        REQUIRE(connected);
    }
    for (int i = 0; i < count; ++i) {
        auto peer = co_await listener.accept_many();
        REQUIRE(peer);
    }
}

task<> some_of_everything() {
    co_await many_echoes(20, 5);
    co_await cancel_many(20);
    co_await many_lent(10, 5000);
    co_await many_lent(6, 200'000);
    co_await accept_all(20);
}

}  // namespace conduit::test
