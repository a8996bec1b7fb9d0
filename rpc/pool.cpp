// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/pool_state.hpp>
#include <conduit/rpc/pool.hpp>

#include <utility>

namespace conduit::rpc {

pool::pool(std::vector<std::string> addresses, pool_options options)
    : pool(std::make_shared<detail::pool_state>(std::move(options))) {
    state_->set_addresses(std::move(addresses));
}

pool::pool(std::shared_ptr<detail::pool_state> state)
    : caller(state->retries()), state_(std::move(state)) {}

pool::~pool() { state_->shut(); }

void pool::set_addresses(std::vector<std::string> addresses) {
    state_->set_addresses(std::move(addresses));
}

task<void> pool::drain() { return detail::pool_state::drain(state_); }

std::size_t pool::connections_now() const noexcept { return state_->connections_now(); }

std::size_t pool::calls_made_now() const noexcept { return state_->calls_made_now(); }

pool_counters pool::counters() const noexcept { return state_->counters(); }

detail::connection_state* pool::ready(const detail::method_row& method) noexcept {
    return state_->ready(method);
}

task<detail::connection_state*> pool::until_ready(const detail::method_row& method) {
    return detail::pool_state::until_ready(state_, &method);
}

}  // namespace conduit::rpc
