// SPDX-License-Identifier: BSL-1.0
//
// Who is told of changes, and what each has still to be told. A watcher that is slow, new or comes
// back too late is told to begin anew, and then all there is; it never misses something in silence.
//
//     auto opened = watches.open(uid, {"demo.", true}, std::nullopt, history, at);
//     watches.publish(change);
//     for (watch_id id : watches.take_readable()) send(id, watches.take(id, 64, index, at));

#pragma once

#include <conduit/rpc/detail/change_history.hpp>
#include <conduit/rpc/detail/instance_index.hpp>
#include <conduit/rpc/detail/user_shares.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/runtime/result.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace conduit::rpc::detail {

using watch_id = std::uint64_t;

enum class watch_item_kind : std::uint8_t {
    resync,    // forget all; the position is none to resume from
    present,   // after a resync: this is there
    complete,  // after a resync: that was all, and is what was so at this position
    change,    // what happened; from here one may resume, unless a resync is not complete yet
};

struct watch_item {
    watch_item_kind kind = watch_item_kind::change;
    table_position at;
    registry_change change;  // of present only its instance
    bool operator==(const watch_item&) const = default;
};

struct watch_opened {
    watch_id id = 0;
    table_position at;        // now
    bool is_resumed = false;  // changes follow from where it was; otherwise a resync comes first
};

/// Watchers and their queues. Of one instance, items come in the order of revisions, and none comes
/// twice.
///
/// A resync is told in pages while the table goes on changing, so it takes no copy of the table:
/// what changes behind the page that was told last is queued, what changes before it will be told
/// as it is then.
class watch_table {
public:
    watch_table(const registry_limits& limits, user_shares& shares) noexcept
        : shares_(&shares),
          changes_max_(limits.watch_changes_max()),
          bytes_max_(limits.watch_bytes_max()) {}

    /// Begins where `from` says, if that is known, or with a resync. Refused where the user has too
    /// many.
    result<watch_opened, fault> open(std::uint32_t uid, name_pattern pattern,
                                     std::optional<table_position> from,
                                     const change_history& history, table_position now);
    /// False where there is none.
    bool close(watch_id id);

    /// Tells it to all whom it concerns. What does not fit into a watcher's queue, or its user's
    /// share of bytes, makes it begin anew.
    void publish(const registry_change& change, std::uint64_t epoch);

    /// The next items, at most so many; none for a watch that is not there.
    std::vector<watch_item> take(watch_id id, std::size_t most, const instance_index& index,
                                 table_position now);

    /// Which got something to take since they were last emptied, each once, in that order.
    std::vector<watch_id> take_readable();

    std::size_t size() const noexcept { return watchers_.size(); }
    /// How many changes wait in all queues.
    std::size_t queued() const noexcept { return queued_; }
    /// How often a watcher had to begin anew because it was slow.
    std::uint64_t overflows() const noexcept { return overflows_; }

private:
    enum class phase : std::uint8_t { resync_due, telling_present, completing, live };

    struct watcher {
        std::uint32_t uid = 0;
        name_pattern pattern;
        phase is = phase::resync_due;
        bool is_readable = false;       // was said by take_readable(), or will be
        std::optional<index_key> told;  // the last one that was told in this resync
        std::deque<watch_item> queue;
        std::size_t bytes = 0;  // of the queue
    };
    using id_list = std::vector<watch_id>;

    std::vector<watch_id> concerned(const std::string& name) const;
    void enqueue(watch_id id, watcher& to, const registry_change& change, std::uint64_t epoch);
    void begin_anew(watcher& who);
    void drop_queue(watcher& who);
    void set_readable(watch_id id, watcher& who);
    watch_item pop(watcher& from);
    bool take_one(watcher& from, const instance_index& index, table_position now,
                  std::vector<watch_item>& items);
    std::map<std::string, id_list, std::less<>>& ids_like(const name_pattern& pattern) noexcept {
        return pattern.is_prefix ? by_prefix_ : by_name_;
    }

    user_shares* shares_;
    std::size_t changes_max_;
    std::size_t bytes_max_;
    std::map<watch_id, watcher> watchers_;
    std::map<std::string, id_list, std::less<>> by_name_;
    std::map<std::string, id_list, std::less<>> by_prefix_;
    std::vector<watch_id> readable_;
    watch_id last_id_ = 0;
    std::size_t queued_ = 0;
    std::uint64_t overflows_ = 0;
};

/// What a watch counts for in its user's bytes, beside its queue.
std::size_t bytes_of(const name_pattern& pattern) noexcept;

}  // namespace conduit::rpc::detail
