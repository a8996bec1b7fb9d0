// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/spare_blocks.hpp>
#include <conduit/runtime/frame_pool.hpp>

#include <bit>
#include <new>

namespace conduit::rpc::detail {
namespace {

constexpr bool keeps = CONDUIT_POOL_FRAMES != 0;

std::size_t index_of(std::size_t bytes) noexcept {
    constexpr std::size_t least = 8192;
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
    free_block* block = free_[index];
    free_[index] = block->next;
    kept_ -= bytes;
    return static_cast<std::byte*>(static_cast<void*>(block));
}

void spare_blocks::give_back(std::byte* memory, std::size_t bytes) noexcept {
    const std::size_t index = index_of(bytes);
    if (!keeps || index >= sizes || kept_ + bytes > kept_max || thread_ended_) {
        ::operator delete(memory);
        return;
    }
    static thread_local const end_of_thread trims(*this);
    free_[index] = ::new (memory) free_block(free_[index]);
    kept_ += bytes;
}

void spare_blocks::trim() noexcept {
    for (free_block*& head : free_) {
        while (head != nullptr) {
            free_block* block = head;
            head = block->next;
            ::operator delete(block);
        }
    }
    kept_ = 0;
}

}  // namespace conduit::rpc::detail
