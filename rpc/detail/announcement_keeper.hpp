// SPDX-License-Identifier: BSL-1.0
//
// What is behind an `announced`: the task that tells the matchmaker of an offer, each time there is
// another matchmaker or this one has lost it. Users see announced.hpp.

#pragma once

#include <conduit/rpc/detail/growing_wait.hpp>
#include <conduit/rpc/detail/matchmaker_source.hpp>
#include <conduit/rpc/detail/matchmaker_verbs.hpp>
#include <conduit/rpc/instance.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/task_group.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace conduit::rpc::detail {

class announcement_keeper {
public:
    /// The offer is checked (instance_rules.hpp).
    announcement_keeper(std::shared_ptr<matchmaker_verbs> at, instance_offer offer);
    announcement_keeper(const announcement_keeper&) = delete;
    announcement_keeper& operator=(const announcement_keeper&) = delete;
    /// Withdraws what is announced.
    ~announcement_keeper();

    void begin();
    /// Tells the matchmaker that is there, once; throws what it says, or that there is none.
    task<void> announce_first();
    task<void> update(instance_update newer);
    task<void> withdraw();

    bool is_up() const noexcept { return link_ != nullptr && !link_->lost().is_set(); }
    event& up() noexcept { return up_; }
    const std::optional<instance_id>& id() const noexcept { return id_; }
    const instance_offer& offer() const noexcept { return offer_; }
    const std::string& why() const noexcept { return why_; }
    std::uint64_t times() const noexcept { return times_; }

private:
    /// One call of announce(), which goes on although its keeper may go: what it brought about is
    /// then taken back.
    struct attempt;

    static task<void> tell(std::shared_ptr<attempt> of, instance_offer offer);
    task<void> keep();
    task<void> hold();
    task<bool> is_missing();
    task<void> announce_at(matchmaker_link_ptr link);
    void take_up(const attempt& made);
    void drop(std::string why);

    std::shared_ptr<matchmaker_verbs> at_;
    instance_offer offer_;
    growing_wait pause_;
    matchmaker_link_ptr link_;  // where it is announced
    std::optional<instance_id> id_;
    std::chrono::milliseconds spread_{0};
    std::string why_;
    std::uint64_t times_ = 0;
    bool complained_ = false;
    event up_;
    std::shared_ptr<attempt> under_way_;
    task_group tasks_;  // uses what is above
};

}  // namespace conduit::rpc::detail
