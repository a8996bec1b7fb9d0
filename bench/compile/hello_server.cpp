// SPDX-License-Identifier: BSL-1.0
//
// compile.hello.server: how long a server that says hello takes to compile.

#include <conduit/rpc/server.hpp>
#include <conduit/runtime/run.hpp>

#include "hello.hpp"

namespace {

class polite_greeter final : public greeter {
    conduit::task<std::string> hello(std::string name) override { co_return "hello, " + name; }
};

conduit::task<> serve() {
    polite_greeter object;
    conduit::rpc::server server;
    server.offer<greeter>(object);
    co_await server.listen("unix:/run/user/1000/hello.sock");
    co_await server.run();
}

}  // namespace

int main() { conduit::run_until_signal(serve()); }
