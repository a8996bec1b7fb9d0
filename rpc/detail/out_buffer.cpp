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
    const std::size_t room = std::max({first_room, 2 * room_, size_ + bytes});
    auto larger = std::make_unique_for_overwrite<std::byte[]>(room);
    std::copy_n(filling_.get(), size_, larger.get());
    filling_ = std::move(larger);
    room_ = room;
}

void out_buffer::undo(std::uint64_t position) noexcept {
    CONDUIT_ASSERT(position >= loaded_end_ && position <= end(), "this was loaded already");
    size_ = static_cast<std::size_t>(position - loaded_end_);
}

void out_buffer::attach(std::uint64_t position, std::vector<unique_fd> handles) {
    if (!attached_) attached_ = std::make_unique<std::deque<attached>>();
    attached_->push_back(attached{position, std::move(handles)});
}

void out_buffer::load() noexcept {
    if (!left_.empty() || size_ == 0) return;
    std::swap(filling_, sending_);
    std::swap(room_, sending_room_);
    left_ = std::span<const std::byte>(sending_.get(), size_);
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

void out_buffer::sent(std::size_t bytes) noexcept {
    const bool with_handles = bytes > 0 && !handles().empty();
    left_ = left_.subspan(bytes);
    if (!with_handles) return;
    attached_->pop_front();
    if (attached_->empty()) attached_.reset();
}

void out_buffer::rest() noexcept {
    if (sending_room_ > first_room) {
        sending_.reset();
        sending_room_ = 0;
    }
    if (room_ > first_room) {
        filling_.reset();
        room_ = 0;
    }
}

}  // namespace conduit::rpc::detail
