// SPDX-License-Identifier: BSL-1.0
//
// What the seam promises of pipes beyond carrying bytes: every kernel answers alike.

#include <conduit/runtime/backend/kernel.hpp>

#include "../support/co_test.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/runtime/io_handle.hpp>

#include <array>
#include <string>

using namespace conduit;
using test::temp_dir;

CO_TEST_CASE("looking into a pipe tells bytes, nothing yet and the end, and takes nothing out",
             "[runtime][kernel]") {
    kernel& here = current_kernel();
    auto ends = here.make_pipe().value();
    auto in = io_handle::attach(std::move(ends.first)).value();
    auto out = io_handle::attach(std::move(ends.second)).value();
    const pipe_content empty = here.look_into(in.owned()).value();
    auto written = co_await out.write_some(bytes_of("x"));
    const pipe_content full = here.look_into(in.owned()).value();
    auto closed = co_await out.close_and_wait();
    const pipe_content still_full = here.look_into(in.owned()).value();
    std::array<std::byte, 4> buffer{};
    auto got = co_await in.read_some(buffer);
    const pipe_content ended = here.look_into(in.owned()).value();
    REQUIRE(empty == pipe_content::nothing_yet);
    REQUIRE(written.value() == 1);
    REQUIRE(full == pipe_content::bytes);
    REQUIRE(closed);
    REQUIRE(still_full == pipe_content::bytes);
    REQUIRE(got.value() == 1);
    REQUIRE(ended == pipe_content::the_end);
}

CO_TEST_CASE("looking into a FIFO tells a silent writer from none", "[runtime][kernel]") {
    kernel& here = current_kernel();
    const temp_dir folder;
    const std::string path = folder.path() + "/fifo";
    here.make_fifo(path, 0600).value();
    handle_access reading;
    reading.reads = true;
    handle_access writing;
    writing.writes = true;
    const auto in = here.open_fifo(path, reading).value();
    const pipe_content nobody = here.look_into(in).value();
    auto out = here.open_fifo(path, writing).value();
    const pipe_content silent = here.look_into(in).value();
    auto wrong_end = here.look_into(out);
    out.reset();
    const pipe_content nobody_any_more = here.look_into(in).value();
    REQUIRE(nobody == pipe_content::the_end);
    REQUIRE(silent == pipe_content::nothing_yet);
    REQUIRE(wrong_end.error() == std::errc::bad_file_descriptor);
    REQUIRE(nobody_any_more == pipe_content::the_end);
    co_return;
}

CO_TEST_CASE("a FIFO has the mode it was made with, and its maker as owner", "[runtime][kernel]") {
    kernel& here = current_kernel();
    const temp_dir folder;
    const std::string path = folder.path() + "/fifo";
    here.make_fifo(path, 0622).value();  // of which the usual umask would take away
    const file_status made = here.status_of(path).value();
    REQUIRE(made.mode == 0622);
    REQUIRE(made.owner == here.effective_user());
    co_return;
}

CO_TEST_CASE("writes that are kept apart are read one by one", "[runtime][kernel]") {
    kernel& here = current_kernel();
    auto ends = here.make_pipe().value();
    here.keep_writes_apart(ends.second).value();
    auto in = io_handle::attach(std::move(ends.first)).value();
    auto out = io_handle::attach(std::move(ends.second)).value();
    auto one = co_await out.write_some(bytes_of("one"));
    auto three = co_await out.write_some(bytes_of("three"));
    std::array<std::byte, 16> buffer{};
    auto first = co_await in.read_some(buffer);
    auto second = co_await in.read_some(std::span(buffer).first(2));  // which loses the rest
    out.close();
    auto end = co_await in.read_some(buffer);
    REQUIRE(one.value() == 3);
    REQUIRE(three.value() == 5);
    REQUIRE(first.value() == 3);
    REQUIRE(second.value() == 2);
    REQUIRE(end.value() == 0);
}
