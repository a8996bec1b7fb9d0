// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/backend/arrivals.hpp>
#include <conduit/runtime/backend/linux_calls.hpp>

#include <liburing.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

namespace conduit {
namespace {

io_uring_recvmsg_out header_of(std::span<const std::byte> memory) noexcept {
    io_uring_recvmsg_out header{};
    std::memcpy(&header, memory.data(), sizeof header);
    return header;
}

}  // namespace

std::size_t arrival::header_bytes() noexcept {
    return sizeof(io_uring_recvmsg_out) + control_bytes_max;
}

std::span<const std::byte> arrival::memory(lent_buffers& from) const noexcept {
    if (copy_ != nullptr) return {copy_.get(), bytes_};
    return from.memory(number_).first(bytes_);
}

std::span<const std::byte> arrival::payload(lent_buffers& from) const noexcept {
    const std::span<const std::byte> all = memory(from);
    return all.subspan((is_message_ ? header_bytes() : 0) + taken_);
}

std::span<const std::byte> arrival::control(lent_buffers& from) const noexcept {
    if (!is_message_) return {};
    const std::span<const std::byte> all = memory(from);
    return all.subspan(sizeof(io_uring_recvmsg_out), header_of(all).controllen);
}

unsigned arrival::flags(lent_buffers& from) const noexcept {
    return is_message_ ? header_of(memory(from)).flags : 0;
}

void arrival::leave_buffer(lent_buffers& from) {
    if (copy_ != nullptr) return;
    auto copy = std::make_unique<std::byte[]>(bytes_);
    std::memcpy(copy.get(), memory(from).data(), bytes_);
    copy_ = std::move(copy);
    from.give_back(number_);
}

lent_buffer arrival::into_loan(lent_buffers& from) noexcept {
    const std::span<const std::byte> rest = payload(from);
    if (copy_ != nullptr) return {std::move(copy_), rest};
    return from.lend(number_, rest);
}

void arrival::give_back(lent_buffers& from) noexcept {
    if (copy_ == nullptr) from.give_back(number_);
}

void arrivals::push(arrival&& came) { all_.push_back(std::move(came)); }

void arrivals::drop_oldest() noexcept {
    ++first_;
    if (2 * first_ < all_.size()) return;  // moved up seldom enough to cost nothing
    all_.erase(all_.begin(), all_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
}

std::int32_t arrivals::lend_to(lent_operation& op, lent_buffers& from) noexcept {
    arrival& first = oldest();
    std::unique_ptr<ancillary_data> came;
    try {
        if (!first.was_touched()) came = ancillary_of(first.control(from), first.flags(from));
    } catch (const std::bad_alloc&) {
        return -ENOMEM;
    }
    const auto bytes = static_cast<std::int32_t>(first.payload(from).size());
    lent_buffer loan = first.into_loan(from);
    loan.set_ancillary(std::move(came));
    op.lend(std::move(loan));
    drop_oldest();
    return bytes;
}

std::int32_t arrivals::copy_to(std::span<std::byte> into, lent_buffers& from) noexcept {
    arrival& first = oldest();
    const std::span<const std::byte> rest = first.payload(from);
    const std::size_t bytes = std::min(into.size(), rest.size());
    std::memcpy(into.data(), rest.data(), bytes);
    if (!first.was_touched()) close_handles_in(first.control(from));
    first.take(bytes);
    if (bytes == rest.size()) {
        first.give_back(from);
        drop_oldest();
    }
    return static_cast<std::int32_t>(bytes);
}

std::int32_t arrivals::copy_to(incoming_message& message, lent_buffers& from) noexcept {
    arrival& first = oldest();
    ancillary_data& into = message;
    try {
        if (!first.was_touched()) {
            auto came = ancillary_of(first.control(from), first.flags(from));
            if (came != nullptr) into = std::move(*came);
        }
    } catch (const std::bad_alloc&) {
        return -ENOMEM;
    }
    // Bytes are taken at once, so that the handles are not found again.
    const std::span<const std::byte> rest = first.payload(from);
    const std::size_t bytes = std::min(message.buffer.size(), rest.size());
    std::memcpy(message.buffer.data(), rest.data(), bytes);
    first.take(bytes);
    if (bytes == rest.size()) {
        first.give_back(from);
        drop_oldest();
    }
    return static_cast<std::int32_t>(bytes);
}

void arrivals::leave_buffers(lent_buffers& from) {
    for (std::size_t i = first_; i < all_.size(); ++i) all_[i].leave_buffer(from);
}

void arrivals::discard(lent_buffers& from) noexcept {
    while (!empty()) {
        if (!oldest().was_touched()) close_handles_in(oldest().control(from));
        oldest().give_back(from);
        drop_oldest();
    }
}

}  // namespace conduit
