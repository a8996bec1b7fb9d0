// SPDX-License-Identifier: BSL-1.0
//
// Bytes that wait to be sent on a connection: written in place at the end, sent from the front, and
// the handles that go with some of them.
//
//     std::byte* at = out.append(frame_header_size + size);   // fill it before anything else
//     out.load();                                             // what is to be sent next
//     out.sent(co_await stream.write_some(out.next()));

#pragma once

#include <conduit/runtime/pooled_block.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

namespace conduit::rpc::detail {

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
