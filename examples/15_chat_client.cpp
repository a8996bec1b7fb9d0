// SPDX-License-Identifier: BSL-1.0
//
// Two members of 15_chat_server's room, who talk and print what they heard:
//
//     15_chat_client [ADDRESS]

#include "15_chat.hpp"

#include <conduit/rpc/connect.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

class member final : public chat_member {
public:
    task<rpc::one_way> hear(std::string line) override {
        heard_.push_back(std::move(line));
        more_.set();
        co_return rpc::one_way();
    }
    task<> until_heard(std::size_t lines) {
        while (heard_.size() < lines) {
            more_.reset();
            const std::error_code ended = co_await more_.wait();
            if (ended) throw std::system_error(ended);
        }
    }
    void print(const char* as) const {
        for (const std::string& line : heard_) std::printf("%s heard: %s\n", as, line.c_str());
    }

private:
    std::vector<std::string> heard_;
    event more_;
};

/// The server may be started a little later.
task<rpc::client<chat_room>> enter(std::string where, member& as) {
    for (;;) {
        auto options = rpc::connect_options().offer<chat_member>(as);
        auto made = co_await rpc::try_call(rpc::connect<chat_room>(where, options));
        if (made) co_return std::move(*made);
        if (made.error().code() != rpc::status::unavailable) throw made.error();
        co_await sleep_for(10ms);
    }
}

task<int> chat(std::string where) {
    member ann;
    member bob;
    auto of_ann = co_await within(10s, enter(where, ann));
    auto of_bob = co_await within(10s, enter(where, bob));
    task_scope scope;
    scope.spawn(of_ann->join("ann"));
    co_await ann.until_heard(1);
    scope.spawn(of_bob->join("bob"));
    co_await bob.until_heard(1);
    co_await of_bob->say("bob", "hello ann");
    co_await of_ann->say("ann", "hello bob");
    co_await ann.until_heard(4);
    co_await bob.until_heard(3);
    ann.print("ann");
    bob.print("bob");
    co_return 0;  // both leave: their calls are cancelled with the scope
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(chat(argc > 1 ? argv[1] : "unix:chat.socket"));
    } catch (const std::exception& why) {
        std::fprintf(stderr, "%s\n", why.what());
        return 1;
    }
}
