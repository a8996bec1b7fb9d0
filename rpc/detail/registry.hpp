// SPDX-License-Identifier: BSL-1.0
//
// The matchmaker's table: which process offers which interface where, who waits for one and who
// watches. It does no I/O, knows no clock and calls nobody back; the service on top of it checks
// who is asking, notices deaths, and after each call asks who is to be answered.
//
//     registry table(epoch, uid);
//     auto announced = table.announce(owner, {"demo.echo", "unix:/run/x"});
//     auto found = table.lookup({"demo.echo"});
//     table.remove(announced->id, gone_reason::process_ended);
//     for (auto& one : table.take_served()) answer(one);
//     for (watch_id id : table.take_readable()) send(id, table.take(id, 64));

#pragma once

#include <conduit/rpc/detail/announce_policy.hpp>
#include <conduit/rpc/detail/change_history.hpp>
#include <conduit/rpc/detail/instance_index.hpp>
#include <conduit/rpc/detail/instance_rules.hpp>
#include <conduit/rpc/detail/registry_limits.hpp>
#include <conduit/rpc/detail/registry_snapshot.hpp>
#include <conduit/rpc/detail/user_shares.hpp>
#include <conduit/rpc/detail/wait_table.hpp>
#include <conduit/rpc/detail/watch_table.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/result.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace conduit::rpc::detail {

struct announced_instance {
    table_position at;
    instance_id id;
    std::optional<instance_id> replaced;  // the one whose place it took
    bool was_confirmed = false;           // known from before a restart, with the id of then
};

struct found_in_table {
    table_position at;
    bool is_warming = false;  // after a restart: what is missing may still come back
    std::vector<instance_ptr> instances;
};

struct registry_counters {
    std::size_t names = 0;
    std::size_t instances = 0;
    std::size_t watches = 0;
    std::size_t waiters = 0;
    std::size_t bytes = 0;
    std::size_t users = 0;
    std::size_t changes_queued = 0;  // for watchers
    std::size_t changes_remembered = 0;
    std::uint64_t watch_overflows = 0;  // watchers that were slow and had to begin anew
    std::uint64_t refused = 0;          // for any limit
};

/// Of one thread. Each change has the next revision, and each answer says at which it was given.
///
/// A name belongs to the user who announced it first for as long as one of its instances is there;
/// another one is refused unless the policy says they share. What begins with "conduit." is for
/// root and the matchmaker's own user.
///
/// Refusals are permission_denied for what is not the caller's, resource_exhausted for a limit,
/// which the text names with both figures, invalid_argument for what can never be right, and
/// not_found.
class registry {
public:
    /// An epoch is greater than each before it, over restarts. `own_uid` is the matchmaker's.
    registry(std::uint64_t epoch, std::uint32_t own_uid, const registry_limits& limits = {});
    registry(std::uint64_t epoch, std::uint32_t own_uid, const registry_limits& limits,
             const announce_policy& policy);
    registry(const registry&) = delete;
    registry& operator=(const registry&) = delete;
    ~registry() = default;

    table_position at() const noexcept { return {epoch_, revision_}; }
    /// Whether there was a restart so recently that announcements may still be missing.
    bool is_warming() const noexcept { return warm_at_.has_value(); }

    // --- offers ---------------------------------------------------------------------------------
    /// Takes up an instance. One of the same user at the same address loses its place to it: its
    /// process has died, or has lost its connection and come back. An unconfirmed one of the same
    /// process is confirmed and keeps its id.
    result<announced_instance, fault> announce(const instance_owner& owner, instance_offer offer);
    /// Whether announce() would be refused for what is offered, or by whom; with the offer brought
    /// into the form that it has in the table.
    result<void, fault> check(const instance_owner& owner, instance_offer& offer) const;
    /// Whether announce() would be refused for a limit.
    result<void, fault> check_room(const instance_owner& owner, const instance_offer& offer);
    /// Changes one's own. What is so already is no change.
    result<table_position, fault> update(const instance_owner& owner, instance_id id,
                                         instance_update update);
    /// One's own is not found any more, and stays until it is removed.
    result<table_position, fault> withdraw(const instance_owner& owner, instance_id id);

    /// It does not answer, or does so again. False where that is nothing new, or there is none.
    bool suspect(instance_id id);
    bool recover(instance_id id);
    /// False where there is none any more. `detail` is for people: "killed by signal 9".
    bool remove(instance_id id, gone_reason reason, std::string detail = {});

    /// From now on; what it allows no more is removed. Yields how many those were.
    std::size_t use_policy(const announce_policy& policy);

    // --- questions ------------------------------------------------------------------------------
    /// Those that answer, in the order of comes_before(), without those that leave.
    result<found_in_table, fault> lookup(instance_query query) const;
    /// A page of all there is, by name and then by id, from behind `after`.
    result<found_in_table, fault> list(const name_pattern& pattern,
                                       const std::optional<index_key>& after,
                                       std::size_t most) const;

    /// Null where there is none.
    instance_ptr find(instance_id id) const { return index_.find(id); }

    /// Waits for one that is alive; take_served() has it, at once if it is there.
    result<waiter_id, fault> wait(std::uint32_t uid, instance_query query);
    bool stop_waiting(waiter_id id) { return waiters_.remove(id); }
    std::vector<served_waiter> take_served() { return waiters_.take_served(); }

    /// Tells changes from a position on, or all there is and then changes; see watch_table.hpp.
    result<watch_opened, fault> watch(std::uint32_t uid, name_pattern pattern,
                                      std::optional<table_position> from);
    bool unwatch(watch_id id) { return watches_.close(id); }
    std::vector<watch_item> take(watch_id id, std::size_t most) {
        return watches_.take(id, most, index_, at());
    }
    std::vector<watch_id> take_readable() { return watches_.take_readable(); }

    // --- over restarts --------------------------------------------------------------------------
    /// Without those that leave.
    registry_snapshot snapshot() const;
    /// Takes up what a predecessor knew, as unconfirmed until `grace_ends`, before anything else is
    /// done with the table. What is of another boot, cannot be right or is over a limit is dropped.
    registry_adopted adopt(registry_snapshot from, const boot_id& boot,
                           clock::time_point grace_ends);
    /// When expire() has something to do.
    std::optional<clock::time_point> next_deadline() const noexcept { return warm_at_; }
    /// Removes what was not confirmed in time, and yields how many those were.
    std::size_t expire(clock::time_point now);

    registry_counters counters() const noexcept;

private:
    result<announce_right, fault> check_right(std::uint32_t uid, const std::string& name) const;
    result<void, fault> check_holder(std::uint32_t uid, const std::string& name,
                                     announce_right right) const;
    result<instance_ptr, fault> own(const instance_owner& owner, instance_id id) const;
    instance_ptr at_address(const instance_offer& offer) const;
    bool has_name(std::uint32_t uid, const std::string& name) const;

    result<void, fault> charge(std::uint32_t uid, const instance_offer& offer);
    void give_back(std::uint32_t uid, const instance_offer& offer) noexcept;
    result<void, fault> charge_instead(std::uint32_t uid, std::size_t old_bytes,
                                       std::size_t new_bytes);
    result<announced_instance, fault> confirm(const instance_ptr& known, instance_offer offer);
    result<announced_instance, fault> replace(const instance_ptr& old, const instance_owner& owner,
                                              instance_offer offer);
    result<void, fault> insert(const instance& added);
    std::string adoption_problem(const instance& from, const boot_id& boot) const;
    std::string adopt_one(instance one, const boot_id& boot);

    instance_ptr make(const instance& like);
    void change(const instance& newer);
    void publish(change_kind kind, gone_reason reason, instance_ptr what, std::string detail = {});

    std::uint64_t epoch_;
    std::uint32_t own_uid_;
    std::size_t instances_per_name_max_;
    const announce_policy* policy_;
    user_shares shares_;
    instance_index index_;
    change_history history_;
    watch_table watches_;
    wait_table waiters_;
    std::uint64_t revision_ = 0;
    std::uint64_t last_number_ = 0;
    std::uint64_t refused_per_name_ = 0;
    std::optional<clock::time_point> warm_at_;
};

}  // namespace conduit::rpc::detail
