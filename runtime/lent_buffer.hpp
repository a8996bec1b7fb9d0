// SPDX-License-Identifier: BSL-1.0
//
// Bytes that arrived in memory of the scheduler's, so that ten thousand idle connections need no
// buffer each. Give it back within the turn: parse in place, copy what must stay.
//
//     auto arrived = co_await handle.receive_lent();
//     if (arrived) parser.feed(arrived->bytes());         // and let it go

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace conduit {

class lent_buffers;

/// Owns the loan of one buffer; returns it when destroyed. Must not outlive its scheduler.
class lent_buffer {
public:
    /// No bytes: what the end of a stream yields.
    lent_buffer() noexcept = default;
    lent_buffer(lent_buffers& lender, std::uint32_t number,
                std::span<const std::byte> bytes) noexcept
        : lender_(&lender), number_(number), bytes_(bytes) {}
    lent_buffer(lent_buffer&& other) noexcept
        : lender_(std::exchange(other.lender_, nullptr)),
          number_(other.number_),
          bytes_(std::exchange(other.bytes_, {})) {}
    lent_buffer& operator=(lent_buffer&& other) noexcept {
        std::swap(lender_, other.lender_);
        std::swap(number_, other.number_);
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    ~lent_buffer() {
        if (lender_ != nullptr) give_back();
    }

    std::span<const std::byte> bytes() const noexcept { return bytes_; }
    bool empty() const noexcept { return bytes_.empty(); }

private:
    void give_back() noexcept;

    lent_buffers* lender_ = nullptr;
    std::uint32_t number_ = 0;
    std::span<const std::byte> bytes_;
};

}  // namespace conduit
