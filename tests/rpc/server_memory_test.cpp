// SPDX-License-Identifier: BSL-1.0
//
// A server that runs out of memory in the middle of a connection: whichever allocation fails, the
// call is answered with a fault or its connection ends, and others are served.
#include "../skip.hpp"
#include "../support/co_test.hpp"
#include "../support/fault_backend.hpp"
#include "../support/raw_peer.hpp"
#include "../support/rpc_subject.hpp"
#include "../support/settle.hpp"

#include <conduit/channels/unix_stream.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/runtime/frame_pool.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/spare_blocks.hpp>

#include <sys/socket.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <string_view>
#include <utility>

using namespace conduit;
using namespace conduit::test;
using namespace conduit::rpc::detail;

namespace {

/// The other end of a connection, without a coroutine or an allocation of its own.
class plain_client {
public:
    explicit plain_client(unique_fd socket) : socket_(std::move(socket)) {}

    bool send(const bytes& what) const {
        const ssize_t sent = ::send(socket_.handle(), what.data(), what.size(), MSG_NOSIGNAL);
        return sent == static_cast<ssize_t>(what.size());
    }

    /// Whether the call has its END, or the connection has ended.
    bool is_over() noexcept {
        for (;;) {
            const auto room = std::span(came_).subspan(size_);
            const ssize_t got = ::recv(socket_.handle(), room.data(), room.size(), MSG_DONTWAIT);
            if (got < 0 && errno == EAGAIN) return has_end();
            if (got <= 0) return true;
            size_ += static_cast<std::size_t>(got);
        }
    }

    /// Whether it came with status 0.
    bool is_answered() noexcept { return has_end() && end_.aux == 0; }

private:
    bool has_end() noexcept {
        std::size_t at = preface_size;
        while (at + frame_header_size <= size_) {
            const frame_header header = get_header(came_.data() + at);
            at += frame_header_size + header.length;
            if (header.type != frame_type::end || at > size_) continue;
            end_ = header;
            return true;
        }
        return false;
    }

    unique_fd socket_;
    std::array<std::byte, 65'536> came_{};
    std::size_t size_ = 0;
    frame_header end_;
};

bytes greeting_and_call() {
    const std::string text = encoded_text(std::string(3000, 'x'));
    return joined(
        {greeting(), open_frame(0, 0, {.name = "test.subject.v1/echo", .message = text})});
}

/// The same with arguments that come in three parts.
bytes greeting_and_cut_call() {
    const std::string text = encoded_text(std::string(9000, 'x'));
    const std::string_view all(text);
    const auto size = static_cast<std::uint32_t>(all.size());
    const open_parts begin{
        .name = "test.subject.v1/echo", .size = size, .message = all.substr(0, 3000)};
    return joined({greeting(), open_frame(0, 0, begin),
                   data_frame(0, frame_flag::message | frame_flag::more, all.substr(3000, 3000)),
                   data_frame(0, frame_flag::message | frame_flag::fin, all.substr(6000))});
}

struct attempt {
    bool reached = false;   // there was an n-th allocation
    bool over = false;      // the server said something, or ended the connection
    bool answered = false;  // with a result
};

/// A connection and a call of which the n-th allocation at this end fails.
task<attempt> call_without_memory(rpc::server& server, const bytes& said, long nth) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        throw std::system_error(errno, std::generic_category());
    }
    auto own = unix_stream::adopt(unique_fd(ends[0])).value();
    plain_client client{unique_fd(ends[1])};
    attempt made;
    if (!client.send(said)) co_return made;
    server.serve(any_stream(std::move(own)));
    frame_pool::of_thread().trim();  // so that frames are allocations, too
    spare_blocks::of_thread().trim();
    constexpr int patience = 1000;  // times round the loop
    {
        const failing_allocation armed(nth);
        for (int i = 0; i < patience && !made.over; ++i) {
            try {
                co_await come_round();
            } catch (const std::bad_alloc&) {  // one of the test's own
            }
            made.over = client.is_over();
        }
        made.reached = failing_allocation::was_reached();
    }
    // Where all failed that could have told the peer, its end is told now.
    for (int i = 0; i < patience && !made.over; ++i) {
        co_await come_round();
        made.over = client.is_over();
    }
    made.answered = client.is_answered();
    co_return made;
}

task<> fail_each_allocation(bytes what) {
    const bytes said = std::move(what);
    auto ends = make_unix_pair().value();
    subject_server there;
    there.server.serve(any_stream(std::move(ends.first)));
    subject_client other{any_stream(std::move(ends.second))};
    const attempt warm = co_await call_without_memory(there.server, said, 1'000'000);
    REQUIRE(warm.answered);
    long nth = 0;
    attempt last;
    do {
        ++nth;
        last = co_await call_without_memory(there.server, said, nth);
        CAPTURE(nth, last.reached, last.over, last.answered);
        CHECK(last.over);
        CHECK((last.reached || last.answered));
        const std::int64_t sum = co_await other->add(nth, 1);
        CHECK(sum == nth + 1);
    } while (last.reached && nth < 1000);
    while (there.server.connections_now() > 1) co_await come_round();
    REQUIRE(last.answered);
    REQUIRE(nth > 20);
    REQUIRE(there.server.calls_served_now() == 0);
}

}  // namespace

TEST_CASE("S8: whichever allocation fails, the call fails or its connection ends, and others go on",
          "[rpc][server][fault][S8]") {
    if (!failing_allocation::is_possible()) return skip("operator new cannot be replaced here");
    for (const backend_kind kind : kernel_backends()) {
        const int descriptors = open_descriptors();
        {
            scheduler sched(
                scheduler_options().backend(kind).log([](log_level, std::string_view) {}));
            sched.run(fail_each_allocation(greeting_and_call()));
            sched.run(fail_each_allocation(greeting_and_cut_call()));
            REQUIRE(sched.counters().tasks_live.value() == 0);
        }
        REQUIRE(open_descriptors() == descriptors);
        ran();
    }
}
