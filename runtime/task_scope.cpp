// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/loop.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task_scope.hpp>

#include <exception>
#include <string>
#include <utility>

namespace conduit {
namespace {

std::string what_of(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& known) {
        return known.what();
    } catch (...) {
        return "with something that is no std::exception";
    }
}

}  // namespace

task_scope::task_scope() : outer_(std::exchange(loop::running().context, &group_context())) {}

task_scope::~task_scope() {
    if (failure()) log_hidden_failure();
    destroy_children();
    leave();
}

// A block that is left by an exception of its own, often only because it was cancelled, hides the
// failure that was the cause.
void task_scope::log_hidden_failure() const noexcept {
    try {
        const std::string line = "a scope was left before join; its child had failed: ";
        loop::running().owner->log(log_level::info, line + what_of(failure()));
    } catch (...) {  // no memory for a line in the log
    }
}

// A scope that is destroyed with its suspended task, from outside, is not the running context.
void task_scope::leave() noexcept {
    if (loop::running().context == &group_context()) loop::running().context = outer_;
}

}  // namespace conduit
