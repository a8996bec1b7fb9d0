// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/copy.hpp>

namespace conduit {
namespace {

// More than any pipe holds, so that each step moves all that is there.
constexpr std::size_t splice_max = std::size_t{1} << 20;

}  // namespace

task<result<void>> splice_all(io_handle& from, io_handle& to, copy_state& state) {
    for (;;) {
        auto moved = co_await from.splice_to(to, splice_max);
        if (!moved) co_return moved.error();
        if (*moved == 0) co_return result<void>();
        state.moved_in_kernel(*moved);
    }
}

// EINVAL: neither is a pipe, or one of them cannot; EPERM: epoll cannot wait for one of them.
bool must_not_splice(std::error_code why) noexcept {
    return why == std::errc::invalid_argument || why == std::errc::operation_not_permitted;
}

}  // namespace conduit
