// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/io_message.hpp>

#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/io_handle.hpp>

#include <sys/socket.h>

#include <array>
#include <cstring>

using namespace conduit;
using namespace conduit::test;

namespace {

bool is_same_file(const unique_fd& a, const unique_fd& b) {
    const file_status first = current_kernel().status_of(a).value();
    const file_status second = current_kernel().status_of(b).value();
    return first.inode == second.inode && first.device == second.device;
}

task<> send_handles(io_handle& out, const unique_fd& handle, std::size_t count) {
    outgoing_message message(bytes_of("x"));
    for (std::size_t i = 0; i < count; ++i) REQUIRE(message.attach(handle));
    auto sent = co_await out.send(message);
    REQUIRE(sent.value() == 1);
}

/// As a peer that keeps to no limit but the kernel's.
void send_handles_natively(int out, int fd, std::size_t count) {
    constexpr std::size_t most = 100;
    REQUIRE(count <= most);
    std::array<int, most> handles{};
    handles.fill(fd);
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof handles)> control{};
    char byte = 'x';
    iovec part{&byte, 1};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    std::memcpy(CMSG_DATA(header), handles.data(), count * sizeof(int));
    REQUIRE(::sendmsg(out, &message, MSG_NOSIGNAL) == 1);
}

}  // namespace

TEST_CASE("bytes_of a text are its characters", "[runtime][io_message]") {
    REQUIRE(bytes_of("abc").size() == 3);
    REQUIRE(bytes_of("abc")[1] == std::byte('b'));
}

CO_TEST_CASE("handles arrive as duplicates, close-on-exec, up to sixteen",
             "[runtime][io_message]") {
    handle_pair pair = attached_socket_pair();
    auto ends = current_kernel().make_pipe().value();
    co_await send_handles(pair.out, ends.first, handles_per_message_max);
    std::array<std::byte, 8> buffer{};
    incoming_message message(buffer);
    auto got = co_await pair.in.receive(message);
    REQUIRE(got.value() == 1);
    REQUIRE_FALSE(message.truncated);
    REQUIRE(message.handles.size() == handles_per_message_max);
    REQUIRE(is_same_file(message.handles[15], ends.first));
    REQUIRE_FALSE(message.sender.has_value());
}

CO_TEST_CASE("the sender's credentials come where they were asked for", "[runtime][io_message]") {
    auto ends = current_kernel().make_socket_pair(socket_kind::stream).value();
    REQUIRE(current_kernel().set_option(ends.first, socket_option::pass_credentials, 1));
    const credentials own = current_kernel().peer_credentials(ends.first).value();
    auto in = io_handle::attach(std::move(ends.first)).value();
    auto out = io_handle::attach(std::move(ends.second)).value();
    auto written = co_await out.write_some(bytes_of("x"));
    std::array<std::byte, 8> buffer{};
    incoming_message message(buffer);
    auto got = co_await in.receive(message);
    REQUIRE(written);
    REQUIRE(got);
    REQUIRE(message.sender.has_value());
    REQUIRE(message.sender->pid == own.pid);
    REQUIRE(message.sender->uid == own.uid);
}

CO_TEST_CASE("a message that is received again starts empty", "[runtime][io_message]") {
    handle_pair pair = attached_socket_pair();
    auto ends = current_kernel().make_pipe().value();
    co_await send_handles(pair.out, ends.first, 2);
    co_await send_handles(pair.out, ends.first, 0);
    std::array<std::byte, 1> buffer{};
    incoming_message message(buffer);
    auto first = co_await pair.in.receive(message);
    REQUIRE(first);
    REQUIRE(message.handles.size() == 2);
    auto second = co_await pair.in.receive(message);
    REQUIRE(second);
    REQUIRE(message.handles.empty());
}

CO_TEST_CASE("a receive stops after handles that were sent along, and goes on",
             "[runtime][io_message]") {
    handle_pair pair = attached_socket_pair();
    auto ends = current_kernel().make_pipe().value();
    co_await send_handles(pair.out, ends.first, 1);
    co_await send_handles(pair.out, ends.first, 0);
    std::array<std::byte, 64> buffer{};
    incoming_message message(buffer);
    auto first = co_await pair.in.receive(message);
    const std::size_t handles = message.handles.size();
    auto second = co_await pair.in.receive(message);  // must not wait for another edge
    REQUIRE(first.value() == 1);
    REQUIRE(second.value() == 1);
    REQUIRE(handles == 1);
}

CO_TEST_CASE("handles beyond sixteen are closed, and the message is said to be cut off",
             "[runtime][io_message]") {
    handle_pair pair = attached_socket_pair();
    auto ends = current_kernel().make_pipe().value();
    std::array<std::byte, 8> buffer{};
    incoming_message message(buffer);
    const int before = open_descriptors();
    for (const std::size_t count : {17U, 24U, 25U, 100U}) {
        send_handles_natively(pair.out.native().value(), ends.first.handle(), count);
        auto got = co_await pair.in.receive(message);
        REQUIRE(got.value() == 1);
        REQUIRE(message.truncated);
        REQUIRE(message.handles.size() == handles_per_message_max);
        REQUIRE(open_descriptors() == before + static_cast<int>(handles_per_message_max));
    }
    co_await send_handles(pair.out, ends.first, 1);
    auto whole = co_await pair.in.receive(message);
    REQUIRE(whole);
    REQUIRE_FALSE(message.truncated);
    REQUIRE(message.handles.size() == 1);
}
