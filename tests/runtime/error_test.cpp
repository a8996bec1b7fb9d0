// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/error.hpp>

#include <catch2/catch.hpp>

#include <cerrno>
#include <string>
#include <system_error>

using namespace conduit;

TEST_CASE("each outcome of conduit's own has its text", "[runtime][error]") {
    REQUIRE(make_error_code(errc::cancelled).message() == "cancelled");
    REQUIRE(make_error_code(errc::timed_out).message() == "deadline passed");
    REQUIRE(make_error_code(errc::end_of_stream).message() == "end of stream");
    REQUIRE(make_error_code(errc::closed).message() == "closed");
    REQUIRE(make_error_code(errc::truncated).message() == "ended inside a message");
    REQUIRE(make_error_code(errc::too_long).message() == "longer than the limit");
    REQUIRE(std::string(error_category().name()) == "conduit");
}

TEST_CASE("what the standard has a name for compares equal to it", "[runtime][error]") {
    const std::error_code cancelled = errc::cancelled;
    const std::error_code timed_out = errc::timed_out;
    REQUIRE(cancelled == std::errc::operation_canceled);
    REQUIRE(timed_out == std::errc::timed_out);
    REQUIRE(cancelled != timed_out);
    REQUIRE(cancelled == errc::cancelled);
    REQUIRE(make_error_code(errc::closed) != std::errc::broken_pipe);
    REQUIRE(cancelled);
}

TEST_CASE("an errno keeps its number, and cancelled is one value", "[runtime][error]") {
    const std::error_code pipe = error_from_kernel(EPIPE);
    REQUIRE(pipe == std::errc::broken_pipe);
    REQUIRE(pipe.category() == std::system_category());
    REQUIRE(error_from_kernel(ECANCELED) == errc::cancelled);
    REQUIRE(error_from_kernel(512) == errc::cancelled);        // what io_uring's workers let out
    REQUIRE(error_from_kernel(ETIMEDOUT) != errc::timed_out);  // the peer's doing, not a deadline
    REQUIRE(error_from_kernel(ETIMEDOUT) == std::errc::timed_out);
}
