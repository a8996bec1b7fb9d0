// SPDX-License-Identifier: BSL-1.0
//
// Servers of one interface by name, in this process and over memory streams, which come, go and
// drain as a test says; for tests of what keeps connections up.
//
//     test::fleet servers;
//     servers.start("a");
//     rpc::pool_client<test::vessel> there({"a", "b"}, servers.options());
//     auto name = co_await there->who();                      // "a"
//     servers.stop("a");                                      // its connections break

#pragma once

#include <conduit/channels/any_stream.hpp>
#include <conduit/channels/memory_stream.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/rpc/interface.hpp>
#include <conduit/rpc/pool_options.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/stream.hpp>
#include <conduit/runtime/task.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace conduit::test {

class vessel {
public:
    virtual ~vessel() = default;
    virtual task<std::string> who() = 0;   // idempotent
    virtual task<std::string> once() = 0;  // the same, but for that
    virtual task<std::string> wait() = 0;  // until it is released; idempotent
    virtual stream<std::uint32_t> count(std::uint32_t to) = 0;
    virtual task<std::uint64_t> sum(stream<std::uint32_t> numbers) = 0;  // idempotent
};
CONDUIT_INTERFACE(vessel, "test.vessel", who, once, wait, count, sum)

constexpr auto conduit_methods(rpc::contract<vessel>) {
    return rpc::methods(rpc::method<&vessel::who>().idempotent(),
                        rpc::method<&vessel::wait>().idempotent(),
                        rpc::method<&vessel::sum>().idempotent());
}

class local_vessel final : public vessel {
public:
    explicit local_vessel(std::string name) : name_(std::move(name)) {}

    task<std::string> who() override {
        ++calls;
        if (refusals > 0) {
            --refusals;
            throw *refusal;
        }
        co_return name_;
    }
    task<std::string> once() override { return who(); }
    task<std::string> wait() override {
        ++waiting;
        changed.set();
        co_await release.wait();
        --waiting;
        co_return name_;
    }
    stream<std::uint32_t> count(std::uint32_t to) override {
        for (std::uint32_t i = 1; i <= to; ++i) co_yield std::uint32_t(i);
    }
    task<std::uint64_t> sum(stream<std::uint32_t> numbers) override {
        stream<std::uint32_t> in = std::move(numbers);
        std::uint64_t total = 0;
        while (auto number = co_await in.next()) total += *number;
        if (refusals > 0) {
            --refusals;
            throw *refusal;
        }
        co_return total;
    }

    int calls = 0;
    int waiting = 0;
    event changed;
    event release;
    int refusals = 0;
    std::optional<rpc::fault> refusal;

private:
    std::string name_;
};

class fleet {
public:
    struct member {
        member(const std::string& name, rpc::server_options options)
            : object(name), server(std::move(options)) {
            server.offer<vessel>(object);
        }

        local_vessel object;
        rpc::server server;
    };

    member& start(const std::string& name, const rpc::server_options& options = {}) {
        running_[name] = std::make_unique<member>(name, options);
        return *running_[name];
    }
    void stop(const std::string& name) { running_.erase(name); }

    /// Instead of a server: what is to be done with a stream that was opened.
    void take(const std::string& name, std::function<void(any_stream)> with) {
        takers_[name] = std::move(with);
    }

    /// For pools that open streams to these servers; whoever is not there refuses.
    rpc::pool_options options() {
        return rpc::pool_options().opens_by(
            [this](std::string where) { return open(this, std::move(where)); });
    }

    struct attempt {
        std::string where;
        clock::time_point at;
    };
    std::vector<attempt> attempts;

private:
    static task<any_stream> open(fleet* of, std::string where) {
        const std::string name = std::move(where);
        attempt made;
        made.where = name;
        made.at = clock::now();
        of->attempts.push_back(made);
        auto ends = make_memory_stream_pair();
        if (const auto taker = of->takers_.find(name); taker != of->takers_.end()) {
            taker->second(any_stream(std::move(ends.second)));
        } else if (const auto found = of->running_.find(name); found != of->running_.end()) {
            found->second->server.serve(any_stream(std::move(ends.second)));
        } else {
            throw rpc::fault(rpc::status::unavailable,
                             "cannot connect to '" + name + "': not there")
                .ran(false, true);
        }
        co_return any_stream(std::move(ends.first));
    }

    std::map<std::string, std::unique_ptr<member>> running_;
    std::map<std::string, std::function<void(any_stream)>> takers_;
};

}  // namespace conduit::test
