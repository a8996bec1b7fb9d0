// SPDX-License-Identifier: BSL-1.0
//
// Large blocks of memory that were used and will be again: what leaves in one turn is followed by
// as much in the next. The heap would give their pages back to the kernel in between, and to get
// them anew costs more than to fill them. Blocks of up to 4 KiB are frame_pool's.
//
//     std::byte* memory = spare_blocks::of_thread().take(bytes);
//     spare_blocks::of_thread().give_back(memory, bytes);

#pragma once

#include <array>
#include <cstddef>

namespace conduit::rpc::detail {

/// Keeps up to 1 MiB for each thread, in blocks of up to 256 KiB whose sizes are powers of two.
/// Where it has so much, the largest make room for what is given back, which stays with the thread
/// that does so. Under AddressSanitizer none is kept.
class spare_blocks {
public:
    static constexpr std::size_t kept_max = std::size_t{1} << 20;

    static spare_blocks& of_thread() noexcept;

    /// `bytes` is a power of two above 4096. Throws std::bad_alloc.
    std::byte* take(std::size_t bytes);
    void give_back(std::byte* memory, std::size_t bytes) noexcept;

    /// Gives those that are kept back to the heap.
    void trim() noexcept;
    /// How many bytes are kept.
    std::size_t kept() const noexcept { return kept_; }

private:
    class end_of_thread;
    static constexpr std::size_t sizes = 6;  // from 8 KiB

    constexpr spare_blocks() noexcept = default;

    std::byte* pop(std::size_t index) noexcept;
    void drop_largest() noexcept;

    static thread_local constinit spare_blocks blocks;

    std::array<std::byte*, sizes> free_{};
    std::size_t kept_ = 0;
    bool thread_ended_ = false;
};

}  // namespace conduit::rpc::detail
