// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/wait_queue.hpp>

#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <system_error>
#include <vector>

using namespace conduit;

namespace {

class wait_in final : public operation {
public:
    explicit wait_in(wait_queue& queue) noexcept : queue_(&queue) {}
    wait_in(wait_in&&) noexcept = default;

    const char* name() const noexcept override { return "test"; }
    void cancel() noexcept override { complete(cancelled_outcome); }
    std::error_code await_resume() const noexcept { return error(); }

private:
    progress start() override {
        queue_->use();
        queue_->add(*this);
        return progress::waiting;
    }

    wait_queue* queue_;
};

task<> note_turn(wait_queue& queue, std::vector<int>& order, int number) {
    const std::error_code ended = co_await wait_in(queue);
    order.push_back(ended ? -number : number);
}

}  // namespace

CO_TEST_CASE("a wait queue ends waits in the order they came", "[runtime][wait_queue]") {
    wait_queue queue;
    std::vector<int> order;
    for (int i = 1; i <= 3; ++i) {
        scope.spawn(note_turn(queue, order, i));
        co_await test::settle();
    }
    REQUIRE_FALSE(queue.empty());
    for (int i = 1; i <= 3; ++i) {
        queue.complete_front(0);
        co_await test::settle();
    }
    REQUIRE(queue.empty());
    REQUIRE(order == std::vector<int>{1, 2, 3});
}

CO_TEST_CASE("who is cancelled or destroyed leaves a wait queue", "[runtime][wait_queue]") {
    wait_queue queue;
    std::vector<int> order;
    {
        task_group group;
        group.spawn(note_turn(queue, order, 1));
        co_await test::settle();
    }
    REQUIRE(queue.empty());
    auto cancelled = scope.spawn(note_turn(queue, order, 2));
    co_await test::settle();
    cancelled.request_stop();
    REQUIRE(queue.empty());
    co_await scope.join();
    REQUIRE(order == std::vector<int>{-2});
}
