// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/pipeline.hpp>

#include "../support/child.hpp"
#include "../support/co_test.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/stream.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <array>
#include <csignal>
#include <string>

using namespace conduit;
using namespace std::chrono_literals;

TEST_CASE("a running pipeline is a channel and a byte stream", "[channels][pipeline]") {
    STATIC_REQUIRE(channel<running_pipeline>);
    STATIC_REQUIRE(byte_stream<running_pipeline>);
}

CO_TEST_CASE("commands are joined as in a shell", "[channels][pipeline]") {
    test::needs_processes();
    command first("printf", "b\\na\\nb\\n");
    auto counted = std::move(first) | command("sort") | command("uniq", "-c");
    auto done = co_await run(std::move(counted));
    REQUIRE(done.value().output == "      1 a\n      2 b\n");
    REQUIRE(done->stages.size() == 3);
    REQUIRE(done->ok());
}

CO_TEST_CASE("every stage has its status", "[channels][pipeline]") {
    test::needs_processes();
    auto three = command("sh", "-c", "exit 3") | command("sh", "-c", "kill -9 $$") | command("cat");
    auto done = co_await run(std::move(three));
    REQUIRE(done.value().stages[0].status.code == 3);
    REQUIRE(done->stages[1].status.signal == SIGKILL);
    REQUIRE(done->status().code == 0);
    REQUIRE_FALSE(done->ok());
}

CO_TEST_CASE("a pipeline that was started is talked to as one stream", "[channels][pipeline]") {
    test::needs_processes();
    auto running = start(command("cat") | command("cat")).value();
    auto sent = co_await write_all(running, bytes_of("through"));
    std::array<std::byte, 7> buffer{};
    const std::span<std::byte> whole(buffer);
    auto got = co_await read_exact(running, whole);
    auto closed = co_await running.close_writing();
    auto statuses = co_await running.exited();
    REQUIRE(sent);
    REQUIRE(got);
    REQUIRE(closed);
    REQUIRE(statuses.value().size() == 2);
}

CO_TEST_CASE("what a stage says itself goes before the pipe", "[channels][pipeline]") {
    test::needs_processes();
    const test::temp_dir folder;
    const std::string path = folder.path() + "/file";
    command away("echo", "elsewhere");
    away.output(redirect::to_file(path));
    auto done = co_await run(std::move(away) | command("cat"));
    auto read = co_await run(command("cat", path));
    REQUIRE(done.value().output.empty());
    REQUIRE(read.value().output == "elsewhere\n");
}

CO_TEST_CASE("a pipe to here between two stages is refused", "[channels][pipeline]") {
    test::needs_processes();
    command stage("cat");
    stage.output(redirect::capture());
    start_failure why;
    auto running = start(std::move(stage) | command("cat"), &why);
    REQUIRE(running.error() == std::errc::invalid_argument);
    REQUIRE(why.stage == 0);
    REQUIRE(why.number == 1);
    co_return;
}

CO_TEST_CASE("a stage that cannot start is named and the others are ended",
             "[channels][pipeline]") {
    test::needs_processes();
    start_failure why;
    auto running = start(command("cat") | command("no-such-program") | command("cat"), &why);
    REQUIRE(running.error() == std::errc::no_such_file_or_directory);
    REQUIRE(why.stage == 1);
    REQUIRE(why.path == "no-such-program");
    REQUIRE(why.text() == "cannot start no-such-program: No such file or directory");
    while (test::has_children()) co_await yield();
}

CO_TEST_CASE("a run that is cancelled has stopped all stages", "[channels][pipeline][cancel]") {
    test::needs_processes();
    auto endless = command("yes") | command("sh", "-c", "trap '' TERM; cat") | command("wc", "-l");
    endless.grace(50ms);
    auto running = scope.spawn(run(std::move(endless)));
    co_await test::settle();
    REQUIRE(test::has_children());
    running.request_stop();
    auto done = co_await running;
    REQUIRE(done.error() == errc::cancelled);
    REQUIRE_FALSE(test::has_children());
}

CO_TEST_CASE("a run that takes too long has stopped all stages", "[channels][pipeline]") {
    test::needs_processes();
    auto endless = command("yes") | command("wc", "-l");
    auto done = co_await within(20ms, run(std::move(endless)));
    REQUIRE(done.error() == errc::timed_out);
    REQUIRE_FALSE(test::has_children());
}

CO_TEST_CASE("a run that is destroyed leaves no child", "[channels][pipeline]") {
    test::needs_processes();
    {
        task_group group;
        auto running = group.spawn(run(command("yes") | command("wc", "-l")));
        co_await test::settle();
    }
    while (test::has_children()) co_await yield();
}

CO_TEST_CASE("all stages of a running pipeline are stopped", "[channels][pipeline]") {
    test::needs_processes();
    auto running = start(command("cat") | command("cat") | command("cat")).value();
    auto statuses = co_await running.stop(1h);
    REQUIRE(statuses.value().size() == 3);
    REQUIRE(statuses->front().signal == SIGTERM);
    REQUIRE_FALSE(test::has_children());
}
