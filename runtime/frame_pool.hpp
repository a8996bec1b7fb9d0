// SPDX-License-Identifier: BSL-1.0
//
// Where coroutine frames live: free lists by size, one set per thread, so starting a task costs no
// malloc once its size has been seen. Under AddressSanitizer every frame is its own allocation.
//
//     void* memory = frame_pool::of_thread().take(bytes);
//     frame_pool::of_thread().give_back(memory, bytes);

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>

namespace conduit {

#if defined(__SANITIZE_ADDRESS__)
#define CONDUIT_POOL_FRAMES 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CONDUIT_POOL_FRAMES 0
#endif
#endif
#ifndef CONDUIT_POOL_FRAMES
#define CONDUIT_POOL_FRAMES 1
#endif

/// Memory for frames of up to 4 KiB, in steps of 64 bytes; larger ones go to operator new. Memory
/// given back on another thread stays with that thread.
class frame_pool {
public:
    static frame_pool& of_thread() noexcept { return pool; }

    /// Throws std::bad_alloc.
    void* take(std::size_t bytes) {
        const std::size_t step = (bytes + step_bytes - 1) / step_bytes;
        void* memory = nullptr;
        if (pooled && step < steps && free_[step] != nullptr) {
            free_block* block = free_[step];
            free_[step] = block->next;
            memory = block;
        } else {
            memory = ::operator new(step * step_bytes);
            ++made_;
        }
        return memory;
    }

    void give_back(void* memory, std::size_t bytes) noexcept {
        const std::size_t step = (bytes + step_bytes - 1) / step_bytes;
        if (pooled && step < steps_kept_) {
            free_[step] = ::new (memory) free_block(free_[step]);
        } else {
            give_back_otherwise(memory, step);
        }
    }

    /// Frames taken and not given back on this thread; negative where others' frames end. Walks
    /// over the free memory, so that taking and giving back need not count.
    std::int64_t live() const noexcept;

    /// Returns the free memory to the heap. A scheduler does so when it ends, and so does a thread.
    void trim() noexcept;

private:
    struct free_block {
        explicit free_block(free_block* rest) noexcept : next(rest) {}
        free_block* next;
    };
    static constexpr std::size_t step_bytes = 64;
    static constexpr std::size_t steps = 65;
    static constexpr bool pooled = CONDUIT_POOL_FRAMES != 0;

    class end_of_thread;

    constexpr frame_pool() noexcept = default;

    /// Large frames, the first one of a thread, and those that come after its end.
    void give_back_otherwise(void* memory, std::size_t step) noexcept;

    static thread_local constinit frame_pool pool;

    std::array<free_block*, steps> free_{};
    std::size_t steps_kept_ = 0;  // `steps` while the end of the thread will trim, else none
    bool thread_ended_ = false;
    std::int64_t made_ = 0;  // blocks from the heap, less those returned to it
};

inline thread_local constinit frame_pool frame_pool::pool;

}  // namespace conduit
