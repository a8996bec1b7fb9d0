// SPDX-License-Identifier: BSL-1.0
//
// The demo as it is installed by nobody and run by everybody: what it prints, that its exit code
// tells whether the counts agree, what it says of what is no text, and that nothing is left behind.

#include "../skip.hpp"
#include "../support/child.hpp"
#include "../support/co_test.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/command.hpp>
#include <conduit/channels/fifo.hpp>
#include <conduit/channels/fifo_reader.hpp>
#include <conduit/channels/fifo_writer.hpp>
#include <conduit/channels/file.hpp>
#include <conduit/channels/line_reader.hpp>
#include <conduit/channels/pipeline.hpp>
#include <conduit/channels/process.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/unique_fd.hpp>
#include <conduit/runtime/within.hpp>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <ostream>
#include <regex>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

using namespace conduit;

namespace {

struct demo_end {
    int code = 0;  // less than zero: a signal
    std::string out;
    std::string err;
};
std::ostream& operator<<(std::ostream& to, const demo_end& end) {
    return to << "exit " << end.code << "\nout: " << end.out << "\nerr: " << end.err;
}

/// A folder for texts, and one in which the demo makes its own.
class demo_place {
public:
    demo_place() { std::filesystem::create_directory(folder.path("tmp")); }

    std::string write(const std::string& name, const std::string& text) const {
        const std::string path = folder.path(name);
        std::ofstream(path, std::ios::binary) << text;
        return path;
    }

    template <class... Words>
    command demo(const Words&... words) const {
        test::needs_processes();
        command program(WORD_COUNT_DEMO, words...);
        set_up(program);
        return program;
    }
    /// Of any program that runs it in the end.
    void set_up(command& program) const {
        program.environment("CONDUIT_BACKEND", std::string(scheduler::current().backend_name()));
        program.environment("TMPDIR", folder.path("tmp"));
        program.error_output(redirect::capture());
    }

    template <class... Words>
    task<demo_end> run(const Words&... words) const {
        return run_to_end(demo(words...));
    }
    static task<demo_end> run_to_end(command program) {
        auto done = co_await conduit::run(std::move(program));
        const completed& all = done.value();
        const exit_status ended = all.status();
        demo_end end;
        end.code = ended.signal == 0 ? ended.code : -ended.signal;
        end.out = all.output;
        end.err = all.stages[0].error_output;
        co_return end;
    }

    /// Whether the demo has removed its folder.
    bool is_clean() const { return std::filesystem::is_empty(folder.path("tmp")); }

    const test::temp_dir folder;
};

/// Processes that have a path below `path` in their arguments.
std::vector<std::int32_t> processes_of(const std::string& path) {
    std::vector<std::int32_t> found;
    for (const auto& each : std::filesystem::directory_iterator("/proc")) {
        const std::string name = each.path().filename();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        std::ifstream in(each.path() / "cmdline", std::ios::binary);
        const std::string words((std::istreambuf_iterator<char>(in)),
                                std::istreambuf_iterator<char>());
        if (words.find(path) != std::string::npos) found.push_back(std::stoi(name));
    }
    return found;
}

std::int32_t parent_of(std::int32_t pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/status");
    for (std::string word; in >> word;) {
        if (word == "PPid:" && in >> word) return std::stoi(word);
    }
    return 0;
}

std::string some_lines(int lines) {
    std::string text;
    for (int i = 0; i < lines; ++i) {
        text += "The quick fox is quick, and it's the fox that jumps: " + std::to_string(i) + "\n";
    }
    return text;
}

bool has(const std::string& text, const std::string& pattern) {
    return std::regex_search(text, std::regex(pattern));
}

/// A demo that is looked at in the middle, however late: behind the words its text goes on without
/// any until end_text(). It does not go on for long while nobody reads its log, which goes to a
/// terminal of this process.
class demo_under_way {
public:
    explicit demo_under_way(const demo_place& there)
        : text_(there.write("text", some_lines(1000))),
          text_bytes_(std::filesystem::file_size(text_)),
          terminal_(::posix_openpt(O_RDWR | O_NOCTTY)) {
        const int fd = terminal_.native().value();
        std::array<char, 64> name{};
        REQUIRE(::grantpt(fd) == 0);
        REQUIRE(::unlockpt(fd) == 0);
        REQUIRE(::ptsname_r(fd, name.data(), name.size()) == 0);
        std::filesystem::resize_file(text_, std::uintmax_t{1} << 40U);  // holes: no space is used
        command program = there.demo("--log", std::string(name.data()), text_);
        program.error_output(redirect::pipe());
        child_.emplace(start(std::move(program)).value());
        log_.emplace(file_reader::adopt(std::move(terminal_)).value());
        lines_.emplace(*log_);
    }

    /// Reads the log to the next line in which `pattern` is found; yields it, or nothing where the
    /// log ends before.
    task<std::string> until_said(std::string pattern) {
        const std::regex wanted(std::move(pattern));
        while (auto line = co_await lines_->next()) {
            if (std::regex_search(*line, wanted)) co_return std::move(*line);
        }
        co_return std::string();
    }
    /// All workers are there then, and have text.
    task<> until_it_counts() {
        const std::string said = co_await until_said("worker \\d: batch 1: ");
        if (said.empty()) FAIL("the log has ended");
    }

    void end_text() { std::filesystem::resize_file(text_, text_bytes_); }

    class process& process() noexcept { return *child_; }

private:
    std::string text_;
    std::uintmax_t text_bytes_;
    unique_fd terminal_;
    std::optional<class process> child_;
    std::optional<file_reader> log_;
    std::optional<line_reader<file_reader>> lines_;
};

}  // namespace

CO_TEST_CASE("the demo counts the words of a text, kills a worker, and loses nothing",
             "[examples]") {
    const demo_place there;
    const std::string path = there.write("text", some_lines(1000));
    const demo_end said = co_await there.run(path);
    CAPTURE(said);
    CHECK(said.code == 0);
    CHECK(said.err.empty());
    CHECK(has(said.out, R"(\n  the +2,000  #{46}\n  quick +2,000  #{46}\n  fox +2,000  #{46}\n)"
                        R"(  that +1,000  #{23}\n)"));
    CHECK(has(said.out, R"(\n  killed  worker \d, half-way: it was killed by signal 9\n)"));
    CHECK(has(said.out, R"(after .* its connection was seen to break; [1-4] batch)"));
    CHECK(has(said.out, R"(after .* the matchmaker said: killed by signal 9\n)"));
    CHECK(has(said.out, R"(after .* worker 5, its successor, was at work\n)"));
    const std::regex batches(R"(\n +(\d+) batches read, (\d+) counted; 0 answers too many\n)");
    std::smatch numbers;
    REQUIRE(std::regex_search(said.out, numbers, batches));
    CHECK(numbers[1] == numbers[2]);
    CHECK_THAT(said.out, Catch::Contains("The counts agree: 9 different words, 12,000 in all"));
    std::istringstream lines(said.out);
    for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 80);
    const bool on_uring = scheduler::current().backend_name() == "uring";
    CHECK(has(said.out, on_uring ? "backend +io_uring\n" : "backend +epoll\n"));
    CHECK(there.is_clean());
    CHECK(processes_of(there.folder.path("tmp")).empty());
}

CO_TEST_CASE("the demo fails when a worker miscounts", "[examples]") {
    const demo_place there;
    const std::string path = there.write("text", some_lines(100));
    const demo_end said = co_await there.run("--break-a-worker", path);
    CAPTURE(said);
    CHECK(said.code == 1);
    CHECK(has(said.out, R"(The counts disagree: \d+ of 9 words have another count)"));
    CHECK(has(said.out, R"(\n  [a-z]+: \d+ by the workers, \d+ by the pipeline\n)"));
    CHECK_THAT(said.out, !Catch::Contains("The counts agree"));
    CHECK(there.is_clean());
}

CO_TEST_CASE("the demo counts as a shell does, whatever the text looks like", "[examples]") {
    const demo_place there;
    std::filesystem::create_directory(there.folder.path("a folder"));
    // A word goes on in the next file, as for cat.
    const std::string unended = there.write("with\nline end", "no line end: foo");
    const std::string ended = there.write("a folder/-n", "bar\r\nCRLF\r\n\xc3\xa4 na\xc3\xafve\n");
    there.write("a folder/binary", std::string("b\0b", 3));
    std::string line;
    for (int i = 0; i < 50'000; ++i) line += "one long line ";
    const std::string huge = there.write("huge", line);
    const std::string word = there.write("word", std::string(200'000, 'W') + "\n");
    const demo_end said = co_await there.run(unended, there.folder.path("a folder"), huge, word);
    CAPTURE(said);
    CHECK(said.code == 0);
    CHECK(said.err.empty());
    CHECK(has(said.out, "text +4 files, 9?"));
    CHECK_THAT(said.out, Catch::Contains("1 binary file left out\n"));
    CHECK(has(said.out, "\n  line +50,001  #{46}\n"));
    CHECK(there.is_clean());
}

CO_TEST_CASE("the demo counts a text of one letter", "[examples]") {
    const demo_place there;
    const std::string path = there.write("text", "a");
    const demo_end said = co_await there.run(path);
    CAPTURE(said);
    CHECK(said.code == 0);
    CHECK_THAT(said.out, Catch::Contains("worker 5, its successor, was at work") &&
                             Catch::Contains("1 batch read, 1 counted; 0 answers too many") &&
                             Catch::Contains("The counts agree: 1 different word, 1 in all"));
}

CO_TEST_CASE("the demo says what is no text, by its name", "[examples]") {
    const demo_place there;
    const std::string missing = there.folder.path("missing");
    const std::string binary = there.write("bin\nary", std::string("a\0b", 3));
    const std::string empty = there.write("empty", "");
    const std::string word = there.write("word", std::string(2'000'000, 'w'));
    std::filesystem::create_directory(there.folder.path("pictures"));
    there.write("pictures/one", std::string("a\0b", 3));
    const demo_end of_picture = co_await there.run(there.folder.path("pictures"));
    there.write("pictures/two", std::string("a\0b", 3));
    const demo_end of_pictures = co_await there.run(there.folder.path("pictures"));
    const demo_end of_missing = co_await there.run(missing);
    const demo_end of_binary = co_await there.run(binary);
    const demo_end of_empty = co_await there.run(empty);
    const demo_end of_device = co_await there.run("/dev/null");
    const demo_end of_word = co_await there.run(word);
    for (const demo_end& each :
         {of_missing, of_binary, of_empty, of_device, of_word, of_picture, of_pictures}) {
        CAPTURE(each);
        CHECK(each.code == 2);
    }
    CHECK(of_missing.err == "demo: cannot read '" + missing + "': No such file or directory\n");
    CHECK(of_binary.err ==
          "demo: '" + there.folder.path("bin") + "\\x0aary' is binary: there is a byte 0 in it\n");
    CHECK(of_empty.err == "demo: there is no text to count: not one byte in what was given\n");
    CHECK(of_picture.err == "demo: there is no text to count: the only file is binary\n");
    CHECK(of_pictures.err == "demo: there is no text to count: all 2 files are binary\n");
    CHECK(of_device.err == "demo: '/dev/null' is neither a file nor a folder\n");
    CHECK(of_word.err ==
          "demo: '" + word + "' is no text: a word of more than 262144 letters is in it\n");
    CHECK(there.is_clean());
}

CO_TEST_CASE("the demo says what it may not read, by its name", "[examples]") {
    const demo_place there;
    const std::string path = there.write("secret", "a secret");
    REQUIRE(::chmod(path.c_str(), 0) == 0);
    command program = there.demo(path);
    if (::geteuid() == 0) {  // who may read everything
        program = command("setpriv", "--bounding-set", "-dac_override,-dac_read_search",
                          WORD_COUNT_DEMO, path);
        there.set_up(program);
    }
    const demo_end said = co_await there.run_to_end(std::move(program));
    CAPTURE(said);
    CHECK(said.code == 2);
    CHECK(said.err == "demo: cannot open '" + path + "': Permission denied\n");
    CHECK(said.out.empty());
}

CO_TEST_CASE("the demo explains itself, and what it does not understand", "[examples]") {
    const demo_place there;
    const demo_end help = co_await there.run("--help");
    const demo_end wrong = co_await there.run("--workers", "0");
    CHECK(help.code == 0);
    CHECK_THAT(help.out, Catch::Contains("--break-a-worker") && Catch::Contains("Exit code: 0"));
    CHECK(wrong.code == 2);
    CHECK_THAT(wrong.err, Catch::Contains("--workers"));
}

CO_TEST_CASE("the demo says why it cannot go on", "[examples]") {
    const demo_place there;
    const std::string path = there.write("text", some_lines(10));
    command nowhere = there.demo(path);
    nowhere.environment("TMPDIR", there.folder.path("missing"));
    const demo_end of_folder = co_await there.run_to_end(std::move(nowhere));
    const demo_end of_log = co_await there.run("--log", there.folder.path("missing/log"), path);
    CHECK(of_folder.code == 3);
    CHECK(of_folder.err == "demo: cannot make a folder in '" + there.folder.path("missing") +
                               "': No such file or directory\n");
    CHECK(of_log.code == 3);
    CHECK_THAT(of_log.err, Catch::StartsWith("demo: ") && Catch::Contains("missing/log'"));
    CHECK(there.is_clean());
}

CO_TEST_CASE("the demo keeps what all processes say in a file that was asked for", "[examples]") {
    const demo_place there;
    const std::string path = there.write("text", some_lines(100));
    const std::string log = there.folder.path("log");
    const demo_end said = co_await there.run("--log", log, path);
    std::ifstream in(log);
    const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    CHECK(said.code == 0);
    for (const char* who : {"conduitd: ", "demo: ", "worker 1: ", "worker 4: ", "worker 5: "}) {
        CHECK(has(text, std::string("(^|\n)") + who));
    }
    CHECK(has(text, R"((^|\n)worker \d: batch \d+: \d+ different words in \d+ bytes\n)"));
    CHECK_THAT(text, Catch::EndsWith("demo: all is counted\n"));
}

CO_TEST_CASE("the demo says that its log does not fit into the file", "[examples]") {
    const demo_place there;
    const std::string path = there.write("text", some_lines(100));
    const demo_end of_device = co_await there.run("--log", "/dev/full", path);
    command limited("sh", "-c", R"(ulimit -f 1; exec "$0" --log "$1" "$2")", WORD_COUNT_DEMO,
                    there.folder.path("log"), path);
    there.set_up(limited);
    const demo_end of_limit = co_await there.run_to_end(std::move(limited));
    CHECK_THAT(of_device.out,
               Catch::Contains("not all of the log is in its file: No space left on device\n") &&
                   Catch::Contains("The counts agree"));
    CHECK(of_device.code == 0);
    CHECK_THAT(of_limit.out, Catch::Contains("not all of the log is in its file: File too large") &&
                                 Catch::Contains("The counts agree"));
    CHECK(there.is_clean());
}

CO_TEST_CASE("the demo names the stage of the check that failed, not one that lost its reader",
             "[examples]") {
    const demo_place there;
    const std::string path = there.write("text", some_lines(5000));  // more than a pipe holds
    std::filesystem::create_directory(there.folder.path("bin"));
    const std::string sort = there.write("bin/sort", "#!/bin/sh\nexit 2\n");
    REQUIRE(::chmod(sort.c_str(), 0700) == 0);
    command program = there.demo(path);
    program.environment("PATH", there.folder.path("bin") + ":" + std::getenv("PATH"));
    const demo_end said = co_await there.run_to_end(std::move(program));
    CHECK(said.code == 3);
    CHECK(said.err == "demo: the check could not be made: sort ended with status 2\n");
    CHECK(there.is_clean());
}

CO_TEST_CASE("a signal ends the demo in the middle, and nothing is left behind", "[examples]") {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        const demo_place there;
        demo_under_way demo(there);
        co_await demo.until_it_counts();
        const auto processes = processes_of(there.folder.path("tmp"));
        auto sent = demo.process().signal(signal);
        auto ended = co_await demo.process().exited();
        CHECK(processes.size() == 5);  // conduitd and workers
        CHECK(sent);
        CHECK(ended.value().signal == signal);
        CHECK(there.is_clean());
        CHECK(processes_of(there.folder.path("tmp")).empty());
    }
}

CO_TEST_CASE("the demo cannot go on without conduitd or the log collector", "[examples]") {
    for (const std::string name : {"conduitd", "word_count_collector"}) {
        const demo_place there;
        demo_under_way demo(there);
        co_await demo.until_it_counts();
        int killed = 0;
        for (const std::int32_t pid : processes_of("/" + name)) {
            if (parent_of(pid) == demo.process().pid() && ::kill(pid, SIGKILL) == 0) ++killed;
        }
        auto ended = co_await demo.process().exited();
        auto errors = demo.process().take_error_output().value();
        auto said = co_await read_all(errors, 4096);
        const std::string who = name == "conduitd" ? name : "the log collector";
        CHECK(killed == 1);
        CHECK(ended.value().code == 3);
        CHECK(said.value() == "demo: " + who + " was killed by signal 9\n");
        CHECK(there.is_clean());
    }
}

CO_TEST_CASE("the demo goes on without workers that stand still, as without dead ones",
             "[examples]") {
    const demo_place there;
    demo_under_way demo(there);
    co_await demo.until_it_counts();
    int stopped = 0;
    for (const std::int32_t pid : processes_of("/word_count_worker")) {
        if (stopped == 2 || parent_of(pid) != demo.process().pid()) continue;
        if (::kill(pid, SIGSTOP) == 0) ++stopped;
    }
    const std::string left = R"(^demo: worker=\d has left, with [1-9]\d* batches)";
    const std::string first = co_await demo.until_said(left);
    const std::string second = co_await demo.until_said(left);
    demo.end_text();
    const std::string last = co_await demo.until_said("all is counted");
    auto ended = co_await demo.process().exited();
    CHECK(stopped == 2);
    CHECK_FALSE(first.empty());
    CHECK_FALSE(second.empty());
    CHECK(first != second);
    CHECK_FALSE(last.empty());
    CHECK(ended.value().code == 0);
    CHECK(ended.value().signal == 0);
    CHECK(there.is_clean());
}

CO_TEST_CASE("the processes of a demo that is killed end by themselves", "[examples]") {
    const demo_place there;
    demo_under_way demo(there);
    co_await demo.until_it_counts();
    std::vector<io_handle> others;
    for (const std::int32_t pid : processes_of(there.folder.path("tmp"))) {
        const auto fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
        if (fd >= 0) others.push_back(io_handle::attach(unique_fd(fd)).value());
    }
    auto sent = demo.process().signal(SIGKILL);
    auto ended = co_await demo.process().exited();
    for (io_handle& each : others) {
        auto gone = co_await each.readable();
        CHECK(gone);
    }
    // Its error output is that of the workers and the collector too.
    auto errors = demo.process().take_error_output().value();
    auto said = co_await read_all(errors, 4096);
    CHECK(others.size() == 5);  // conduitd and workers
    CHECK(sent);
    CHECK(ended.value().signal == SIGKILL);
    CHECK(said);
}

CO_TEST_CASE("a demo that is killed while it starts conduitd leaves none", "[examples]") {
    const demo_place there;
    const std::string alive = there.folder.path("alive");
    const std::string go = there.folder.path("go");
    make_fifo(alive).value();
    make_fifo(go).value();
    // In place of setpriv, which is the first to run in the child: it waits for the demo's end.
    std::filesystem::create_directory(there.folder.path("bin"));
    const std::string late = there.write("bin/setpriv", R"(#!/bin/sh
here=${0%/bin/setpriv}
case "$*" in
    */conduitd\ --*) exec 9>"$here/alive"; echo >&9; read -r _ <"$here/go" ;;
esac
PATH=${PATH#*:}
exec setpriv "$@"
)");
    REQUIRE(::chmod(late.c_str(), 0700) == 0);
    command program = there.demo(there.write("text", some_lines(10)));
    program.environment("PATH", there.folder.path("bin") + ":" + std::getenv("PATH"));
    program.output(redirect::null()).error_output(redirect::null());
    auto demo = start(std::move(program));
    auto lives = co_await fifo_reader::open(alive);
    std::array<std::byte, 1> begun{};
    auto got = co_await lives->read_some(begun);
    const bool killed = !demo->signal(SIGKILL).error();
    auto ended = co_await demo->exited();
    auto wake = co_await fifo_writer::open(go);
    auto woken = co_await write_all(*wake, bytes_of("\n"));
    auto gone = co_await within(std::chrono::seconds(10), read_all(*lives, 16));  // if it is right
    for (const std::int32_t left : processes_of(there.folder.path("tmp"))) ::kill(left, SIGKILL);
    CHECK(got.value_or(0) == 1);
    CHECK(killed);
    CHECK(ended.value().signal == SIGKILL);
    CHECK(woken);
    CHECK(gone);
}

CO_TEST_CASE("the demo runs where io_uring is forbidden", "[examples][fault]") {
    const demo_place there;
    const std::string path = there.write("text", some_lines(100));
    test::needs_processes();
    command program(CONDUIT_WITHOUT_IO_URING, "EPERM", "--", WORD_COUNT_DEMO, path);
    there.set_up(program);
    program.without("CONDUIT_BACKEND");
    const demo_end said = co_await there.run_to_end(std::move(program));
    if (said.code == 77) co_return test::skip(said.err);
    CAPTURE(said);
    CHECK(said.code == 0);
    CHECK(has(said.out, "backend +epoll\n"));
    CHECK_THAT(said.out, Catch::Contains("The counts agree"));
}
