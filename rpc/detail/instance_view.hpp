// SPDX-License-Identifier: BSL-1.0
//
// What a watch has told so far of the instances that answer a query, without I/O. When a matchmaker
// has restarted it may not know yet of instances that are there: those that were known before and
// are missing then are kept for a while.
//
//     instance_view view(query, 10s);
//     view.apply(event, now);
//     pool.set_addresses(view.addresses());

#pragma once

#include <conduit/rpc/instance.hpp>
#include <conduit/rpc/matchmaker_interface.hpp>
#include <conduit/runtime/clock.hpp>

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace conduit::rpc::detail {

class instance_view {
public:
    /// The query is checked (instance_rules.hpp).
    instance_view(instance_query query, clock::duration keep_missing);

    void apply(const watch_event& event, clock::time_point now);

    /// When expire() has something to do.
    std::optional<clock::time_point> next_deadline() const noexcept;
    void expire(clock::time_point now);

    /// Whether one can know: a first resync is complete.
    bool is_known() const noexcept { return is_known_; }
    table_position at() const noexcept { return at_; }

    /// In the order of preference, the kept ones behind the others.
    std::vector<instance> instances() const;
    /// How many of them are only kept.
    std::size_t kept() const noexcept { return kept_.size(); }

    /// Where to connect: alive ones of a weight, else what there is, of each address one. The kept
    /// ones are among them.
    std::vector<std::string> addresses() const;

private:
    bool answers(const instance& what) const noexcept;
    void put(const instance& what);
    void begin_resync(const watch_event& event);
    void complete(const watch_event& event, clock::time_point now);

    instance_query query_;
    clock::duration keep_missing_;
    std::map<instance_id, instance> known_;
    std::map<instance_id, instance> before_;  // the resync under way
    std::map<std::string, instance> kept_;    // by address
    clock::time_point kept_until_ = clock::time_point::max();
    table_position at_;
    std::optional<std::uint64_t> epoch_before_;
    bool is_known_ = false;
    bool is_resyncing_ = false;
};

}  // namespace conduit::rpc::detail
