// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/received_handle.hpp>

#include "../support/co_test.hpp"
#include "../support/rlimit.hpp"
#include "../support/temp_dir.hpp"

#include "../skip.hpp"

#include <conduit/channels/pipe.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/channels/unix_error.hpp>
#include <conduit/channels/unix_stream.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/within.hpp>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

/// Sends one message with `count` duplicates of `handle`, past the limit of outgoing_message.
bool send_many(unix_stream& through, int handle, std::size_t count) {
    const std::vector<int> handles(count, handle);
    std::vector<std::byte> control(CMSG_SPACE(count * sizeof(int)));
    char byte = 'x';
    iovec part{&byte, 1};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    std::copy_n(handles.data(), count, reinterpret_cast<int*>(CMSG_DATA(header)));
    return ::sendmsg(through.handle().native().value(), &message, MSG_NOSIGNAL) == 1;
}

task<result<std::size_t>> send_one(unix_stream& through, const unique_fd& handle) {
    outgoing_message message(bytes_of("x"));
    message.attach(handle).value();
    co_return co_await through.send(message);
}

/// What becomes of a message with one handle.
task<std::error_code> error_for(unique_fd handle, handle_policy policy) {
    unique_fd own = std::move(handle);
    auto [here, there] = make_unix_pair(policy).value();
    auto sent = co_await send_one(here, own);
    std::array<std::byte, 8> buffer{};
    auto came = co_await there.receive(buffer);
    if (!sent) co_return sent.error();
    if (!came && there.is_open()) throw std::logic_error("the stream is still open");
    co_return came.error();
}

unique_fd opened(const std::string& path, int flags) {
    return unique_fd(::open(path.c_str(), flags | O_CLOEXEC));
}

}  // namespace

CO_TEST_CASE("a handle travels with a byte and is what it was", "[channels][received_handle]") {
    auto [here, there] = make_unix_pair().value();
    auto [in, out] = make_pipe().value();
    auto reading = in.detach();
    auto sent = co_await send_one(here, *reading);
    reading->reset();
    std::array<std::byte, 8> buffer{};
    auto came = co_await there.receive(buffer);
    auto& handle = came.value().handles.at(0);
    const handle_type type = handle.type();
    const bool reads = handle.reads();
    const bool writes = handle.writes();
    auto passed = pipe_reader::adopt(handle.take());
    auto written = co_await write_all(out, bytes_of("hi"));
    const auto two = std::span(buffer).first(2);
    auto got = co_await read_exact(passed.value(), two);
    REQUIRE(sent);
    REQUIRE(came->bytes == 1);
    REQUIRE(type == handle_type::pipe);
    REQUIRE(reads);
    REQUIRE_FALSE(writes);
    REQUIRE(written);
    REQUIRE(got);
}

TEST_CASE("a received handle is close-on-exec", "[channels][received_handle]") {
    test::run_on_each_kernel([]() -> task<> {
        auto [here, there] = make_unix_pair().value();
        auto sent = co_await send_one(here, opened("/proc/self/stat", O_RDONLY));
        std::array<std::byte, 8> buffer{};
        auto came = co_await there.receive(buffer);
        const unique_fd got = came.value().handles.at(0).take();
        REQUIRE(sent);
        REQUIRE((::fcntl(got.native().value(), F_GETFD) & FD_CLOEXEC) != 0);
    });
}

TEST_CASE("U8: more handles than the policy lets in end the connection",
          "[channels][received_handle][fault][U8]") {
    test::run_on_each_kernel([]() -> task<> {
        auto policy = handle_policy().per_message_max(4).waiting_max(6);
        const unique_fd file = opened("/proc/self/stat", O_RDONLY);
        auto [here, there] = make_unix_pair(policy).value();
        std::array<std::byte, 8> buffer{};
        const int before = test::open_descriptors();
        const bool five_sent = send_many(here, file.handle(), 5);
        auto five = co_await there.receive(buffer);
        const int after = test::open_descriptors();

        auto [second_here, second_there] = make_unix_pair(policy).value();
        const bool four_sent = send_many(second_here, file.handle(), 4);
        auto four = co_await second_there.receive(buffer);
        four.value().handles.at(0).take().reset();
        const bool three_sent = send_many(second_here, file.handle(), 3);
        auto three = co_await second_there.receive(buffer);
        const bool still_open = second_there.is_open();
        const bool one_sent = send_many(second_here, file.handle(), 1);
        auto one = co_await second_there.receive(buffer);
        REQUIRE(five_sent);
        REQUIRE(five.error() == unix_errc::too_many_handles);
        REQUIRE_FALSE(there.is_open());
        REQUIRE(after == before - 1);  // the stream itself
        REQUIRE(four_sent);
        REQUIRE(three_sent);
        REQUIRE(three->handles.size() == 3);
        REQUIRE(still_open);
        REQUIRE(one_sent);
        REQUIRE(one.error() == unix_errc::too_many_handles);  // six wait already
    });
}

TEST_CASE("U8: a message with 253 handles is cut off and ends the connection",
          "[channels][received_handle][fault][U8][U9]") {
    test::run_on_each_kernel([]() -> task<> {
        const unique_fd file = opened("/proc/self/stat", O_RDONLY);
        auto [here, there] = make_unix_pair().value();
        const int before = test::open_descriptors();
        const bool sent = send_many(here, file.handle(), 253);
        std::array<std::byte, 8> buffer{};
        auto flood = co_await there.receive(buffer);
        auto peer_sees = co_await here.read_some(buffer);
        REQUIRE(sent);
        REQUIRE(flood.error() == unix_errc::message_truncated);
        REQUIRE_FALSE(there.is_open());
        REQUIRE(test::open_descriptors() == before - 1);
        REQUIRE(peer_sees.value_or(0) == 0);
    });
}

TEST_CASE("U9: handles that the receiver has no descriptors for end the connection",
          "[channels][received_handle][fault][U9]") {
    test::run_on_each_kernel([]() -> task<> {
        const unique_fd file = opened("/proc/self/stat", O_RDONLY);
        auto [here, there] = make_unix_pair().value();
        const bool sent = send_many(here, file.handle(), 3);
        const int before = test::open_descriptors();
        std::optional<test::no_more_descriptors> limit(std::in_place);
        std::array<std::byte, 8> buffer{};
        auto cut = co_await there.receive(buffer);
        limit.reset();
        REQUIRE(sent);
        REQUIRE(cut.error() == unix_errc::message_truncated);
        REQUIRE_FALSE(there.is_open());
        REQUIRE(test::open_descriptors() == before - 1);
    });
}

TEST_CASE("U9: lent bytes follow the same rules", "[channels][received_handle][fault][U9]") {
    test::run_on_each_kernel([]() -> task<> {
        const unique_fd file = opened("/proc/self/stat", O_RDONLY);
        auto [here, there] = make_unix_pair().value();
        auto sent = co_await send_one(here, file);
        auto lent = co_await there.receive_lent();
        auto handles = there.let_in(*lent.value().ancillary());
        const bool flooded = send_many(here, file.handle(), 253);
        auto flood = co_await there.receive_lent();
        auto none = there.let_in(*flood.value().ancillary());
        REQUIRE(sent);
        REQUIRE(handles.value().size() == 1);
        REQUIRE(handles->at(0).type() == handle_type::file);
        REQUIRE(flooded);
        REQUIRE(none.error() == unix_errc::message_truncated);
        REQUIRE_FALSE(there.is_open());
    });
}

TEST_CASE("U10: who takes no handles has the kernel refuse them, or closes",
          "[channels][received_handle][fault][U10]") {
    test::run_on_each_kernel([]() -> task<> {
        auto none = handle_policy().per_message_max(0);
        auto [here, there] = make_unix_pair(none).value();
        const unique_fd file = opened("/proc/self/stat", O_RDONLY);
        auto refused = co_await send_one(here, file);
        if (refused) {
            std::array<std::byte, 8> buffer{};
            auto came = co_await there.receive(buffer);
            REQUIRE(came.error() == unix_errc::too_many_handles);
            test::skip("this kernel has no SO_PASSRIGHTS: what came was closed");
            co_return;
        }
        auto bytes = co_await here.write_some(bytes_of("x"));
        REQUIRE(refused.error() == std::errc::operation_not_permitted);
        REQUIRE(bytes);
    });
}

TEST_CASE("U11: only handles of the kinds that are let in arrive",
          "[channels][received_handle][fault][U11]") {
    test::run_on_each_kernel([]() -> task<> {
        kernel& here = current_kernel();
        const handle_policy usual;
        auto unix_socket = here.make_socket(socket_family::unix_domain, socket_kind::stream);
        auto named_only = opened("/proc/self/stat", O_PATH);
        unique_fd device = opened("/dev/null", O_RDWR);
        unique_fd event(::eventfd(0, EFD_CLOEXEC));
        auto inet = here.make_socket(socket_family::ipv4, socket_kind::datagram);
        auto file = opened("/proc/self/stat", O_RDONLY);
        auto process = here.open_process(::getpid());
        auto allowed_process = here.open_process(::getpid());
        auto other_file = opened("/proc/self/stat", O_RDONLY);
        auto with_processes = handle_policy().only(handle_type::process);

        auto for_unix = co_await error_for(std::move(*unix_socket), usual);
        auto for_named = co_await error_for(std::move(named_only), usual);
        auto for_device = co_await error_for(std::move(device), usual);
        auto for_event = co_await error_for(std::move(event), usual);
        auto for_process = co_await error_for(std::move(*process), usual);
        auto for_inet = co_await error_for(std::move(*inet), usual);
        auto for_file = co_await error_for(std::move(file), usual);
        auto allowed = co_await error_for(std::move(*allowed_process), with_processes);
        auto no_longer = co_await error_for(std::move(other_file), with_processes);
        REQUIRE(for_unix == unix_errc::handle_refused);
        REQUIRE(for_named == unix_errc::handle_refused);
        REQUIRE(for_device == unix_errc::handle_refused);
        REQUIRE(for_event == unix_errc::handle_refused);
        REQUIRE(for_process == unix_errc::handle_refused);
        REQUIRE_FALSE(for_inet);
        REQUIRE_FALSE(for_file);
        REQUIRE_FALSE(allowed);
        REQUIRE(no_longer == unix_errc::handle_refused);
    });
}

TEST_CASE("U11: a blocking FIFO from a peer does not block the thread",
          "[channels][received_handle][fault][U11]") {
    test::run_on_each_kernel([]() -> task<> {
        const test::temp_dir folder;
        const std::string path = folder.path() + "/fifo";
        REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
        const unique_fd both = opened(path, O_RDWR);  // blocking, and nobody writes
        auto [here, there] = make_unix_pair().value();
        auto sent = co_await send_one(here, both);
        std::array<std::byte, 8> buffer{};
        auto came = co_await there.receive(buffer);
        auto in = pipe_reader::adopt(came.value().handles.at(0).take());
        auto got = co_await within(1ms, in.value().read_some(buffer));
        REQUIRE(sent);
        REQUIRE(got.error() == errc::timed_out);
    });
}
