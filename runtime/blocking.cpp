// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/blocking.hpp>
#include <conduit/runtime/detail/thread_pool.hpp>
#include <conduit/runtime/inbox.hpp>
#include <conduit/runtime/scheduler.hpp>

namespace conduit {

/// Carries a function to the pool and back. `waiting_` is touched on the scheduler's thread only.
class blocking_work final : public pool_work, private wakeup {
public:
    explicit blocking_work(blocking_wait& waiting)
        : home_(loop::running().inbox), waiting_(&waiting) {}

    void run() noexcept override {
        function->invoke();
        if (!home_->send(*this)) delete this;
    }

    void abandon_by_waiter() noexcept { waiting_ = nullptr; }

    std::unique_ptr<blocking_function> function;

private:
    void deliver() noexcept override {
        if (waiting_ != nullptr) {
            waiting_->function_ = std::move(function);
            waiting_->complete(0);
        }
        delete this;
    }
    void abandon() noexcept override { delete this; }

    std::shared_ptr<inbox> home_;
    blocking_wait* waiting_;
};

operation::progress blocking_wait::start() {
    work_ = new blocking_work(*this);
    work_->function = std::move(function_);
    thread_pool* const pool = scheduler::current().pool();
    if (pool == nullptr) {
        work_->run();
        return progress::waiting;
    }
    if (const std::error_code why = pool->submit(*work_)) {
        delete work_;
        set_outcome(-why.value());
        return progress::done;
    }
    return progress::waiting;
}

/// Whether no thread had begun, so that the function never will be called.
bool blocking_wait::take_back() noexcept {
    thread_pool* const pool = scheduler::current().pool();
    if (pool == nullptr || !pool->take_back(*work_)) return false;
    delete work_;
    return true;
}

void blocking_wait::cancel() noexcept {
    if (take_back()) complete(cancelled_outcome);
}

blocking_wait::~blocking_wait() {
    if (is_waiting() && !take_back()) work_->abandon_by_waiter();
}

}  // namespace conduit
