// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/timer_queue.hpp>

#include "../support/dies.hpp"

#include <catch2/catch.hpp>

#include <cstddef>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

constexpr int steps = 500'000;
constexpr std::size_t entries = 1000;

struct entry final : timer_entry {
    void fire() noexcept override {}
    std::multimap<clock::time_point, entry*>::iterator place;  // in the model
};

/// A multimap keeps entries of equal keys in the order they came, as the queue promises.
class compared {
public:
    explicit compared(std::uint32_t seed) : random_(seed), all_(entries) {}

    void step() {
        entry& chosen = all_[random_() % entries];
        const auto what = random_() % 8;
        if (what == 0 && !model_.empty()) {
            pop();
        } else if (chosen.is_set()) {
            queue_.remove(chosen);
            model_.erase(chosen.place);
        } else {
            const clock::time_point due(std::chrono::nanoseconds(random_() % 200));
            queue_.add(chosen, due);
            chosen.place = model_.emplace(due, &chosen);
        }
        const auto next = model_.empty() ? clock::time_point::max() : model_.begin()->first;
        REQUIRE(queue_.next() == next);
        REQUIRE(queue_.size() == model_.size());
    }

    void drain() {
        while (!model_.empty()) pop();
        REQUIRE(queue_.empty());
    }

private:
    void pop() {
        entry& soonest = static_cast<entry&>(queue_.pop());
        REQUIRE(&soonest == model_.begin()->second);
        REQUIRE_FALSE(soonest.is_set());
        model_.erase(model_.begin());
    }

    std::mt19937 random_;
    std::vector<entry> all_;
    timer_queue queue_;
    std::multimap<clock::time_point, entry*> model_;
};

}  // namespace

TEST_CASE("a timer queue does what a multimap does", "[runtime][timer_queue]") {
    compared both(1);
    for (int i = 0; i < steps; ++i) both.step();
    both.drain();
}

TEST_CASE("an empty timer queue is due never", "[runtime][timer_queue]") {
    timer_queue queue;
    REQUIRE(queue.empty());
    REQUIRE(queue.next() == clock::time_point::max());
    entry one;
    queue.remove(one);  // does nothing
    queue.add(one, clock::time_point(1s));
    REQUIRE(one.is_set());
    REQUIRE(queue.next() == clock::time_point(1s));
    queue.remove(one);
    REQUIRE_FALSE(one.is_set());
    REQUIRE(queue.empty());
}

TEST_CASE("timers due at the same time leave in the order they came", "[runtime][timer_queue]") {
    timer_queue queue;
    std::vector<entry> all(50);
    for (entry& each : all) queue.add(each, clock::time_point(1s));
    for (entry& each : all) REQUIRE(&queue.pop() == &each);
}

TEST_CASE("setting a timer twice is a bug that is named", "[runtime][timer_queue]") {
    const std::string said = test::stderr_of_death([] {
        timer_queue queue;
        entry one;
        queue.add(one, clock::time_point(1s));
        queue.add(one, clock::time_point(2s));
    });
    REQUIRE_THAT(said, Catch::Contains("a timer is set once at a time"));
}
