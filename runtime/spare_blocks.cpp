// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/frame_pool.hpp>
#include <conduit/runtime/spare_blocks.hpp>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

namespace conduit {
namespace {

constexpr bool keeps = CONDUIT_POOL_FRAMES != 0;

/// Powers of two up to 32 KiB; four to a doubling above, each with a page for what goes with bytes
/// whose number is such a one.
constexpr auto block_sizes = [] {
    std::array<std::size_t, spare_blocks::sizes> all{8192, 16'384, 32'768};
    std::size_t at = 3;
    for (std::size_t size = 32'768; at < all.size(); size *= 2) {
        for (std::size_t quarters = 5; quarters <= 8; ++quarters) {
            all[at++] = size / 4 * quarters + 4096;
        }
    }
    return all;
}();
static_assert(block_sizes.back() == (std::size_t{2} << 20) + 4096);

/// That of the smallest that are large enough, or the number of sizes.
std::size_t index_of(std::size_t bytes) noexcept {
    const auto* const found = std::lower_bound(block_sizes.begin(), block_sizes.end(), bytes);
    return static_cast<std::size_t>(found - block_sizes.begin());
}

constexpr std::size_t large = std::size_t{64} * 1024;

/// What users make of large messages comes from the heap. glibc keeps of what is free at the end of
/// it twice as much as the largest block that was mapped and freed, 128 KiB at first, and gives the
/// rest back to the kernel: so a block of 2 MiB is freed, once. Who has set its thresholds by
/// mallopt() or the environment has the last word; to other heaps this says nothing.
bool let_heap_learn() noexcept {
    static std::atomic<void*> block;  // where others could see it: else both would be left out
    block = std::malloc(std::size_t{2} << 20);
    std::free(block.exchange(nullptr));
    return true;
}

}  // namespace

/// What is given back later, as other thread-local objects are destroyed, is not kept.
class spare_blocks::end_of_thread {
public:
    explicit end_of_thread(spare_blocks& trimmed) noexcept : blocks_(trimmed) {}
    end_of_thread(const end_of_thread&) = delete;
    ~end_of_thread() {
        blocks_.thread_ended_ = true;
        blocks_.trim();
    }

private:
    spare_blocks& blocks_;
};

std::size_t spare_blocks::size_for(std::size_t bytes) noexcept {
    const std::size_t index = keeps ? index_of(bytes) : sizes;
    return index < sizes ? block_sizes[index] : bytes;
}

std::byte* spare_blocks::take(std::size_t size) {
    const std::size_t index = index_of(size);
    if (index < sizes) taken_at_[index] = ++takes_;
    if (index < sizes && free_[index] != nullptr) return pop(index);
    return static_cast<std::byte*>(::operator new(size));
}

void spare_blocks::give_back(std::byte* memory, std::size_t size) noexcept {
    const std::size_t index = index_of(size);
    if (!keeps || index >= sizes || thread_ended_) return ::operator delete(memory);
    while (kept_ + size > kept_max) drop_one();
    static thread_local const end_of_thread trims(*this);
    if (size >= large) {
        static const bool has_learnt = let_heap_learn();
        static_cast<void>(has_learnt);
    }
    std::memcpy(memory, &free_[index], sizeof(std::byte*));
    free_[index] = memory;
    kept_ += size;
}

/// The first bytes of a free block are the address of the next one.
std::byte* spare_blocks::pop(std::size_t index) noexcept {
    std::byte* const block = free_[index];
    std::memcpy(&free_[index], block, sizeof(std::byte*));
    kept_ -= block_sizes[index];
    return block;
}

/// One of the size that was not asked for the longest.
void spare_blocks::drop_one() noexcept {
    std::size_t oldest = sizes;
    for (std::size_t index = 0; index < sizes; ++index) {
        if (free_[index] == nullptr) continue;
        if (oldest == sizes || taken_at_[index] < taken_at_[oldest]) oldest = index;
    }
    ::operator delete(pop(oldest));
}

void spare_blocks::trim() noexcept {
    while (kept_ > 0) drop_one();
}

}  // namespace conduit
