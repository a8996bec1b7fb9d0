// SPDX-License-Identifier: BSL-1.0
//
// Calls to a child process over its standard input and output: the way to keep what may crash, or
// what needs another environment, apart. Here the parent starts this program once more; it could be
// "exec:ssh host program child" as well.

#include <conduit/rpc/connect.hpp>
#include <conduit/rpc/interface.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/within.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

using namespace conduit;
using namespace std::chrono_literals;

class speller {
public:
    virtual ~speller() = default;

    virtual task<std::string> backwards(std::string word) = 0;
};
CONDUIT_INTERFACE(speller, "demo.speller.v1", (backwards, word))

namespace {

class spells final : public speller {
public:
    task<std::string> backwards(std::string word) override {
        if (word == "bug") std::quick_exit(3);  // this one ends the whole process
        co_return std::string(word.rbegin(), word.rend());
    }
};

/// What is printed here would go to the parent, in between the calls: stderr is free.
task<int> run_child() {
    spells object;
    rpc::server server;
    server.offer<speller>(object);
    co_await server.listen("stdio:");
    co_await server.until_left();
    co_return 0;
}

task<rpc::client<speller>> start_child() {
    co_return co_await rpc::connect<speller>("exec:/proc/self/exe child");
}

task<int> run_parent() {
    auto child = co_await start_child();
    for (const std::string_view word : {"stressed", "bug"}) {
        auto spelled = co_await rpc::try_call(within(10s, child->backwards(std::string(word))));
        std::printf("%s: %s\n", word.data(), spelled ? spelled->c_str() : spelled.error().what());
    }

    auto next = co_await start_child();  // a fresh one knows nothing of that
    const std::string spelled = co_await next->backwards("drawer");
    std::printf("drawer: %s\n", spelled.c_str());
    co_await next.close();  // its input ends, and with it the child
    co_return 0;
}

}  // namespace

int main(int argc, char**) { return run(argc > 1 ? run_child() : run_parent()); }
