// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/operation.hpp>

#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/within.hpp>

#include <cerrno>
#include <optional>

using namespace conduit;
using namespace conduit::test;
using namespace std::chrono_literals;

static_assert(sizeof(operation) == 64);

namespace {

/// A door that one task waits at: the smallest operation there is.
class door {
public:
    class wait_operation final : public operation {
    public:
        explicit wait_operation(door& at) noexcept : door_(&at) {}
        wait_operation(wait_operation&&) noexcept = default;
        ~wait_operation() {
            if (is_waiting()) door_->waiter_ = nullptr;
            if (is_queued() && !failed()) ++door_->untaken_;
        }
        const char* name() const noexcept override { return "door"; }
        void cancel() noexcept override {
            door_->waiter_ = nullptr;
            complete(cancelled_outcome);
        }
        std::error_code await_resume() const noexcept { return error(); }

    private:
        progress start() override {
            if (door_->open_) return progress::done;
            door_->waiter_ = this;
            return progress::waiting;
        }
        door* door_;
    };

    wait_operation wait() noexcept { return wait_operation(*this); }
    void open() noexcept { open_ = true; }
    void let_in(std::int32_t outcome) { std::exchange(waiter_, nullptr)->complete(outcome); }
    bool has_waiter() const noexcept { return waiter_ != nullptr; }
    int untaken() const noexcept { return untaken_; }

private:
    wait_operation* waiter_ = nullptr;
    bool open_ = false;
    int untaken_ = 0;
};

task<std::error_code> pass(door& through) {
    const std::error_code error = co_await through.wait();
    co_return error;
}

}  // namespace

CO_TEST_CASE("an operation that is done at once does not suspend", "[runtime][operation]") {
    door open;
    open.open();
    const std::uint64_t waits = loop::running().counters.waits.value();
    const std::error_code error = co_await open.wait();
    REQUIRE(error == std::error_code());
    REQUIRE(loop::running().counters.waits.value() == waits);
}

CO_TEST_CASE("completing queues the waiter and resumes nothing", "[runtime][operation]") {
    door closed;
    task_group group;
    auto pending = group.spawn(pass(closed));
    co_await settle();
    REQUIRE(closed.has_waiter());
    closed.let_in(0);
    REQUIRE_FALSE(pending.is_done());
    const std::error_code error = co_await pending;
    REQUIRE(error == std::error_code());
}

CO_TEST_CASE("a negative outcome is the kernel's errno", "[runtime][operation]") {
    door closed;
    task_group group;
    auto pending = group.spawn(pass(closed));
    co_await settle();
    closed.let_in(-EPIPE);
    const std::error_code error = co_await pending;
    REQUIRE(error == std::errc::broken_pipe);
}

CO_TEST_CASE("a cancelled outcome says why: a stop or a deadline", "[runtime][operation]") {
    door closed;
    task_group group;
    auto pending = group.spawn(pass(closed));
    co_await settle();
    pending.request_stop();
    const std::error_code stopped = co_await pending;
    const std::error_code expired = co_await within(1ms, closed.wait());
    auto alone = group.spawn(pass(closed));
    co_await settle();
    closed.let_in(-ECANCELED);
    const std::error_code by_itself = co_await alone;
    REQUIRE(stopped == errc::cancelled);
    REQUIRE(expired == errc::timed_out);
    REQUIRE(by_itself == errc::cancelled);
    REQUIRE_FALSE(closed.has_waiter());
}

CO_TEST_CASE("a stop request after the completion changes nothing", "[runtime][operation]") {
    door closed;
    task_group group;
    auto pending = group.spawn(pass(closed));
    co_await settle();
    closed.let_in(0);
    pending.request_stop();
    const std::error_code error = co_await pending;
    REQUIRE(error == std::error_code());
}

CO_TEST_CASE("an operation destroyed with its result can release it", "[runtime][operation]") {
    door closed;
    std::optional<task_group> group(std::in_place);
    group->spawn(pass(closed));
    co_await settle();
    closed.let_in(0);
    group.reset();
    REQUIRE(closed.untaken() == 1);
}

CO_TEST_CASE("a million operations that are done at once neither starve nor overflow",
             "[runtime][operation]") {
    door open;
    open.open();
    bool other_ran = false;
    auto note = [](bool& ran) -> task<> {
        ran = true;
        co_return;
    };
    task_group group;
    group.spawn(note(other_ran));
    int passed = 0;
    for (int i = 0; i < 1'000'000; ++i) {
        const std::error_code error = co_await open.wait();
        if (!error) ++passed;
        if (i == 10'000) REQUIRE(other_ran);
    }
    REQUIRE(passed == 1'000'000);
}
