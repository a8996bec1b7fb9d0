// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/connection.hpp>
#include <conduit/rpc/detail/connection_state.hpp>

#include <utility>

namespace conduit::rpc {

connection::connection(any_stream over, const service_table& offers,
                       const connection_options& options)
    : state_(std::make_unique<detail::connection_state>(std::move(over), &offers, options)) {}

connection::connection(any_stream over, const connection_options& options)
    : state_(std::make_unique<detail::connection_state>(std::move(over), nullptr, options)) {}

connection::~connection() = default;

bool connection::is_open() const noexcept { return state_->is_open(); }

event::wait_operation connection::until_down() noexcept { return state_->down_event().wait(); }

bool connection::is_down() const noexcept { return state_->is_down(); }

const std::optional<detail::wire_fault>& connection::why() const noexcept { return state_->why(); }

task<void> connection::drain() { return state_->drain(); }

void connection::close() noexcept { state_->close_now(); }

const std::optional<credentials>& connection::peer() const noexcept { return state_->peer(); }

const connection_counters& connection::counters() const noexcept { return state_->counters(); }

std::size_t connection::calls_served_now() const noexcept { return state_->served_now(); }

std::size_t connection::calls_made_now() const noexcept { return state_->made().taken(); }

detail::connection_state* connection::ready(const detail::method_row& method) noexcept {
    return state_->can_open(method) ? state_.get() : nullptr;
}

task<detail::connection_state*> connection::until_ready(const detail::method_row& method) {
    auto may = state_->until_can_open(method);
    co_await std::move(may);
    co_return state_.get();
}

}  // namespace conduit::rpc
