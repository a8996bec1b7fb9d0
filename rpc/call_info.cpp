// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/call_info.hpp>
#include <conduit/rpc/detail/connection_state.hpp>
#include <conduit/runtime/assert.hpp>

namespace conduit::rpc {

const rpc::metadata& call_info::metadata() const noexcept {
    static const rpc::metadata none;
    return metadata_ != nullptr ? *metadata_ : none;
}

std::shared_ptr<peer_link> call_info::link() const {
    return static_cast<detail::connection_state*>(back_)->link();
}

const call_info& this_call_awaiter::await_resume() const noexcept {
    const call_info* const* found = find_value(call_key);
    CONDUIT_ASSERT(found != nullptr, "this_call() is for procedures while they serve a call");
    return **found;
}

}  // namespace conduit::rpc
