// SPDX-License-Identifier: BSL-1.0
//
// Rows F1 to F7 of the catalogue of faults: what goes wrong with FIFOs, each by name. What goes
// wrong with records in them is in fifo_record_fault_test.cpp.

#include "../skip.hpp"
#include "../support/child.hpp"
#include "../support/co_test.hpp"
#include "../support/fifo_place.hpp"
#include "../support/settle.hpp"
#include "../support/tiny_tmpfs.hpp"

#include <conduit/channels/stream.hpp>
#include <conduit/runtime/as_task.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/timer.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

using namespace conduit;
using namespace std::chrono_literals;
using test::fifo_place;
using test::open_pair;
using test::replace_fifo;
using test::settle;

namespace {

std::uint64_t wake_ups() { return scheduler::current().counters().completions.value(); }

}  // namespace

CO_TEST_CASE("F1: an open that waits for its partner blocks nobody and looks seldom",
             "[channels][fifo][fault][F1]") {
    const fifo_place place;
    auto reading = scope.spawn(fifo_reader::open(place.made("a")));
    auto writing = scope.spawn(fifo_writer::open(place.made("b")));
    const std::uint64_t before = wake_ups();
    const clock::time_point begun = current_kernel().now();
    co_await sleep_for(200ms);
    const auto looks = static_cast<double>(wake_ups() - before);
    const std::chrono::duration<double> waited = current_kernel().now() - begun;
    const bool too_early = reading.is_done() || writing.is_done();
    reading.request_stop();
    writing.request_stop();
    auto no_writer = co_await reading;
    auto no_reader = co_await writing;
    REQUIRE_FALSE(too_early);
    // 1, 2, 4 ... 32 ms, then every 50 ms, for each of the two; and the sleep here.
    REQUIRE(looks <= 2 * (6 + waited.count() * 20) + 1);
    REQUIRE(no_writer.error() == errc::cancelled);
    REQUIRE(no_reader.error() == errc::cancelled);
}

CO_TEST_CASE("F2: a FIFO has no end before its first writer", "[channels][fifo][fault][F2]") {
    const fifo_place place;
    const std::string path = place.made("fifo");
    auto opening = scope.spawn(fifo_reader::open(path));
    co_await settle();
    const bool opened_early = opening.is_done();
    auto out = co_await fifo_writer::open(path);
    auto in = co_await opening;
    std::array<std::byte, 8> buffer{};
    auto reading = scope.spawn(as_task(in->read_some(buffer)));
    co_await settle();
    const bool ended_early = reading.is_done();
    auto sent = co_await out->write_some(bytes_of("first"));
    auto got = co_await reading;
    REQUIRE_FALSE(opened_early);
    REQUIRE_FALSE(ended_early);
    REQUIRE(sent.value() == 5);
    REQUIRE(got.value() > 0);
}

CO_TEST_CASE("F2: a FIFO that stays open has no end before its first writer either",
             "[channels][fifo][fault][F2]") {
    const fifo_place place;
    const std::string path = place.made("fifo");
    auto in = co_await fifo_reader::open(path, fifo_options().stay_open());
    std::array<std::byte, 8> buffer{};
    auto reading = scope.spawn(as_task(in->read_some(buffer)));
    co_await settle();
    const bool ended_early = reading.is_done();
    auto out = co_await fifo_writer::open(path);
    auto sent = co_await out->write_some(bytes_of("first"));
    auto got = co_await reading;
    REQUIRE_FALSE(ended_early);
    REQUIRE(sent.value() == 5);
    REQUIRE(got.value() > 0);
}

CO_TEST_CASE("F3: a reader that waits for its next writer does not spin",
             "[channels][fifo][fault][F3]") {
    const fifo_place place;
    const std::string path = place.made("fifo");
    auto ends = co_await open_pair(path);
    ends.out.close();
    std::array<std::byte, 8> buffer{};
    auto end = co_await ends.in.read_some(buffer);
    auto reopening = scope.spawn(ends.in.reopen());
    co_await sleep_for(50ms);  // past the first few looks
    const counters& counted = scheduler::current().counters();
    const std::uint64_t turns_before = counted.turns.value();
    const std::uint64_t calls_before = counted.system_calls.value();
    const clock::time_point begun = current_kernel().now();
    co_await sleep_for(200ms);
    const std::chrono::duration<double> waited = current_kernel().now() - begun;
    const auto turns = static_cast<double>(counted.turns.value() - turns_before);
    const auto calls = static_cast<double>(counted.system_calls.value() - calls_before);
    const bool too_early = reopening.is_done();
    auto out = co_await fifo_writer::open(path);
    auto reopened = co_await reopening;
    REQUIRE(end.value() == 0);
    REQUIRE_FALSE(too_early);
    REQUIRE(out);
    REQUIRE(reopened);
    // Spinning makes hundreds of thousands of either in a second.
    REQUIRE(turns <= 50 + waited.count() * 200);
    REQUIRE(calls <= 50 + waited.count() * 400);
}

CO_TEST_CASE("F3: a reader that stays open does not wake between two writers",
             "[channels][fifo][fault][F3]") {
    const fifo_place place;
    const std::string path = place.made("fifo");
    auto ends = co_await open_pair(path, fifo_options().stay_open());
    std::array<std::byte, 8> buffer{};
    auto reading = scope.spawn(as_task(ends.in.read_some(buffer)));
    co_await settle();
    ends.out.close();
    co_await settle();
    const std::uint64_t before = wake_ups();
    co_await sleep_for(100ms);
    const std::uint64_t after = wake_ups();
    const bool ended_early = reading.is_done();
    auto next = co_await fifo_writer::open(path);
    auto sent = co_await next->write_some(bytes_of("next"));
    auto got = co_await reading;
    REQUIRE(after - before == 1);  // of the sleep here
    REQUIRE_FALSE(ended_early);
    REQUIRE(sent.value() == 4);
    REQUIRE(got.value() > 0);
}

CO_TEST_CASE("F4: a reader's stream ends with its last writer, or never, as it was told",
             "[channels][fifo][fault][F4]") {
    const fifo_place place;
    auto ends = co_await open_pair(place.made("ends"));
    auto another = co_await fifo_writer::open(place.path("ends"));
    std::array<std::byte, 8> buffer{};
    ends.out.close();
    auto reading = scope.spawn(as_task(ends.in.read_some(buffer)));
    co_await settle();
    const bool ended_early = reading.is_done();
    another->close();
    auto end = co_await reading;

    auto stays = co_await open_pair(place.made("stays"), fifo_options().stay_open());
    stays.out.close();
    auto never = scope.spawn(as_task(stays.in.read_some(buffer)));
    co_await settle();
    const bool ended = never.is_done();
    never.request_stop();
    auto stopped = co_await never;
    REQUIRE_FALSE(ended_early);
    REQUIRE(end.value() == 0);
    REQUIRE_FALSE(ended);
    REQUIRE(stopped.error() == errc::cancelled);
}

namespace {

/// Both ends refuse the path, at once, with that error and those words.
task<> expect_refusal(std::string path, std::errc error, std::string words) {
    const std::string own_path = std::move(path);
    const std::string own_words = std::move(words);
    std::string of_reader;
    std::string of_writer;
    std::string of_making;
    auto in = co_await fifo_reader::open(own_path, fifo_options(), &of_reader);
    auto out = co_await fifo_writer::open(own_path, fifo_options(), &of_writer);
    auto made = make_fifo(own_path, &of_making);
    for (const std::string& why : {of_reader, of_writer, of_making}) {
        INFO(why);
        REQUIRE(why.find(own_words) != std::string::npos);
        REQUIRE(why.find(own_path.substr(own_path.rfind('/'))) != std::string::npos);
    }
    REQUIRE(in.error() == error);
    REQUIRE(out.error() == error);
    REQUIRE(made.error() == error);
}

}  // namespace

TEST_CASE("F5: what is no FIFO, or only leads to one, is refused by name",
          "[channels][fifo][fault][F5]") {
    auto body = []() -> task<> {
        const fifo_place place;
        const std::string file = place.path("file");
        unique_fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)).reset();
        const std::string fifo = place.made("fifo");
        const std::string link = place.path("link");
        REQUIRE(::symlink(fifo.c_str(), link.c_str()) == 0);
        current_kernel().make_directory(place.path("folder"), 0700).value();
        co_await expect_refusal(file, std::errc::invalid_argument, "a regular file");
        co_await expect_refusal(place.path("folder"), std::errc::invalid_argument, "a folder");
        co_await expect_refusal(link, std::errc::too_many_symbolic_link_levels, "symbolic link");
    };
    test::run_on_each_kernel(body);
}

TEST_CASE("F5: a FIFO that lets others in is refused by name", "[channels][fifo][fault][F5]") {
    auto body = []() -> task<> {
        const fifo_place place;
        const std::string path = place.made("fifo");
        for (const mode_t mode : {0666U, 0620U, 0601U}) {
            REQUIRE(::chmod(path.c_str(), mode) == 0);
            co_await expect_refusal(path, std::errc::permission_denied, "which lets others in");
        }
        REQUIRE(::chmod(path.c_str(), 0600) == 0);
        auto ends = co_await open_pair(path);
        REQUIRE(ends.in.is_open());
    };
    test::run_on_each_kernel(body);
}

TEST_CASE("F5: a FIFO of another user is refused by name", "[channels][fifo][fault][F5]") {
    if (::geteuid() != 0) return test::skip("only root can give a FIFO away");
    auto body = []() -> task<> {
        const fifo_place place;
        const std::string path = place.made("fifo");
        REQUIRE(::chown(path.c_str(), 65534, 65534) == 0);
        co_await expect_refusal(path, std::errc::permission_denied, "belongs to user 65534");
        auto expected = co_await open_pair(path, fifo_options().owner(65534));
        REQUIRE(expected.in.is_open());
    };
    test::run_on_each_kernel(body);
}

TEST_CASE("F5: an open that waits notices what its path turns into",
          "[channels][fifo][fault][F5]") {
    auto body = []() -> task<> {
        const fifo_place place;
        const std::string path = place.made("fifo");
        const std::string file = place.path("file");
        unique_fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)).reset();
        task_group group;
        auto writing = group.spawn(fifo_writer::open(path));
        co_await settle();
        const bool too_early = writing.is_done();
        current_kernel().rename(file, path).value();
        auto out = co_await writing;
        REQUIRE_FALSE(too_early);
        REQUIRE(out.error() == std::errc::invalid_argument);
    };
    test::run_on_each_kernel(body);
}

namespace {

/// Throws where something is not as it should be: no test case runs in a helper.
void expect(bool as_it_should_be, const char* what) {
    if (!as_it_should_be) throw std::runtime_error(what);
}

const test::helper fills_folder("F6: a folder without room", [](const test::helper_arguments&) {
    return test::on_tiny_tmpfs("nr_inodes=3", [](test::tiny_tmpfs& place) {
        const std::string path = place.path() + "/";
        auto body = [](std::string folder) -> task<> {
            const std::string own = std::move(folder);
            make_fifo(own + "1").value();
            make_fifo(own + "2").value();
            std::string why;
            const auto full = make_fifo(own + "3", &why);
            expect(full.error() == std::errc::no_space_on_device, "the third fits");
            expect(why.find("/3': No space left on device") != std::string::npos, why.c_str());
            const auto left = current_kernel().status_of(own + "3");
            expect(left.error() == std::errc::no_such_file_or_directory, "a half is left");
            remove_fifo(own + "1").value();
            remove_fifo(own + "2").value();
            co_return;
        };
        for (const backend_kind kind : test::kernel_backends()) {
            scheduler(scheduler_options().backend(kind)).run(body(path));
        }
        return 0;
    });
});

const test::helper writes_read_only("F6: a read-only folder", [](const test::helper_arguments&) {
    return test::on_tiny_tmpfs("size=64k", [](test::tiny_tmpfs& place) {
        auto body = [](std::string folder, test::tiny_tmpfs& mounted) -> task<> {
            const std::string own = std::move(folder);
            make_fifo(own + "old").value();
            mounted.make_read_only();
            std::string why;
            const auto refused = make_fifo(own + "new", &why);
            expect(refused.error() == std::errc::read_only_file_system, "it can be written to");
            expect(why.find("Read-only file system") != std::string::npos, why.c_str());
            make_fifo(own + "old").value();
            auto ends = co_await open_pair(own + "old");  // what flows through is not on the disk
            auto sent = co_await ends.out.write_some(bytes_of("x"));
            expect(sent.has_value(), "nothing can be written");
        };
        for (const backend_kind kind : test::kernel_backends()) {
            scheduler(scheduler_options().backend(kind)).run(body(place.path() + "/", place));
        }
        return 0;
    });
});

}  // namespace

TEST_CASE("F6: without room for a name making a FIFO says so and leaves nothing",
          "[channels][fifo][fault][F6]") {
    test::pass_helper("F6: a folder without room");
}

TEST_CASE("F6: on a read-only file system a FIFO is not made, and one that is there works",
          "[channels][fifo][fault][F6]") {
    test::pass_helper("F6: a read-only folder");
}

CO_TEST_CASE("F7: both ends of bytes learn that their path was replaced, and change over",
             "[channels][fifo][fault][F7]") {
    const fifo_place place;
    const std::string path = place.made("fifo");
    auto ends = co_await open_pair(path);
    replace_fifo(path);
    const fifo_path of_reader = ends.in.look_at_path().value();
    const fifo_path of_writer = ends.out.look_at_path().value();
    auto old = co_await ends.out.write_some(bytes_of("old"));
    std::array<std::byte, 8> buffer{};
    auto still = co_await read_exact(ends.in, std::span(buffer).first(3));
    auto both = co_await when_all(ends.in.reopen(), ends.out.reopen());
    const fifo_path afterwards = ends.in.look_at_path().value();
    auto sent = co_await ends.out.write_some(bytes_of("new!"));
    auto got = co_await ends.in.read_some(buffer);
    REQUIRE(of_reader == fifo_path::replaced);
    REQUIRE(of_writer == fifo_path::replaced);
    REQUIRE(old.value() == 3);
    REQUIRE(still);
    REQUIRE(std::get<0>(both));
    REQUIRE(std::get<1>(both));
    REQUIRE(afterwards == fifo_path::same);
    REQUIRE(sent.value() == 4);
    REQUIRE(got.value() > 0);
}

CO_TEST_CASE("F7: an open that waits goes to the FIFO that its path names by now",
             "[channels][fifo][fault][F7]") {
    const fifo_place place;
    const std::string path = place.made("fifo");
    auto reading = scope.spawn(fifo_reader::open(path));
    co_await settle();
    replace_fifo(path);
    auto out = co_await fifo_writer::open(path);
    auto in = co_await reading;
    REQUIRE(in);
    REQUIRE(out);
    REQUIRE(in->look_at_path().value() == fifo_path::same);
}
