// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/spare_blocks.hpp>

#include "../../support/fault_backend.hpp"

#include <conduit/runtime/frame_pool.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstring>
#include <thread>
#include <vector>

using namespace conduit;
using rpc::detail::spare_blocks;

namespace {

/// Takes so many blocks, fills them, and gives them back.
void use_blocks(std::size_t count, std::size_t bytes) {
    std::vector<std::byte*> taken;
    for (std::size_t i = 0; i < count; ++i) {
        taken.push_back(spare_blocks::of_thread().take(bytes));
        std::memset(taken.back(), static_cast<int>(i), bytes);
    }
    for (std::byte* each : taken) spare_blocks::of_thread().give_back(each, bytes);
}

}  // namespace

#if CONDUIT_POOL_FRAMES
TEST_CASE("a large block that was given back is taken again", "[rpc][spare_blocks]") {
    bool same = false;
    bool apart = false;
    std::thread([&] {
        spare_blocks& blocks = spare_blocks::of_thread();
        std::byte* first = blocks.take(8192);
        blocks.give_back(first, 8192);
        std::byte* larger = blocks.take(16'384);
        std::byte* second = blocks.take(8192);
        same = second == first;
        apart = larger != first;
        blocks.give_back(second, 8192);
        blocks.give_back(larger, 16'384);
    }).join();
    REQUIRE(same);
    REQUIRE(apart);
}

TEST_CASE("large blocks that are no longer used make room for others", "[rpc][spare_blocks]") {
    bool same = false;
    std::size_t kept = 0;
    std::thread([&] {
        use_blocks(4, 262'144);
        spare_blocks& blocks = spare_blocks::of_thread();
        std::byte* first = blocks.take(65'536);
        blocks.give_back(first, 65'536);
        std::byte* second = blocks.take(65'536);
        same = second == first;
        blocks.give_back(second, 65'536);
        kept = blocks.kept();
    }).join();
    REQUIRE(same);
    REQUIRE(kept == 3 * 262'144 + 65'536);
}
#endif

TEST_CASE("what is kept of large blocks is bounded", "[rpc][spare_blocks]") {
    std::size_t of_many = 0;
    std::size_t of_a_larger = 0;
    std::thread([&] {
        use_blocks(1, std::size_t{1} << 20);
        of_a_larger = spare_blocks::of_thread().kept();
        use_blocks(20, 262'144);
        use_blocks(20, 131'072);
        of_many = spare_blocks::of_thread().kept();
    }).join();
    REQUIRE(of_a_larger == 0);
    REQUIRE(of_many <= spare_blocks::kept_max);
}

TEST_CASE("a thread that ends keeps no large blocks", "[rpc][spare_blocks][threads]") {
    const long before = test::live_allocations();
    std::thread([] { use_blocks(4, 65'536); }).join();
    const long after = test::live_allocations();
    REQUIRE(after == before);
}
