// SPDX-License-Identifier: BSL-1.0
//
// A matchmaker that says what a test told it, so that what the program prints of it is known to the
// letter.
//
//     told_matchmaker there;
//     there.known = {told_instance("demo.clock.v1", "unix:/run/clock", 12)};
//     co_await there.listen();
//     auto said = co_await test::run_conduit("list", "--matchmaker", there.where);

#pragma once

#include "../support/temp_dir.hpp"

#include <conduit/rpc/fault.hpp>
#include <conduit/rpc/matchmaker_interface.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/task.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace conduit::test {

/// Version 1.2, weight 100, of process 4711 and user 1000, in epoch 7.
inline rpc::instance told_instance(std::string name, std::string address, std::uint64_t number) {
    rpc::instance made;
    made.id = {7, number};
    made.owner.pid = 4711;
    made.owner.uid = 1000;
    made.offer.name = std::move(name);
    made.offer.address = std::move(address);
    made.offer.version = {1, 2};
    return made;
}

struct told_matchmaker final : rpc::matchmaker_interface {
    told_matchmaker() : where("unix:" + folder.path("m")) {
        server.offer<rpc::matchmaker_interface>(*this);
    }

    task<> listen() { co_await server.listen(where); }

    rpc::found_instances answer() const {
        rpc::found_instances found;
        found.at = {7, 33};
        found.source = source;
        found.age = age;
        return found;
    }

    /// As far as there is room.
    void add(const rpc::instance& one, rpc::found_instances& to) const {
        if (to.instances.size() < room) {
            to.instances.push_back(one);
        } else {
            ++to.left_out;
        }
    }

    task<rpc::found_instances> lookup(rpc::instance_query query) override {
        asked = query;
        rpc::found_instances found = answer();
        for (const auto& each : known) {
            if (each.offer.name == query.name) add(each, found);
        }
        co_return found;
    }
    task<rpc::found_instances> list(rpc::name_pattern pattern, std::optional<rpc::index_key> after,
                                    std::uint32_t most) override {
        rpc::found_instances found = answer();
        for (const auto& each : known) {
            const rpc::index_key key{each.offer.name, each.id};
            if (!pattern.includes(each.offer.name) || (after && key <= *after)) continue;
            if (found.instances.size() + found.left_out < most) add(each, found);
        }
        co_return found;
    }
    /// Waits until `announced` is set where nobody has that name.
    task<rpc::found_instances> find(rpc::instance_query query) override {
        const rpc::instance_query own = std::move(query);
        const rpc::found_instances now = co_await lookup(own);
        if (!now.instances.empty()) co_return now;
        waiting.set();
        const std::error_code stopped = co_await announced.wait();
        if (stopped) throw rpc::fault(rpc::status::cancelled, "stopped");
        co_return co_await lookup(own);
    }
    /// What it was told, and then nothing until it goes.
    stream<rpc::watch_event> watch(rpc::name_pattern pattern,
                                   std::optional<rpc::table_position> /*from*/) override {
        watched = pattern;
        for (const auto& each : events) co_yield each;
        waiting.set();
        const std::error_code stopped = co_await announced.wait();
        static_cast<void>(stopped);
    }
    /// A few at a time, so that who wants all has to ask again.
    task<std::vector<rpc::waiting_client>> waits(std::uint64_t after,
                                                 std::uint32_t /*most*/) override {
        constexpr std::size_t page = 2;
        std::vector<rpc::waiting_client> some;
        for (auto i = static_cast<std::size_t>(after); i < waiters.size(); ++i) {
            if (some.size() == page) break;
            some.push_back(waiters[i]);
            some.back().number = i + 1;
        }
        co_return some;
    }
    task<rpc::matchmaker_status> status() override {
        rpc::matchmaker_status now;
        now.at = {7, 33};
        now.up = std::chrono::minutes(2);
        co_return now;
    }

    // Not for the program.
    task<rpc::announcement> announce(rpc::instance_offer /*offer*/) override { throw refusal(); }
    task<rpc::table_position> update(rpc::instance_id /*id*/,
                                     rpc::instance_update /*update*/) override {
        throw refusal();
    }
    task<rpc::table_position> withdraw(rpc::instance_id /*id*/) override { throw refusal(); }
    /// Hands nothing over: who asks has to connect.
    task<rpc::connected_instance> connect(rpc::instance_query /*query*/) override {
        throw rpc::fault(rpc::status::failed_precondition, "not told");
    }
    task<void> report_unreachable(rpc::instance_id /*id*/) override { throw refusal(); }

    static rpc::fault refusal() { return {rpc::status::unimplemented, "not told"}; }

    std::vector<rpc::instance> known;  // by name, then by id
    std::vector<rpc::watch_event> events;
    std::vector<rpc::waiting_client> waiters;
    rpc::answer_source source = rpc::answer_source::live;
    std::chrono::milliseconds age{0};
    std::size_t room = 1000;  // for instances in an answer
    std::optional<rpc::instance_query> asked;
    std::optional<rpc::name_pattern> watched;
    event waiting;    // set when somebody waits
    event announced;  // to be set by the test

    const temp_dir folder;
    const std::string where;
    rpc::server server;
};

}  // namespace conduit::test
