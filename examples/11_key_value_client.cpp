// SPDX-License-Identifier: BSL-1.0
//
// Uses a key-value store that three instances offer, and goes on when it has killed one of them:
//
//     conduitd &
//     for n in 1 2 3; do 11_key_value_server "unix:$PWD/$n" & done
//     11_key_value_client
//
// Where the instances are it knows from the matchmaker alone. For that and for them it waits for 10
// seconds.

#include "11_key_value_store.hpp"

#include <conduit/rpc/fault.hpp>
#include <conduit/rpc/matchmaker.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/within.hpp>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <system_error>

using namespace conduit;
using namespace std::chrono_literals;
using store_client = rpc::balanced_client<key_value_store>;

namespace {

/// Prints each change once, whichever instance tells of it.
class follower {
public:
    task<> follow(key_value_store& store) {
        for (;;) {
            auto changes = store.watch("fruit/");
            auto change = co_await rpc::try_call(changes.next());
            while (change && *change) {
                note(**change);
                change = co_await rpc::try_call(changes.next());
            }
            // Where its instance has gone, or found it too slow, another one begins with all there
            // is, which note() sorts out. Any other end is for good.
            if (change) co_return;
            const rpc::status why = change.error().code();
            const bool again =
                why == rpc::status::unavailable || why == rpc::status::resource_exhausted;
            if (!again) co_return;
        }
    }

    task<> until_seen(std::size_t changes) {
        while (seen_ < changes) {
            more_.reset();
            const std::error_code ended = co_await more_.wait();
            if (ended) throw std::system_error(ended);
        }
    }

private:
    void note(const entry& change) {
        if (change.revision <= revisions_[change.key]) return;
        revisions_[change.key] = change.revision;
        std::printf("changed: %s is %s\n", change.key.c_str(), change.value.c_str());
        ++seen_;
        more_.set();
    }

    std::map<std::string, std::uint64_t> revisions_;
    std::size_t seen_ = 0;
    event more_;
};

task<> until_known(store_client& store, std::size_t instances) {
    while (store.known().instances.size() != instances) {
        const std::error_code ended = co_await store.until_changed();
        if (ended) throw std::system_error(ended);
    }
    std::printf("instances: %zu\n", instances);
}

/// Whichever instances these calls reach: all have what was put.
task<> read_often(key_value_store& store, std::string key) {
    const std::string own = std::move(key);
    std::map<std::string, int> values;
    for (int i = 0; i < 30; ++i) {
        auto value = co_await store.get(own);
        ++values[value.value_or("nothing")];
    }
    for (const auto& [value, times] : values) {
        std::printf("%s read %d times: %s\n", own.c_str(), times, value.c_str());
    }
}

task<> use(store_client& store) {
    follower watching;
    task_scope scope;
    auto following = scope.spawn(watching.follow(*store));
    co_await store->put("fruit/apple", "green");
    co_await watching.until_seen(1);
    co_await store->put("fruit/apple", "red");
    co_await watching.until_seen(2);
    co_await read_often(*store, "fruit/apple");

    const rpc::known_instances servers = store.known();
    ::kill(servers.instances.front().owner.pid, SIGKILL);
    co_await until_known(store, 2);
    co_await read_often(*store, "fruit/apple");
    co_await store->put("fruit/plum", "blue");
    co_await watching.until_seen(3);
    following.request_stop();
    co_await scope.join();
}

task<int> program() {
    rpc::matchmaker here;
    auto store = here.balanced<key_value_store>();
    try {
        std::fprintf(stderr, "waiting for 3 instances, which the matchmaker at %s is to name\n",
                     here.where().c_str());
        co_await within(10s, until_known(store, 3));
        co_await within(30s, use(store));
        co_return 0;
    } catch (const std::exception& why) {
        std::fprintf(stderr, "%s\n", why.what());
        co_return 1;
    }
}

}  // namespace

int main() { return run(program()); }
