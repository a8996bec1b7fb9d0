// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/file.hpp>

#include "../support/co_test.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/copy.hpp>
#include <conduit/channels/line_reader.hpp>
#include <conduit/channels/pipe.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/runtime/as_task.hpp>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

using namespace conduit;

namespace {

std::string content_of(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

/// The flags of whoever shares the open file with `fd`.
int flags_of(int fd) { return ::fcntl(fd, F_GETFL); }

/// Puts `fd` in the place of descriptor `at` until it goes.
class in_place_of {
public:
    in_place_of(int at, int fd) : at_(at), before_(::fcntl(at, F_DUPFD_CLOEXEC, 3)) {
        ::dup2(fd, at);
    }
    in_place_of(const in_place_of&) = delete;
    ~in_place_of() {
        ::dup2(before_, at_);
        ::close(before_);
    }

private:
    int at_;
    int before_;
};

task<result<std::size_t>> read_once(file_reader& from, std::span<std::byte> buffer) {
    co_return co_await from.read_some(buffer);
}

/// A pipe as a shell makes it: blocking at both ends.
class shell_pipe {
public:
    shell_pipe() {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
        in = unique_fd(ends[0]);
        out = unique_fd(ends[1]);
    }

    unique_fd in;
    unique_fd out;
};

}  // namespace

TEST_CASE("files go one way", "[channels][file]") {
    STATIC_REQUIRE(byte_source<file_reader>);
    STATIC_REQUIRE_FALSE(byte_sink<file_reader>);
    STATIC_REQUIRE(byte_sink<file_writer>);
    STATIC_REQUIRE(file_reader::traits.ways == channel_ways::one_way);
    STATIC_REQUIRE(file_writer::traits.relation == channel_relation::same_host);
}

TEST_CASE("a file is written, added to and read", "[channels][file]") {
    test::run_on_each_kernel([]() -> task<> {
        const test::temp_dir folder;
        const std::filesystem::path path = std::filesystem::path(folder.path()) / "log";
        auto out = co_await file_writer::open(path);
        auto written = co_await write_all(*out, bytes_of("one\n"));
        auto closed = co_await out->close_writing();
        auto more = co_await file_writer::open(path, open_mode::append);
        auto added = co_await write_all(*more, bytes_of("two\n"));
        more->close();
        auto in = co_await file_reader::open(path);
        auto all = co_await read_all(*in, 100);
        struct stat about{};
        ::stat(path.c_str(), &about);
        REQUIRE(written);
        REQUIRE(closed);
        REQUIRE_FALSE(out->is_open());
        REQUIRE(added);
        REQUIRE(all.value() == "one\ntwo\n");
        REQUIRE((about.st_mode & 07777) == 0600);
    });
}

TEST_CASE("a file that is not in memory is read all the same", "[channels][file][threads]") {
    test::run_on_each_kernel([]() -> task<> {
        const test::temp_dir folder;
        const std::string path = folder.path() + "/large";
        std::string text;
        for (int i = 0; i < 200'000; ++i) text += std::to_string(i) + '\n';
        write_file(path, text);
        const unique_fd evicted(::open(path.c_str(), O_RDWR | O_CLOEXEC));
        ::fdatasync(evicted.handle());
        ::posix_fadvise(evicted.handle(), 0, 0, POSIX_FADV_DONTNEED);
        auto in = co_await file_reader::open(path);
        line_reader lines(*in);
        int count = 0;
        bool in_order = true;
        while (auto line = co_await lines.next()) {
            in_order = in_order && *line == std::to_string(count);
            ++count;
        }
        REQUIRE(in_order);
        REQUIRE(count == 200'000);
    });
}

TEST_CASE("what the page cache cannot tell of is read by others", "[channels][file][threads]") {
    test::run_on_each_kernel([]() -> task<> {
        auto in = co_await file_reader::open("/proc/self/status");  // knows no RWF_NOWAIT
        auto all = co_await read_all(*in, 100'000);
        REQUIRE(all->substr(0, 5) == "Name:");
    });
}

TEST_CASE("a file that cannot be opened is named", "[channels][file]") {
    test::run_on_each_kernel([]() -> task<> {
        const test::temp_dir folder;
        std::string why;
        auto missing = co_await file_reader::open(folder.path() + "/none", &why);
        std::string why_not;
        auto unwritable = co_await file_writer::open("/proc/none/x", open_mode::append, &why_not);
        auto directory = co_await file_reader::open(folder.path());
        ::mkfifo((folder.path() + "/fifo").c_str(), 0600);
        auto fifo = co_await file_reader::open(folder.path() + "/fifo");
        auto cut_off = co_await file_reader::open(std::string("/dev/null\0x", 11));
        REQUIRE(missing.error() == std::errc::no_such_file_or_directory);
        REQUIRE(why == "cannot open '" + folder.path() + "/none': No such file or directory");
        REQUIRE(unwritable.error() == std::errc::no_such_file_or_directory);
        REQUIRE(why_not == "cannot open '/proc/none/x': No such file or directory");
        REQUIRE(directory.error() == std::errc::is_a_directory);
        REQUIRE(fifo.error() == std::errc::invalid_argument);
        REQUIRE(cut_off.error() == std::errc::invalid_argument);
    });
}

TEST_CASE("a full disk is an error value", "[channels][file]") {
    test::run_on_each_kernel([]() -> task<> {
        auto full = co_await file_writer::open("/dev/full", open_mode::append);
        auto written = co_await full->write_some(bytes_of("x"));
        REQUIRE(written.error() == std::errc::no_space_on_device);
    });
}

TEST_CASE("a descriptor is adopted in the direction it was opened in", "[channels][file]") {
    test::run_on_each_kernel([]() -> task<> {
        unique_fd reading(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        unique_fd writing(::open("/dev/null", O_WRONLY | O_CLOEXEC));
        auto writer = file_writer::adopt(std::move(reading));
        auto reader = file_reader::adopt(std::move(writing));
        REQUIRE(writer.error() == std::errc::invalid_argument);
        REQUIRE(reader.error() == std::errc::invalid_argument);
        co_return;
    });
}

TEST_CASE("P12: the standard input and output are files", "[channels][file][fault][P12]") {
    test::run_on_each_kernel([]() -> task<> {
        const test::temp_dir folder;
        const std::string from = folder.path() + "/in";
        const std::string to = folder.path() + "/out";
        write_file(from, "from the file");
        const unique_fd in(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
        const unique_fd out(::open(to.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        const in_place_of input(0, in.handle());
        const in_place_of output(1, out.handle());
        auto reader = standard_input();
        auto writer = standard_output();
        auto copied = co_await copy(*reader, *writer);
        REQUIRE(copied.value() == 13);
        REQUIRE(content_of(to) == "from the file");
    });
}

TEST_CASE("P12: a pipe is copied to a file, and a file to a pipe", "[channels][file][fault][P12]") {
    test::run_on_each_kernel([]() -> task<> {
        const test::temp_dir folder;
        const std::string path = folder.path() + "/file";
        auto pipe = make_pipe().value();
        auto out = co_await file_writer::open(path);
        auto sent = co_await write_all(pipe.writer, bytes_of("through the pipe"));
        pipe.writer.close();
        auto there = co_await copy(pipe.reader, *out);
        auto back = make_pipe().value();
        auto in = co_await file_reader::open(path);
        auto again = co_await copy(*in, back.writer);
        back.writer.close();
        auto all = co_await read_all(back.reader, 100);
        REQUIRE(sent);
        REQUIRE(there.value() == 16);
        REQUIRE(again.value() == 16);
        REQUIRE(all.value() == "through the pipe");
    });
}

TEST_CASE("P12: the standard input is /dev/null", "[channels][file][fault][P12]") {
    test::run_on_each_kernel([]() -> task<> {
        const unique_fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
        const in_place_of input(0, null.handle());
        const in_place_of output(1, null.handle());
        auto reader = standard_input();
        auto writer = standard_output();
        std::array<std::byte, 4> buffer{};
        auto got = co_await reader->read_some(buffer);
        auto written = co_await write_all(*writer, bytes_of("into the void"));
        REQUIRE(got.value() == 0);
        REQUIRE(written);
    });
}

TEST_CASE("P12: the standard input and output are a terminal", "[channels][file][fault][P12]") {
    test::run_on_each_kernel([]() -> task<> {
        unique_fd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
        REQUIRE(master);
        ::grantpt(master.handle());
        ::unlockpt(master.handle());
        std::array<char, 64> name{};
        ::ptsname_r(master.handle(), name.data(), name.size());
        const unique_fd tty(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
        const in_place_of input(0, tty.handle());
        const in_place_of output(1, tty.handle());
        auto reader = standard_input();
        auto writer = standard_output();
        auto keyboard = io_handle::attach(std::move(master));
        std::array<std::byte, 64> typed{};
        std::array<std::byte, 64> shown{};
        task_scope scope;
        auto pending = scope.spawn(read_once(*reader, typed));
        co_await test::settle();
        const bool early = pending.is_done();
        auto sent = co_await keyboard->write_some(bytes_of("a line\n"));
        auto got = co_await pending;
        auto echoed = co_await keyboard->read_some(shown);
        auto written = co_await write_all(*writer, bytes_of("x"));
        auto seen = co_await keyboard->read_some(shown);
        co_await scope.join();
        REQUIRE_FALSE(early);
        REQUIRE(sent);
        REQUIRE(got.value() == 7);
        REQUIRE(echoed);
        REQUIRE(written);
        REQUIRE(seen);
        REQUIRE((flags_of(tty.handle()) & O_NONBLOCK) == 0);
    });
}

TEST_CASE("P11: the flags of inherited stdio stay as they are", "[channels][file][fault][P11]") {
    test::run_on_each_kernel([]() -> task<> {
        shell_pipe to_us;
        shell_pipe from_us;
        const in_place_of input(0, to_us.in.handle());
        const in_place_of output(1, from_us.out.handle());
        const int in_before = flags_of(0);
        const int out_before = flags_of(1);
        auto reader = standard_input();
        auto writer = standard_output();
        std::array<std::byte, 4> buffer{};
        task_scope scope;
        auto pending = scope.spawn(read_once(*reader, buffer));
        co_await test::settle();  // waits, although the descriptor is blocking
        const bool early = pending.is_done();
        const int in_meanwhile = flags_of(0);
        const ssize_t sent = ::write(to_us.out.handle(), "yes", 3);
        auto got = co_await pending;
        auto written = co_await write_all(*writer, bytes_of("fine"));
        co_await scope.join();
        const int out_after = flags_of(1);
        reader->close();
        writer->close();
        REQUIRE_FALSE(early);
        REQUIRE((in_before & O_NONBLOCK) == 0);
        REQUIRE(in_meanwhile == in_before);
        REQUIRE(flags_of(0) == in_before);
        REQUIRE(out_after == out_before);
        REQUIRE(flags_of(1) == out_before);
        REQUIRE(sent == 3);
        REQUIRE(got.value() == 3);
        REQUIRE(written);
    });
}

task<result<void>> write_much(file_writer& to) {
    const std::string much(200'000, 'x');
    co_return co_await write_all(to, bytes_of(much));
}

TEST_CASE("P11: a full pipe without O_NONBLOCK blocks no thread", "[channels][file][fault][P11]") {
    test::run_on_each_kernel([]() -> task<> {
        shell_pipe pipe;
        auto writer = file_writer::adopt(std::move(pipe.out));
        auto reader = file_reader::adopt(std::move(pipe.in));
        task_scope scope;
        auto writing = scope.spawn(write_much(*writer));
        co_await test::settle();
        const bool early = writing.is_done();
        std::size_t read = 0;
        std::array<std::byte, 5000> buffer{};
        while (read < 200'000) {
            auto got = co_await reader->read_some(buffer);
            read += got.value();
        }
        auto written = co_await writing;
        co_await scope.join();
        REQUIRE_FALSE(early);
        REQUIRE(written);
    });
}

TEST_CASE("closing an end of a socket that others share leaves it to them", "[channels][file]") {
    test::run_on_each_kernel([]() -> task<> {
        std::array<int, 2> ends{};
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
            throw std::runtime_error("no socket pair");
        }
        const unique_fd ours(ends[0]);
        unique_fd other(ends[1]);
        const in_place_of input(0, ours.handle());
        const in_place_of output(1, ours.handle());
        auto theirs = io_handle::attach(std::move(other));
        auto reader = standard_input();
        auto writer = standard_output();
        std::array<std::byte, 8> buffer{};
        auto asked = co_await theirs->write_some(bytes_of("ask"));
        auto got = co_await reader->read_some(buffer);
        reader->close();
        auto written = co_await write_all(*writer, bytes_of("answer"));
        auto answer = co_await theirs->read_some(buffer);
        writer->close();
        const ssize_t by_others = ::send(1, "more", 4, MSG_NOSIGNAL);
        auto more = co_await theirs->read_some(buffer);
        REQUIRE(asked);
        REQUIRE(got.value() == 3);
        REQUIRE(written);
        REQUIRE(answer.value() == 6);
        REQUIRE(by_others == 4);
        REQUIRE(more.value() == 4);
    });
}
