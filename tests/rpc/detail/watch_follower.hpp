// SPDX-License-Identifier: BSL-1.0
//
// A client of the matchmaker's watches, for registry_model_test.cpp.

#pragma once

#include <conduit/rpc/detail/instance_rules.hpp>
#include <conduit/rpc/detail/watch_table.hpp>

#include <cstdint>
#include <map>
#include <optional>

namespace conduit::test {

/// What somebody knows who has only been told by a watch.
struct watch_follower {
    rpc::name_pattern pattern;
    std::uint32_t uid = 0;
    std::map<rpc::instance_id, rpc::instance> known;
    std::optional<rpc::table_position> position;  // from which it may resume
    std::uint64_t last_revision = 0;              // of a change that was told in `epoch`
    std::uint64_t epoch = 0;
    bool is_syncing = false;

    /// What is wrong with being told this, or null.
    const char* apply(const rpc::detail::watch_item& item) {
        using rpc::detail::watch_item_kind;
        switch (item.kind) {
            case watch_item_kind::resync:
                known.clear();
                position.reset();
                is_syncing = true;
                return nullptr;
            case watch_item_kind::present:
                return known.emplace(item.change.what->id, *item.change.what).second
                           ? nullptr
                           : "a resync tells of an instance twice";
            case watch_item_kind::complete:
                position = item.at;
                is_syncing = false;
                return nullptr;
            case watch_item_kind::change: break;
        }
        if (item.change.revision <= last_revision) return "revisions of changes do not grow";
        last_revision = item.change.revision;
        if (!is_syncing) position = item.at;
        return apply(item.change);
    }
    const char* apply(const rpc::detail::registry_change& change) {
        using rpc::change_kind;
        const rpc::instance_id id = change.what->id;
        const auto at = known.find(id);
        if ((change.kind == change_kind::announced) != (at == known.end())) {
            return "a change does not fit to what was told before";
        }
        if (change.kind == change_kind::gone) {
            known.erase(at);
            return nullptr;
        }
        if (at != known.end() && at->second.revision >= change.revision) return "time goes back";
        known.insert_or_assign(id, *change.what);
        return nullptr;
    }
};

}  // namespace conduit::test
