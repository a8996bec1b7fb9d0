// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/listen_fds.hpp>

#include "../support/child.hpp"
#include "../support/co_test.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/stream.hpp>
#include <conduit/channels/unix_listener.hpp>
#include <conduit/runtime/run.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

using namespace conduit;

namespace {

/// Echoes one byte to one client of the socket called "echo"; the exit code says what went wrong.
task<int> serve_one() {
    auto passed = listen_fds();
    if (!passed) co_return 10;
    auto again = listen_fds();
    if (passed->empty()) co_return 11;
    if (again.error() != std::errc::device_or_resource_busy) co_return 12;
    if (passed->size() != 2 || passed->at(0).name != "echo") co_return 13;
    if (passed->at(1).name != "unknown") co_return 14;
    auto listener = unix_listener::adopt(std::move(passed->at(0).fd));
    if (!listener) co_return 15;
    auto wrong = unix_listener::adopt(std::move(passed->at(1).fd));
    if (wrong.error() != std::errc::invalid_argument) co_return 16;
    auto peer = co_await listener->accept();
    if (!peer) co_return 17;
    std::array<std::byte, 1> byte{};
    auto got = co_await peer->read_some(byte);
    if (!got) co_return 18;
    auto sent = co_await peer->write_some(byte);
    co_return sent ? 0 : 19;
}

void set(const char* name, const std::string& value) { ::setenv(name, value.c_str(), 1); }

const test::helper activated("is activated by a socket", [](const test::helper_arguments& given) {
    set("LISTEN_PID", std::to_string(::getpid() + std::stoi(given.at(0))));
    set("LISTEN_FDS", given.at(1));
    set("LISTEN_FDNAMES", "echo:");
    return run(serve_one());
});

/// Takes what it was told of several times; each time that is to fail, or not, with this text.
/// "close" has it close what it took.
task<int> take_often(std::vector<std::string> expected) {
    const std::vector<std::string> own = std::move(expected);
    std::vector<listen_fd> taken;
    for (const std::string& text : own) {
        if (text == "close") {
            taken.clear();
            continue;
        }
        auto passed = listen_fds();
        const std::error_code why = passed.error();
        const std::string said =
            why ? why.default_error_condition().message() + ": " + why.message() : std::string();
        if (said != text) co_return 1;
        if (passed) taken = std::move(*passed);
    }
    co_return 0;
}

const test::helper told("is told of sockets", [](const test::helper_arguments& given) {
    set("LISTEN_PID", std::to_string(::getpid()));
    set("LISTEN_FDS", given.at(0));
    return run(take_often({given.begin() + 1, given.end()}));
});

bool succeeds(const test::helper_arguments& arguments) {
    auto child = test::child_process::helper("is told of sockets", arguments, {{2, 3}});
    return child.wait().code == 0;
}

}  // namespace

TEST_CASE("a listener that was passed by a service manager is adopted", "[channels][listen_fds]") {
    test::run_on_each_kernel([]() -> task<> {
        const test::temp_dir folder;
        const std::string path = folder.path() + "/s";
        auto listener = unix_listener::listen(path).value();
        const int passed = listener.handle().native().value();
        auto child = test::child_process::helper("is activated by a socket", {"0", "2"},
                                                 {{passed, 3}, {2, 4}});
        auto peer = co_await unix_stream::connect(path);
        std::array<std::byte, 1> byte{};
        auto sent = co_await peer.value().write_some(bytes_of("x"));
        auto got = co_await peer->read_some(byte);
        auto server = peer->connected_by();
        const exit_status ended = child.wait();
        REQUIRE(ended.code == 0);
        REQUIRE(sent);
        REQUIRE(got.value() == 1);
        // It has listened again, so that clients are told of it and not of who bound the socket.
        // A connection of before that tells of the binder.
        REQUIRE(server);
    });
}

TEST_CASE("what was passed to another process is left alone", "[channels][listen_fds]") {
    auto child = test::child_process::helper("is activated by a socket", {"1", "2"}, {});
    REQUIRE(child.wait().code == 11);
}

TEST_CASE("listening sockets that are not there are reported", "[channels][listen_fds]") {
    CHECK(succeeds({"2",
                    "Device or resource busy: descriptor 4, of which the variable LISTEN_FDS "
                    "tells, was not open when this process began, or was taken before"}));
    for (const char* count : {"many", "-1", "4097", "1x", ""}) {
        INFO(count);
        CHECK(succeeds(
            {count, "Invalid argument: the variable LISTEN_FDS is no number from 0 to 4096"}));
    }
}

TEST_CASE("listening sockets are taken once", "[channels][listen_fds]") {
    REQUIRE(succeeds({"1", "",
                      "Device or resource busy: descriptor 3, of which the variable LISTEN_FDS "
                      "tells, was not open when this process began, or was taken before",
                      "close",
                      "Bad file descriptor: descriptor 3, of which the variable LISTEN_FDS tells, "
                      "is not open"}));
}
