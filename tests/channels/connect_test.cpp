// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/connect.hpp>

#include "../support/co_test.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/duplex_fifo.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/channels/tcp_listener.hpp>
#include <conduit/channels/unix_listener.hpp>

#include <array>
#include <span>
#include <string>
#include <tuple>
#include <utility>

using namespace conduit;

namespace {

address at(std::string text) { return address::parse(text).value(); }

/// Whether what is written at the one is read at the other, both ways.
template <class Stream>
task<bool> are_connected(any_stream& here, Stream& there) {
    std::array<std::byte, 1> buffer{};
    const std::span<std::byte> into(buffer);
    auto asked = co_await write_all(here, bytes_of("?"));
    auto question = co_await read_exact(there, into);
    auto answered = co_await write_all(there, bytes_of("!"));
    auto answer = co_await read_exact(here, into);
    co_return asked&& question&& answered&& answer&& buffer[0] == std::byte{'!'};
}

}  // namespace

CO_TEST_CASE("an address of TCP leads to its listener", "[channels][connect]") {
    auto listener = tcp_listener::listen(0).value();
    const auto where = at("tcp:" + to_string(listener.local_address().value()));
    auto here = co_await connect(where);
    auto there = co_await listener.accept();
    const bool connected = co_await are_connected(here.value(), there.value());
    REQUIRE(connected);
}

CO_TEST_CASE("an address of a Unix socket leads to its listener", "[channels][connect]") {
    const test::temp_dir folder;
    const std::string path = folder.path() + "/socket";
    auto listener = unix_listener::listen(path).value();
    auto here = co_await connect(at("unix:" + path));
    auto there = co_await listener.accept();
    const bool connected = co_await are_connected(here.value(), there.value());
    REQUIRE(connected);
}

CO_TEST_CASE("an address of a FIFO leads to who made the pair", "[channels][connect]") {
    const test::temp_dir folder;
    const std::string path = folder.path() + "/link";
    REQUIRE(make_fifo(path + ".in"));
    REQUIRE(make_fifo(path + ".out"));
    auto creating = scope.spawn(duplex_fifo::create(path));
    auto here = co_await connect(at("fifo:" + path));
    auto there = co_await creating;
    const bool connected = co_await are_connected(here.value(), there.value());
    REQUIRE(connected);
}

CO_TEST_CASE("an address of a program starts it, without a shell", "[channels][connect]") {
    auto cat = co_await connect(at("exec:cat"));
    auto echo = co_await connect(at("exec:echo '$HOME'"));
    std::array<char, 6> said{};
    const auto into = std::as_writable_bytes(std::span(said));
    auto heard = co_await read_exact(echo.value(), into);
    const bool connected = co_await are_connected(cat.value(), cat.value());
    REQUIRE(connected);  // cat says again what it is told
    REQUIRE(heard);
    REQUIRE(std::string(said.data(), said.size()) == "$HOME\n");
}

CO_TEST_CASE("what leads nowhere says where and why", "[channels][connect]") {
    std::string why;
    auto program = co_await connect(at("exec:/no/such/program"), &why);
    const std::string no_program = std::exchange(why, "");
    auto socket = co_await connect(at("unix:/no/such/socket"), &why);
    const std::string no_socket = std::exchange(why, "");
    auto datagram = co_await connect(at("udp:localhost:1"), &why);
    if (program.error() == std::errc::not_supported) std::ignore = program.value();
    REQUIRE(program.error() == std::errc::no_such_file_or_directory);
    REQUIRE_THAT(no_program, Catch::Contains("cannot connect to 'exec:/no/such/program': "));
    REQUIRE(socket.error() == std::errc::no_such_file_or_directory);
    REQUIRE_THAT(no_socket, Catch::Contains("'unix:/no/such/socket': No such file"));
    REQUIRE(datagram.error() == std::errc::protocol_not_supported);
    REQUIRE_THAT(why, Catch::Contains("'udp:localhost:1': UDP carries messages"));
}
