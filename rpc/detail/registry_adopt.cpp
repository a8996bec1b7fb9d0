// SPDX-License-Identifier: BSL-1.0
//
// The part of the table that outlives its matchmaker. What a snapshot says is believed no more than
// what a client says.

#include <conduit/rpc/detail/registry.hpp>
#include <conduit/runtime/assert.hpp>

#include <algorithm>
#include <utility>

namespace conduit::rpc::detail {

registry_snapshot registry::snapshot() const {
    registry_snapshot taken{epoch_, revision_, {}};
    for (const auto& [id, one] : index_.all()) {
        if (one->state != instance_state::leaving) taken.instances.push_back(*one);
    }
    return taken;
}

std::string registry::adoption_problem(const instance& from, const boot_id& boot) const {
    if (from.owner.boot != boot) return "it is of another boot";
    if (from.id.epoch >= epoch_) return "its epoch is not over";
    if (from.state > instance_state::suspect) return "it was leaving";
    if (index_.find(from.id) != nullptr) return "its id is there twice";
    if (at_address(from.offer) != nullptr) return "its address is there twice";
    auto right = check_right(from.owner.uid, from.offer.name);
    if (!right) return right.error().what();
    auto held = check_holder(from.owner.uid, from.offer.name, *right);
    return held ? std::string() : held.error().what();
}

std::string registry::adopt_one(instance one, const boot_id& boot) {
    if (auto checked = check_offer(one.offer); !checked) return checked.error().what();
    if (std::string problem = adoption_problem(one, boot); !problem.empty()) return problem;
    one.state = instance_state::unconfirmed;
    auto inserted = insert(one);
    return inserted ? std::string() : inserted.error().what();
}

registry_adopted registry::adopt(registry_snapshot from, const boot_id& boot,
                                 clock::time_point grace_ends) {
    CONDUIT_ASSERT(revision_ == 0, "a snapshot is adopted before anything else is done");
    warm_at_ = grace_ends;
    std::sort(from.instances.begin(), from.instances.end(),
              [](const instance& a, const instance& b) { return a.id < b.id; });
    registry_adopted adopted;
    for (instance& one : from.instances) {
        const instance_id id = one.id;
        std::string problem = adopt_one(std::move(one), boot);
        if (problem.empty()) {
            ++adopted.taken;
        } else if (++adopted.dropped == 1) {
            adopted.first_problem = to_string(id) + ": " + problem;
        }
    }
    return adopted;
}

std::size_t registry::expire(clock::time_point now) {
    if (!warm_at_ || now < *warm_at_) return 0;
    warm_at_.reset();
    std::vector<instance_id> lost;
    for (const auto& [id, one] : index_.all()) {
        if (one->state == instance_state::unconfirmed) lost.push_back(id);
    }
    for (const instance_id id : lost) remove(id, gone_reason::lost_in_restart);
    return lost.size();
}

}  // namespace conduit::rpc::detail
