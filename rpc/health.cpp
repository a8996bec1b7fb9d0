// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/enumerators.hpp>
#include <conduit/rpc/health.hpp>

#include <cstddef>
#include <optional>
#include <system_error>

namespace conduit::rpc {

std::string_view to_string(health_state state) noexcept {
    const auto& names = detail::dense_names<health_state>;
    const auto number = static_cast<std::size_t>(state);
    return number < names.size() ? names[number] : names[0];
}

void health_service::set(std::string service, health_state state) {
    states_.insert_or_assign(std::move(service), entry{state, true});
    tell();
}

void health_service::serve_all() {
    for (auto& [name, each] : states_) {
        if (!each.was_set) each.state = health_state::serving;
    }
    tell();
}

void health_service::end_all() {
    ended_ = true;
    tell();
}

void health_service::tell() {
    changed_.set();
    changed_.reset();
}

health_state health_service::state_of(std::string_view service) const {
    const auto found = states_.find(service);
    if (found == states_.end()) return health_state::unknown;
    return ended_ ? health_state::not_serving : found->second.state;
}

task<health_state> health_service::check(std::string service) { co_return state_of(service); }

task<std::map<std::string, health_state>> health_service::list() {
    std::map<std::string, health_state> all;
    for (const auto& [name, each] : states_) all.emplace(name, state_of(name));
    co_return all;
}

stream<health_state> health_service::watch(std::string service) {
    const std::string own = std::move(service);
    std::optional<health_state> told;
    for (;;) {
        const health_state now = state_of(own);
        const bool is_last = ended_;
        if (told != now) {
            told = now;
            co_yield now;
        }
        if (is_last) break;
        if (state_of(own) != now || ended_) continue;  // it changed while the receiver was busy
        const auto stopped = co_await changed_.wait();
        if (stopped) co_yield failed::with(std::system_error(stopped));
    }
}

}  // namespace conduit::rpc
