// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/frame_pool.hpp>

#include "../support/fault_backend.hpp"

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <thread>
#include <utility>
#include <vector>

using namespace conduit;

namespace {

void keep_frames(int count) {
    frame_pool& pool = frame_pool::of_thread();
    std::vector<void*> frames;
    for (int i = 0; i < count; ++i) frames.push_back(pool.take(100));
    for (void* each : frames) pool.give_back(each, 100);
}

/// Gives a frame back as its thread ends, after the pool was trimmed if it is the older of the two.
struct late_frame {
    late_frame() = default;
    late_frame(const late_frame&) = delete;
    ~late_frame() { frame_pool::of_thread().give_back(memory, 100); }

    void* memory = frame_pool::of_thread().take(100);
};

}  // namespace

TEST_CASE("the frame pool counts what is taken and given back", "[runtime][frame_pool]") {
    frame_pool& pool = frame_pool::of_thread();
    const std::int64_t before = pool.live();
    void* small = pool.take(100);
    void* large = pool.take(100'000);
    REQUIRE(pool.live() == before + 2);
    pool.give_back(small, 100);
    REQUIRE(pool.live() == before + 1);
    pool.give_back(large, 100'000);
    REQUIRE(pool.live() == before);
    pool.trim();
    REQUIRE(pool.live() == before);
}

TEST_CASE("frames of the pool do not overlap", "[runtime][frame_pool]") {
    frame_pool& pool = frame_pool::of_thread();
    const std::int64_t before = pool.live();
    std::mt19937 random(1);
    struct taken {
        unsigned char* memory;
        std::size_t bytes;
        unsigned char mark;
    };
    std::vector<taken> frames;
    for (int step = 0; step < 20'000; ++step) {
        if (frames.size() < 50 || random() % 2 == 0) {
            const std::size_t bytes = 1 + random() % 3000;
            const auto mark = static_cast<unsigned char>(random());
            auto* memory = static_cast<unsigned char*>(pool.take(bytes));
            std::memset(memory, mark, bytes);
            frames.push_back({memory, bytes, mark});
            continue;
        }
        std::swap(frames[random() % frames.size()], frames.back());
        const taken last = frames.back();
        frames.pop_back();
        REQUIRE(last.memory[0] == last.mark);
        REQUIRE(last.memory[last.bytes - 1] == last.mark);
        pool.give_back(last.memory, last.bytes);
    }
    for (const taken& each : frames) pool.give_back(each.memory, each.bytes);
    REQUIRE(pool.live() == before);
    pool.trim();
}

#if CONDUIT_POOL_FRAMES
TEST_CASE("a frame that was given back is taken again", "[runtime][frame_pool]") {
    frame_pool& pool = frame_pool::of_thread();
    void* first = pool.take(200);
    pool.give_back(first, 200);
    void* second = pool.take(193);  // of the same 64 bytes
    REQUIRE(second == first);
    pool.give_back(second, 193);
    pool.trim();
}
#endif

TEST_CASE("memory given back on another thread is counted there",
          "[runtime][frame_pool][threads]") {
    const std::int64_t before = frame_pool::of_thread().live();
    void* moved = frame_pool::of_thread().take(100);
    std::int64_t there = 0;
    std::thread other([moved, &there] {
        frame_pool::of_thread().give_back(moved, 100);
        there = frame_pool::of_thread().live();
        frame_pool::of_thread().trim();
    });
    other.join();
    REQUIRE(there == -1);
    REQUIRE(frame_pool::of_thread().live() == before + 1);
    frame_pool::of_thread().give_back(frame_pool::of_thread().take(100), 100);
}

TEST_CASE("a thread that ends keeps no frames", "[runtime][frame_pool][threads]") {
    const long before = test::live_allocations();
    std::thread([] { keep_frames(10); }).join();
    const long after_keeping = test::live_allocations();
    std::thread([] {
        keep_frames(10);
        frame_pool::of_thread().trim();  // as a scheduler that ended here before
        keep_frames(10);
    }).join();
    const long after_trimming = test::live_allocations();
    REQUIRE(after_keeping == before);
    REQUIRE(after_trimming == before);
}

TEST_CASE("a frame may be given back after its thread's pool has gone",
          "[runtime][frame_pool][threads]") {
    const long before = test::live_allocations();
    std::thread([] {
        static thread_local const late_frame older;
        static_cast<void>(older.memory);
        keep_frames(10);
    }).join();
    const long after = test::live_allocations();
    REQUIRE(after == before);
}
