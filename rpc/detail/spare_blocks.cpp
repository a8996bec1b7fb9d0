// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/spare_blocks.hpp>
#include <conduit/runtime/frame_pool.hpp>

#include <bit>
#include <cstring>
#include <new>

namespace conduit::rpc::detail {
namespace {

constexpr bool keeps = CONDUIT_POOL_FRAMES != 0;
constexpr std::size_t least = 8192;

std::size_t index_of(std::size_t bytes) noexcept {
    return static_cast<std::size_t>(std::bit_width(bytes) - std::bit_width(least));
}

}  // namespace

thread_local constinit spare_blocks spare_blocks::blocks;

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

spare_blocks& spare_blocks::of_thread() noexcept { return blocks; }

std::byte* spare_blocks::take(std::size_t bytes) {
    const std::size_t index = index_of(bytes);
    if (index >= sizes || free_[index] == nullptr) {
        return static_cast<std::byte*>(::operator new(bytes));
    }
    kept_ -= bytes;
    return pop(index);
}

void spare_blocks::give_back(std::byte* memory, std::size_t bytes) noexcept {
    const std::size_t index = index_of(bytes);
    if (!keeps || index >= sizes || thread_ended_) return ::operator delete(memory);
    while (kept_ + bytes > kept_max) drop_largest();
    static thread_local const end_of_thread trims(*this);
    std::memcpy(memory, &free_[index], sizeof(std::byte*));
    free_[index] = memory;
    kept_ += bytes;
}

/// The first bytes of a free block are the address of the next one.
std::byte* spare_blocks::pop(std::size_t index) noexcept {
    std::byte* const block = free_[index];
    std::memcpy(&free_[index], block, sizeof(std::byte*));
    return block;
}

/// What is no longer asked for makes room for what is.
void spare_blocks::drop_largest() noexcept {
    std::size_t index = sizes - 1;
    while (free_[index] == nullptr) --index;
    kept_ -= least << index;
    ::operator delete(pop(index));
}

void spare_blocks::trim() noexcept {
    while (kept_ > 0) drop_largest();
}

}  // namespace conduit::rpc::detail
