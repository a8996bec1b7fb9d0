// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/server_places.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

namespace conduit::rpc::detail {

std::shared_ptr<server_place> server_places::take(const std::shared_ptr<server_places>& from,
                                                  std::string user, std::size_t worker,
                                                  no_place& why) {
    server_places& all = *from;
    const std::lock_guard lock(all.mutex_);
    why = all.no_room();
    if (!why.reached) why = all.no_room_for(user);
    if (why.reached) return nullptr;
    std::size_t* const of_user = user.empty() ? nullptr : &all.of_user_[user];
    auto taken = std::make_shared<server_place>(from, std::move(user), worker);
    if (of_user != nullptr) ++*of_user;
    ++all.connections_;
    ++all.strangers_;
    ++all.loads_[worker].connections;
    ++all.loads_[worker].strangers;
    return taken;
}

no_place server_places::no_room() const {
    no_place why;
    if (connections_ < connections_max_) return why;
    why.text = "there are " + std::to_string(connections_) + " connections, of at most " +
               std::to_string(connections_max_) + " (connections_max)";
    why.reached = limit::connections_max;
    return why;
}

no_place server_places::no_room_for(const std::string& user) const {
    no_place why;
    const auto found = of_user_.find(user);
    if (found == of_user_.end() || found->second < per_user_max_) return why;
    why.text = user + " has " + std::to_string(found->second) + " connections, of at most " +
               std::to_string(per_user_max_) + " (connections_per_user_max)";
    why.reached = limit::connections_per_user_max;
    return why;
}

bool server_places::has_room_for_stranger() const {
    const std::lock_guard lock(mutex_);
    return strangers_ < strangers_max_;
}

std::string server_places::strangers_text() const {
    const std::lock_guard lock(mutex_);
    return std::to_string(strangers_) + " connections have not greeted, of at most " +
           std::to_string(strangers_max_) + ", and this one is the oldest (strangers_max)";
}

std::size_t server_places::connections() const {
    const std::lock_guard lock(mutex_);
    return connections_;
}

std::size_t server_places::least_loaded() const {
    const std::lock_guard lock(mutex_);
    const auto least = std::ranges::min_element(loads_, {}, &load::connections);
    return static_cast<std::size_t>(std::distance(loads_.begin(), least));
}

std::size_t server_places::strangest() const {
    const std::lock_guard lock(mutex_);
    const auto most = std::ranges::max_element(loads_, {}, &load::strangers);
    return static_cast<std::size_t>(std::distance(loads_.begin(), most));
}

server_place::~server_place() {
    greeted();
    const std::lock_guard lock(of_->mutex_);
    --of_->connections_;
    --of_->loads_[worker_].connections;
    if (user_.empty()) return;
    const auto found = of_->of_user_.find(user_);
    if (--found->second == 0) of_->of_user_.erase(found);
}

bool server_place::move_to(std::string user, no_place& why) {
    if (user_.empty() || user == user_) return true;
    const std::lock_guard lock(of_->mutex_);
    why = of_->no_room_for(user);
    if (why.reached) return false;
    ++of_->of_user_[user];
    const auto found = of_->of_user_.find(user_);
    if (--found->second == 0) of_->of_user_.erase(found);
    user_ = std::move(user);
    return true;
}

void server_place::greeted() noexcept {
    if (!is_stranger_) return;
    is_stranger_ = false;
    const std::lock_guard lock(of_->mutex_);
    --of_->strangers_;
    --of_->loads_[worker_].strangers;
}

}  // namespace conduit::rpc::detail
