// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/frame_pool.hpp>

namespace conduit {

/// Trims the pool when the thread ends. What is given back later, as other thread-local objects
/// are destroyed, is not kept.
class frame_pool::end_of_thread {
public:
    explicit end_of_thread(frame_pool& trimmed) noexcept : pool_(trimmed) {}
    end_of_thread(const end_of_thread&) = delete;
    ~end_of_thread() {
        pool_.steps_kept_ = 0;
        pool_.thread_ended_ = true;
        pool_.trim();
    }

private:
    frame_pool& pool_;
};

void frame_pool::give_back_otherwise(void* memory, std::size_t step) noexcept {
    if (!pooled || step >= steps || thread_ended_) {
        ::operator delete(memory);
        --made_;
        return;
    }
    static thread_local const end_of_thread trims(*this);
    steps_kept_ = steps;
    free_[step] = ::new (memory) free_block(free_[step]);
}

std::int64_t frame_pool::live() const noexcept {
    std::int64_t live = made_;
    for (const free_block* head : free_) {
        for (const free_block* block = head; block != nullptr; block = block->next) --live;
    }
    return live;
}

void frame_pool::trim() noexcept {
    for (free_block*& head : free_) {
        while (head != nullptr) {
            free_block* block = head;
            head = block->next;
            ::operator delete(block);
            --made_;
        }
    }
}

}  // namespace conduit
