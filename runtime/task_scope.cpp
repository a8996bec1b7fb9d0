// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/loop.hpp>
#include <conduit/runtime/task_scope.hpp>

#include <utility>

namespace conduit {
task_scope::task_scope() : outer_(std::exchange(loop::running().context, &group_context())) {}

task_scope::~task_scope() {
    log_unseen_failure(log_level::info);
    destroy_children();
    leave();
}

// A scope that is destroyed with its suspended task, from outside, is not the running context.
void task_scope::leave() noexcept {
    context* const outer = std::exchange(outer_, nullptr);
    if (outer != nullptr && loop::running().context == &group_context()) {
        loop::running().context = outer;
    }
}

}  // namespace conduit
