// SPDX-License-Identifier: BSL-1.0
//
// The threads behind blocking(): started when there is work and no idle one, up to a limit, and
// joined with the pool.
//
//     thread_pool pool(4);
//     if (const std::error_code why = pool.submit(work)) ...
//     if (pool.take_back(work)) ...                       // no thread had begun with it

#pragma once

#include <conduit/runtime/intrusive_list.hpp>

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace conduit {

struct in_pool;  // tag: work that waits for a thread

/// Something to be run on a thread of a pool. Its owner keeps it alive until it ran or was taken
/// back.
class pool_work : public list_hook<in_pool> {
public:
    /// Called on the pool's thread; the pool does not touch the work again. It must not throw.
    virtual void run() noexcept = 0;

protected:
    pool_work() noexcept = default;
    ~pool_work() = default;
};

class thread_pool {
public:
    /// At least one thread: without any, work would wait for ever.
    explicit thread_pool(std::size_t threads_max)
        : threads_max_(std::max<std::size_t>(threads_max, 1)) {}
    thread_pool(const thread_pool&) = delete;
    thread_pool& operator=(const thread_pool&) = delete;
    /// Runs what was submitted, and joins.
    ~thread_pool();

    /// Queues work behind what waits already. Fails when no thread runs and none can be started.
    std::error_code submit(pool_work& work);

    /// Takes work out of the queue; false when a thread has begun with it.
    bool take_back(pool_work& work) noexcept;

private:
    std::error_code start_thread() noexcept;
    void serve() noexcept;

    std::mutex mutex_;
    std::condition_variable changed_;
    intrusive_list<pool_work, in_pool> waiting_;
    std::size_t waiting_count_ = 0;
    std::size_t idle_ = 0;
    std::size_t threads_max_;
    bool ending_ = false;
    std::vector<std::thread> threads_;  // touched by the owner's thread only
};

}  // namespace conduit
