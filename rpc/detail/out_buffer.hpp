// SPDX-License-Identifier: BSL-1.0
//
// Bytes that wait to be sent on a connection: written in place at the end, sent from the front, and
// the handles that go with some of them.
//
//     std::byte* at = out.append(frame_header_size + size);   // fill it before anything else
//     out.load();                                             // what is to be sent next
//     out.sent(co_await stream.write_some(out.next()));

#pragma once

#include <conduit/rpc/detail/spare_blocks.hpp>
#include <conduit/runtime/frame_pool.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace conduit::rpc::detail {

/// Memory that is kept for the next who asks for as much, small or large.
class pooled_block {
public:
    pooled_block() noexcept = default;
    /// Of a power of two.
    explicit pooled_block(std::size_t bytes)
        : memory_(is_small(bytes) ? static_cast<std::byte*>(frame_pool::of_thread().take(bytes))
                                  : spare_blocks::of_thread().take(bytes)),
          size_(bytes) {}
    pooled_block(pooled_block&& other) noexcept
        : memory_(std::exchange(other.memory_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    pooled_block& operator=(pooled_block&& other) noexcept {
        std::swap(memory_, other.memory_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~pooled_block() {
        if (memory_ == nullptr) return;
        if (is_small(size_)) {
            frame_pool::of_thread().give_back(memory_, size_);
        } else {
            spare_blocks::of_thread().give_back(memory_, size_);
        }
    }

    std::byte* data() const noexcept { return memory_; }
    std::size_t size() const noexcept { return size_; }

private:
    static constexpr bool is_small(std::size_t bytes) noexcept { return bytes <= 4096; }

    std::byte* memory_ = nullptr;
    std::size_t size_ = 0;
};

/// Memory of which the front may be in the kernel's hands while the end grows: two blocks that
/// change places. It keeps none when it is empty.
class out_buffer {
public:
    /// Where to write `bytes` bytes, valid until the next call.
    std::byte* append(std::size_t bytes) {
        if (bytes > filling_.size() - size_) grow(bytes);
        std::byte* at = filling_.data() + size_;
        size_ += bytes;
        return at;
    }
    void append(std::span<const std::byte> bytes);

    /// Takes back what was appended from `position` on and has not been loaded.
    void undo(std::uint64_t position) noexcept;

    /// The handles go with the byte at `position`, which begins a write of its own. Appended last.
    /// `charged` is what they were charged as, to be told when they leave.
    void attach(std::uint64_t position, std::vector<unique_fd> handles, std::size_t charged);

    /// How many bytes were appended so far, and how many of them were sent.
    std::uint64_t end() const noexcept { return loaded_end_ + size_; }
    std::uint64_t sent() const noexcept { return loaded_end_ - left_.size(); }
    /// Up to where the peer may have got them: the rest of what was loaded is being written.
    std::uint64_t maybe_sent() const noexcept { return loaded_end_; }
    /// What is not sent.
    std::size_t size() const noexcept { return left_.size() + size_; }
    bool empty() const noexcept { return size() == 0; }
    /// Of that, what can still be added to a write.
    std::size_t filling() const noexcept { return size_; }

    /// Makes what was appended the front, if the front is empty.
    void load() noexcept;
    /// The bytes to send next, up to those that begin another write; valid until load().
    std::span<const std::byte> next() const noexcept;
    /// The handles that go with the first of them.
    std::span<const unique_fd> handles() const noexcept;
    /// Of those that wait to be sent, what they were charged as.
    std::size_t charged() const noexcept;
    /// So many of next() were sent; the handles with them, of which it yields the charge.
    std::size_t sent(std::size_t bytes) noexcept;

    /// Gives the memory back; when nothing is to be sent.
    void rest() noexcept;

private:
    struct attached {
        std::uint64_t position;
        std::vector<unique_fd> handles;
        std::size_t charged;
    };
    static constexpr std::size_t least_room = 512;

    void grow(std::size_t bytes);

    pooled_block filling_;
    std::size_t size_ = 0;
    pooled_block sending_;
    std::size_t last_ = 0;             // how much was loaded at a time, lately
    std::span<const std::byte> left_;  // of what is being sent
    std::uint64_t loaded_end_ = 0;
    std::unique_ptr<std::deque<attached>> attached_;
};

}  // namespace conduit::rpc::detail
