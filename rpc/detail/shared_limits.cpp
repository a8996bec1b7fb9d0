// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/shared_limits.hpp>

namespace conduit::rpc::detail {
namespace {

std::string words_for(resource what) {
    switch (what) {
        case resource::memory: return " bytes are in use";
        case resource::calls: return " calls are under way";
        case resource::handles: return " open handles are held";
        case resource::results: return " bytes of results are held";
        case resource::given: break;
    }
    return " open handles were given and are not received";
}

std::string name_of_limit(resource what) {
    switch (what) {
        case resource::memory: return "memory_max";
        case resource::calls: return "calls_max";
        case resource::handles: return "handles_held_max";
        case resource::results: return "memory_max";
        case resource::given: break;
    }
    return "handles_given_max";
}

std::string so_many(std::size_t taken, std::size_t most, resource what) {
    return std::to_string(taken) + " of " + std::to_string(most) + words_for(what);
}

}  // namespace

std::shared_ptr<user_account> shared_limits::user(std::string_view name) {
    if (name.empty()) return std::make_shared<user_account>(shared_from_this(), std::string());
    const auto found = users_.find(name);
    if (found != users_.end()) {
        if (auto there = found->second.lock()) return there;
        users_.erase(found);
    }
    auto made = std::make_shared<user_account>(shared_from_this(), std::string(name));
    users_.emplace(name, made);
    return made;
}

user_account::~user_account() {
    if (name_.empty()) return;
    const auto found = from_->users_.find(name_);
    if (found != from_->users_.end() && found->second.expired()) from_->users_.erase(found);
}

limits_account::~limits_account() {
    if (user_ == nullptr) return;
    for (const resource each : {resource::memory, resource::calls, resource::handles,
                                resource::results, resource::given}) {
        user_->remove(each, taken_.of(each));
    }
}

std::string limits_account::text(resource what) const {
    const std::string limit = " (" + name_of_limit(what) + ")";
    const std::size_t own_left = most_.of(what) - std::min(most_.of(what), taken_.of(what));
    if (user_ == nullptr || own_left <= user_->left(what)) {
        return so_many(taken_.of(what), most_.of(what), what) + limit;
    }
    const std::size_t all = user_->all().most(what);
    if (user_->name().empty()) {
        return so_many(user_->all().taken(what), all, what) + " by all connections" + limit;
    }
    return so_many(user_->taken(what), user_->most(what), what) + " by " + user_->name() +
           ", which is half of what others leave of " + std::to_string(all) + limit;
}

}  // namespace conduit::rpc::detail
