// SPDX-License-Identifier: BSL-1.0
//
// The rpc rows on conduit: calls, a stream of items and large arguments, through a contract and its
// stub as a user has them. The floor is raw/mini_rpc.cpp, the peers are in peers/; raw/rpc_run.hpp
// measures them all.
//
//     rpc_bench epoll|uring unary|stream|bulk unix|tcp|tls <connections> <in flight> <bytes> [ms]

#include <conduit/channels/address.hpp>
#include <conduit/channels/any_stream.hpp>
#include <conduit/channels/connect.hpp>
#include <conduit/channels/tcp_listener.hpp>
#include <conduit/channels/tls_stream.hpp>
#include <conduit/channels/unix_listener.hpp>
#include <conduit/rpc/connection.hpp>
#include <conduit/rpc/interface.hpp>
#include <conduit/rpc/service_table.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/stream.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/task_scope.hpp>

#include "raw/rpc_run.hpp"
#include "tls_identity.hpp"

#include <cstdint>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

class echo_service {
public:
    virtual ~echo_service() = default;
    virtual conduit::task<std::string> echo(std::string text) = 0;
    virtual conduit::task<std::uint64_t> take(std::string text) = 0;
    virtual conduit::stream<std::string> items(std::string pattern) = 0;
};
CONDUIT_INTERFACE(echo_service, "bench.echo.v1", (echo, text), (take, text), (items, pattern))

}  // namespace bench

namespace {

namespace rpc = conduit::rpc;
using bench::echo_service;
using conduit::task;

/// Lets the process that measures see the scheduler's count.
void show_system_calls(rpc_side& mine) {
    const auto& counters = conduit::scheduler::current().counters();
    mine.system_calls.store(static_cast<long>(counters.system_calls.value()),
                            std::memory_order_relaxed);
}

// --- the server ---------------------------------------------------------------------------------

class echo_server final : public echo_service {
public:
    explicit echo_server(rpc_side& mine) : mine_(mine) {}

    task<std::string> echo(std::string text) override {
        show_system_calls(mine_);
        co_return text;
    }
    task<std::uint64_t> take(std::string text) override {
        show_system_calls(mine_);
        co_return text.size();
    }
    conduit::stream<std::string> items(std::string pattern) override {
        for (;;) {
            show_system_calls(mine_);
            co_yield pattern;
        }
    }

private:
    rpc_side& mine_;
};

template <class Listener>
task<> serve_all(Listener& listener, const rpc_shape& shape, rpc_side& mine) {
    const auto context = bench::tls_for_server();
    echo_server object(mine);
    rpc::service_table offers;
    offers.add<echo_service>(object);
    std::vector<std::unique_ptr<rpc::connection>> clients;
    for (;;) {
        auto accepted = co_await listener.accept();
        conduit::any_stream client(std::move(accepted.value()));
        if (shape.is_tls) {
            auto secured = co_await conduit::tls_stream::accept(std::move(client), *context);
            client = conduit::any_stream(std::move(secured.value()));
        }
        clients.push_back(std::make_unique<rpc::connection>(std::move(client), offers));
    }
}

task<> serve_at(conduit::address where, const rpc_shape& shape, rpc_side& mine) {
    if (where.kind() == conduit::address_kind::tcp) {
        auto listener = conduit::tcp_listener::listen(0);
        mine.listens_at(listener.value().local_address().value().port());
        co_await serve_all(listener.value(), shape, mine);
    } else {
        auto listener = conduit::unix_listener::listen(where.path());
        mine.listens_at(0);
        co_await serve_all(listener.value(), shape, mine);
    }
}

// --- the client ---------------------------------------------------------------------------------

void expect_size(std::size_t size, const rpc_shape& shape) {
    if (size != shape.size) throw std::runtime_error("not the size that was sent");
}

task<> call_for_ever(rpc::connection& there, const rpc_shape& shape, rpc_side& mine) {
    rpc::stub<echo_service> stub(there);
    const std::string text(shape.size, 'a');
    for (;;) {
        const std::int64_t begun = mine.begin();
        if (shape.mode == "bulk") {
            const std::uint64_t size = co_await stub.take(text);
            expect_size(size, shape);
        } else {
            const std::string reply = co_await stub.echo(text);
            expect_size(reply.size(), shape);
        }
        mine.done(begun);
        show_system_calls(mine);
    }
}

task<> read_items(rpc::connection& there, const rpc_shape& shape, rpc_side& mine) {
    rpc::stub<echo_service> stub(there);
    auto items = stub.items(std::string(shape.size, 'a'));
    while (auto item = co_await items.next()) {
        expect_size(item->size(), shape);
        mine.done(0);
        show_system_calls(mine);
    }
}

task<> call_all(conduit::address where, const rpc_shape& shape, rpc_side& mine) {
    const auto context = bench::tls_for_client();
    std::vector<std::unique_ptr<rpc::connection>> servers;
    conduit::task_scope scope;
    for (int i = 0; i < shape.connections; ++i) {
        auto connected = co_await conduit::connect(where);
        conduit::any_stream server = std::move(connected.value());
        if (shape.is_tls) {
            auto secured =
                co_await conduit::tls_stream::connect(std::move(server), *context, "localhost");
            server = conduit::any_stream(std::move(secured.value()));
        }
        servers.push_back(std::make_unique<rpc::connection>(std::move(server)));
        rpc::connection& there = *servers.back();
        if (shape.mode == "stream") scope.spawn(read_items(there, shape, mine));
        for (int n = 0; shape.mode != "stream" && n < shape.in_flight; ++n) {
            scope.spawn(call_for_ever(there, shape, mine));
        }
    }
    co_await scope.join();
}

template <conduit::backend_kind kind>
void serve(const rpc_shape& shape, const std::string& address, rpc_side& mine) {
    conduit::scheduler sched(conduit::scheduler_options().backend(kind));
    sched.run(serve_at(conduit::address::parse(address).value(), shape, mine));
}

template <conduit::backend_kind kind>
void call(const rpc_shape& shape, const std::string& address, rpc_side& mine) {
    conduit::scheduler sched(conduit::scheduler_options().backend(kind));
    sched.run(call_all(conduit::address::parse(address).value(), shape, mine));
}

template <conduit::backend_kind kind>
constexpr rpc_program on_conduit(const char* who) {
    return {who, serve<kind>, call<kind>, true};
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view backend = argc > 1 ? argv[1] : "";
    if (backend == "epoll") {
        return run_rpc(on_conduit<conduit::backend_kind::epoll>("conduit_epoll"), argc - 1,
                       argv + 1);
    }
    if (backend == "uring") {
        return run_rpc(on_conduit<conduit::backend_kind::uring>("conduit_uring"), argc - 1,
                       argv + 1);
    }
    std::cerr << "usage: rpc_bench epoll|uring unary|stream|bulk unix|tcp|tls ...\n";
    return 2;
}
