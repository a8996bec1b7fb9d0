// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/spare_blocks.hpp>

#include "../skip.hpp"
#include "../support/fault_backend.hpp"

#include <conduit/runtime/frame_pool.hpp>
#include <conduit/runtime/run.hpp>

#include <catch2/catch.hpp>

#include <sys/resource.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <new>
#include <string>
#include <thread>
#include <vector>

using namespace conduit;

namespace {

constexpr std::size_t kib = 1024;
constexpr std::size_t mib = 1024 * kib;

/// Takes so many blocks, fills them, and gives them back.
void use_blocks(std::size_t count, std::size_t bytes) {
    const std::size_t size = spare_blocks::size_for(bytes);
    std::vector<std::byte*> taken;
    for (std::size_t i = 0; i < count; ++i) {
        taken.push_back(spare_blocks::of_thread().take(size));
        std::memset(taken.back(), static_cast<int>(i), size);
    }
    for (std::byte* each : taken) spare_blocks::of_thread().give_back(each, size);
}

}  // namespace

TEST_CASE("a large block is large enough, and not much larger", "[runtime][spare_blocks]") {
    for (std::size_t bytes = 4097; bytes < 4 * mib; bytes += 1 + bytes / 100) {
        CAPTURE(bytes);
        REQUIRE(spare_blocks::size_for(bytes) >= bytes);
        REQUIRE(spare_blocks::size_for(bytes) <= 2 * bytes);
        if (bytes > 64 * kib) REQUIRE(spare_blocks::size_for(bytes) <= bytes + bytes / 4 + 8192);
    }
}

#if CONDUIT_POOL_FRAMES
TEST_CASE("a large block has a power of two, or a quarter more and a page",
          "[runtime][spare_blocks]") {
    REQUIRE(spare_blocks::size_for(4097) == 8 * kib);
    REQUIRE(spare_blocks::size_for(8 * kib) == 8 * kib);
    REQUIRE(spare_blocks::size_for(8 * kib + 1) == 16 * kib);
    REQUIRE(spare_blocks::size_for(32 * kib + 1) == 44 * kib);
    REQUIRE(spare_blocks::size_for(64 * kib + 16) == 68 * kib);
    REQUIRE(spare_blocks::size_for(128 * kib + 16) == 132 * kib);
    REQUIRE(spare_blocks::size_for(132 * kib + 1) == 164 * kib);
    REQUIRE(spare_blocks::size_for(mib + 100) == mib + 4 * kib);
    REQUIRE(spare_blocks::size_for(2 * mib + 4 * kib) == 2 * mib + 4 * kib);
    REQUIRE(spare_blocks::size_for(2 * mib + 4 * kib + 1) == 2 * mib + 4 * kib + 1);
}

TEST_CASE("a large block that was given back is taken again", "[runtime][spare_blocks]") {
    bool same = false;
    bool apart = false;
    std::thread([&] {
        spare_blocks& blocks = spare_blocks::of_thread();
        std::byte* first = blocks.take(8 * kib);
        blocks.give_back(first, 8 * kib);
        std::byte* larger = blocks.take(16 * kib);
        std::byte* second = blocks.take(8 * kib);
        same = second == first;
        apart = larger != first;
        blocks.give_back(second, 8 * kib);
        blocks.give_back(larger, 16 * kib);
    }).join();
    REQUIRE(same);
    REQUIRE(apart);
}

TEST_CASE("large blocks that are no longer used make room for others", "[runtime][spare_blocks]") {
    if (!test::failing_allocation::is_possible()) {
        return test::skip("operator new cannot be replaced here");
    }
    constexpr std::size_t large = mib + 4 * kib;
    std::size_t taken = 0;
    std::thread([&taken] {
        use_blocks(80, 68 * kib);  // once, as of many connections
        use_blocks(4, large);
        std::array<std::byte*, 4> all{};
        try {
            const test::failing_allocation none(1);
            for (; taken < all.size(); ++taken) all[taken] = spare_blocks::of_thread().take(large);
        } catch (const std::bad_alloc&) {  // one was not kept
        }
        for (std::size_t i = 0; i < taken; ++i) spare_blocks::of_thread().give_back(all[i], large);
    }).join();
    REQUIRE(taken == 4);
}

#ifdef __GLIBC__
TEST_CASE("the heap keeps what messages of 1 MiB are made of", "[runtime][spare_blocks]") {
    const auto fill_two = [] {
        std::string one(mib, 'x');
        std::string other(mib, 'x');
        one.swap(other);
    };
    const auto page_faults = [] {
        rusage used{};
        ::getrusage(RUSAGE_THREAD, &used);
        return used.ru_minflt;
    };
    use_blocks(1, 64 * kib);
    fill_two();
    const long before = page_faults();
    fill_two();
    REQUIRE(page_faults() - before < 100);  // 512 where both are new
}
#endif

TEST_CASE("a scheduler that ends keeps no large blocks", "[runtime][spare_blocks]") {
    use_blocks(1, 64 * kib);
    const std::size_t before = spare_blocks::of_thread().kept();
    run([]() -> task<> { co_return; }());
    REQUIRE(before >= 64 * kib);
    REQUIRE(spare_blocks::of_thread().kept() == 0);
}
#endif

TEST_CASE("what is kept of large blocks is bounded", "[runtime][spare_blocks]") {
    std::size_t of_a_larger = 0;
    std::size_t of_many = 0;
    std::thread([&] {
        use_blocks(1, 3 * mib);
        of_a_larger = spare_blocks::of_thread().kept();
        use_blocks(20, 2 * mib);
        use_blocks(20, mib);
        use_blocks(20, 128 * kib);
        of_many = spare_blocks::of_thread().kept();
    }).join();
    REQUIRE(of_a_larger == 0);
    REQUIRE(of_many <= spare_blocks::kept_max);
}

TEST_CASE("a thread that ends keeps no large blocks", "[runtime][spare_blocks][threads]") {
    const long before = test::live_allocations();
    std::thread([] { use_blocks(4, 64 * kib); }).join();
    const long after = test::live_allocations();
    REQUIRE(after == before);
}
