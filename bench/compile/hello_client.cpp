// SPDX-License-Identifier: BSL-1.0
//
// compile.hello.client: how long a client that hears hello takes to compile.

#include <conduit/rpc/connect.hpp>
#include <conduit/runtime/run.hpp>

#include "hello.hpp"

#include <cstdio>

namespace {

conduit::task<> call() {
    auto server = co_await conduit::rpc::connect<greeter>("unix:/run/user/1000/hello.sock");
    const std::string answer = co_await server->hello("world");
    std::puts(answer.c_str());
}

}  // namespace

int main() { conduit::run(call()); }
