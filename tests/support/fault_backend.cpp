// SPDX-License-Identifier: BSL-1.0
#include "fault_backend.hpp"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

// ThreadSanitizer brings its own operator new, which cannot be replaced: there nothing fails.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CONDUIT_REPLACE_NEW 0
#endif
#endif
#ifndef CONDUIT_REPLACE_NEW
#define CONDUIT_REPLACE_NEW 1
#endif

namespace {

thread_local long allocations_left = 0;  // until one fails; 0: none does
thread_local long fails_left = 0;        // of those behind it
std::atomic<long> allocations_live{0};
std::atomic<long> bytes_live{0};
std::atomic<long> bytes_peak{0};

[[maybe_unused]] void note_taken(void* memory) noexcept {
    ++allocations_live;
    const auto bytes = static_cast<long>(::malloc_usable_size(memory));
    const long now = bytes_live.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    // Threads that allocate at the same time may miss each other's peak: it is for tests of one.
    if (now > bytes_peak.load(std::memory_order_relaxed)) {
        bytes_peak.store(now, std::memory_order_relaxed);
    }
}

[[maybe_unused]] bool must_fail() noexcept {
    if (allocations_left > 0) return --allocations_left == 0;
    return fails_left > 0 && fails_left-- > 0;
}

[[maybe_unused]] void* allocate(std::size_t bytes) {
    if (must_fail()) throw std::bad_alloc();
    void* memory = std::malloc(bytes != 0 ? bytes : 1);
    if (memory == nullptr) throw std::bad_alloc();
    note_taken(memory);
    return memory;
}

[[maybe_unused]] void* allocate_or_null(std::size_t bytes) noexcept {
    void* memory = std::malloc(bytes);
    if (memory != nullptr) note_taken(memory);
    return memory;
}

[[maybe_unused]] void release(void* memory) noexcept {
    if (memory == nullptr) return;
    --allocations_live;
    bytes_live.fetch_sub(static_cast<long>(::malloc_usable_size(memory)),
                         std::memory_order_relaxed);
    std::free(memory);
}

}  // namespace

#if CONDUIT_REPLACE_NEW
// Replaces the global ones of the whole test program; AddressSanitizer's own would not call these.
void* operator new(std::size_t bytes) { return allocate(bytes); }
void* operator new[](std::size_t bytes) { return allocate(bytes); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
    return allocate_or_null(bytes);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
    return allocate_or_null(bytes);
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete[](void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { release(memory); }
#endif

namespace conduit::test {
namespace {

class fault_backend final : public backend {
public:
    explicit fault_backend(fault_plan& plan)
        : plan_(plan), inner_(make_epoll_backend(scheduler_options())) {}

    std::string_view name() const noexcept override { return inner_->name(); }
    conduit::kernel& kernel() noexcept override { return inner_->kernel(); }
    void enter() override { inner_->enter(); }
    void leave() noexcept override { inner_->leave(); }
    result<registration*> attach(unique_fd handle) override {
        auto made = inner_->attach(std::move(handle));
        if (made) (*made)->home = this;
        return made;
    }
    result<unique_fd> detach(registration& idle) noexcept override { return inner_->detach(idle); }
    void close(registration& ended) noexcept override { inner_->close(ended); }
    io_operation::progress start(io_operation& op) override {
        if (op.code() == io_code::close || ++plan_.seen != plan_.nth) return inner_->start(op);
        op.set_outcome(-plan_.error);
        return io_operation::progress::done;
    }
    void cancel(io_operation& op) noexcept override { inner_->cancel(op); }
    void withdraw(io_operation& op) noexcept override { inner_->withdraw(op); }
    bool poll(clock::duration wait) override { return inner_->poll(wait); }
    void wake() noexcept override { inner_->wake(); }

private:
    fault_plan& plan_;
    std::unique_ptr<backend> inner_;
};

}  // namespace

std::unique_ptr<backend> make_fault_backend(fault_plan& plan) {
    return std::make_unique<fault_backend>(plan);
}

failing_allocation::failing_allocation(long nth, long in_a_row) noexcept {
    allocations_left = nth;
    fails_left = in_a_row - 1;
}

failing_allocation::~failing_allocation() { allocations_left = fails_left = 0; }

bool failing_allocation::is_possible() noexcept { return CONDUIT_REPLACE_NEW != 0; }

bool failing_allocation::was_reached() noexcept { return allocations_left == 0; }

long live_allocations() noexcept { return allocations_live.load(); }
long live_bytes() noexcept { return bytes_live.load(); }
long peak_bytes() noexcept { return bytes_peak.load(); }
void forget_peak() noexcept { bytes_peak.store(bytes_live.load()); }

}  // namespace conduit::test
