// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/backend/quiet_thread.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/runtime.hpp>

#include <algorithm>
#include <exception>
#include <optional>
#include <semaphore>
#include <thread>

namespace conduit {

/// One thread with its scheduler. All workers end their runs before the first scheduler is
/// destroyed, for tasks that end may still speak to other workers.
class runtime::worker_thread final : private wakeup {
public:
    void start(const scheduler_options& options) noexcept {
        try {
            thread_ = start_quiet_thread([this, &options] { live(options); });
        } catch (...) {
            failure_ = std::current_exception();
            started_.release();
        }
    }
    /// Yields why it could not start, or null.
    std::exception_ptr wait_until_started() noexcept {
        started_.acquire();
        return failure_;
    }

    void stop() noexcept {
        if (is_running()) static_cast<void>(scheduler_->inbox()->send(*this));
    }
    void wait_until_ended() noexcept {
        if (is_running()) ended_.acquire();
    }
    void join() noexcept {
        may_leave_.release();
        if (thread_.joinable()) thread_.join();
    }

    conduit::scheduler& scheduler() noexcept { return *scheduler_; }

private:
    bool is_running() const noexcept { return scheduler_ != nullptr; }

    void live(const scheduler_options& options) {
        std::optional<conduit::scheduler> made;
        try {
            made.emplace(options);
        } catch (...) {
            failure_ = std::current_exception();
            started_.release();
            return;
        }
        scheduler_ = &*made;
        made->run(serve());
        ended_.release();
        may_leave_.acquire();
    }

    task<> serve() {
        started_.release();
        co_await stopping_.wait();
    }

    void deliver() noexcept override { stopping_.set(); }

    conduit::scheduler* scheduler_ = nullptr;
    std::exception_ptr failure_;
    event stopping_;  // of the worker's own scheduler
    std::binary_semaphore started_{0};
    std::binary_semaphore ended_{0};
    std::binary_semaphore may_leave_{0};
    std::thread thread_;
};

runtime::runtime() : runtime(std::max(1U, std::thread::hardware_concurrency())) {}

runtime::runtime(std::size_t workers, const scheduler_options& options) {
    CONDUIT_ASSERT(workers > 0, "a runtime has at least one worker");
    CONDUIT_ASSERT(options.backend() != backend_kind::sim, "a simulation has one thread");
    for (std::size_t i = 0; i < workers; ++i) workers_.push_back(std::make_unique<worker_thread>());
    for (const auto& each : workers_) each->start(options);
    std::exception_ptr failure;
    for (const auto& each : workers_) {
        std::exception_ptr of_this = each->wait_until_started();
        if (!failure) failure = std::move(of_this);
    }
    if (!failure) return;
    stop();
    std::rethrow_exception(failure);
}

runtime::~runtime() { stop(); }

void runtime::stop() noexcept {
    for (const auto& each : workers_) each->stop();
    for (const auto& each : workers_) each->wait_until_ended();
    for (const auto& each : workers_) each->join();
}

scheduler& runtime::worker(std::size_t index) noexcept {
    CONDUIT_ASSERT(index < workers_.size(), "there is no worker of that number");
    return workers_[index]->scheduler();
}

}  // namespace conduit
