// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/kept_bytes.hpp>

#include "../support/fault_backend.hpp"

#include <conduit/channels/stream.hpp>
#include <conduit/runtime/spare_blocks.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <span>
#include <string>

using namespace conduit;

namespace {

std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

TEST_CASE("kept bytes move to the front or to a larger block", "[channels][kept_bytes]") {
    kept_bytes kept;
    REQUIRE(kept.bytes().data() == nullptr);
    kept.append(bytes_of("0123456789"));
    kept.consume(8);
    kept.append(bytes_of("abcdefgh"));  // fits where the first eight were
    REQUIRE(text_of(kept.bytes()) == "89abcdefgh");
    kept.append(bytes_of("ijk"));
    kept.prepend(bytes_of("67"));
    REQUIRE(text_of(kept.bytes()) == "6789abcdefghijk");
    kept.consume(kept.size());
    REQUIRE(kept.bytes().data() == nullptr);
}

TEST_CASE("a block is given up that is much larger than what is kept", "[channels][kept_bytes]") {
    kept_bytes kept;
    kept.append(bytes_of(std::string(70'000, 'x')));
    kept.consume(69'999);
    kept.fit();
    REQUIRE(text_of(kept.bytes()) == "x");
    REQUIRE(kept.make_room(1).size() < 100);
}

TEST_CASE("what came last is dropped", "[channels][kept_bytes]") {
    kept_bytes kept;
    kept.append(bytes_of("0123456789"));
    kept.consume(2);
    kept.drop_back(3);
    REQUIRE(text_of(kept.bytes()) == "23456");
    kept.append(bytes_of("x"));
    REQUIRE(text_of(kept.bytes()) == "23456x");
    kept.drop_back(6);
    REQUIRE(kept.memory() == 0);
}

TEST_CASE("a block stays where there is no memory for a smaller one", "[channels][kept_bytes]") {
    kept_bytes kept;
    kept.append(bytes_of(std::string(70'000, 'x')));
    kept.consume(60'000);
    spare_blocks::of_thread().trim();
    const std::size_t before = kept.memory();
    {
        const test::failing_allocation fails(1);
        kept.fit();
    }
    REQUIRE(kept.size() == 10'000);
    REQUIRE(kept.memory() == before);
    REQUIRE(text_of(kept.bytes()) == std::string(10'000, 'x'));
}
