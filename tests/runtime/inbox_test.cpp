// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/inbox.hpp>

#include "../support/co_test.hpp"

#include <conduit/runtime/event.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/yield.hpp>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

class note final : public wakeup {
public:
    note(std::vector<int>& order, int number) noexcept : order_(&order), number_(number) {}
    void deliver() noexcept override { order_->push_back(number_); }
    void abandon() noexcept override { order_->push_back(-number_); }

private:
    std::vector<int>* order_;
    int number_;
};

class set_event final : public wakeup {
public:
    explicit set_event(event& target) noexcept : target_(target) {}
    void deliver() noexcept override { target_.set(); }

private:
    event& target_;
};

scheduler_options on(backend_kind kernel) { return scheduler_options().backend(kernel); }

/// Tries, when it is stopped at the end of its scheduler, to begin something new there.
task<> send_at_the_end(inbox& here, wakeup& work, wakeup& other, std::vector<bool>& taken) {
    co_await sleep_for(1h);
    taken.push_back(here.send_work(work));
    taken.push_back(here.send(other));
}

}  // namespace

CO_TEST_CASE("an inbox delivers in the order of sending", "[runtime][inbox]") {
    std::vector<int> order;
    note one(order, 1);
    note two(order, 2);
    note three(order, 3);
    inbox& here = *scheduler::current().inbox();
    REQUIRE(here.send(one));
    REQUIRE(here.send_work(two));
    REQUIRE(here.send(three));
    REQUIRE(order.empty());
    while (order.size() < 3) co_await yield();
    REQUIRE(order == std::vector<int>{1, 2, 3});
}

CO_TEST_CASE("what is taken back is not delivered", "[runtime][inbox]") {
    std::vector<int> order;
    note one(order, 1);
    note two(order, 2);
    inbox& here = *scheduler::current().inbox();
    REQUIRE(here.send(one));
    REQUIRE(here.send(two));
    here.take_back(one);
    here.take_back(one);
    while (order.empty()) co_await yield();
    REQUIRE(order == std::vector<int>{2});
    REQUIRE(here.send(one));  // once it is off, it may be sent again
    while (order.size() < 2) co_await yield();
    REQUIRE(order == std::vector<int>{2, 1});
}

TEST_CASE("a message wakes a scheduler that sleeps", "[runtime][inbox][threads]") {
    const backend_kind kernel = GENERATE(from_range(test::kernel_backends()));
    scheduler sched(on(kernel));
    for (int i = 0; i < 200; ++i) {
        event arrived;
        set_event message(arrived);
        std::atomic<bool> running{false};  // an inbox is closed between two runs
        std::atomic<bool> sent{false};
        std::thread sender([&, i] {
            while (!running) std::this_thread::yield();
            for (int j = 0; j < i; ++j) std::this_thread::yield();
            sent = sched.inbox()->send(message);
        });
        sched.run([](event& awaited, std::atomic<bool>& flag) -> task<> {
            flag = true;
            co_await awaited.wait();
        }(arrived, running));
        sender.join();
        REQUIRE(sent);
    }
}

TEST_CASE("a scheduler that ends takes no new work, and then nothing", "[runtime][inbox]") {
    const backend_kind kernel = GENERATE(from_range(test::kernel_backends()));
    std::vector<int> order;
    std::vector<bool> taken;
    note work(order, 1);
    note other(order, 2);
    {
        scheduler sched(on(kernel));
        sched.run([](note& one, note& two, std::vector<bool>& results) -> task<> {
            scheduler& here = scheduler::current();
            here.guests().spawn(send_at_the_end(*here.inbox(), one, two, results));
            co_await yield();
        }(work, other, taken));
        REQUIRE(taken == std::vector<bool>{false, true});
        REQUIRE(order == std::vector<int>{2});
        REQUIRE_FALSE(sched.inbox()->send(work));
    }
    REQUIRE(order == std::vector<int>{2});
}

TEST_CASE("an inbox outlives its scheduler and abandons what was on its way", "[runtime][inbox]") {
    const backend_kind kernel = GENERATE(from_range(test::kernel_backends()));
    std::vector<int> order;
    note one(order, 1);
    std::shared_ptr<inbox> kept;
    {
        const scheduler never_run(on(kernel));
        kept = never_run.inbox();
        REQUIRE(kept->send(one));
    }
    REQUIRE(order == std::vector<int>{-1});
    REQUIRE_FALSE(kept->send(one));
}
