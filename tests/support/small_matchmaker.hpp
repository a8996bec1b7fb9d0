// SPDX-License-Identifier: BSL-1.0
//
// A matchmaker in this process and over memory streams, which comes, goes and fails as a test says;
// for tests of its clients. It is the table (rpc/detail/registry.hpp) and next to nothing more: who
// announces stays until the test says otherwise.
//
//     test::small_matchmaker daemon;
//     daemon.start();
//     rpc::matchmaker here(daemon.options());
//     ...
//     daemon.stop();                                          // its connections break
//     daemon.start();                                         // with another epoch

#pragma once

#include <conduit/channels/any_stream.hpp>
#include <conduit/channels/memory_stream.hpp>
#include <conduit/rpc/detail/registry.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/rpc/matchmaker_client_options.hpp>
#include <conduit/rpc/matchmaker_interface.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/stream.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace conduit::test {

class table_matchmaker final : public rpc::matchmaker_interface {
public:
    explicit table_matchmaker(std::uint64_t epoch, const rpc::detail::registry_limits& limits)
        : table(epoch, 0, limits) {}

    task<rpc::announcement> announce(rpc::instance_offer offer) override;
    task<rpc::table_position> update(rpc::instance_id id, rpc::instance_update update) override;
    task<rpc::table_position> withdraw(rpc::instance_id id) override;
    task<rpc::found_instances> lookup(rpc::instance_query query) override;
    task<rpc::found_instances> list(rpc::name_pattern pattern, std::optional<rpc::index_key> after,
                                    std::uint32_t most) override;
    task<rpc::found_instances> find(rpc::instance_query query) override;
    task<rpc::connected_instance> connect(rpc::instance_query query) override;
    stream<rpc::watch_event> watch(rpc::name_pattern pattern,
                                   std::optional<rpc::table_position> from) override;
    task<void> report_unreachable(rpc::instance_id id) override;
    task<rpc::matchmaker_status> status() override;
    task<std::vector<rpc::waiting_client>> waits(std::uint64_t after, std::uint32_t most) override;

    /// What an instance's process would bring about by its end.
    void remove(rpc::instance_id id, rpc::gone_reason reason);

    rpc::detail::registry table;
    rpc::instance_owner owner{0, 1, {1, 2, 3}, 100};
    std::chrono::milliseconds spread{0};
    std::vector<clock::time_point> announced_at;
    std::vector<rpc::instance_id> unreachable;
    /// Makes the connections that are handed over; unless set none are made.
    std::function<task<unique_fd>(rpc::instance)> connects;
    int connects_asked = 0;
    int watching = 0;
    int watches = 0;  // that were begun
    int finding = 0;
    int watch_events_most = 0;          // then each watch fails; 0: none does
    event gate;                         // announcements wait for it
    std::optional<rpc::fault> refusal;  // of announce() and watch()
    event moved;

private:
    void tell();
};

class small_matchmaker {
public:
    table_matchmaker& start(const rpc::detail::registry_limits& limits = {});
    void stop();
    /// Ends its connections and takes no others; what it knows it keeps.
    void cut();
    void resume();
    table_matchmaker& object() { return *object_; }
    rpc::server& server() { return *server_; }

    /// How its clients are to reach it.
    rpc::matchmaker_client_options options();

    std::vector<clock::time_point> attempts;
    rpc::server_options served_with;

private:
    static task<any_stream> open(small_matchmaker* of);

    std::uint64_t epoch_ = 0;
    std::unique_ptr<table_matchmaker> object_;
    std::unique_ptr<rpc::server> server_;
};

}  // namespace conduit::test
