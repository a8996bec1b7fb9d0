// SPDX-License-Identifier: BSL-1.0
//
// rpc.idle: what a server pays for clients that are connected and call nothing. idle.hpp measures
// it; the same with bare streams is in idle_bench.cpp.
//
//     rpc_idle_bench epoll|uring [connections] [tls]

#include <conduit/channels/any_stream.hpp>
#include <conduit/channels/tls_stream.hpp>
#include <conduit/channels/unix_listener.hpp>
#include <conduit/channels/unix_stream.hpp>
#include <conduit/rpc/connection.hpp>
#include <conduit/rpc/interface.hpp>
#include <conduit/rpc/service_table.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task.hpp>

#include "idle.hpp"
#include "tls_identity.hpp"

#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

class doorbell {
public:
    virtual ~doorbell() = default;
    virtual conduit::task<> ring() = 0;
};
CONDUIT_INTERFACE(doorbell, "bench.doorbell.v1", ring)

}  // namespace bench

namespace {

namespace rpc = conduit::rpc;
using bench::doorbell;
using conduit::task;

class silent_doorbell final : public doorbell {
public:
    task<> ring() override { co_return; }
};

void say_ready(int tell) {
    if (::write(tell, "r", 1) != 1) fail("write");
}

task<> accept_all(std::string path, bool is_tls, int tell) {
    const auto context = bench::tls_for_server();
    auto opened = conduit::unix_listener::listen(path);
    conduit::unix_listener& listener = opened.value();
    silent_doorbell object;
    rpc::service_table offers;
    offers.add<doorbell>(object);
    std::vector<std::unique_ptr<rpc::connection>> clients;
    say_ready(tell);
    for (;;) {
        auto accepted = co_await listener.accept();
        conduit::any_stream client(std::move(accepted.value()));
        if (is_tls) {
            auto secured = co_await conduit::tls_stream::accept(std::move(client), *context);
            client = conduit::any_stream(std::move(secured.value()));
        }
        clients.push_back(std::make_unique<rpc::connection>(std::move(client), offers));
    }
}

/// Each calls once, so that all that is made by the first call is there.
task<> connect_all(std::string path, bool is_tls, long connections, int tell) {
    const auto context = bench::tls_for_client();
    std::vector<std::unique_ptr<rpc::connection>> servers;
    for (long i = 0; i < connections; ++i) {
        auto connected = co_await conduit::unix_stream::connect(path);
        conduit::any_stream server(std::move(connected.value()));
        if (is_tls) {
            auto secured =
                co_await conduit::tls_stream::connect(std::move(server), *context, "localhost");
            server = conduit::any_stream(std::move(secured.value()));
        }
        servers.push_back(std::make_unique<rpc::connection>(std::move(server)));
        rpc::stub<doorbell> there(*servers.back());
        co_await there.ring();
    }
    say_ready(tell);
    co_await servers.front()->until_down();
}

template <bool is_tls>
void serve(conduit::backend_kind kind, const std::string& path, int tell) {
    conduit::scheduler sched(conduit::scheduler_options().backend(kind));
    sched.run(accept_all(path, is_tls, tell));
}

template <bool is_tls>
void connect(const std::string& path, long connections, int tell) {
    conduit::scheduler sched(conduit::scheduler_options().backend(conduit::backend_kind::epoll));
    sched.run(connect_all(path, is_tls, connections, tell));
}

}  // namespace

int main(int argc, char** argv) try {
    const idle_work plain = {"rpc.idle", serve<false>, connect<false>};
    const idle_work secured = {"rpc.idle.tls", serve<true>, connect<true>};
    const bool is_tls = argc > 3 && std::string_view(argv[3]) == "tls";
    return run_idle(is_tls ? secured : plain, argc, argv);
} catch (const std::exception& why) {
    std::cerr << "rpc_idle_bench: " << why.what() << '\n';
    return 1;
}
