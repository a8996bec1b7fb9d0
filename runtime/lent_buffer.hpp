// SPDX-License-Identifier: BSL-1.0
//
// Bytes that arrived in memory of the scheduler's, so that ten thousand idle connections need no
// buffer each. Give it back within the turn: parse in place, copy what must stay.
//
//     auto arrived = co_await handle.receive_lent();
//     if (arrived) parser.feed(arrived->bytes());         // and let it go

#pragma once

#include <conduit/runtime/io_message.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
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
    /// A copy that a backend made because it needed the buffer.
    lent_buffer(std::unique_ptr<std::byte[]> copy, std::span<const std::byte> bytes) noexcept
        : bytes_(bytes), copy_(std::move(copy)) {}
    lent_buffer(lent_buffer&& other) noexcept
        : lender_(std::exchange(other.lender_, nullptr)),
          number_(other.number_),
          bytes_(std::exchange(other.bytes_, {})),
          copy_(std::move(other.copy_)),
          ancillary_(std::move(other.ancillary_)) {}
    lent_buffer& operator=(lent_buffer&& other) noexcept {
        std::swap(lender_, other.lender_);
        std::swap(number_, other.number_);
        std::swap(bytes_, other.bytes_);
        std::swap(copy_, other.copy_);
        std::swap(ancillary_, other.ancillary_);
        return *this;
    }
    ~lent_buffer() {
        if (lender_ != nullptr) give_back();
    }

    std::span<const std::byte> bytes() const noexcept { return bytes_; }
    bool empty() const noexcept { return bytes_.empty(); }

    /// The handles and credentials that came along through a Unix socket; null where nothing did.
    /// Handles that are not taken out are closed with the buffer.
    ancillary_data* ancillary() const noexcept { return ancillary_.get(); }
    void set_ancillary(std::unique_ptr<ancillary_data> came) noexcept {
        ancillary_ = std::move(came);
    }

private:
    void give_back() noexcept;

    lent_buffers* lender_ = nullptr;
    std::uint32_t number_ = 0;
    std::span<const std::byte> bytes_;
    std::unique_ptr<std::byte[]> copy_;
    std::unique_ptr<ancillary_data> ancillary_;
};

}  // namespace conduit
