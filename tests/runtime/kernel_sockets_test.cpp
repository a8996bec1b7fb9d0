// SPDX-License-Identifier: BSL-1.0
//
// Unix sockets: what a simulated kernel must do as the real one does.

#include <conduit/runtime/backend/kernel.hpp>

#include "../support/co_test.hpp"
#include "../support/loopback.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/runtime/as_task.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/task_group.hpp>

#include <array>
#include <string>
#include <vector>

using namespace conduit;
using namespace conduit::test;

namespace {

task<std::size_t> read_to_end(io_handle& in) {
    std::size_t total = 0;
    std::array<std::byte, 64> buffer{};
    for (;;) {
        auto got = co_await in.read_some(buffer);
        if (got.value() == 0) co_return total;
        total += *got;
    }
}

task<std::error_code> read_error(io_handle& in) {
    std::array<std::byte, 64> buffer{};
    auto got = co_await in.read_some(buffer);
    co_return got.error();
}

task<std::error_code> write_error(io_handle& out) {
    auto written = co_await out.write_some(bytes_of("x"));
    co_return written.error();
}

task<io_handle> accepted(io_handle& listener) {
    auto peer = co_await listener.accept();
    co_return io_handle::attach(std::move(peer.value())).value();
}

task<std::error_code> wait_for_hang_up(io_handle& on) {
    auto gone = co_await on.hung_up();
    co_return gone.error();
}

task<std::error_code> move_bytes(io_handle& from, io_handle& to, std::size_t bytes) {
    while (bytes > 0) {
        auto moved = co_await from.splice_to(to, bytes);
        if (!moved) co_return moved.error();
        bytes -= *moved;
    }
    co_return std::error_code();
}

}  // namespace

CO_TEST_CASE("a Unix listener is found by its path, and both sides by their addresses",
             "[runtime][sockets]") {
    kernel& here = current_kernel();
    const temp_dir folder;
    const std::string path = folder.path() + "/socket";
    auto [socket, address] = listen_on_path(path);
    const file_status found = here.status_of(path).value();
    auto listener = io_handle::attach(std::move(socket)).value();
    auto loose = here.make_socket(socket_family::unix_domain, socket_kind::stream).value();
    const credentials before = here.peer_credentials(loose).value();
    auto nobody = here.peer_address(loose);
    auto client = io_handle::attach(std::move(loose)).value();
    auto connected = co_await client.connect(address);
    auto again = co_await client.connect(address);
    auto server = co_await listener.accept();
    const auto asked = client.detach().value();
    REQUIRE(found.what == file_status::type::socket);
    REQUIRE(before.pid == 0);
    REQUIRE(nobody.error() == std::errc::not_connected);
    REQUIRE(connected);
    REQUIRE(again.error() == std::errc::already_connected);
    REQUIRE(here.peer_address(asked)->path() == path);
    REQUIRE(here.local_address(asked)->path().empty());
    REQUIRE(here.local_address(*server)->path() == path);
    REQUIRE(here.peer_address(*server)->path().empty());
    REQUIRE(here.kind_of(*server).value() == handle_kind::stream_socket);
    REQUIRE(here.peer_credentials(*server)->uid == here.peer_credentials(asked)->uid);
    REQUIRE(here.peer_credentials(*server)->pid == here.peer_credentials(asked)->pid);
}

CO_TEST_CASE("a path without a listener refuses, one that is none is missing",
             "[runtime][sockets]") {
    kernel& here = current_kernel();
    const temp_dir folder;
    const std::string path = folder.path() + "/socket";
    const auto missing = socket_address::unix_path(folder.path() + "/none").value();
    const auto fifo = socket_address::unix_path(folder.path() + "/fifo").value();
    REQUIRE(here.make_fifo(folder.path() + "/fifo", 0600));
    auto [socket, address] = listen_on_path(path);
    auto taken = here.make_socket(socket_family::unix_domain, socket_kind::stream).value();
    auto in_use = here.bind(taken, address);
    auto unbound = here.listen(taken, 4);
    socket.reset();
    auto client = attached_unix_socket();
    auto stale = co_await client.connect(address);
    auto nothing = co_await client.connect(missing);
    auto other = co_await client.connect(fifo);
    auto opened = here.open_fifo(path, handle_access{true, false});
    REQUIRE(in_use.error() == std::errc::address_in_use);
    REQUIRE(unbound.error() == std::errc::invalid_argument);
    REQUIRE(stale.error() == std::errc::connection_refused);
    REQUIRE(nothing.error() == std::errc::no_such_file_or_directory);
    REQUIRE(other.error() == std::errc::connection_refused);
    REQUIRE(opened.error() == std::errc::no_such_device_or_address);
}

CO_TEST_CASE("a stale path is taken over by renaming a new listener's onto it",
             "[runtime][sockets]") {
    kernel& here = current_kernel();
    const temp_dir folder;
    const std::string path = folder.path() + "/socket";
    listen_on_path(path).socket.reset();
    auto [socket, own] = listen_on_path(path + ".new");
    auto renamed = here.rename(path + ".new", path);
    auto listener = io_handle::attach(std::move(socket)).value();
    auto client = attached_unix_socket();
    const auto address = socket_address::unix_path(path).value();
    auto connected = co_await client.connect(address);
    auto server = co_await listener.accept();
    REQUIRE(renamed);
    REQUIRE(connected);
    REQUIRE(here.local_address(*server)->path() == path + ".new");
}

CO_TEST_CASE("a path has the mode that its socket had before it was bound", "[runtime][sockets]") {
    kernel& here = current_kernel();
    const temp_dir folder;
    const std::string path = folder.path() + "/socket";
    auto socket = here.make_socket(socket_family::unix_domain, socket_kind::stream).value();
    REQUIRE(here.change_mode(socket, 0600));
    REQUIRE(here.bind(socket, socket_address::unix_path(path).value()));
    REQUIRE(here.status_of(path)->mode == 0600);
    co_return;
}

CO_TEST_CASE("U1: a full backlog says so at once, and takes more after an accept",
             "[runtime][sockets]") {
    const temp_dir folder;
    auto [socket, address] = listen_on_path(folder.path() + "/socket", 4);
    auto listener = io_handle::attach(std::move(socket)).value();
    std::vector<io_handle> clients;
    std::error_code refused;
    while (!refused && clients.size() < 8) {
        clients.push_back(attached_unix_socket());
        auto connected = co_await clients.back().connect(address);
        refused = connected.error();
    }
    auto one = co_await listener.accept();
    auto connected = co_await clients.back().connect(address);
    REQUIRE(refused == std::errc::resource_unavailable_try_again);
    REQUIRE(clients.size() == 6);
    REQUIRE(one);
    REQUIRE(connected);
}

CO_TEST_CASE("a connection that is not accepted yet carries bytes", "[runtime][sockets]") {
    const temp_dir folder;
    auto [socket, address] = listen_on_path(folder.path() + "/socket");
    auto listener = io_handle::attach(std::move(socket)).value();
    auto client = attached_unix_socket();
    auto connected = co_await client.connect(address);
    auto sent = co_await client.write_some(bytes_of("early"));
    client.close();
    auto server = co_await accepted(listener);
    auto got = co_await read_to_end(server);
    REQUIRE(connected);
    REQUIRE(sent.value() == 5);
    REQUIRE(got == 5);
}

CO_TEST_CASE("a listener that closes resets those it had not accepted", "[runtime][sockets]") {
    const temp_dir folder;
    auto [socket, address] = listen_on_path(folder.path() + "/socket");
    auto client = attached_unix_socket();
    auto connected = co_await client.connect(address);
    socket.reset();
    const std::error_code read = co_await read_error(client);
    const std::error_code written = co_await write_error(client);
    REQUIRE(connected);
    REQUIRE(read == std::errc::connection_reset);
    REQUIRE(written == std::errc::broken_pipe);
}

CO_TEST_CASE("U2: a peer that closes with bytes unread resets, after what it sent itself",
             "[runtime][sockets]") {
    handle_pair pair = attached_socket_pair();
    auto lost = co_await pair.out.write_some(bytes_of("unread"));
    auto kept = co_await pair.in.write_some(bytes_of("k"));
    pair.in.close();
    const std::error_code first = co_await read_error(pair.out);
    const std::error_code reset = co_await read_error(pair.out);
    auto end = co_await read_to_end(pair.out);
    const std::error_code written = co_await write_error(pair.out);
    REQUIRE(lost);
    REQUIRE(kept);
    REQUIRE(first == std::error_code());
    REQUIRE(reset == std::errc::connection_reset);
    REQUIRE(end == 0);
    REQUIRE(written == std::errc::broken_pipe);
}

CO_TEST_CASE("ending a direction is felt on both sides", "[runtime][sockets]") {
    handle_pair pair = attached_socket_pair();
    auto deaf = co_await pair.in.shutdown(io_handle::direction::reading);
    const std::error_code unheard = co_await write_error(pair.out);
    const std::error_code own = co_await read_error(pair.in);
    auto reply = co_await pair.in.write_some(bytes_of("r"));
    const std::error_code heard = co_await read_error(pair.out);
    auto mute = co_await pair.in.shutdown(io_handle::direction::writing);
    auto gone = co_await pair.out.hung_up();
    REQUIRE(deaf);
    REQUIRE(unheard == std::errc::broken_pipe);
    REQUIRE(own == std::error_code());
    REQUIRE(reply.value() == 1);
    REQUIRE(heard == std::error_code());
    REQUIRE(mute);
    REQUIRE(gone);
}

CO_TEST_CASE("a hang-up is heard when the peer closes, and not for its bytes",
             "[runtime][sockets]") {
    handle_pair pair = attached_socket_pair();
    task_group group;
    auto pending = group.spawn(wait_for_hang_up(pair.in));
    auto sent = co_await pair.out.write_some(bytes_of("x"));
    co_await settle();
    REQUIRE_FALSE(pending.is_done());
    pair.out.close();
    const std::error_code gone = co_await pending;
    REQUIRE(sent);
    REQUIRE(gone == std::error_code());
}

CO_TEST_CASE("what is not connected says so", "[runtime][sockets]") {
    kernel& here = current_kernel();
    auto lonely = attached_unix_socket();
    auto pair = here.make_socket_pair(socket_kind::stream).value();
    auto listening = here.listen(pair.first, 4);
    const std::error_code read = co_await read_error(lonely);
    const std::error_code written = co_await write_error(lonely);
    auto peer = co_await lonely.accept();
    auto ready = co_await lonely.readable();
    REQUIRE(listening.error() == std::errc::invalid_argument);
    REQUIRE(read == std::errc::invalid_argument);
    REQUIRE(written == std::errc::not_connected);
    REQUIRE(peer.error() == std::errc::invalid_argument);
    REQUIRE(ready);
}

CO_TEST_CASE("handles on their way stay open, and close when nobody takes them",
             "[runtime][sockets]") {
    handle_pair pair = attached_socket_pair();
    handle_pair carried = attached_pipe();
    auto loose = carried.out.detach().value();
    outgoing_message message(bytes_of("x"));
    REQUIRE(message.attach(loose));
    auto sent = co_await pair.out.send(message);
    loose.reset();
    task_group group;
    auto all = group.spawn(read_to_end(carried.in));
    co_await settle();
    REQUIRE_FALSE(all.is_done());  // its writer is in the message
    std::array<std::byte, 8> buffer{};
    auto got = co_await pair.in.read_some(buffer);
    auto end = co_await all;
    REQUIRE(sent.value() == 1);
    REQUIRE(got.value() == 1);
    REQUIRE(end == 0);
}

CO_TEST_CASE("what a peer has not read is known, also of a connection that was closed here",
             "[runtime][sockets]") {
    kernel& here = current_kernel();
    handle_pair pair = attached_socket_pair();
    const auto kept = here.duplicate(pair.out.owned()).value();
    const std::size_t before = here.unread_by_peer(kept).value();
    auto sent = co_await pair.out.write_some(bytes_of("eight of"));
    const std::size_t unread = here.unread_by_peer(kept).value();
    pair.out.close();
    std::array<std::byte, 1> one{};
    auto first = co_await pair.in.read_some(one);
    const std::size_t partly = here.unread_by_peer(kept).value();
    auto rest = co_await read_to_end(pair.in);
    const std::size_t after = here.unread_by_peer(kept).value();
    REQUIRE(before == 0);
    REQUIRE(sent.value() == 8);
    REQUIRE(unread >= 8);
    REQUIRE(first.value() == 1);
    REQUIRE(partly >= 7);
    REQUIRE(rest == 7);
    REQUIRE(after == 0);
}

CO_TEST_CASE("nothing is unread by a peer that has closed", "[runtime][sockets]") {
    kernel& here = current_kernel();
    handle_pair pair = attached_socket_pair();
    auto sent = co_await pair.out.write_some(bytes_of("lost"));
    const std::size_t unread = here.unread_by_peer(pair.out.owned()).value();
    auto closed = co_await pair.in.close_and_wait();
    const std::size_t after = here.unread_by_peer(pair.out.owned()).value();
    REQUIRE(sent.value() == 4);
    REQUIRE(unread >= 4);
    REQUIRE(closed);
    REQUIRE(after == 0);
}

CO_TEST_CASE("bytes move between pipes and sockets", "[runtime][sockets]") {
    handle_pair pair = attached_socket_pair();
    handle_pair from = attached_pipe();
    handle_pair to = attached_pipe();
    auto sent = co_await from.out.write_some(bytes_of("relayed"));
    const std::error_code in = co_await move_bytes(from.in, pair.out, 7);
    const std::error_code out = co_await move_bytes(pair.in, to.out, 7);
    handle_pair other = attached_socket_pair();
    auto neither = co_await pair.in.splice_to(other.out, 7);
    to.out.close();
    auto got = co_await read_to_end(to.in);
    REQUIRE(sent.value() == 7);
    REQUIRE(in == std::error_code());
    REQUIRE(out == std::error_code());
    REQUIRE(neither.error() == std::errc::invalid_argument);
    REQUIRE(got == 7);
}

CO_TEST_CASE("a pair of datagram sockets keeps messages apart", "[runtime][sockets]") {
    auto ends = current_kernel().make_socket_pair(socket_kind::datagram).value();
    auto in = io_handle::attach(std::move(ends.first)).value();
    auto out = io_handle::attach(std::move(ends.second)).value();
    auto first = co_await out.write_some(bytes_of("first"));
    auto empty = co_await out.write_some(std::span<const std::byte>());
    auto second = co_await out.write_some(bytes_of("2nd"));
    std::array<std::byte, 4> buffer{};
    incoming_message message(buffer);
    auto cut = co_await in.receive(message);
    const bool was_cut = message.truncated;
    auto nothing = co_await in.receive(message);
    auto whole = co_await in.receive(message);
    in.close();
    const std::error_code refused = co_await write_error(out);
    REQUIRE(first.value() == 5);
    REQUIRE(empty.value() == 0);
    REQUIRE(second.value() == 3);
    REQUIRE(cut.value() == 4);
    REQUIRE(was_cut);
    REQUIRE(nothing.value() == 0);
    REQUIRE(whole.value() == 3);
    REQUIRE_FALSE(message.truncated);
    REQUIRE(refused == std::errc::connection_refused);
}

CO_TEST_CASE("a datagram finds a path and tells where it came from", "[runtime][sockets]") {
    kernel& here = current_kernel();
    const temp_dir folder;
    const auto there = socket_address::unix_path(folder.path() + "/there").value();
    const auto own = socket_address::unix_path(folder.path() + "/own").value();
    auto one = here.make_socket(socket_family::unix_domain, socket_kind::datagram).value();
    auto two = here.make_socket(socket_family::unix_domain, socket_kind::datagram).value();
    REQUIRE(here.bind(one, there));
    REQUIRE(here.bind(two, own));
    auto in = io_handle::attach(std::move(one)).value();
    auto out = io_handle::attach(std::move(two)).value();
    outgoing_message message(bytes_of("hello"));
    message.to(there);
    std::error_code full;
    std::size_t sent = 0;
    for (; !full && sent < 100'000; ++sent) {
        auto each = co_await out.send(message);
        full = each.error();
    }
    std::array<std::byte, 8> buffer{};
    incoming_message incoming(buffer);
    auto got = co_await in.receive(incoming);
    REQUIRE(sent > 1);
    REQUIRE(full == std::errc::resource_unavailable_try_again);
    REQUIRE(got.value() == 5);
    REQUIRE(incoming.from.path() == own.path());
}
