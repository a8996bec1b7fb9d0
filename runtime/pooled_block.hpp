// SPDX-License-Identifier: BSL-1.0
//
// A block of memory that is kept, when it is given up, for the next who asks for as much:
// frame_pool keeps the small ones, spare_blocks the large ones.
//
//     pooled_block block(bytes);
//     std::memcpy(block.data(), from, bytes);               // block.size() is `bytes` or more

#pragma once

#include <conduit/runtime/frame_pool.hpp>
#include <conduit/runtime/spare_blocks.hpp>

#include <cstddef>
#include <utility>

namespace conduit {

/// Owns its memory, of which nothing is set to anything; an empty one has none.
class pooled_block {
public:
    pooled_block() noexcept = default;
    /// Of at least so many bytes. Throws std::bad_alloc.
    explicit pooled_block(std::size_t least)
        : size_(size_for(least)),
          memory_(is_small(size_) ? static_cast<std::byte*>(frame_pool::of_thread().take(size_))
                                  : spare_blocks::of_thread().take(size_)) {}
    pooled_block(pooled_block&& other) noexcept
        : size_(std::exchange(other.size_, 0)), memory_(std::exchange(other.memory_, nullptr)) {}
    pooled_block& operator=(pooled_block&& other) noexcept {
        std::swap(size_, other.size_);
        std::swap(memory_, other.memory_);
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
    static constexpr std::size_t step = 64;  // of frame_pool

    static constexpr bool is_small(std::size_t bytes) noexcept { return bytes <= 4096; }
    static std::size_t size_for(std::size_t bytes) noexcept {
        if (!is_small(bytes)) return spare_blocks::size_for(bytes);
        return bytes == 0 ? step : (bytes + step - 1) / step * step;
    }

    std::size_t size_ = 0;
    std::byte* memory_ = nullptr;
};

}  // namespace conduit
