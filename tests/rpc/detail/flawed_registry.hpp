// SPDX-License-Identifier: BSL-1.0
//
// Tables of a matchmaker that are wrong in one way each, to see that registry_model_test.cpp would
// notice.

#pragma once

#include <conduit/rpc/detail/registry.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace conduit::rpc::detail {

struct drops_a_change : registry {
    using registry::registry;
    std::vector<watch_item> take(watch_id id, std::size_t most) {
        auto items = registry::take(id, most);
        std::erase_if(items, [&](const watch_item& item) {
            return item.kind == watch_item_kind::change && ++changes == 50;
        });
        return items;
    }
    int changes = 0;
};
struct resumes_with_a_gap : registry {
    using registry::registry;
    auto watch(std::uint32_t uid, name_pattern pattern, std::optional<table_position> from) {
        if (from && from->revision < at().revision) ++from->revision;
        return registry::watch(uid, std::move(pattern), from);
    }
};
struct serves_the_last_first : registry {
    using registry::registry;
    std::vector<served_waiter> take_served() {
        auto served = registry::take_served();
        std::reverse(served.begin(), served.end());
        return served;
    }
};
struct forgets_who_can_read : registry {
    using registry::registry;
    std::vector<watch_id> take_readable() {
        auto ids = registry::take_readable();
        if (ids.size() > 2) ids.pop_back();
        return ids;
    }
};
struct counts_one_too_many : registry {
    counts_one_too_many(std::uint64_t epoch, std::uint32_t own, registry_limits limits,
                        const announce_policy& policy)
        : registry(epoch, own, limits.instances_per_name_max(5), policy) {}
};
struct forgets_why : registry {
    using registry::registry;
    bool remove(instance_id id, gone_reason /*why*/) {
        return registry::remove(id, gone_reason::process_ended);
    }
};
struct removes_what_leaves : registry {
    using registry::registry;
    auto withdraw(const instance_owner& owner, instance_id id) {
        auto done = registry::withdraw(owner, id);
        if (done) registry::remove(id, gone_reason::withdrawn);
        return done;
    }
};

}  // namespace conduit::rpc::detail
