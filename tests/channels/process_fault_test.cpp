// SPDX-License-Identifier: BSL-1.0
//
// What the world does to processes and pipelines, and what conduit makes of it.

#include "../skip.hpp"
#include "../support/child.hpp"
#include "../support/co_test.hpp"
#include "../support/fail_nth_call.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/message.hpp>
#include <conduit/channels/pipe.hpp>
#include <conduit/channels/pipeline.hpp>
#include <conduit/channels/process.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/runtime/as_task.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/backend/linux_calls.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

using namespace conduit;
using namespace conduit::test;
using namespace std::chrono_literals;

namespace {

/// While it lives, this process ignores SIGPIPE and blocks SIGTERM.
class unusual_signals {
public:
    unusual_signals() {
        ::signal(SIGPIPE, SIG_IGN);
        sigset_t blocked;
        ::sigemptyset(&blocked);
        ::sigaddset(&blocked, SIGTERM);
        ::pthread_sigmask(SIG_BLOCK, &blocked, &before_);
    }
    unusual_signals(const unusual_signals&) = delete;
    ~unusual_signals() {
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
        ::signal(SIGPIPE, SIG_DFL);
    }

private:
    sigset_t before_{};
};

const helper lists_descriptors("lists its descriptors", [](const helper_arguments&) {
    std::string list;
    for (int fd = 0; fd < 1024; ++fd) {
        if (::fcntl(fd, F_GETFD) >= 0) list += std::to_string(fd) + " ";
    }
    return ::write(1, list.data(), list.size()) < 0 ? 1 : 0;
});

command this_program(const std::string& helper) {
    return command("/proc/self/exe", "--helper", helper);
}

/// A script in a folder of its own, with a mode.
std::string file_with(const temp_dir& folder, const std::string& text, mode_t mode) {
    std::string path = folder.path() + "/file";
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
    return path;
}

/// Starts what cannot be started.
start_failure failure_of(command program) {
    start_failure why;
    auto child = start(std::move(program), &why);
    REQUIRE_FALSE(child);
    REQUIRE(child.error() == why.reason);
    return why;
}

}  // namespace

CO_TEST_CASE("P2: children have default signals whatever this process does",
             "[channels][process][fault][P2]") {
    needs_processes();
    const unusual_signals here;
    auto done = co_await run(command("yes") | command("head", "-n", "1"));
    auto child = start(command("cat")).value();
    auto ended = co_await child.stop(1h);
    REQUIRE(done.value().stages[0].status.signal == SIGPIPE);
    REQUIRE(done->output == "y\n");
    REQUIRE(ended.value().signal == SIGTERM);
}

CO_TEST_CASE("P7: a child has the descriptors that are listed and no others",
             "[channels][process][fault][P7]") {
    needs_processes();
    const unique_fd low(::open("/dev/null", O_RDONLY));  // without O_CLOEXEC, as others' code may
    const unique_fd high(::fcntl(low.native().value(), F_DUPFD, 100));
    const unique_fd gap(::fcntl(low.native().value(), F_DUPFD, 50));
    auto [in, out] = make_pipe().value();
    command lists = this_program("lists its descriptors");
    lists.handle(80, redirect::channel(std::move(in)));
    auto with_one_more = co_await run(std::move(lists));
    auto bare = co_await run(this_program("lists its descriptors"));
    REQUIRE(with_one_more.value().output == "0 1 2 80 ");
    REQUIRE(bare.value().output == "0 1 2 ");
}

CO_TEST_CASE("P7: no stage of a pipeline holds another one's pipe",
             "[channels][pipeline][fault][P7]") {
    needs_processes();
    auto two = command("cat") | this_program("lists its descriptors") | command("cat");
    auto running = start(std::move(two)).value();
    std::array<std::byte, 16> buffer{};
    auto got = co_await running.read_some(buffer);
    auto closed = co_await running.close_writing();
    auto end = co_await running.read_some(buffer);  // it comes: nobody else has the writing end
    auto statuses = co_await running.exited();
    REQUIRE(got.value() == 6);
    REQUIRE(closed);
    REQUIRE(end.value() == 0);
    REQUIRE(statuses);
}

CO_TEST_CASE("P8: a grandchild that keeps the pipe does not keep the result",
             "[channels][pipeline][fault][P8]") {
    needs_processes();
    auto [in, out] = make_pipe().value();  // what ends the grandchild
    command leaves("sh", "-c", "read forever <&7 & echo done");
    leaves.handle(7, redirect::channel(std::move(in)));
    auto done = co_await run(pipeline(std::move(leaves)).drain(0s));
    REQUIRE(done.value().output == "done\n");
    REQUIRE(done->ok());
    REQUIRE_FALSE(done->output_is_whole);
    REQUIRE(pipeline(command("true")).drain() == 1s);
}

CO_TEST_CASE("P8: what a grandchild says within the drain belongs to the output",
             "[channels][pipeline][fault][P8]") {
    needs_processes();
    auto [in, out] = make_pipe().value();
    auto [over, alive] = make_pipe().value();
    command leaves("sh", "-c", "cat <&7 8>&- & echo done");
    leaves.handle(7, redirect::channel(std::move(in)));
    leaves.handle(8, redirect::channel(std::move(alive)));
    auto running = scope.spawn(run(pipeline(std::move(leaves)).drain(1h)));
    std::array<std::byte, 4> buffer{};
    auto exited = co_await over.read_some(buffer);
    while (has_children()) co_await yield();
    co_await settle();
    REQUIRE_FALSE(running.is_done());
    auto sent = co_await out.write_some(bytes_of("late"));
    out.close();
    auto done = co_await running;
    REQUIRE(exited.value() == 0);
    REQUIRE(sent.value() == 4);
    REQUIRE(done.value().output == "done\nlate");
    REQUIRE(done->output_is_whole);
}

CO_TEST_CASE("P8: in a group of its own the grandchild ends with the run",
             "[channels][pipeline][fault][P8]") {
    needs_processes();
    auto [in, out] = make_pipe().value();
    command leaves("sh", "-c", "sleep 1000 & echo done");
    leaves.handle(7, redirect::channel(std::move(out))).own_group();
    auto done = co_await run(pipeline(std::move(leaves)).drain(0s));
    std::array<std::byte, 4> buffer{};
    auto end = co_await in.read_some(buffer);
    REQUIRE(done.value().output == "done\n");
    REQUIRE(end.value() == 0);
}

CO_TEST_CASE("P9: a stage that is killed mid-frame ends the stream inside the frame",
             "[channels][pipeline][fault][P9]") {
    needs_processes();
    auto running = start(command("cat") | command("cat") | command("cat")).value();
    auto sent = co_await write_all(running, bytes_of("hal"));
    std::array<std::byte, 8> frame{};
    auto first = co_await running.read_some(frame);
    auto killed = running.stages()[1].signal(SIGKILL);
    const auto rest = std::span(frame).subspan(*first);
    auto cut = co_await read_exact(running, rest);
    std::error_code upstream;
    while (!upstream) {
        auto more = co_await running.write_some(bytes_of("f and more"));
        upstream = more.error();
    }
    auto statuses = co_await running.exited();
    REQUIRE(sent);
    REQUIRE(killed);
    REQUIRE(cut.error() == errc::end_of_stream);
    REQUIRE(upstream == std::errc::broken_pipe);
    REQUIRE(statuses.value()[0].signal == SIGPIPE);
    REQUIRE(statuses.value()[1].signal == SIGKILL);
    REQUIRE(statuses.value()[2].code == 0);
    REQUIRE_FALSE(has_children());
}

CO_TEST_CASE("P9: a message that a killed stage cut off is truncated, and no clean end",
             "[channels][pipeline][fault][P9]") {
    needs_processes();
    for (const bool amid : {true, false}) {
        auto running = start(command("cat") | command("cat") | command("cat")).value();
        message_writer to(running);
        message_reader from(running);
        auto whole = co_await to.write(bytes_of("whole"));
        auto arrived = co_await from.next();
        const std::string begun(amid ? 3 : 0, 'h');  // of a header of four bytes
        auto sent = co_await write_all(running, bytes_of(begun));
        if (amid) {
            auto seen = co_await running.stages()[2].handle_of(1).readable();
            REQUIRE(seen);
        }
        auto killed = running.stages()[1].signal(SIGKILL);
        auto cut = co_await from.next();
        auto statuses = co_await running.stop();
        REQUIRE(whole);
        REQUIRE(arrived.value().size() == 5);
        REQUIRE(sent);
        REQUIRE(killed);
        REQUIRE(cut.error() == (amid ? errc::truncated : errc::end_of_stream));
        REQUIRE(statuses.value()[1].signal == SIGKILL);
        REQUIRE_FALSE(has_children());
    }
}

CO_TEST_CASE("P10: a program that cannot be executed is the error of start()",
             "[channels][process][fault][P10]") {
    needs_processes();
    using part = start_failure::part;
    const temp_dir folder;
    const start_failure missing = failure_of(command("/no/such/program"));
    const std::string text = file_with(folder, "echo no shell is asked\n", 0700);
    const start_failure no_program = failure_of(command(text));
    const std::string closed = file_with(folder, "#!/bin/sh\n", 0600);
    const start_failure forbidden = failure_of(command(closed));
    const start_failure too_long = failure_of(command("true", std::string(1024 * 1024, 'x')));
    REQUIRE(missing.reason == std::errc::no_such_file_or_directory);
    REQUIRE(missing.what == part::program);
    REQUIRE(missing.path == "/no/such/program");
    REQUIRE(no_program.reason == std::errc::executable_format_error);
    REQUIRE(no_program.what == part::program);
    REQUIRE(no_program.path == text);
    REQUIRE(forbidden.reason == std::errc::permission_denied);
    REQUIRE(forbidden.path == closed);
    REQUIRE(too_long.reason == std::errc::argument_list_too_long);
    REQUIRE(too_long.what == part::argument);
    REQUIRE_FALSE(has_children());
    co_return;
}

CO_TEST_CASE("P10: a missing folder or file is told from a missing program",
             "[channels][process][fault][P10]") {
    needs_processes();
    using part = start_failure::part;
    command nowhere("true");
    nowhere.working_folder("/no/such/folder");
    const start_failure folder = failure_of(std::move(nowhere));
    command no_folder("true");
    no_folder.working_folder("/dev/null");
    const start_failure file = failure_of(std::move(no_folder));
    command from_nothing("true");
    from_nothing.input(redirect::from_file("/no/such/file"));
    const start_failure input = failure_of(std::move(from_nothing));
    REQUIRE(folder.reason == std::errc::no_such_file_or_directory);
    REQUIRE(folder.what == part::working_folder);
    REQUIRE(folder.text() ==
            "cannot enter the working folder /no/such/folder: No such file or directory");
    REQUIRE(file.reason == std::errc::not_a_directory);
    REQUIRE(file.what == part::working_folder);
    REQUIRE(input.reason == std::errc::no_such_file_or_directory);
    REQUIRE(input.what == part::redirection);
    REQUIRE(input.number == 0);
    REQUIRE(input.text() == "cannot redirect stream 0: /no/such/file: No such file or directory");
    co_return;
}

CO_TEST_CASE("P13: starting programs leaves what is in flight alone and forks nothing",
             "[channels][process][fault][P13]") {
    needs_processes();
    const int forks = forks_so_far();
    auto [in, out] = make_pipe().value();
    std::array<std::byte, 8> buffer{};
    auto pending = scope.spawn(as_task(in.read_some(buffer)));
    for (int i = 0; i < 20; ++i) {
        auto done = co_await run(this_program("lists its descriptors"));
        REQUIRE(done.value().output == "0 1 2 ");  // and no ring
    }
    REQUIRE_FALSE(pending.is_done());
    auto sent = co_await out.write_some(bytes_of("still"));
    auto got = co_await pending;
    REQUIRE(sent.value() == 5);
    REQUIRE(got.value() == 5);
    REQUIRE(forks_so_far() == forks);
}

CO_TEST_CASE("P14: a child that has ended and was not waited for is a zombie, and is itself",
             "[channels][process][fault][P14]") {
    needs_processes();
    auto child = start(command("true")).value();
    std::array<std::byte, 4> buffer{};
    auto end = co_await child.read_some(buffer);
    REQUIRE(has_children());
    auto unseen = child.signal(SIGKILL);
    auto status = co_await child.exited();
    auto seen = child.signal(SIGKILL);
    REQUIRE(end.value() == 0);
    REQUIRE((unseen || unseen.error() == std::errc::no_such_process));
    REQUIRE(status);
    REQUIRE(seen.error() == std::errc::no_such_process);
    REQUIRE_FALSE(has_children());
}

namespace {

// Of the test program, where ctest takes it for skipped as well.
constexpr int not_allowed = 77;

/// Yields 0, or which of what should be so is not.
task<int> meet_number_again() {
    auto first = start(command("true")).value();
    auto ended = co_await first.exited();
    std::ofstream("/proc/sys/kernel/ns_last_pid") << first.pid() - 1;
    auto second = start(command("cat")).value();
    if (first.pid() != second.pid()) co_return not_allowed;
    auto hit = first.signal(SIGKILL);
    first.close();
    co_await settle();
    if (second.has_exited()) co_return 1;
    auto sent = co_await second.write_some(bytes_of("alive"));
    std::array<std::byte, 8> buffer{};
    auto got = co_await second.read_some(buffer);
    if (!ended) co_return 2;
    if (hit.error() != std::errc::no_such_process) co_return 3;
    if (!sent || *sent != 5) co_return 4;
    co_return got && *got == 5 ? 0 : 5;
}

const helper meets_number_again("P14: meets a number again", [](const helper_arguments& given) {
    const bool is_uring = given.at(0) == "uring";
    const auto kernel = is_uring ? backend_kind::uring : backend_kind::epoll;
    return scheduler(scheduler_options().backend(kernel)).run(meet_number_again());
});

}  // namespace

CO_TEST_CASE("P14: a number that is used again is not the process that had it",
             "[channels][process][fault][P14]") {
    needs_processes();
    // In there the numbers are the helper's own: nobody else's process comes to have one again.
    const std::vector<std::string> own_numbers = {"/usr/bin/unshare", "--pid", "--kill-child"};
    std::vector<std::string> trial = own_numbers;
    trial.emplace_back("/bin/true");
    if (child_process(trial).wait().code != 0) co_return skip("no namespaces for numbers");
    std::vector<std::string> program = own_numbers;
    program.push_back(std::filesystem::read_symlink("/proc/self/exe").string());
    for (const char* each : {"--helper", "P14: meets a number again"}) program.emplace_back(each);
    program.emplace_back(scheduler::current().backend_name());
    const int code = child_process(program).wait().code;
    if (code == not_allowed) co_return skip("the kernel does not let it choose the next number");
    REQUIRE(code == 0);
}

CO_TEST_CASE("P15: of a child that is stopped nothing is heard but the deadline",
             "[channels][process][fault][P15]") {
    needs_processes();
    auto child = start(command("cat")).value();
    stop_child(child.pid());
    auto sent = co_await child.write_some(bytes_of("x"));
    std::array<std::byte, 4> buffer{};
    auto silent = co_await within(5ms, child.read_some(buffer));
    auto running = co_await within(5ms, child.exited());
    resume_child(child.pid());
    auto got = co_await child.read_some(buffer);
    stop_child(child.pid());
    auto ended = co_await child.stop(5ms);  // SIGTERM waits for SIGCONT, SIGKILL does not
    REQUIRE(sent.value() == 1);
    REQUIRE(silent.error() == errc::timed_out);
    REQUIRE(running.error() == errc::timed_out);
    REQUIRE(got.value() == 1);
    REQUIRE(ended.value().signal == SIGKILL);
}

namespace {

/// Three stages with something of everything; `said` tells how start() ended.
task<> start_three(call_plan& plan, std::error_code& said, const std::string& path) {
    command first("cat");
    first.input(redirect::text("some input"));
    command second("cat");
    second.error_output(redirect::to_file(path));
    command third("cat");
    third.error_output(redirect::pipe());
    auto running = start(std::move(first) | std::move(second) | std::move(third));
    plan.disarm();
    said = running.error();
    co_return;
}

}  // namespace

TEST_CASE("whichever call of starting a pipeline fails, nothing is left of it",
          "[channels][pipeline][fault][P10]") {
    const temp_dir folder;
    const std::string path = folder.path() + "/errors";
    const int descriptors = open_descriptors();
    int nth = 1;
    for (bool reached = true; reached; ++nth) {
        CAPTURE(nth);
        call_plan plan(nth, EMFILE);
        std::error_code said;
        std::uint64_t tasks = 0;
        {
            scheduler sched(make_backend_that_fails(plan), scheduler_options());
            sched.run(start_three(plan, said, path));
            tasks = sched.counters().tasks_live.value();
        }
        reached = plan.was_reached();
        REQUIRE((said == std::errc::too_many_files_open) == reached);
        REQUIRE(tasks == 0);
        REQUIRE_FALSE(has_children());
        REQUIRE(open_descriptors() == descriptors);
    }
    REQUIRE(nth > 15);
}

namespace {

/// How a program that does not listen to SIGTERM was started and given up.
struct given_up {
    std::int32_t pid = 0;
    std::error_code said;
};

task<> stop_stubborn(given_up& made) {
    auto child = start(command("sh", "-c", "trap '' TERM; echo ready; exec sleep 1000"));
    if (!child) co_return;
    made.pid = child->pid();
    std::array<std::byte, 6> buffer{};
    auto ready = co_await read_exact(*child, std::span(buffer));
    auto ended = co_await child->stop(1ms);
    made.said = ready ? ended.error() : ready.error();
}

task<> drop_stubborn(given_up& made) {
    auto child = start(command("sleep", "1000"));
    if (child) made.pid = child->pid();
    co_return;
}

/// Yields how many of the calls on the way said so when they were not permitted.
int times_refused(task<> (*scenario)(given_up& made)) {
    int told = 0;
    bool reached = true;
    for (int nth = 1; reached; ++nth) {
        CAPTURE(nth);
        call_plan plan(nth, EPERM);
        given_up made;
        {
            scheduler sched(make_backend_that_fails(plan), scheduler_options());
            sched.run(scenario(made));
        }
        reached = plan.was_reached();
        if (made.pid != 0 && made.said == std::errc::operation_not_permitted) ++told;
        // Its number is that of another process, by now, where it was waited for after all.
        if (made.pid != 0 && ::waitpid(made.pid, nullptr, WNOHANG) == 0) {
            ::kill(made.pid, SIGKILL);
            ::waitpid(made.pid, nullptr, 0);
        }
        REQUIRE_FALSE(has_children());
    }
    return told;
}

}  // namespace

TEST_CASE("a program that may not be killed is waited for by nobody",
          "[channels][process][fault]") {
    const int descriptors = open_descriptors();
    REQUIRE(times_refused(stop_stubborn) == 1);
    REQUIRE(times_refused(drop_stubborn) == 0);
    REQUIRE(open_descriptors() == descriptors);
}
