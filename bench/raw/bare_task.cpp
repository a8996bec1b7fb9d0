// SPDX-License-Identifier: BSL-1.0
//
// The floors of the runtime: what a task, a yield, a spawn, a timer and a post cost when they are
// that and nothing else. No context, no trace of who awaits whom, no budget, no cancellation, no
// counters; frames come from a pool and exceptions pass, since a task of any use has both. Nothing
// of conduit is included here. The same work in conduit is in runtime_bench.cpp.

#include <benchmark/benchmark.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <functional>
#include <mutex>
#include <new>
#include <semaphore>
#include <thread>
#include <utility>
#include <vector>

namespace {

constexpr int batch = 1024;

/// Free lists by size, in steps of 64 bytes.
class frame_memory {
public:
    void* take(std::size_t bytes) {
        const std::size_t step = (bytes + 63) / 64;
        if (step >= free_.size() || free_[step] == nullptr) return ::operator new(step * 64);
        return std::exchange(free_[step], free_[step]->next);
    }
    void give_back(void* memory, std::size_t bytes) noexcept {
        const std::size_t step = (bytes + 63) / 64;
        if (step >= free_.size()) return ::operator delete(memory);
        free_[step] = ::new (memory) block{free_[step]};
    }

private:
    struct block {
        block* next;
    };
    std::array<block*, 16> free_{};
};

thread_local constinit frame_memory frames;

/// What waits for its turn, and those that do, in order.
struct queued {
    std::coroutine_handle<> handle;
    queued* next = nullptr;
};

class ready_queue {
public:
    void push(queued& item) noexcept {
        item.next = nullptr;
        *last_ = &item;
        last_ = &item.next;
    }
    void run() {
        while (first_ != nullptr) {
            queued& item = *first_;
            first_ = item.next;
            if (first_ == nullptr) last_ = &first_;
            item.handle.resume();
        }
    }

private:
    queued* first_ = nullptr;
    queued** last_ = &first_;
};

struct pooled_promise {
    static void* operator new(std::size_t bytes) { return frames.take(bytes); }
    static void operator delete(void* memory, std::size_t bytes) noexcept {
        frames.give_back(memory, bytes);
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }
};

/// A lazy task with symmetric transfer both ways.
class task {
public:
    struct promise_type : pooled_promise {
        struct to_parent {
            bool await_ready() const noexcept { return false; }
            std::coroutine_handle<> await_suspend(
                std::coroutine_handle<promise_type> ended) const noexcept {
                return ended.promise().parent;
            }
            void await_resume() const noexcept {}
        };
        task get_return_object() noexcept {
            return task(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        to_parent final_suspend() const noexcept { return {}; }
        void return_value(int result) noexcept { value = result; }
        void unhandled_exception() noexcept { failure = std::current_exception(); }

        std::coroutine_handle<> parent = std::noop_coroutine();
        int value = 0;
        std::exception_ptr failure;
    };

    task(task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
    ~task() {
        if (handle_) handle_.destroy();
    }

    void run() { handle_.resume(); }

    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept {
        handle_.promise().parent = awaiting;
        return handle_;
    }
    int await_resume() {
        if (handle_.promise().failure) std::rethrow_exception(handle_.promise().failure);
        return handle_.promise().value;
    }

private:
    explicit task(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}

    std::coroutine_handle<promise_type> handle_;
};

[[gnu::noinline]] task leaf(int x) { co_return x; }

task await_leaves(benchmark::State& state) {
    int sum = 0;
    while (state.KeepRunningBatch(batch)) {
        for (int i = 0; i < batch; ++i) {
            const int got = co_await leaf(i);
            sum += got;
        }
    }
    co_return sum;
}

void task_await(benchmark::State& state) {
    task all = await_leaves(state);
    all.run();
}
BENCHMARK(task_await)->Name("task.await/bare");

/// Goes to the end of the queue.
class yield {
public:
    explicit yield(ready_queue& queue) noexcept : queue_(queue) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiting) noexcept {
        item_.handle = awaiting;
        queue_.push(item_);
    }
    void await_resume() const noexcept {}

private:
    ready_queue& queue_;
    queued item_;
};

task yield_often(benchmark::State& state, ready_queue& queue) {
    while (state.KeepRunningBatch(batch)) {
        for (int i = 0; i < batch; ++i) co_await yield(queue);
    }
    co_return 0;
}

void task_yield(benchmark::State& state) {
    ready_queue queue;
    task all = yield_often(state, queue);
    all.run();
    queue.run();
}
BENCHMARK(task_yield)->Name("task.yield/bare");

/// A coroutine that owns itself and counts those of its kind.
struct spawned {
    struct promise_type : pooled_promise {
        explicit promise_type(std::uint64_t& alive, task&) noexcept : live(alive) { ++live; }
        ~promise_type() { --live; }
        spawned get_return_object() noexcept {
            item.handle = std::coroutine_handle<promise_type>::from_promise(*this);
            return {this};
        }
        std::suspend_never final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept { std::abort(); }

        queued item;
        std::uint64_t& live;
    };
    promise_type* promise;
};

spawned run_spawned(std::uint64_t&, task work) { co_await std::move(work); }

void spawn(ready_queue& queue, std::uint64_t& live, task work) {
    queue.push(run_spawned(live, std::move(work)).promise->item);
}

void task_spawn(benchmark::State& state) {
    ready_queue queue;
    std::uint64_t live = 0;
    while (state.KeepRunningBatch(batch)) {
        for (int i = 0; i < batch; ++i) {
            spawn(queue, live, leaf(i));
            if (i % 64 == 63) queue.run();
        }
    }
    if (live != 0) state.SkipWithError("a task has not ended");
}
BENCHMARK(task_spawn)->Name("task.spawn/bare");

/// Four children per node; the times lie in the heap, the entries know their place.
class timer_heap {
public:
    using time_point = std::chrono::steady_clock::time_point;
    struct entry {
        std::size_t place = 0;
    };

    void add(entry& added, time_point due) {
        heap_.push_back({due, &added});
        sift_up(heap_.size() - 1, {due, &added});
    }
    void remove(entry& gone) noexcept {
        const std::size_t place = gone.place;
        const node last = heap_.back();
        heap_.pop_back();
        if (place == heap_.size()) return;
        if (place > 0 && last.due < heap_[(place - 1) / 4].due) return sift_up(place, last);
        sift_down(place, last);
    }

private:
    struct node {
        time_point due;
        entry* who;
    };
    void put(std::size_t place, const node& moved) noexcept {
        heap_[place] = moved;
        moved.who->place = place;
    }
    void sift_up(std::size_t place, node moved) noexcept {
        while (place > 0 && moved.due < heap_[(place - 1) / 4].due) {
            put(place, heap_[(place - 1) / 4]);
            place = (place - 1) / 4;
        }
        put(place, moved);
    }
    void sift_down(std::size_t place, node moved) noexcept {
        for (std::size_t first = place * 4 + 1; first < heap_.size(); first = place * 4 + 1) {
            std::size_t soonest = first;
            for (std::size_t i = first + 1; i < first + 4 && i < heap_.size(); ++i) {
                if (heap_[i].due < heap_[soonest].due) soonest = i;
            }
            if (!(heap_[soonest].due < moved.due)) break;
            put(place, heap_[soonest]);
            place = soonest;
        }
        put(place, moved);
    }

    std::vector<node> heap_;
};

// Others are set as well, due before and after the one that comes and goes.
void timer_set_cancel(benchmark::State& state) {
    using std::chrono::steady_clock;
    timer_heap heap;
    std::array<timer_heap::entry, 64> others;
    const auto start = steady_clock::now();
    for (std::size_t i = 0; i < others.size(); ++i) {
        heap.add(others[i], start + std::chrono::seconds(60 + i * 37 % 64));
    }
    timer_heap::entry mine;
    while (state.KeepRunningBatch(batch)) {
        for (int i = 0; i < batch; ++i) {
            heap.add(mine, steady_clock::now() + std::chrono::seconds(90));
            benchmark::ClobberMemory();
            heap.remove(mine);
        }
    }
}
BENCHMARK(timer_set_cancel)->Name("timer.set_cancel/bare");

/// A thread that runs functions from a locked vector and sleeps in epoll.
class posting_loop {
public:
    posting_loop() : epoll_(::epoll_create1(0)), wakeup_(::eventfd(0, EFD_NONBLOCK)) {
        epoll_event event{};
        event.events = EPOLLIN | EPOLLET;
        ::epoll_ctl(epoll_, EPOLL_CTL_ADD, wakeup_, &event);
    }
    ~posting_loop() {
        ::close(wakeup_);
        ::close(epoll_);
    }
    posting_loop(const posting_loop&) = delete;

    void post(std::function<void()> work) {
        const std::lock_guard lock(mutex_);
        posted_.push_back(std::move(work));
        if (std::exchange(asleep_, false)) {
            const std::uint64_t one = 1;
            static_cast<void>(!::write(wakeup_, &one, sizeof one));
        }
    }
    void run() {
        std::vector<std::function<void()>> arrived;
        while (!ended_) {
            {
                const std::lock_guard lock(mutex_);
                arrived.swap(posted_);
                asleep_ = arrived.empty();
            }
            for (auto& work : arrived) work();
            arrived.clear();
            epoll_event event{};
            ::epoll_wait(epoll_, &event, 1, asleep_ ? -1 : 0);
        }
    }
    void end() {
        post([this] { ended_ = true; });
    }

private:
    int epoll_;
    int wakeup_;
    std::mutex mutex_;
    std::vector<std::function<void()>> posted_;
    bool asleep_ = false;  // written under the lock
    bool ended_ = false;
};

void post_cross_thread(benchmark::State& state) {
    posting_loop target;
    std::thread runs([&target] { target.run(); });
    std::binary_semaphore done(0);
    while (state.KeepRunningBatch(batch)) {
        for (int i = 1; i < batch; ++i) target.post([] {});
        target.post([&done] { done.release(); });
        done.acquire();
    }
    target.end();
    runs.join();
}
BENCHMARK(post_cross_thread)->Name("post.cross_thread/bare")->MeasureProcessCPUTime();

}  // namespace
