// SPDX-License-Identifier: BSL-1.0
//
// Faults within a scheduler: lost edges, starvation, exceptions, timers without number, signals,
// threads that block. Each case begins with its row in the catalogue of faults; those between an
// operation and the kernel are in backend_fault_test.cpp, the n-th allocation in fault_test.cpp.

#include "../skip.hpp"
#include "../support/co_test.hpp"
#include "../support/sanitized.hpp"
#include "../support/settle.hpp"

#include <conduit/runtime/blocking.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/operation.hpp>
#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/timer_queue.hpp>
#include <conduit/runtime/yield.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace conduit;
using namespace conduit::test;
using namespace std::chrono_literals;

namespace {

// --- X9 -----------------------------------------------------------------------------------------

std::byte byte_at(std::size_t place) {
    return static_cast<std::byte>((place * 0x9E3779B9U) >> 24U);
}

task<> pause(std::uint_fast32_t turns) {
    for (std::uint_fast32_t i = 0; i < turns; ++i) co_await yield();
}

/// Writes bytes that tell their place, in random portions with random pauses.
task<> write_places(io_handle out, std::size_t total, std::uint32_t seed) {
    io_handle mine = std::move(out);
    std::mt19937 random(seed);
    std::vector<std::byte> portion;
    for (std::size_t done = 0; done < total;) {
        portion.resize(std::min<std::size_t>(total - done, 1 + random() % 9000));
        for (std::size_t i = 0; i < portion.size(); ++i) portion[i] = byte_at(done + i);
        auto sent = co_await mine.write_some(portion);
        done += sent.value();
        co_await pause(random() % 4);
        if (random() % 32 == 0) co_await settle();
    }
}

/// One way to take some of what is there, or to wait for it; yields how many bytes it took.
task<std::size_t> take_some(io_handle& in, std::vector<std::byte>& into,
                            std::uint_fast32_t choice) {
    into.resize(1 + choice % 3000);
    if (choice % 11 == 0) {
        auto ready = co_await in.readable();
        REQUIRE(ready);
    }
    if (choice % 7 == 0) {
        auto lent = co_await in.receive_lent();
        into.assign(lent->bytes().begin(), lent->bytes().end());
        co_return into.size();
    }
    auto got = co_await in.read_some(into);
    co_return got.value();
}

/// Asks for a few bytes and gives up at once, as a deadline would.
task<std::size_t> take_and_give_up(io_handle& in, std::vector<std::byte>& into) {
    into.resize(5);
    task_group group;
    auto reading = group.spawn([](io_handle& from, std::vector<std::byte>& to) -> task<int> {
        auto got = co_await from.read_some(to);
        co_return got ? static_cast<int>(*got) : -1;
    }(in, into));
    co_await yield();
    reading.request_stop();
    const int bytes = co_await reading;
    co_return bytes > 0 ? static_cast<std::size_t>(bytes) : 0;
}

task<> read_places(io_handle& in, std::size_t total, std::uint32_t seed) {
    std::mt19937 random(seed);
    std::vector<std::byte> taken;
    for (std::size_t done = 0; done < total;) {
        const std::uint_fast32_t choice = random();
        std::size_t bytes = 0;
        if (choice % 5 == 0) {
            bytes = co_await take_and_give_up(in, taken);
        } else {
            bytes = co_await take_some(in, taken, choice);
            REQUIRE(bytes > 0);
        }
        for (std::size_t i = 0; i < bytes; ++i, ++done) {
            if (taken[i] != byte_at(done)) FAIL("byte " << done << " is another one's");
        }
        co_await pause(random() % 8);
    }
    std::array<std::byte, 1> rest{};
    auto end = co_await in.read_some(rest);
    REQUIRE(end.value() == 0);
}

// --- X10 ----------------------------------------------------------------------------------------

constexpr std::size_t rivals = 8;

/// Who got how much, until enough was had by all together.
struct shares {
    static constexpr std::uint64_t enough = 100'000;
    std::array<std::uint64_t, rivals> of{};
    std::uint64_t total = 0;

    bool count(std::size_t which) {
        ++of[which];
        return ++total < enough;
    }
    void require_fair() const {
        const auto [least, most] = std::minmax_element(of.begin(), of.end());
        CAPTURE(*least, *most);
        REQUIRE(*most <= 2 * *least);
    }
};

task<> await_without_end(event& already_set, shares& all, std::size_t which) {
    while (all.count(which)) {
        const std::error_code none = co_await already_set.wait();
        REQUIRE(none == std::error_code());
    }
}

task<> write_without_end(io_handle& out) {
    std::array<std::byte, 512> chunk{};
    for (;;) {
        auto sent = co_await out.write_some(chunk);
        if (!sent) co_return;
    }
}

task<> read_without_end(io_handle& in, shares& all, std::size_t which) {
    std::array<std::byte, 64> buffer{};
    while (all.count(which)) {
        auto got = co_await in.read_some(buffer);
        REQUIRE(got);
    }
}

task<> share_handles(bool sockets) {
    std::vector<handle_pair> pairs;
    for (std::size_t i = 0; i < rivals; ++i) {
        pairs.push_back(sockets ? attached_socket_pair() : attached_pipe());
    }
    shares all;
    task_group writers;
    task_group readers;
    for (handle_pair& pair : pairs) writers.spawn(write_without_end(pair.out));
    for (std::size_t i = 0; i < rivals; ++i) {
        readers.spawn(read_without_end(pairs[i].in, all, i));
    }
    co_await readers.join();
    writers.request_stop();
    co_await writers.join();
    all.require_fair();
}

task<std::size_t> read_one(io_handle& in) {
    std::array<std::byte, 1> buffer{};
    auto got = co_await in.read_some(buffer);
    co_return got.value();
}

task<> spin(event& already_set, const bool& finished, std::uint64_t& spins) {
    while (!finished) {
        co_await already_set.wait();
        ++spins;
    }
}

// --- X12 ----------------------------------------------------------------------------------------

struct sentinel {
    explicit sentinel(int& count) noexcept : alive(&count) { ++*alive; }
    sentinel(const sentinel&) = delete;
    ~sentinel() { --*alive; }
    int* alive;
};

enum class place { before_waiting, after_waiting, in_start, in_ready, in_suspend, in_resume };

/// Throws where it is told to, as an awaitable of another library may.
struct throwing_awaitable {
    place where;
    void maybe(place here) const {
        if (here == where) throw std::runtime_error("from an awaiter");
    }
    bool await_ready() const {
        maybe(place::in_ready);
        return false;
    }
    bool await_suspend(std::coroutine_handle<>) const {
        maybe(place::in_suspend);
        return false;
    }
    void await_resume() const { maybe(place::in_resume); }
};

/// An operation that cannot even begin.
class throwing_operation final : public operation {
public:
    throwing_operation() noexcept : operation(kind::unstoppable) {}
    const char* name() const noexcept override { return "throwing"; }
    void cancel() noexcept override { complete(cancelled_outcome); }
    void await_resume() const noexcept {}

private:
    progress start() override { throw std::runtime_error("from an operation"); }
};

task<> throw_at(place where, int& alive) {
    const sentinel local(alive);
    if (where == place::before_waiting) throw std::runtime_error("before");
    co_await sleep_for(1us);
    if (where == place::after_waiting) throw std::runtime_error("after");
    if (where == place::in_start) {
        throwing_operation cannot_begin;
        co_await cannot_begin;
    }
    const throwing_awaitable other_library{where};
    co_await other_library;
}

task<> throw_from_below(place where, int& alive) {
    const sentinel local(alive);
    co_await throw_at(where, alive);
    FAIL("nothing was thrown");
}

// --- X13 ----------------------------------------------------------------------------------------

constexpr std::size_t timers = test::is_sanitized ? 100'000 : 1'000'000;

/// A queue of timers and a multimap that says what it should do: equal keys in order of arrival.
class timers_and_model {
public:
    struct entry final : timer_entry {
        void fire() noexcept override { owner->fired(*this); }
        timers_and_model* owner = nullptr;
        std::multimap<clock::time_point, entry*>::iterator place;
    };

    timers_and_model() : all_(timers) {
        for (entry& each : all_) each.owner = this;
    }

    /// Few times for many entries, the ends of time among them.
    void add_all() {
        for (entry& each : all_) add(each);
    }

    void fire_all() {
        while (!queue_.empty()) {
            entry& soonest = static_cast<entry&>(queue_.pop());
            if (&soonest != model_.begin()->second) FAIL("out of order after " << fired_);
            model_.erase(model_.begin());
            soonest.fire();
        }
        REQUIRE(model_.empty());
        REQUIRE(fired_ + cancelled_ == added_);
        REQUIRE(cancelled_ > timers / 10);
    }

    std::size_t pending() const { return queue_.size(); }

private:
    void add(entry& chosen) {
        constexpr std::int64_t last = std::numeric_limits<std::int64_t>::max();
        const auto draw = static_cast<std::int64_t>(random_() % 1000);
        const std::int64_t due = draw == 0 ? last : draw == 1 ? -last : draw;
        const clock::time_point when{std::chrono::nanoseconds(due)};
        queue_.add(chosen, when);
        chosen.place = model_.emplace(when, &chosen);
        ++added_;
    }

    /// A callback cancels others and sets itself again, as callbacks do.
    void fired(entry& self) {
        ++fired_;
        entry& other = all_[random_() % timers];
        if (other.is_set()) {
            queue_.remove(other);
            model_.erase(other.place);
            ++cancelled_;
        }
        if (!self.is_set() && random_() % 8 == 0 && added_ < 2 * timers) add_later(self);
    }

    /// Never sooner than what has fired already, or the order could not be foretold.
    void add_later(entry& self) {
        const auto when = std::max(queue_.next(), clock::time_point(std::chrono::nanoseconds(500)));
        queue_.add(self, when);
        self.place = model_.emplace(when, &self);
        ++added_;
    }

    std::mt19937 random_{13};
    std::vector<entry> all_;
    timer_queue queue_;
    std::multimap<clock::time_point, entry*> model_;
    std::size_t added_ = 0;
    std::size_t fired_ = 0;
    std::size_t cancelled_ = 0;
};

/// Sleepers, half of which are stopped by the others as these wake up.
task<> wake_and_stop(clock::time_point due, child<void>& other) {
    const std::error_code ended = co_await sleep_until(due);
    if (!ended) other.request_stop();
}

task<> sleep_and_tell(clock::time_point due, int& slept, int& stopped) {
    const std::error_code ended = co_await sleep_until(due);
    ++(ended ? stopped : slept);
}

// --- X15, X16 -----------------------------------------------------------------------------------

task<> call_blocked(std::counting_semaphore<>& gate, std::atomic<int>& begun, int& returned) {
    auto function = [&gate, &begun] {
        ++begun;
        gate.acquire();
    };
    auto done = co_await blocking(std::move(function));
    REQUIRE(done);
    ++returned;
}

task<> ping_pong(int rounds) {
    handle_pair pair = attached_pipe();
    std::array<std::byte, 8> buffer{};
    for (int i = 0; i < rounds; ++i) {
        auto sent = co_await pair.out.write_some(bytes_of("x"));
        auto got = co_await pair.in.read_some(buffer);
        REQUIRE(sent.value() == 1);
        REQUIRE(got.value() == 1);
        if (i % 10 == 0) co_await sleep_for(1us);
    }
}

/// The range of stack addresses seen.
struct stack_range {
    std::uintptr_t lowest = std::numeric_limits<std::uintptr_t>::max();
    std::uintptr_t highest = 0;

    void look() noexcept {
        const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
        lowest = std::min(lowest, here);
        highest = std::max(highest, here);
    }
    std::size_t bytes() const noexcept { return highest - lowest; }
};
constexpr std::size_t stack_max = 256 * 1024;

task<int> descend(int levels, stack_range& stack) {
    stack.look();
    if (levels == 0) co_return 0;
    const int below = co_await descend(levels - 1, stack);
    stack.look();
    co_return below + 1;
}

task<int> one(stack_range& stack) {
    stack.look();
    co_return 1;
}

}  // namespace

CO_TEST_CASE("X9: no edge is lost, however little is read at a time", "[runtime][fault][X9]") {
    constexpr std::size_t total = 150'000;
    for (std::uint32_t seed = 1; seed <= 20; ++seed) {
        CAPTURE(seed);
        const bool socket = seed % 2 == 0;
        handle_pair pair = socket ? attached_socket_pair() : attached_pipe();
        task_group group;
        group.spawn(write_places(std::move(pair.out), total, seed));
        co_await read_places(pair.in, total, seed + 1000);
        co_await group.join();
    }
}

CO_TEST_CASE("X10: tasks that never wait share alike", "[runtime][fault][X10]") {
    event already_set;
    already_set.set();
    shares all;
    task_group group;
    for (std::size_t i = 0; i < rivals; ++i) group.spawn(await_without_end(already_set, all, i));
    co_await group.join();
    all.require_fair();
}

TEST_CASE("X10: handles that are always ready share alike", "[runtime][fault][X10]") {
    auto body = []() -> task<> {
        co_await share_handles(false);
        co_await share_handles(true);
    };
    run_on_each_kernel(body);
}

TEST_CASE("X10: a task that never waits does not keep others from the kernel",
          "[runtime][fault][X10]") {
    auto body = []() -> task<> {
        constexpr int rounds = 1000;
        event already_set;
        already_set.set();
        bool finished = false;
        std::uint64_t spins = 0;
        handle_pair pair = attached_pipe();
        task_group group;
        auto spinning = group.spawn(spin(already_set, finished, spins));
        for (int i = 0; i < rounds; ++i) {
            auto reading = group.spawn(read_one(pair.in));
            co_await yield();
            auto sent = co_await pair.out.write_some(bytes_of("x"));
            const std::size_t got = co_await reading;
            REQUIRE(sent.value() == 1);
            REQUIRE(got == 1);
        }
        finished = true;
        co_await spinning;
        CAPTURE(spins);
        REQUIRE(spins >= rounds);
        REQUIRE(spins <= rounds * 4 * loop::budget_of_turn);
    };
    run_on_each_kernel(body);
}

CO_TEST_CASE("X12: what a coroutine or an awaiter throws arrives, and all between is destroyed",
             "[runtime][fault][X12]") {
    for (const place where : {place::before_waiting, place::after_waiting, place::in_start,
                              place::in_ready, place::in_suspend, place::in_resume}) {
        CAPTURE(static_cast<int>(where));
        int alive = 0;
        bool caught = false;
        try {
            co_await throw_from_below(where, alive);
        } catch (const std::runtime_error&) {
            caught = true;
        }
        REQUIRE(caught);
        REQUIRE(alive == 0);
        co_await sleep_for(1us);  // the loop goes on
    }
}

CO_TEST_CASE("X12: a task that throws among others ends all of them", "[runtime][fault][X12]") {
    for (const place where : {place::before_waiting, place::after_waiting, place::in_start,
                              place::in_ready, place::in_suspend, place::in_resume}) {
        int alive = 0;
        bool caught = false;
        try {
            task_scope inner;
            for (int i = 0; i < 10; ++i) inner.spawn(throw_from_below(where, alive));
            co_await sleep_for(1h);
            co_await inner.join();
        } catch (const std::runtime_error&) {
            caught = true;
        }
        REQUIRE(caught);
        REQUIRE(alive == 0);
    }
}

TEST_CASE("X13: a million timers leave in order while callbacks cancel others",
          "[runtime][fault][X13]") {
    const auto both = std::make_unique<timers_and_model>();
    both->add_all();
    REQUIRE(both->pending() == timers);
    both->fire_all();
}

CO_TEST_CASE("X13: sleepers that are due at once may stop each other", "[runtime][fault][X13]") {
    constexpr int sleepers = 10'000;
    int slept = 0;
    int stopped = 0;
    const clock::time_point due = clock::now() + 1ms;
    task_group group;
    std::vector<child<void>> all;
    all.reserve(sleepers);
    for (int i = 0; i < sleepers; ++i) {
        all.push_back(group.spawn(sleep_and_tell(due + (i % 2) * 1h, slept, stopped)));
        group.spawn(wake_and_stop(due, all.back()));
    }
    co_await group.join();
    REQUIRE(slept + stopped == sleepers);
    REQUIRE(stopped == sleepers / 2);
}

TEST_CASE("X15: while all threads of the pool are blocked the loop goes on",
          "[runtime][fault][X15][threads]") {
    const backend_kind kernel = GENERATE(from_range(kernel_backends()));
    constexpr int calls = 50;
    std::counting_semaphore<> gate(0);
    std::atomic<int> begun{0};
    int returned = 0;
    auto body = [](auto& closed, auto& started, int& ended) -> task<> {
        task_group group;
        for (int i = 0; i < calls; ++i) group.spawn(call_blocked(closed, started, ended));
        while (started < 2) co_await yield();
        co_await ping_pong(500);
        co_await settle();
        REQUIRE(started == 2);
        REQUIRE(ended == 0);
        closed.release(1);
        while (started < 3) co_await yield();
        co_await ping_pong(100);
        REQUIRE(started == 3);
        REQUIRE(ended <= 1);
        closed.release(calls);
        co_await group.join();
    };
    scheduler sched(scheduler_options().backend(kernel).blocking_threads_max(2));
    sched.run(body(gate, begun, returned));
    REQUIRE(begun == calls);
    REQUIRE(returned == calls);
    ran();
}

CO_TEST_CASE("X16: a million awaits that complete at once use one stretch of the stack",
             "[runtime][fault][X16]") {
    stack_range stack;
    int sum = 0;
    constexpr int awaits = test::is_sanitized ? 100'000 : 1'000'000;
    for (int i = 0; i < awaits; ++i) {
        const int got = co_await one(stack);
        sum += got;
    }
    REQUIRE(sum == awaits);
    REQUIRE(stack.bytes() < stack_max);
}

CO_TEST_CASE("X16: a deep chain of awaits needs frames but no stack", "[runtime][fault][X16]") {
    stack_range stack;
    constexpr int levels = 100'000;
    for (int i = 0; i < 2; ++i) {
        const int got = co_await descend(levels, stack);
        REQUIRE(got == levels);
    }
    REQUIRE(stack.bytes() < stack_max);
}

CO_TEST_CASE("X16: reads that complete at once use one stretch of the stack",
             "[runtime][fault][X16]") {
    handle_pair pair = attached_pipe();
    stack_range stack;
    std::array<std::byte, 1> buffer{};
    for (int i = 0; i < 20'000; ++i) {
        auto sent = co_await pair.out.write_some(bytes_of("x"));
        auto got = co_await pair.in.read_some(buffer);
        stack.look();
        REQUIRE(sent.value() == 1);
        REQUIRE(got.value() == 1);
    }
    REQUIRE(stack.bytes() < stack_max);
}
