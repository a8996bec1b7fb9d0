// SPDX-License-Identifier: BSL-1.0
//
// Large blocks of memory that were used and will be again: what leaves in one turn is followed by
// as much in the next. The heap would give their pages back to the kernel in between, and to get
// them anew costs more than to fill them. Blocks of up to 4 KiB are frame_pool's; pooled_block.hpp
// holds one of either.
//
//     const std::size_t size = spare_blocks::size_for(bytes);
//     std::byte* memory = spare_blocks::of_thread().take(size);
//     spare_blocks::of_thread().give_back(memory, size);

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace conduit {

/// Keeps up to 5 MiB for each thread, in blocks of up to 2 MiB: four messages of 1 MiB and what
/// they are put together from. Where it has so much, those of the size that was not asked for the
/// longest make room for what is given back, which stays with the thread that does so. Under
/// AddressSanitizer none is kept.
class spare_blocks {
public:
    static constexpr std::size_t kept_max = std::size_t{5} << 20;
    static constexpr std::size_t sizes = 27;  // that blocks have

    static spare_blocks& of_thread() noexcept { return blocks; }

    /// How large a block for so many bytes is, which are more than 4096.
    static std::size_t size_for(std::size_t bytes) noexcept;

    /// `size` is one of those. Throws std::bad_alloc.
    std::byte* take(std::size_t size);
    void give_back(std::byte* memory, std::size_t size) noexcept;

    /// Gives those that are kept back to the heap. A scheduler does so when it ends, and so does a
    /// thread.
    void trim() noexcept;
    /// How many bytes are kept.
    std::size_t kept() const noexcept { return kept_; }

private:
    class end_of_thread;

    constexpr spare_blocks() noexcept = default;

    std::byte* pop(std::size_t index) noexcept;
    void drop_one() noexcept;

    static thread_local constinit spare_blocks blocks;

    std::array<std::byte*, sizes> free_{};
    std::array<std::uint64_t, sizes> taken_at_{};  // in takes_
    std::uint64_t takes_ = 0;
    std::size_t kept_ = 0;
    bool thread_ended_ = false;
};

inline thread_local constinit spare_blocks spare_blocks::blocks;

}  // namespace conduit
