// SPDX-License-Identifier: BSL-1.0
//
// A server at a Unix socket of its own that offers test.calculator.v1.
//
//     served_calculator there;
//     co_await there.listen();
//     auto said = co_await test::run_conduit("describe", there.where);

#pragma once

#include "../rpc/local_calculator.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/rpc/server.hpp>
#include <conduit/runtime/task.hpp>

#include <string>

namespace conduit::test {

struct served_calculator {
    served_calculator() : where("unix:" + folder.path("s")) {
        server.offer<rpc::test::calculator>(object);
    }

    task<> listen() { co_await server.listen(where); }

    const temp_dir folder;
    const std::string where;
    rpc::test::local_calculator object;
    rpc::server server;
};

}  // namespace conduit::test
