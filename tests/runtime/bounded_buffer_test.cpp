// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/bounded_buffer.hpp>

#include "../support/dies.hpp"

#include <catch2/catch.hpp>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <vector>

using namespace conduit;

namespace {

struct giver final : buffer_giver<int> {
    using buffer_giver<int>::buffer_giver;
    void wake(bool served) noexcept override { woken = served; }
    std::optional<bool> woken;
};

struct taker final : buffer_waiter {
    void wake(bool served) noexcept override { woken = served; }
    std::optional<bool> woken;
};

/// Random givers and takers, some of which leave while they wait or after they were served.
class random_run {
public:
    explicit random_run(std::uint32_t seed) : random_(seed) {}

    void step() {
        switch (random_() % 4) {
            case 0: give(); break;
            case 1: ask(); break;
            case 2: collect(random_() % 4 == 0); break;
            default: leave(); break;
        }
    }

    void finish() {
        buffer_.close();
        while (!takers_.empty()) collect(false);
        while (buffer_.try_ask()) note(buffer_.take());
        for (auto& each : givers_) {
            if (each->woken != true) refused_ += 1;
        }
        givers_.clear();
        REQUIRE(buffer_.is_idle());
        REQUIRE(buffer_.size() == 0);
        REQUIRE(taken_ + refused_ + left_ == given_);
    }

private:
    void give() {
        auto next = std::make_unique<giver>(given_++);
        if (buffer_.give(*next) == buffer_answer::wait) givers_.push_back(std::move(next));
    }
    void ask() {
        auto next = std::make_unique<taker>();
        const buffer_answer answer = buffer_.ask(*next);
        if (answer == buffer_answer::served) note(buffer_.take());
        if (answer == buffer_answer::wait) takers_.push_back(std::move(next));
    }
    /// The first in line goes on, if it was woken, or breaks its promise.
    void collect(bool breaks) {
        if (takers_.empty() || !takers_.front()->woken) return;
        const bool served = *takers_.front()->woken;
        takers_.pop_front();
        if (served && breaks) buffer_.break_promise();
        if (served && !breaks) note(buffer_.take());
    }
    /// One that waits leaves.
    void leave() {
        if (!givers_.empty() && !givers_.back()->woken) {
            givers_.pop_back();
            ++left_;
        }
        if (!takers_.empty() && !takers_.back()->woken) takers_.pop_back();
    }
    /// Items come out in the order they were given, with gaps where givers left.
    void note(int item) {
        REQUIRE(item > last_);
        last_ = item;
        ++taken_;
    }

    std::mt19937 random_;
    bounded_buffer<int> buffer_{3};
    std::deque<std::unique_ptr<giver>> givers_;
    std::deque<std::unique_ptr<taker>> takers_;
    int given_ = 0;
    int taken_ = 0;
    int refused_ = 0;
    int left_ = 0;
    int last_ = -1;
};

}  // namespace

TEST_CASE("what a buffer is given comes out once and in order", "[runtime][bounded_buffer]") {
    for (std::uint32_t seed = 1; seed <= 50; ++seed) {
        random_run run(seed);
        for (int i = 0; i < 2000; ++i) run.step();
        run.finish();
    }
}

TEST_CASE("a broken promise goes to the next in line", "[runtime][bounded_buffer]") {
    bounded_buffer<int> buffer(1);
    taker first;
    taker second;
    REQUIRE(buffer.ask(first) == buffer_answer::wait);
    REQUIRE(buffer.ask(second) == buffer_answer::wait);
    int seven = 7;
    REQUIRE(buffer.try_give(seven));
    REQUIRE(first.woken == true);
    REQUIRE_FALSE(second.woken);
    REQUIRE_FALSE(buffer.try_ask());
    buffer.break_promise();
    REQUIRE(second.woken == true);
    REQUIRE(buffer.take() == 7);
}

TEST_CASE("a closed buffer says so only when no promise can be broken any more",
          "[runtime][bounded_buffer]") {
    bounded_buffer<int> buffer(1);
    taker first;
    taker second;
    static_cast<void>(buffer.ask(first));
    giver one(1);
    static_cast<void>(buffer.give(one));
    buffer.close();
    REQUIRE(buffer.ask(second) == buffer_answer::wait);  // `first` may leave yet
    REQUIRE(buffer.take() == 1);
    REQUIRE(second.woken == false);
    REQUIRE(buffer.give(one) == buffer_answer::closed);
    REQUIRE(buffer.ask(second) == buffer_answer::closed);
}

TEST_CASE("a buffer without room is a bug that is named", "[runtime][bounded_buffer]") {
    const std::string said = test::stderr_of_death([] { bounded_buffer<int> none(0); });
    REQUIRE_THAT(said, Catch::Contains("a queue has room for at least one item"));
}
