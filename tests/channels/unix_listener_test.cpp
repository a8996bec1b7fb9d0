// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/unix_listener.hpp>

#include "../support/co_test.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/stream.hpp>
#include <conduit/channels/unix_error.hpp>
#include <conduit/runtime/backend/kernel.hpp>

#include <array>
#include <string>

using namespace conduit;

CO_TEST_CASE("a listener accepts who connects to its path", "[channels][unix_listener]") {
    const test::temp_dir folder;
    auto listener = unix_listener::listen(folder.path("s")).value();
    auto connecting = scope.spawn(unix_stream::connect(folder.path("s")));
    auto accepted = co_await listener.accept();
    auto connected = co_await connecting;
    std::array<std::byte, 8> buffer{};
    auto sent = co_await write_all(connected.value(), bytes_of("hi"));
    const auto two = std::span(buffer).first(2);
    auto got = co_await read_exact(accepted.value(), two);
    REQUIRE(sent);
    REQUIRE(got);
    REQUIRE(listener.counters().accepted == 1);
    REQUIRE(listener.path() == folder.path("s"));
}

CO_TEST_CASE("a listener removes its file, and not another's", "[channels][unix_listener]") {
    const test::temp_dir folder;
    kernel& here = current_kernel();
    auto listener = unix_listener::listen(folder.path("s")).value();
    const bool was_there = here.status_of(folder.path("s")).has_value();
    listener.close();
    const auto after = here.status_of(folder.path("s"));
    auto moved = unix_listener::listen(folder.path("t")).value();
    auto renamed = here.rename(folder.path("t"), folder.path("kept"));
    auto other = unix_listener::listen(folder.path("u")).value();
    auto replaced = here.rename(folder.path("u"), folder.path("t"));
    moved.close();
    const bool others_is_there = here.status_of(folder.path("t")).has_value();
    REQUIRE(was_there);
    REQUIRE(after.error() == std::errc::no_such_file_or_directory);
    REQUIRE(renamed);
    REQUIRE(replaced);
    REQUIRE(others_is_there);
    REQUIRE_FALSE(listener.is_open());
    co_return;
}

CO_TEST_CASE("U6: a listener that lives is not replaced, a stale file is",
             "[channels][unix_listener][fault][U6]") {
    const test::temp_dir folder;
    auto listener = unix_listener::listen(folder.path("s")).value();
    auto refused = unix_listener::listen(folder.path("s"));
    auto kept = listener.detach();  // leaves the file, as a crash does
    kept->reset();
    auto nobody = co_await unix_stream::connect(folder.path("s"));
    auto next = unix_listener::listen(folder.path("s"));
    auto connecting = scope.spawn(unix_stream::connect(folder.path("s")));
    auto accepted = co_await next->accept();
    auto connected = co_await connecting;
    REQUIRE(refused.error() == std::errc::address_in_use);
    REQUIRE(nobody.error() == std::errc::connection_refused);
    REQUIRE(next);
    REQUIRE(accepted);
    REQUIRE(connected);
}

CO_TEST_CASE("an accept that waits ends when its listener closes", "[channels][unix_listener]") {
    const test::temp_dir folder;
    auto listener = unix_listener::listen(folder.path("s")).value();
    auto accepting = scope.spawn(listener.accept());
    co_await test::settle();
    const bool early = accepting.is_done();
    listener.close();
    auto ended = co_await accepting;
    REQUIRE_FALSE(early);
    REQUIRE(ended.error() == errc::cancelled);
}

CO_TEST_CASE("a cancelled accept takes no connection", "[channels][unix_listener][cancel]") {
    const test::temp_dir folder;
    auto listener = unix_listener::listen(folder.path("s")).value();
    auto accepting = scope.spawn(listener.accept());
    co_await test::settle();
    accepting.request_stop();
    auto stopped = co_await accepting;
    auto connecting = scope.spawn(unix_stream::connect(folder.path("s")));
    auto accepted = co_await listener.accept();
    auto connected = co_await connecting;
    REQUIRE(stopped.error() == errc::cancelled);
    REQUIRE(accepted);
    REQUIRE(connected);
}

CO_TEST_CASE("a path that cannot be listened at is refused in words", "[channels][unix_listener]") {
    const test::temp_dir folder;
    const std::string long_name(251, 'x');
    auto abstract = unix_listener::listen("@conduit");
    auto too_long = unix_listener::listen(folder.path(long_name));
    auto no_folder = unix_listener::listen(folder.path("missing/s"));
    auto made = current_kernel().make_fifo(folder.path("fifo"), 0600);
    auto taken = unix_listener::listen(folder.path("fifo"));
    REQUIRE(abstract.error() == unix_errc::abstract_name);
    REQUIRE(too_long.error() == std::errc::filename_too_long);
    REQUIRE(socket_path_trouble(folder.path(long_name)).find("251 bytes of 250") !=
            std::string::npos);
    REQUIRE(no_folder.error() == std::errc::no_such_file_or_directory);
    REQUIRE(socket_path_trouble(folder.path("missing/s")).find("/missing: ") != std::string::npos);
    REQUIRE(made);
    REQUIRE(taken.error() == unix_errc::path_taken);
    REQUIRE_FALSE(current_kernel().status_of(folder.path("fifo.lock")));
    REQUIRE(socket_path_trouble(folder.path("s")).empty());
    co_return;
}
