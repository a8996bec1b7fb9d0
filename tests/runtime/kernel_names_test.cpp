// SPDX-License-Identifier: BSL-1.0
//
// Paths and FIFOs: what a simulated kernel must do as the real one does.

#include <conduit/runtime/backend/kernel.hpp>

#include "../skip.hpp"
#include "../support/co_test.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/runtime/as_task.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task_group.hpp>

#include <array>
#include <string>
#include <vector>

using namespace conduit;
using namespace conduit::test;

namespace {

constexpr handle_access reading{true, false};
constexpr handle_access writing{false, true};
constexpr handle_access both{true, true};

io_handle opened(const std::string& path, handle_access access) {
    return io_handle::attach(current_kernel().open_fifo(path, access).value()).value();
}

task<std::error_code> poll_readable(io_handle& on) {
    auto ready = co_await on.readable();
    co_return ready.error();
}

task<std::size_t> read_changes(io_handle& in) {
    std::array<std::byte, 4096> buffer{};
    auto got = co_await in.read_some(buffer);
    co_return got.value();
}

task<std::size_t> read_once(io_handle& in) {
    std::array<std::byte, 64> buffer{};
    auto got = co_await in.read_some(buffer);
    co_return got.value();
}

task<std::size_t> read_to_end(io_handle& in) {
    std::size_t total = 0;
    std::array<std::byte, 64> buffer{};
    for (;;) {
        auto got = co_await in.read_some(buffer);
        if (got.value() == 0) co_return total;
        total += *got;
    }
}

}  // namespace

CO_TEST_CASE("a path is made once, has a status, and is removed once", "[runtime][names]") {
    kernel& here = current_kernel();
    const temp_dir folder;
    const std::string path = folder.path() + "/fifo";
    REQUIRE(here.make_fifo(path, 0600));
    const file_status found = here.status_of(path).value();
    const file_status parent = here.status_of(folder.path()).value();
    auto again = here.make_fifo(path, 0600);
    auto full = here.remove(folder.path());
    auto removed = here.remove(path);
    auto gone = here.status_of(path);
    auto removed_twice = here.remove(path);
    auto no_folder = here.make_fifo(folder.path() + "/none/fifo", 0600);
    REQUIRE(found.what == file_status::type::fifo);
    REQUIRE(found.mode == 0600);
    REQUIRE(found.owner == parent.owner);
    REQUIRE(found.device == parent.device);
    REQUIRE(found.inode != parent.inode);
    REQUIRE(parent.what == file_status::type::directory);
    REQUIRE(parent.mode == 0700);
    REQUIRE(again.error() == std::errc::file_exists);
    REQUIRE(full.error() == std::errc::directory_not_empty);
    REQUIRE(removed);
    REQUIRE(gone.error() == std::errc::no_such_file_or_directory);
    REQUIRE(removed_twice.error() == std::errc::no_such_file_or_directory);
    REQUIRE(no_folder.error() == std::errc::no_such_file_or_directory);
    co_return;
}

CO_TEST_CASE("a path through what is no folder says so", "[runtime][names]") {
    kernel& here = current_kernel();
    const temp_dir folder;
    const std::string path = folder.path() + "/fifo";
    REQUIRE(here.make_fifo(path, 0600));
    auto through = here.make_fifo(path + "/inside", 0600);
    auto too_long = here.make_fifo(folder.path() + '/' + std::string(256, 'x'), 0600);
    REQUIRE(through.error() == std::errc::not_a_directory);
    REQUIRE(too_long.error() == std::errc::filename_too_long);
    co_return;
}

CO_TEST_CASE("renaming replaces what was there, at once", "[runtime][names]") {
    kernel& here = current_kernel();
    const temp_dir folder;
    const std::string one = folder.path() + "/one";
    const std::string two = folder.path() + "/two";
    const std::string inside = folder.path() + "/inside";
    REQUIRE(here.make_fifo(one, 0600));
    REQUIRE(here.make_fifo(two, 0600));
    REQUIRE(here.make_directory(inside, 0700));
    REQUIRE(here.make_fifo(inside + "/three", 0600));
    const file_status moved = here.status_of(one).value();
    auto renamed = here.rename(one, two);
    const file_status there = here.status_of(two).value();
    auto gone = here.rename(one, two);
    auto over_folder = here.rename(two, inside);
    auto over_fifo = here.rename(inside, two);
    auto folder_moved = here.rename(inside, folder.path() + "/elsewhere");
    auto three = here.status_of(folder.path() + "/elsewhere/three");
    REQUIRE(renamed);
    REQUIRE(there.inode == moved.inode);
    REQUIRE(gone.error() == std::errc::no_such_file_or_directory);
    REQUIRE(over_folder.error() == std::errc::is_a_directory);
    REQUIRE(over_fifo.error() == std::errc::not_a_directory);
    REQUIRE(folder_moved);
    REQUIRE(three);
    co_return;
}

CO_TEST_CASE("a lock is one holder's until its last handle closes", "[runtime][names]") {
    kernel& here = current_kernel();
    const temp_dir folder;
    const std::string path = folder.path() + "/lock";
    auto held = here.lock_file(path);
    auto refused = here.lock_file(path);
    auto shared = here.duplicate(held.value());
    held->reset();
    auto still_refused = here.lock_file(path);
    shared->reset();
    auto free = here.lock_file(path);
    const file_status found = here.status_of(path).value();
    REQUIRE(refused.error() == std::errc::resource_unavailable_try_again);
    REQUIRE(still_refused.error() == std::errc::resource_unavailable_try_again);
    REQUIRE(free);
    REQUIRE(found.what == file_status::type::file);
    REQUIRE(found.mode == 0600);
    REQUIRE(here.kind_of(*free).value() == handle_kind::file);
    co_return;
}

CO_TEST_CASE("a FIFO opens for reading at once, for writing when it is read",
             "[runtime][names][fifo]") {
    kernel& here = current_kernel();
    const temp_dir folder;
    const std::string path = folder.path() + "/fifo";
    auto missing = here.open_fifo(path, reading);
    REQUIRE(here.make_fifo(path, 0600));
    auto unread = here.open_fifo(path, writing);
    auto in = here.open_fifo(path, reading);
    auto out = here.open_fifo(path, writing);
    auto either = here.open_fifo(path, both);
    REQUIRE(missing.error() == std::errc::no_such_file_or_directory);
    REQUIRE(unread.error() == std::errc::no_such_device_or_address);
    REQUIRE(here.kind_of(*in).value() == handle_kind::pipe);
    REQUIRE_FALSE(here.access_of(*in)->writes);
    REQUIRE_FALSE(here.access_of(*out)->reads);
    REQUIRE(here.access_of(*either)->reads);
    REQUIRE(here.access_of(*either)->writes);
    REQUIRE(here.status_of(*in)->inode == here.status_of(path)->inode);
    REQUIRE(here.status_of(*in)->device == here.status_of(path)->device);
    co_return;
}

CO_TEST_CASE("before its first writer a FIFO reads as ended, and polls as not ready",
             "[runtime][names][fifo]") {
    const temp_dir folder;
    const std::string path = folder.path() + "/fifo";
    REQUIRE(current_kernel().make_fifo(path, 0600));
    io_handle in = opened(path, reading);
    auto nothing = co_await read_once(in);
    task_group group;
    auto pending = group.spawn(poll_readable(in));
    co_await settle();
    REQUIRE_FALSE(pending.is_done());
    io_handle out = opened(path, writing);
    co_await settle();
    REQUIRE_FALSE(pending.is_done());
    auto sent = co_await out.write_some(bytes_of("hello"));
    const std::error_code ready = co_await pending;
    REQUIRE(nothing == 0);
    REQUIRE(sent.value() == 5);
    REQUIRE(ready == std::error_code());
}

CO_TEST_CASE("a FIFO ends when its last writer leaves, until the next one comes",
             "[runtime][names][fifo]") {
    const temp_dir folder;
    const std::string path = folder.path() + "/fifo";
    REQUIRE(current_kernel().make_fifo(path, 0600));
    io_handle in = opened(path, reading);
    for (int round = 0; round < 3; ++round) {
        io_handle one = opened(path, writing);
        io_handle two = opened(path, writing);
        auto sent = co_await one.write_some(bytes_of("one"));
        REQUIRE(sent.value() == 3);
        one.close();
        task_group group;
        auto all = group.spawn(read_to_end(in));
        co_await settle();
        REQUIRE_FALSE(all.is_done());
        sent = co_await two.write_some(bytes_of("four"));
        REQUIRE(sent.value() == 4);
        two.close();
        auto got = co_await all;
        auto ready = co_await in.readable();
        auto still = co_await read_once(in);
        REQUIRE(got == 7);
        REQUIRE(ready);
        REQUIRE(still == 0);
    }
}

CO_TEST_CASE("a FIFO that is open both ways does not end", "[runtime][names][fifo]") {
    const temp_dir folder;
    const std::string path = folder.path() + "/fifo";
    REQUIRE(current_kernel().make_fifo(path, 0600));
    io_handle keeper = opened(path, both);
    io_handle out = opened(path, writing);
    out.close();
    task_group group;
    auto pending = group.spawn(read_once(keeper));
    co_await settle();
    REQUIRE_FALSE(pending.is_done());
    auto sent = co_await keeper.write_some(bytes_of("x"));
    auto got = co_await pending;
    REQUIRE(sent.value() == 1);
    REQUIRE(got == 1);
}

CO_TEST_CASE("what is written to a FIFO is gone with the last who had it open",
             "[runtime][names][fifo]") {
    const temp_dir folder;
    const std::string path = folder.path() + "/fifo";
    REQUIRE(current_kernel().make_fifo(path, 0600));
    io_handle in = opened(path, reading);
    io_handle out = opened(path, writing);
    auto sent = co_await out.write_some(bytes_of("lost"));
    in.close();
    auto unread = co_await out.write_some(bytes_of("x"));
    out.close();
    in = opened(path, reading);
    auto got = co_await read_once(in);
    REQUIRE(sent.value() == 4);
    REQUIRE(unread.error() == std::errc::broken_pipe);
    REQUIRE(got == 0);
}

CO_TEST_CASE("removing a FIFO's path leaves those who have it open together",
             "[runtime][names][fifo]") {
    const temp_dir folder;
    const std::string path = folder.path() + "/fifo";
    REQUIRE(current_kernel().make_fifo(path, 0600));
    io_handle in = opened(path, reading);
    io_handle out = opened(path, writing);
    REQUIRE(current_kernel().remove(path));
    REQUIRE(current_kernel().make_fifo(path, 0600));
    auto other = current_kernel().open_fifo(path, writing);
    auto sent = co_await out.write_some(bytes_of("kept"));
    out.close();
    auto got = co_await read_to_end(in);
    REQUIRE(other.error() == std::errc::no_such_device_or_address);
    REQUIRE(sent.value() == 4);
    REQUIRE(got == 4);
}

CO_TEST_CASE("each byte of a FIFO goes to one of its readers", "[runtime][names][fifo]") {
    const temp_dir folder;
    const std::string path = folder.path() + "/fifo";
    REQUIRE(current_kernel().make_fifo(path, 0600));
    std::vector<io_handle> readers;
    std::vector<io_handle> writers;
    for (int i = 0; i < 3; ++i) readers.push_back(opened(path, reading));
    for (int i = 0; i < 3; ++i) writers.push_back(opened(path, writing));
    task_group group;
    std::vector<child<std::size_t>> taken;
    for (io_handle& in : readers) taken.push_back(group.spawn(read_to_end(in)));
    for (int round = 0; round < 200; ++round) {
        for (io_handle& out : writers) {
            auto sent = co_await out.write_some(bytes_of("0123456789"));
            REQUIRE(sent.value() == 10);
        }
    }
    for (io_handle& out : writers) out.close();
    std::size_t total = 0;
    for (auto& each : taken) total += co_await each;
    REQUIRE(total == 6000);
}

CO_TEST_CASE("handles and messages are for sockets", "[runtime][names][fifo]") {
    kernel& here = current_kernel();
    auto ends = here.make_pipe().value();
    auto bound = here.listen(ends.first, 4);
    auto option = here.set_option(ends.first, socket_option::pass_credentials, 1);
    REQUIRE(bound.error() == std::errc::not_a_socket);
    REQUIRE(option.error() == std::errc::not_a_socket);
    REQUIRE(here.status_of(ends.first)->inode == here.status_of(ends.second)->inode);
    co_return;
}

CO_TEST_CASE("a folder that is watched tells that something in it changed", "[runtime][names]") {
    if (scheduler::current().backend_name() == "sim") {
        co_return skip("a simulated folder cannot be watched");
    }
    const temp_dir folder;
    kernel& here = current_kernel();
    auto missing = here.watch_folder(folder.path("none"));
    io_handle watch = io_handle::attach(here.watch_folder(folder.path()).value()).value();
    task_group group;
    auto waiting = group.spawn(poll_readable(watch));
    co_await settle();
    const bool early = waiting.is_done();
    REQUIRE(here.make_fifo(folder.path("a"), 0600));
    auto made = co_await waiting;
    const std::size_t told = co_await read_changes(watch);
    REQUIRE(here.rename(folder.path("a"), folder.path("b")));
    const std::size_t renamed = co_await read_changes(watch);
    REQUIRE(here.remove(folder.path("b")));
    const std::size_t removed = co_await read_changes(watch);
    REQUIRE(missing.error() == std::errc::no_such_file_or_directory);
    REQUIRE_FALSE(early);
    REQUIRE_FALSE(made);
    REQUIRE(told > 0);
    REQUIRE(renamed > 0);
    REQUIRE(removed > 0);
}
