// SPDX-License-Identifier: BSL-1.0
//
// Counts the allocations of a program of the rpc rows, those of its libraries too: the C library's
// functions are replaced by ones that count and pass on. What a program of several threads does at
// the same moment may be counted once.

#include "rpc_run.hpp"

#include <atomic>
#include <cerrno>
#include <cstddef>

extern "C" {
void* __libc_malloc(std::size_t bytes);                           // NOLINT
void* __libc_calloc(std::size_t count, std::size_t bytes);        // NOLINT
void* __libc_realloc(void* memory, std::size_t bytes);            // NOLINT
void* __libc_memalign(std::size_t alignment, std::size_t bytes);  // NOLINT
}

namespace {

constinit std::atomic<long> unnoticed{0};

void count_one() noexcept { rpc_side::add(*rpc_allocations, 1); }

}  // namespace

constinit std::atomic<long>* rpc_allocations = &unnoticed;

extern "C" {

void* malloc(std::size_t bytes) {
    count_one();
    return __libc_malloc(bytes);
}

void* calloc(std::size_t count, std::size_t bytes) {
    count_one();
    return __libc_calloc(count, bytes);
}

void* realloc(void* memory, std::size_t bytes) {
    count_one();
    return __libc_realloc(memory, bytes);
}

void* memalign(std::size_t alignment, std::size_t bytes) {
    count_one();
    return __libc_memalign(alignment, bytes);
}

void* aligned_alloc(std::size_t alignment, std::size_t bytes) { return memalign(alignment, bytes); }

int posix_memalign(void** memory, std::size_t alignment, std::size_t bytes) {
    *memory = memalign(alignment, bytes);
    return *memory != nullptr ? 0 : ENOMEM;
}
}
