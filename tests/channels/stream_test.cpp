// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/stream.hpp>

#include "../support/co_test.hpp"

#include <conduit/channels/pipe.hpp>

using namespace conduit;

TEST_CASE("a channel is a source, a sink or both", "[channels][stream]") {
    STATIC_REQUIRE(byte_source<pipe_reader>);
    STATIC_REQUIRE_FALSE(byte_sink<pipe_reader>);
    STATIC_REQUIRE(byte_sink<pipe_writer>);
    STATIC_REQUIRE_FALSE(byte_source<pipe_writer>);
    STATIC_REQUIRE_FALSE(byte_stream<pipe_writer>);
}

CO_TEST_CASE("nothing to read or write is done at once", "[channels][stream]") {
    auto [in, out] = make_pipe().value();
    auto written = co_await write_all(out, std::span<const std::byte>());
    auto read = co_await read_exact(in, std::span<std::byte>());
    REQUIRE(written);
    REQUIRE(read);
}
