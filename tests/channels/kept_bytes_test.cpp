// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/kept_bytes.hpp>

#include "../support/fault_backend.hpp"

#include <conduit/channels/stream.hpp>
#include <conduit/runtime/spare_blocks.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <utility>

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

TEST_CASE("what was moved from is empty", "[channels][kept_bytes]") {
    kept_bytes kept;
    kept.append(bytes_of("0123456789"));
    kept.consume(1);
    kept_bytes other(std::move(kept));
    REQUIRE(kept.empty());
    kept.append(bytes_of("x"));
    REQUIRE(text_of(kept.bytes()) == "x");
    kept = std::move(other);
    REQUIRE(text_of(kept.bytes()) == "123456789");
    REQUIRE(other.memory() == 0);
}

TEST_CASE("bytes that pass through a deep queue are moved a few times", "[channels][kept_bytes]") {
    constexpr std::size_t piece = 64 * 1024;
    constexpr std::size_t held = 100 * piece;
    const std::string part(piece, 'x');
    kept_bytes kept;
    std::size_t moves = 0;
    const std::byte* where = nullptr;
    for (std::size_t came = 0; came < 10 * held; came += piece) {
        if (kept.size() == held) kept.consume(piece);
        kept.append(bytes_of(part));
        // Where the last one lies: it goes on by one part unless all was moved.
        const std::byte* const end = kept.bytes().data() + kept.size();
        if (where != nullptr && end != where + piece) ++moves;
        where = end;
    }
    REQUIRE(kept.size() == held);
    REQUIRE(kept.memory() < 3 * held);
    REQUIRE(moves < 3 * 10);  // of all that are held
}

TEST_CASE("a block of usual size stays for the next read", "[channels][kept_bytes]") {
    kept_bytes kept;
    kept.append(bytes_of(std::string(1000, 'x')));
    kept.make_room(4096);
    const std::byte* const before = kept.bytes().data();
    kept.fit();
    REQUIRE(kept.bytes().data() == before);
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
