// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/backend/lent_buffers.hpp>

#include <utility>

namespace conduit {

lent_buffers::lent_buffers(std::size_t count, std::size_t bytes_each,
                           std::function<void()> returned)
    : count_(count),
      bytes_each_(bytes_each),
      memory_(new std::byte[count * bytes_each]),  // not zeroed: pages stay untouched
      returned_(std::move(returned)) {
    free_.reserve(count);
    for (std::size_t i = count; i > 0; --i) free_.push_back(static_cast<std::uint32_t>(i - 1));
}

lent_buffers::~lent_buffers() {
    CONDUIT_ASSERT(free_.size() == count_, "a lent buffer outlived its scheduler");
}

std::optional<std::uint32_t> lent_buffers::take() noexcept {
    if (free_.empty()) return std::nullopt;
    const std::uint32_t number = free_.back();
    free_.pop_back();
    return number;
}

std::span<std::byte> lent_buffers::memory(std::uint32_t number) noexcept {
    return {memory_.get() + number * bytes_each_, bytes_each_};
}

void lent_buffers::give_back(std::uint32_t number) noexcept {
    free_.push_back(number);  // capacity for all was reserved
    returned_();
}

void lent_buffer::give_back() noexcept { lender_->give_back(number_); }

}  // namespace conduit
