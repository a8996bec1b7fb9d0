// SPDX-License-Identifier: BSL-1.0
//
// A room where everybody hears what anybody says, until SIGINT or SIGTERM:
//
//     15_chat_server [--once] [ADDRESS]                with --once until the last member has left
//
// 15_chat_client is the other side.

#include "15_chat.hpp"

#include <conduit/rpc/call_info.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/runtime/queue.hpp>
#include <conduit/runtime/run.hpp>

#include <cstdio>
#include <list>
#include <string>
#include <string_view>
#include <utility>

using namespace conduit;

namespace {

class room final : public chat_room {
public:
    /// Runs for as long as the member is here, and passes on to it what is said.
    task<> join(std::string name) override {
        const std::string who = std::move(name);
        const rpc::call_info& call = co_await rpc::this_call();
        rpc::stub<chat_member> member(call.caller());
        const place here(members_);
        tell_all(who + " joins");
        while (auto line = co_await here.heard->pop()) co_await member.hear(std::move(*line));
    }

    task<> say(std::string name, std::string line) override {
        tell_all(name + ": " + line);
        co_return;
    }

private:
    /// A place among the members, for the time of join().
    struct place {
        explicit place(std::list<queue<std::string>>& of)
            : all(of), heard(of.emplace(of.end(), 100)) {}
        place(const place&) = delete;
        ~place() { all.erase(heard); }

        std::list<queue<std::string>>& all;
        std::list<queue<std::string>>::iterator heard;
    };

    /// Who does not keep up misses what does not fit.
    void tell_all(const std::string& line) {
        for (queue<std::string>& each : members_)
            static_cast<void>(each.try_push(std::string(line)));
    }

    std::list<queue<std::string>> members_;
};

task<int> serve(std::string where, bool once) {
    const std::string address = std::move(where);
    room object;
    rpc::server server;
    server.offer<chat_room>(object);
    try {
        co_await server.listen(address);
    } catch (const rpc::fault& why) {
        std::fprintf(stderr, "%s\n", why.what());
        co_return 1;
    }
    if (once) {
        co_await server.until_left();
        co_return 0;
    }
    const rpc::drain_outcome end = co_await server.run();
    co_return end.exit_status();
}

}  // namespace

int main(int argc, char** argv) {
    const bool once = argc > 1 && std::string_view(argv[1]) == "--once";
    const int next = once ? 2 : 1;
    return run_until_signal(serve(next < argc ? argv[next] : "unix:chat.socket", once));
}
