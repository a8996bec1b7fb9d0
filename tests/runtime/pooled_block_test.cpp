// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/frame_pool.hpp>
#include <conduit/runtime/pooled_block.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstddef>
#include <cstring>
#include <thread>
#include <utility>

using namespace conduit;

TEST_CASE("a block has room for what was asked for", "[runtime][pooled_block]") {
    for (const std::size_t bytes :
         std::array<std::size_t, 9>{0, 1, 64, 65, 4096, 4097, 70'000, 1'048'580, 5'000'000}) {
        const pooled_block block(bytes);
        CAPTURE(bytes);
        REQUIRE(block.size() >= bytes);
        REQUIRE(block.data() != nullptr);
        std::memset(block.data(), 1, block.size());
    }
    REQUIRE(pooled_block().size() == 0);
    REQUIRE(pooled_block().data() == nullptr);
}

TEST_CASE("a block that is moved is owned once", "[runtime][pooled_block]") {
    pooled_block block(100);
    std::byte* const memory = block.data();
    pooled_block other(std::move(block));
    REQUIRE(other.data() == memory);
    REQUIRE(block.data() == nullptr);
    REQUIRE(block.size() == 0);
    block = pooled_block(5000);
    block = std::move(other);
    REQUIRE(block.data() == memory);
}

#if CONDUIT_POOL_FRAMES
TEST_CASE("a block that is given up is the next one's of that size", "[runtime][pooled_block]") {
    std::array<bool, 2> same{};
    std::thread([&] {
        frame_pool::of_thread().give_back(frame_pool::of_thread().take(64), 64);  // its first
        std::size_t at = 0;
        for (const std::size_t bytes : {std::size_t{100}, std::size_t{10'000}}) {
            std::byte* memory = nullptr;
            {
                const pooled_block first(bytes);
                memory = first.data();
            }
            const pooled_block second(bytes);
            same[at++] = second.data() == memory;
        }
    }).join();
    REQUIRE(same[0]);
    REQUIRE(same[1]);
}
#endif
