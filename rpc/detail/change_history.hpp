// SPDX-License-Identifier: BSL-1.0
//
// What happened to the matchmaker's table, one change for each revision, as far back as is
// remembered: so that a watch that was interrupted goes on without a gap. Who is told is in
// watch_table.hpp.

#pragma once

#include <conduit/rpc/detail/instance_index.hpp>
#include <conduit/rpc/detail/registry_limits.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

namespace conduit::rpc::detail {

struct registry_change {
    std::uint64_t revision = 0;
    change_kind kind = change_kind::announced;
    gone_reason reason = gone_reason::none;  // of gone
    instance_ptr what;                       // as it is from then on; of gone as it was last
    std::string detail;                      // more of the reason, for people
    bool operator==(const registry_change&) const = default;
};

/// What a change counts for where it waits or is remembered, with the instance it keeps.
std::size_t bytes_of(const registry_change& change) noexcept;

class change_history {
public:
    explicit change_history(const registry_limits& limits)
        : changes_max_(limits.history_changes_max()), bytes_max_(limits.history_bytes_max()) {}

    /// Its revision follows that of the one before. The oldest are forgotten for it.
    void push(const registry_change& change);

    /// Whether each change after that revision is remembered, or there was none.
    bool reaches(std::uint64_t revision) const noexcept {
        return revision <= newest_ && newest_ - revision <= changes_.size();
    }

    /// Calls `each` with those after a revision that it reaches, oldest first, until one returns
    /// false.
    template <class F>
    void after(std::uint64_t revision, F&& each) const {
        const auto count = static_cast<std::ptrdiff_t>(newest_ - revision);
        for (auto at = changes_.end() - count; at != changes_.end(); ++at) {
            if (!each(*at)) return;
        }
    }

    std::size_t size() const noexcept { return changes_.size(); }
    std::size_t bytes() const noexcept { return bytes_; }

private:
    std::deque<registry_change> changes_;
    std::uint64_t newest_ = 0;
    std::size_t bytes_ = 0;
    std::size_t changes_max_;
    std::size_t bytes_max_;
};

}  // namespace conduit::rpc::detail
