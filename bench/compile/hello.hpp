// SPDX-License-Identifier: BSL-1.0
//
// The contract of hello_server.cpp and hello_client.cpp, whose compilation is timed.

#pragma once

#include <conduit/rpc/interface.hpp>
#include <conduit/runtime/task.hpp>

#include <string>

class greeter {
public:
    virtual ~greeter() = default;
    virtual conduit::task<std::string> hello(std::string name) = 0;
};
CONDUIT_INTERFACE(greeter, "bench.greeter.v1", (hello, name))
