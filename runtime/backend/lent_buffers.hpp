// SPDX-License-Identifier: BSL-1.0
//
// The buffers that a backend lends to receivers: one piece of memory, handed out by number. When
// all are out, the backend parks who asks and is told when one comes back.
//
//     auto number = buffers.take();
//     if (!number) ...                                    // park
//     op.lend(buffers.lend(*number, bytes_received));

#pragma once

#include <conduit/runtime/lent_buffer.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace conduit {

/// How many buffers one handle is lent in a turn, so that others get theirs.
inline constexpr int lent_per_turn_max = 4;

/// Stream sockets to which more comes at once than a buffer holds are lent large ones, by default
/// of 72 KiB: 64 KiB and what goes around them. They are so few that they stay in the processor's
/// cache. Who finds none gets the next one that comes back, in order; where none has in a whole
/// turn, they are held for longer, and it takes the others.
inline constexpr std::size_t large_by = 18;  // times as long as the others
inline constexpr std::size_t others_per_large = 64;

/// A fixed number of buffers of one size. The memory is not touched before it is first lent.
class lent_buffers {
public:
    /// `returned` is called after each return; it must not throw.
    lent_buffers(std::size_t count, std::size_t bytes_each, std::function<void()> returned);
    lent_buffers(const lent_buffers&) = delete;
    lent_buffers& operator=(const lent_buffers&) = delete;
    ~lent_buffers();

    /// A free buffer's number, or nothing.
    std::optional<std::uint32_t> take() noexcept;
    std::span<std::byte> memory(std::uint32_t number) noexcept;
    /// The loan of a taken buffer, of which `filled` is what arrived.
    lent_buffer lend(std::uint32_t number, std::span<const std::byte> filled) noexcept {
        return {*this, number, filled};
    }
    /// Puts a taken or lent buffer back.
    void give_back(std::uint32_t number) noexcept;

    bool empty() const noexcept { return free_.empty(); }
    std::size_t free() const noexcept { return free_.size(); }
    std::size_t count() const noexcept { return count_; }
    std::size_t bytes_each() const noexcept { return bytes_each_; }

private:
    std::size_t count_;
    std::size_t bytes_each_;
    std::unique_ptr<std::byte[]> memory_;
    std::vector<std::uint32_t> free_;
    std::function<void()> returned_;
};

}  // namespace conduit
