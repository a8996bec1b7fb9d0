// SPDX-License-Identifier: BSL-1.0
//
// What the kernel received on a handle before anyone asked for it: lent buffers in order, until a
// receive or a read takes them.
//
//     waiting.push(arrival(number, bytes, true));
//     const std::int32_t outcome = waiting.lend_to(op, buffers);

#pragma once

#include <conduit/runtime/backend/lent_buffers.hpp>
#include <conduit/runtime/io_operation.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace conduit {

/// One filled buffer. In front of the bytes of a message stands what the kernel says about it.
class arrival {
public:
    arrival(std::uint32_t number, std::size_t bytes, bool is_message) noexcept
        : number_(number), bytes_(bytes), is_message_(is_message) {}

    /// The bytes that nobody has taken yet.
    std::span<const std::byte> payload(lent_buffers& from) const noexcept;
    std::span<const std::byte> control(lent_buffers& from) const noexcept;
    unsigned flags(lent_buffers& from) const noexcept;

    void take(std::size_t bytes) noexcept { taken_ += bytes; }
    bool was_touched() const noexcept { return taken_ > 0; }

    /// Moves the bytes to memory of their own and gives the buffer back. Throws std::bad_alloc.
    void leave_buffer(lent_buffers& from);
    /// What is left, as a loan. The buffer then belongs to it.
    lent_buffer into_loan(lent_buffers& from) noexcept;
    void give_back(lent_buffers& from) noexcept;

    /// Bytes in front of the payload of a message.
    static std::size_t header_bytes() noexcept;

private:
    std::span<const std::byte> memory(lent_buffers& from) const noexcept;

    std::uint32_t number_;
    std::size_t bytes_;
    bool is_message_;
    std::size_t taken_ = 0;
    std::unique_ptr<std::byte[]> copy_;
};

class arrivals {
public:
    bool empty() const noexcept { return first_ == all_.size(); }
    std::size_t size() const noexcept { return all_.size() - first_; }

    /// Throws std::bad_alloc.
    void push(arrival&& came);

    /// The oldest buffer, with what came along; its size, or -ENOMEM. Not when empty.
    std::int32_t lend_to(lent_operation& op, lent_buffers& from) noexcept;
    /// Bytes of the oldest for a plain read, which drops what came along, as the kernel does.
    std::int32_t copy_to(std::span<std::byte> into, lent_buffers& from) noexcept;
    std::int32_t copy_to(incoming_message& message, lent_buffers& from) noexcept;

    /// Gives all buffers back and keeps copies. Throws std::bad_alloc when some are still held.
    void leave_buffers(lent_buffers& from);
    /// Lets everything go; handles that came along are closed.
    void discard(lent_buffers& from) noexcept;

private:
    arrival& oldest() noexcept { return all_[first_]; }
    void drop_oldest() noexcept;

    std::vector<arrival> all_;
    std::size_t first_ = 0;
};

}  // namespace conduit
