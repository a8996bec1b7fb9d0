// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/peer_link.hpp>

#include <conduit/rpc/detail/connection_state.hpp>

#include <new>
#include <system_error>
#include <utility>

namespace conduit::rpc {

peer_link::peer_link(detail::connection_state& of) : state_(&of), peer_(of.peer()) {}

result<unique_fd> peer_link::peer_process() const {
    if (state_ == nullptr) return std::make_error_code(std::errc::not_connected);
    return state_->peer_process();
}

bool peer_link::carries_handles() const noexcept {
    return state_ != nullptr && state_->handles_max() > 0;
}

std::uint64_t peer_link::bytes_received() const noexcept {
    return state_ != nullptr ? state_->counters().bytes_received : 0;
}

void peer_link::ping() noexcept {
    if (state_ == nullptr || state_->is_over()) return;
    try {
        state_->ping();
    } catch (const std::bad_alloc&) {  // a peer that was not asked would count as silent
        state_->give_up();
    }
}

void peer_link::end(std::string why) {
    if (state_ != nullptr) state_->end_on_request(std::move(why));
}

void peer_link::went_down(std::string why) noexcept {
    state_ = nullptr;
    why_ = std::move(why);
    down_.set();
}

}  // namespace conduit::rpc
