// SPDX-License-Identifier: BSL-1.0
//
// A block whose tasks cannot outlive it. From its declaration to join() the rest of the block and
// the children fail together: the first exception stops all of them. For an object that owns tasks
// use task_group.hpp; for a fixed set of tasks use when_all.hpp or when_any.hpp.
//
//     connections table;                                  // children may use what comes before
//     conduit::task_scope scope;
//     scope.spawn(talk(std::move(peer), table));
//     auto next = co_await listener.accept();             // cancelled when a child fails
//     co_await scope.join();                              // waits; rethrows the first failure

#pragma once

#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/loop.hpp>
#include <conduit/runtime/task_group.hpp>

#include <cstddef>

namespace conduit {

/// A group as a local variable of a coroutine, declared after what its children use.
///
/// Leaving the block without join(), by an exception or a return, destroys the children where they
/// are suspended, last first; a child's failure that nobody will see then is logged at level info.
/// No co_yield may happen while a scope is open.
class task_scope : public task_group {
public:
    task_scope();
    ~task_scope();
    static void* operator new(std::size_t) = delete;

    class join_operation;
    /// Waits until all children have ended, leaves the scope, rethrows the first failure. What is
    /// spawned afterwards can be joined again, but the block is no longer tied to it.
    join_operation join() noexcept;

private:
    void leave() noexcept;

    context* outer_;  // null once it was left
};

class task_scope::join_operation {
public:
    using conduit_awaitable = void;

    explicit join_operation(task_scope& scope) noexcept
        : scope_(&scope), children_(scope.task_group::join()) {}

    bool await_ready() const noexcept {
        CONDUIT_ASSERT(
            scope_->outer_ == nullptr || loop::running().context == &scope_->group_context(),
            "scopes are joined innermost first");
        return false;
    }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) {
        return children_.await_suspend(awaiting);
    }
    void await_resume() {
        scope_->leave();
        children_.await_resume();
    }

private:
    task_scope* scope_;
    task_group::join_operation children_;
};

inline task_scope::join_operation task_scope::join() noexcept { return join_operation(*this); }

}  // namespace conduit
