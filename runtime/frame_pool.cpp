// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/frame_pool.hpp>

namespace conduit {

void frame_pool::trim() noexcept {
    for (free_block*& head : free_) {
        while (head != nullptr) {
            free_block* block = head;
            head = block->next;
            ::operator delete(block);
        }
    }
}

}  // namespace conduit
