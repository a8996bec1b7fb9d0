// SPDX-License-Identifier: BSL-1.0
//
// One of any number of instances of a key-value store, until SIGINT or SIGTERM:
//
//     11_key_value_server unix:/run/user/1000/one      an absolute path, so that others find it
//
// The instances find one another, and their clients find them, through the matchmaker: conduitd, or
// what CONDUIT_MATCHMAKER says. Each holds everything. 11_key_value_client is the other side.

#include "11_key_value_store.hpp"

#include <conduit/rpc/connect.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/rpc/matchmaker.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/queue.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/within.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

class replica final : public key_value_store, public key_value_replica {
public:
    explicit replica(std::string address) : own_(std::move(address)) {}

    // --- what it is to clients ------------------------------------------------------------------

    task<std::optional<std::string>> get(std::string key) override {
        const auto found = entries_.find(key);
        if (found == entries_.end()) co_return std::nullopt;
        co_return found->second.value;
    }

    task<> put(std::string key, std::string value) override {
        if (entries_.size() >= keys_max && !entries_.contains(key)) {
            throw rpc::fault(rpc::status::resource_exhausted, "the store has as many keys as fit");
        }
        const entry made = apply(entry{std::move(key), std::move(value), latest_ + 1, own_});
        // By tasks of its own: a client that goes away must not end them halfway.
        std::vector<child<void>> told;
        for (const auto& [where, other] : others_)
            told.push_back(own_tasks_.spawn(tell(where, made)));
        for (child<void>& each : told) co_await each;
        if (own_tasks_.stop_requested()) throw leaving();  // and so perhaps nobody was told
    }

    stream<entry> watch(std::string prefix) override {
        const std::string begin = std::move(prefix);
        const watcher here(watchers_);  // before it looks, so that it misses nothing
        const std::vector<entry> present = all_of(begin);
        for (const entry& each : present) co_yield entry(each);
        while (auto changed = co_await here.changes->pop()) {
            if (changed->key.starts_with(begin)) co_yield std::move(*changed);
        }
        if (own_tasks_.stop_requested()) throw leaving();
        throw rpc::fault(rpc::status::resource_exhausted, "too slow for the changes: watch again");
    }

    // --- what it is to the others ---------------------------------------------------------------

    task<> take(entry one) override {
        apply(std::move(one));
        co_return;
    }

    task<> meet(std::string address) override {
        auto known = own_tasks_.spawn(know(std::move(address)));
        const peer other = co_await known;
        if (!other) throw rpc::fault(rpc::status::unavailable, "who wants to be met is not there");
        const std::vector<entry> present = all_of("");
        for (const entry& each : present) co_await (*other)->take(each);
    }

    /// Has those that are there already tell of all they have.
    task<> meet_all(rpc::matchmaker& here) {
        const auto found = co_await here.lookup<key_value_replica>();
        for (const rpc::instance& each : found.instances) {
            if (each.offer.address == own_) continue;
            auto met = co_await rpc::try_call(meet_one(each.offer.address));
            if (!met && met.error().code() != rpc::status::unavailable) throw met.error();
        }
    }

    /// Ends all watches when the program is asked to end: a server waits for what is under way.
    task<> end_watches_when_asked() {
        event never;
        co_await never.wait();
        for (queue<entry>& each : watchers_) each.close();
    }

private:
    using peer = std::shared_ptr<rpc::client<key_value_replica>>;

    static constexpr std::size_t keys_max = 100'000;

    static rpc::fault leaving() { return {rpc::status::unavailable, "this instance ends"}; }

    /// A place among those who watch, for as long as one does.
    struct watcher {
        explicit watcher(std::list<queue<entry>>& of)
            : all(of), changes(of.emplace(of.end(), 1000)) {}
        watcher(const watcher&) = delete;
        ~watcher() { all.erase(changes); }

        std::list<queue<entry>>& all;
        std::list<queue<entry>>::iterator changes;
    };

    /// Keeps what is later than what is there, and yields what it was given.
    entry apply(entry given) {
        latest_ = std::max(latest_, given.revision);
        entry& kept = entries_[given.key];
        if (std::tie(given.revision, given.writer) > std::tie(kept.revision, kept.writer)) {
            kept = given;
            for (queue<entry>& each : watchers_) {
                if (!each.try_push(entry(given))) each.close();
            }
        }
        return given;
    }

    std::vector<entry> all_of(const std::string& prefix) const {
        std::vector<entry> found;
        for (auto each = entries_.lower_bound(prefix); each != entries_.end(); ++each) {
            if (!each->first.starts_with(prefix)) break;
            found.push_back(each->second);
        }
        return found;
    }

    /// A connection is a part of where it is made. So this is done in own_tasks_: made by a call it
    /// would end with the connection that the call came over. Null where nobody is there.
    task<peer> know(std::string where) {
        const std::string address = std::move(where);
        auto made = co_await rpc::try_call(within(5s, rpc::connect<key_value_replica>(address)));
        if (!made) co_return nullptr;
        const peer other = std::make_shared<rpc::client<key_value_replica>>(std::move(*made));
        others_[address] = other;
        co_return other;
    }

    task<> meet_one(std::string where) {
        auto known = own_tasks_.spawn(know(std::move(where)));
        const peer other = co_await known;
        if (other) co_await (*other)->meet(own_);
    }

    /// One that cannot be reached, not even anew, has ended; when it is back it asks for all. One
    /// that is slow is waited for, or its clients would read what is old.
    task<> tell(std::string where, entry what) {
        const std::string address = std::move(where);
        const entry news = std::move(what);
        for (int tries = 0; tries < 2; ++tries) {
            const auto known = others_.find(address);
            peer other = known == others_.end() ? nullptr : known->second;
            if (!other) other = co_await know(address);
            if (!other) co_return;
            auto told = co_await rpc::try_call((*other)->take(news));
            if (told) co_return;
            const auto failed = others_.find(address);
            if (failed != others_.end() && failed->second == other) others_.erase(failed);
        }
    }

    const std::string own_;
    std::uint64_t latest_ = 0;  // of all revisions heard of
    std::map<std::string, entry> entries_;
    std::list<queue<entry>> watchers_;
    std::map<std::string, peer> others_;  // by address
    task_group own_tasks_;                // what goes on for longer than a call
};

task<int> serve(std::string where) {
    const std::string address = std::move(where);
    replica object(address);
    rpc::server server;
    server.offer<key_value_store>(object);
    server.offer<key_value_replica>(object);
    rpc::matchmaker here;
    try {
        co_await server.listen(address);
        // First the others learn of this one. Those that come later meet it, it meets those that
        // are there; so it misses nothing, and then clients may come.
        const auto patient = rpc::announce_options().in_background();
        auto to_others = co_await here.announce<key_value_replica>(address, patient);
        const auto met = co_await within(10s, to_others.until_up());
        if (met) throw rpc::fault(rpc::status::unavailable, "no matchmaker at " + here.where());
        co_await object.meet_all(here);
        auto to_clients = co_await here.announce<key_value_store>(address);
        task_scope scope;
        scope.spawn(object.end_watches_when_asked());
        const rpc::drain_outcome end = co_await server.run();
        co_await scope.join();
        co_return end.exit_status();
    } catch (const rpc::fault& why) {
        std::fprintf(stderr, "%s\n", why.what());
        co_return 1;
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 2) return run_until_signal(serve(argv[1]));
    std::fprintf(stderr, "usage: %s ADDRESS\n", argv[0]);
    return 2;
}
