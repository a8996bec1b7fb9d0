// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/frame.hpp>

#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <conduit/runtime/task.hpp>
#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/timer.hpp>

#include <string_view>
#include <vector>

using namespace conduit;
using namespace conduit::test;
using namespace std::chrono_literals;

static_assert(conduit_awaitable<task<int>>);
static_assert(conduit_awaitable<sleep_operation>);
static_assert(!conduit_awaitable<std::suspend_always>);

namespace {

constexpr unsigned inner_line = __LINE__ + 1;
task<> innermost() { co_await sleep_for(1h); }

constexpr unsigned outer_line = __LINE__ + 1;
task<> outermost() { co_await innermost(); }

/// The frame of the only task that waits under `group`.
const frame* waiting_frame(task_group& group) {
    for (context& child : group.group_context().children()) {
        for (operation& op : child.waiting()) return op.waiter();
    }
    return nullptr;
}

}  // namespace

CO_TEST_CASE("each await records its place and its parent", "[runtime][frame]") {
    task_group group;
    group.spawn(outermost());
    co_await settle();
    const frame* inner = waiting_frame(group);
    REQUIRE(inner != nullptr);
    REQUIRE(std::string_view(inner->where.file_name()).ends_with("frame_test.cpp"));
    REQUIRE(inner->where.line() == inner_line);
    REQUIRE(inner->parent != nullptr);
    REQUIRE(inner->parent->where.line() == outer_line);
    REQUIRE(inner->since <= clock::now());
    group.request_stop();
    co_await group.join();
}

TEST_CASE("frames come from the pool of their thread", "[runtime][frame]") {
    const std::int64_t before = frame_pool::of_thread().live();
    {
        std::vector<task<>> kept;  // clang keeps a frame that stays local out of the heap
        kept.push_back(innermost());
        kept.push_back(innermost());
        REQUIRE(frame_pool::of_thread().live() == before + 2);
    }
    REQUIRE(frame_pool::of_thread().live() == before);
}
