// SPDX-License-Identifier: BSL-1.0
//
// What answers the calls of conduit.matchmaker: the table (registry.hpp) with the world around it.
// It knows who calls, goes to announced addresses, watches announcers, and wakes who waits. How it
// is served, and what it keeps on disk, is matchmaker_server.hpp's.

#pragma once

#include <conduit/channels/unix_stream.hpp>
#include <conduit/rpc/detail/announce_policy.hpp>
#include <conduit/rpc/detail/announcers.hpp>
#include <conduit/rpc/detail/chance.hpp>
#include <conduit/rpc/detail/handle_ledger.hpp>
#include <conduit/rpc/detail/log_limit.hpp>
#include <conduit/rpc/detail/reach_table.hpp>
#include <conduit/rpc/detail/registry.hpp>
#include <conduit/rpc/detail/token_bucket.hpp>
#include <conduit/rpc/matchmaker_interface.hpp>
#include <conduit/rpc/matchmaker_options.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/task_group.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace conduit::rpc::detail {

/// Of one scheduler. Must outlive the calls it serves.
class matchmaker_service final : public matchmaker_interface, private announcer_watcher {
public:
    /// The policy must outlive it, or use_policy() puts another one in its place before.
    matchmaker_service(const matchmaker_options& options, std::uint64_t epoch,
                       const announce_policy& policy);
    matchmaker_service(const matchmaker_service&) = delete;
    matchmaker_service& operator=(const matchmaker_service&) = delete;
    ~matchmaker_service() override = default;

    task<announcement> announce(instance_offer offer) override;
    task<table_position> update(instance_id id, instance_update update) override;
    task<table_position> withdraw(instance_id id) override;
    task<found_instances> lookup(instance_query query) override;
    task<found_instances> list(name_pattern pattern, std::optional<index_key> after,
                               std::uint32_t most) override;
    task<found_instances> find(instance_query query) override;
    task<connected_instance> connect(instance_query query) override;
    stream<watch_event> watch(name_pattern pattern, std::optional<table_position> from) override;
    task<void> report_unreachable(instance_id id) override;
    task<matchmaker_status> status() override;
    task<std::vector<waiting_client>> waits(std::uint64_t after, std::uint32_t most) override;

    /// Takes up what a predecessor knew, as far as its processes live, before anything is served.
    registry_adopted adopt(registry_snapshot from);
    registry_snapshot snapshot() const { return table_.snapshot(); }
    table_position at() const noexcept { return table_.at(); }
    /// Set by each change of the table; for who keeps it on disk to reset.
    event& changed() noexcept { return changed_; }

    /// From now on. Yields how many instances it removed.
    std::size_t use_policy(const announce_policy& policy);

    /// Ends what waits, with unavailable, and lets the table as it is: what goes away from now on
    /// is the end of this matchmaker and not of those who announced.
    void stop() noexcept;

    /// What status() says beside what the table counts.
    void count(std::string what, std::uint64_t value) { counts_[std::move(what)] = value; }

private:
    struct caller_known {
        std::uint32_t uid = 0;
        std::int32_t pid = 0;
        std::shared_ptr<peer_link> link;
    };
    class wait_place;
    class watch_place;

    static caller_known caller_of(const call_info& call);
    announcer& announcer_of(const caller_known& who);
    void check_running() const;

    task<void> until_offered(caller_known who, instance_query query);
    found_instances answer(const found_in_table& found) const;
    std::chrono::milliseconds spread() const;
    instance_ptr choose(const std::vector<instance_ptr>& from);
    task<std::optional<unix_stream>> try_connect(instance_ptr to);

    void has_gone(const announcer& who, gone_reason reason, std::string detail) override;
    void is_silent(const announcer& who) override;
    void is_back(const announcer& who) override;

    void not_reached(const instance& which, const fault& why);
    void reached(instance_id id);
    bool may_report(std::uint32_t uid);
    task<void> look_at(instance_ptr which);
    void begin_looks();
    task<void> keep_looking();
    void want_looks();
    void forget_gone() noexcept;
    task<void> watch_unconfirmed(instance_owner owner, std::vector<instance_id> ids);
    task<void> expire();
    void remove(instance_id id, gone_reason reason, std::string detail);

    /// After each change of the table.
    void settle();

    clock::duration accept_within_;
    clock::duration confirm_within_;
    clock::time_point since_;
    std::uint32_t own_uid_;
    registry table_;
    handle_ledger handles_;
    chance dice_;
    std::map<waiter_id, wait_place*> waiting_;
    std::map<watch_id, watch_place*> watching_;
    reach_table reach_;
    std::map<std::string, std::uint64_t> counts_;
    std::map<gone_reason, std::uint64_t> gone_;
    bool stopped_ = false;
    std::map<std::uint32_t, token_bucket> reports_;  // by user
    bool looks_ = false;
    event looks_changed_;  // some are due, or there is room for more
    event changed_;
    log_limit lines_;

    announcers announcers_;
    task_group tasks_;  // use what is above
};

}  // namespace conduit::rpc::detail
