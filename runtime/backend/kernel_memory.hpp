// SPDX-License-Identifier: BSL-1.0
//
// What the sanitizers must be told when memory goes to the kernel and comes back: neither sees what
// the kernel does with it. While the kernel fills a buffer, touching it is reported by
// AddressSanitizer; a buffer that was freed meanwhile is found when the request completes. Nothing
// of this exists in other builds.

#pragma once

#include <conduit/runtime/assert.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CONDUIT_ASAN 1
#include <sanitizer/asan_interface.h>
#endif
#if __has_feature(thread_sanitizer)
#define CONDUIT_TSAN 1
#include <sanitizer/tsan_interface.h>
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define CONDUIT_ASAN 1
#include <sanitizer/asan_interface.h>
#endif

namespace conduit::kernel_memory {

#ifdef CONDUIT_ASAN
/// Whether heap memory was freed, told from its shadow: the kernel may have written over all else
/// that is known of it.
[[gnu::no_sanitize_address]] inline bool is_freed(const void* memory) noexcept {
    constexpr unsigned char freed_heap =
        0xfd;  // as the legend of AddressSanitizer's reports has it
    std::size_t scale = 0;
    std::size_t offset = 0;
    __asan_get_shadow_mapping(&scale, &offset);
    const std::uintptr_t shadow = (reinterpret_cast<std::uintptr_t>(memory) >> scale) + offset;
    return *reinterpret_cast<const unsigned char*>(shadow) == freed_heap;
}
#endif

/// The kernel may fill `memory` from now on.
inline void lend([[maybe_unused]] std::span<std::byte> memory) noexcept {
#ifdef CONDUIT_ASAN
    CONDUIT_ASSERT(__asan_region_is_poisoned(memory.data(), memory.size()) == nullptr,
                   "an operation was given a buffer that is freed or used by another operation");
    __asan_poison_memory_region(memory.data(), memory.size());
#endif
}

/// The kernel has let go of `memory`.
inline void take_back([[maybe_unused]] std::span<std::byte> memory) noexcept {
#ifdef CONDUIT_ASAN
    CONDUIT_ASSERT(!is_freed(memory.data()), "a buffer was freed while an operation owned it");
    __asan_unpoison_memory_region(memory.data(), memory.size());
#endif
}

/// The kernel may read `memory` until hide(), and so may everybody.
inline void show([[maybe_unused]] std::span<const std::byte> memory) noexcept {
#ifdef CONDUIT_ASAN
    auto* begin = const_cast<std::byte*>(memory.data());
    CONDUIT_ASSERT(__asan_region_is_poisoned(begin, memory.size()) == nullptr,
                   "an operation was given a buffer that is freed or used by another operation");
#endif
}
inline void hide([[maybe_unused]] std::span<const std::byte> memory) noexcept {
#ifdef CONDUIT_ASAN
    CONDUIT_ASSERT(!is_freed(memory.data()), "a buffer was freed while an operation owned it");
#endif
}

/// What this thread wrote so far happens before the matching came_back().
inline void handed_over([[maybe_unused]] void* request) noexcept {
#ifdef CONDUIT_TSAN
    __tsan_release(request);
#endif
}
inline void came_back([[maybe_unused]] void* request) noexcept {
#ifdef CONDUIT_TSAN
    __tsan_acquire(request);
#endif
}

}  // namespace conduit::kernel_memory
