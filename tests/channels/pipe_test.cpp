// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/pipe.hpp>

#include "../support/co_test.hpp"

#include <conduit/channels/stream.hpp>
#include <conduit/runtime/as_task.hpp>
#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/yield.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <string>

using namespace conduit;

CO_TEST_CASE("a pipe carries bytes in order and then its end", "[channels][pipe]") {
    auto [in, out] = make_pipe().value();
    std::array<std::byte, 16> buffer{};
    auto sent = co_await write_all(out, bytes_of("hello"));
    auto closed = co_await out.close_writing();
    const auto five = std::span(buffer).first(5);
    auto got = co_await read_exact(in, five);
    auto end = co_await in.read_some(buffer);
    REQUIRE(sent);
    REQUIRE(closed);
    REQUIRE(got);
    REQUIRE(std::string(reinterpret_cast<const char*>(buffer.data()), 5) == "hello");
    REQUIRE(end.value() == 0);
}

CO_TEST_CASE("a cancelled read loses no bytes", "[channels][pipe][cancel]") {
    auto [in, out] = make_pipe().value();
    std::array<std::byte, 16> buffer{};
    auto pending = scope.spawn(as_task(in.read_some(buffer)));
    co_await yield();
    REQUIRE_FALSE(pending.is_done());
    pending.request_stop();
    auto cancelled = co_await pending;
    auto sent = co_await out.write_some(bytes_of("kept"));
    const auto four = std::span(buffer).first(4);
    auto got = co_await read_exact(in, four);
    REQUIRE(cancelled.error() == errc::cancelled);
    REQUIRE(sent.value() == 4);
    REQUIRE(got);
}

CO_TEST_CASE("a pipe ends before what was asked for", "[channels][pipe]") {
    auto [in, out] = make_pipe().value();
    std::array<std::byte, 16> buffer{};
    auto sent = co_await out.write_some(bytes_of("abc"));
    out.close();
    auto got = co_await read_exact(in, std::span<std::byte>(buffer));
    REQUIRE(sent.value() == 3);
    REQUIRE(got.error() == errc::end_of_stream);
    REQUIRE(buffer[2] == std::byte{'c'});
}

CO_TEST_CASE("each end of a pipe is adopted as what it is", "[channels][pipe]") {
    auto [in, out] = make_pipe().value();
    auto reading = in.detach();
    auto writing = out.detach();
    auto wrong_writer = pipe_writer::adopt(std::move(*reading));
    auto wrong_reader = pipe_reader::adopt(std::move(*writing));
    REQUIRE(wrong_writer.error() == std::errc::invalid_argument);
    REQUIRE(wrong_reader.error() == std::errc::invalid_argument);
    REQUIRE_FALSE(in.is_open());
    co_return;
}

CO_TEST_CASE("a detached end is adopted again", "[channels][pipe]") {
    auto [in, out] = make_pipe().value();
    auto fd = in.detach();
    auto again = pipe_reader::adopt(std::move(*fd));
    std::array<std::byte, 4> buffer{};
    auto sent = co_await out.write_some(bytes_of("x"));
    auto got = co_await again->read_some(buffer);
    REQUIRE(sent.value() == 1);
    REQUIRE(got.value() == 1);
}

TEST_CASE("what is no pipe is not adopted as one", "[channels][pipe]") {
    test::run_on_each_kernel([]() -> task<> {
        unique_fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        auto adopted = pipe_reader::adopt(std::move(null));
        REQUIRE(adopted.error() == std::errc::invalid_argument);
        co_return;
    });
}
