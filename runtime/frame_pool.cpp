// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/frame_pool.hpp>

namespace conduit {

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
