// SPDX-License-Identifier: BSL-1.0
//
// An interface with a method of each kind, for tests of what carries calls, and two connections
// that face each other.
//
//     test::probe_service here;
//     test::facing_connections ends(here);
//     rpc::stub<test::probe> there(ends.client);

#pragma once

#include <conduit/channels/memory_stream.hpp>
#include <conduit/rpc/connection.hpp>
#include <conduit/rpc/interface.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/stream.hpp>
#include <conduit/runtime/task.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>

namespace conduit::test {

class probe {
public:
    virtual ~probe() = default;
    virtual task<std::string> echo(std::string text) = 0;
    virtual task<void> hold() = 0;  // until it is released or stopped
    virtual stream<std::uint32_t> count(std::uint32_t to) = 0;
    virtual task<std::uint64_t> sum(stream<std::uint32_t> numbers) = 0;
    virtual stream<std::string> shout(stream<std::string> texts) = 0;
};
CONDUIT_INTERFACE(probe, "test.probe", (echo, text), hold, (count, to), sum, shout)

class probe_service final : public probe {
public:
    task<std::string> echo(std::string text) override { co_return text; }

    task<void> hold() override {
        ++holding;
        const std::error_code ended = co_await release.wait();
        --holding;
        if (!ended) co_return;
        ++stopped;
        throw std::system_error(ended);
    }

    stream<std::uint32_t> count(std::uint32_t to) override {
        for (std::uint32_t i = 1; i <= to; ++i) {
            ++counted;
            co_yield i;
        }
    }

    task<std::uint64_t> sum(stream<std::uint32_t> numbers) override {
        stream<std::uint32_t> in = std::move(numbers);
        std::uint64_t total = 0;
        while (auto number = co_await in.next()) total += *number;
        co_return total;
    }

    stream<std::string> shout(stream<std::string> texts) override {
        stream<std::string> in = std::move(texts);
        while (auto text = co_await in.next()) co_yield *text + "!";
    }

    event release;
    std::size_t holding = 0;
    std::size_t stopped = 0;
    std::size_t counted = 0;
};

/// The server offers an object, the client calls it; both in this process.
struct facing_connections {
    explicit facing_connections(probe& object, const rpc::connection_options& servers = {},
                                const rpc::connection_options& clients = {})
        : facing_connections(object, make_memory_stream_pair(), servers, clients) {}

    facing_connections(probe& object, memory_stream_ends ends,
                       const rpc::connection_options& servers,
                       const rpc::connection_options& clients)
        : offers(table_of(object)),
          server(any_stream(std::move(ends.first)), offers, servers),
          client(any_stream(std::move(ends.second)), clients) {}

    rpc::service_table offers;
    rpc::connection server;
    rpc::connection client;

private:
    static rpc::service_table table_of(probe& object) {
        rpc::service_table made;
        made.add<probe>(object);
        return made;
    }
};

}  // namespace conduit::test
