// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/out_buffer.hpp>
#include <conduit/runtime/assert.hpp>

#include <algorithm>
#include <utility>

namespace conduit::rpc::detail {

void out_buffer::append(std::span<const std::byte> bytes) {
    std::copy(bytes.begin(), bytes.end(), append(bytes.size()));
}

void out_buffer::grow(std::size_t bytes) {
    const std::size_t wanted = std::max({least_room, last_, 2 * filling_.size(), size_ + bytes});
    pooled_block larger(wanted);
    if (size_ != 0) std::copy_n(filling_.data(), size_, larger.data());
    filling_ = std::move(larger);
}

void out_buffer::undo(std::uint64_t position) noexcept {
    CONDUIT_ASSERT(position >= loaded_end_ && position <= end(), "this was loaded already");
    size_ = static_cast<std::size_t>(position - loaded_end_);
}

void out_buffer::attach(std::uint64_t position, std::vector<unique_fd> handles,
                        std::size_t charged) {
    if (!attached_) attached_ = std::make_unique<std::deque<attached>>();
    attached_->push_back(attached{position, std::move(handles), charged});
}

void out_buffer::load() noexcept {
    if (!left_.empty() || size_ == 0) return;
    std::swap(filling_, sending_);
    left_ = std::span<const std::byte>(sending_.data(), size_);
    last_ = size_;
    loaded_end_ += size_;
    size_ = 0;
}

std::span<const std::byte> out_buffer::next() const noexcept {
    if (!attached_) return left_;
    for (const attached& with : *attached_) {
        if (with.position <= sent()) continue;
        const std::uint64_t until = with.position - sent();
        return left_.first(static_cast<std::size_t>(std::min<std::uint64_t>(left_.size(), until)));
    }
    return left_;
}

std::span<const unique_fd> out_buffer::handles() const noexcept {
    if (!attached_ || attached_->empty() || attached_->front().position != sent()) return {};
    return attached_->front().handles;
}

std::size_t out_buffer::charged() const noexcept {
    std::size_t all = 0;
    if (attached_ == nullptr) return all;
    for (const attached& each : *attached_) all += each.charged;
    return all;
}

std::size_t out_buffer::sent(std::size_t bytes) noexcept {
    const bool with_handles = bytes > 0 && !handles().empty();
    left_ = left_.subspan(bytes);
    if (!with_handles) return 0;
    const std::size_t charged = attached_->front().charged;
    attached_->pop_front();
    if (attached_->empty()) attached_.reset();
    return charged;
}

void out_buffer::rest() noexcept {
    sending_ = pooled_block();
    filling_ = pooled_block();
}

}  // namespace conduit::rpc::detail
