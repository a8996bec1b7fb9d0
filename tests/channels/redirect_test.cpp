// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/redirect.hpp>

#include "../support/child.hpp"
#include "../support/co_test.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/pipe.hpp>
#include <conduit/channels/pipeline.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/runtime/as_task.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/yield.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <iterator>
#include <string>

using namespace conduit;

namespace {

std::string contents_of(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

CO_TEST_CASE("a program reads a buffer and its output is captured", "[channels][redirect]") {
    test::needs_processes();
    command sort("sort");
    sort.input(redirect::text("b\na\n"));
    auto done = co_await run(std::move(sort));
    REQUIRE(done.value().output == "a\nb\n");
    REQUIRE(done->ok());
    REQUIRE(done->output_is_whole);
}

CO_TEST_CASE("a program reads a file and writes, then appends to another", "[channels][redirect]") {
    test::needs_processes();
    const test::temp_dir folder;
    const std::string from = folder.path() + "/from";
    const std::string to = folder.path() + "/to";
    std::ofstream(from) << "one\n";
    std::ofstream(to) << "what was there before";
    command first("cat");
    first.input(redirect::from_file(from)).output(redirect::to_file(to));
    auto written = co_await run(std::move(first));
    command second("cat");
    second.input(redirect::from_file(from)).output(redirect::append_to(to));
    auto appended = co_await run(std::move(second));
    REQUIRE(written.value().ok());
    REQUIRE(appended.value().ok());
    REQUIRE(contents_of(to) == "one\none\n");
}

CO_TEST_CASE("what a program says of errors is captured, or goes with its output",
             "[channels][redirect]") {
    test::needs_processes();
    command apart("sh", "-c", "echo out; echo err >&2");
    apart.error_output(redirect::capture());
    auto two = co_await run(std::move(apart));
    command together("sh", "-c", "echo out; echo err >&2");
    together.error_output(redirect::to_output());
    auto one = co_await run(std::move(together));
    REQUIRE(two.value().output == "out\n");
    REQUIRE(two->stages[0].error_output == "err\n");
    REQUIRE(one.value().output == "out\nerr\n");
}

CO_TEST_CASE("a program gets the end of a channel, which then blocks", "[channels][redirect]") {
    test::needs_processes();
    auto [in, out] = make_pipe().value();
    command cat("cat");
    cat.input(redirect::channel(std::move(in)));
    auto child = start(std::move(cat)).value();
    co_await test::settle();  // it waits for its input rather than failing with EAGAIN
    auto sent = co_await out.write_some(bytes_of("hello"));
    out.close();
    std::array<std::byte, 16> buffer{};
    auto got = co_await child.read_some(buffer);
    auto status = co_await child.exited();
    REQUIRE(sent.value() == 5);
    REQUIRE(got.value() == 5);
    REQUIRE(status.value().code == 0);
}

CO_TEST_CASE("a channel in use is not given away", "[channels][redirect]") {
    test::needs_processes();
    auto [in, out] = make_pipe().value();
    std::array<std::byte, 4> buffer{};
    auto pending = scope.spawn(as_task(in.read_some(buffer)));
    co_await yield();
    command cat("cat");
    cat.input(redirect::channel(std::move(in)));
    start_failure why;
    auto child = start(std::move(cat), &why);
    auto read = co_await pending;
    REQUIRE_FALSE(child);
    REQUIRE(why.what == start_failure::part::redirection);
    REQUIRE(why.number == 0);
    REQUIRE_FALSE(read);
}

CO_TEST_CASE("a program that prints more than is to be captured is ended", "[channels][redirect]") {
    test::needs_processes();
    command endless("yes");
    endless.output(redirect::capture(100'000));
    auto done = co_await run(std::move(endless));
    REQUIRE(done.error() == std::errc::value_too_large);
}

CO_TEST_CASE("nothing to read is the end of input", "[channels][redirect]") {
    test::needs_processes();
    command cat("cat");
    cat.input(redirect::null()).output(redirect::pipe());
    auto child = start(std::move(cat)).value();
    std::array<std::byte, 4> buffer{};
    auto got = co_await child.read_some(buffer);
    auto status = co_await child.exited();
    REQUIRE(got.value() == 0);
    REQUIRE(status.value().code == 0);
}

CO_TEST_CASE("opening a FIFO for a program never waits", "[channels][redirect]") {
    test::needs_processes();
    const test::temp_dir folder;
    const std::string path = folder.path() + "/fifo";
    current_kernel().make_fifo(path, 0600).value();
    command writer("true");
    writer.output(redirect::to_file(path));
    auto refused = start(std::move(writer));
    command reader("cat");
    reader.input(redirect::from_file(path));
    auto ended = co_await run(std::move(reader));
    REQUIRE(refused.error() == std::errc::no_such_device_or_address);
    REQUIRE(ended.value().ok());
}
