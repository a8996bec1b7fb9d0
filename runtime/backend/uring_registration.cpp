// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/backend/kernel_memory.hpp>
#include <conduit/runtime/backend/uring_registration.hpp>

#include <liburing.h>
#include <poll.h>
#include <sys/socket.h>

namespace conduit {
namespace {

void prepare_poll(io_uring_sqe& next, request& r, const io_operation& op) noexcept {
    r.kind = request_kind::readiness;
    auto* polled = r.owner;
    r.events = r.of == side::taking ? POLLIN : POLLOUT;
    if (op.code() == io_code::poll_hang_up) r.events = 0;  // which the kernel adds by itself
    if (op.code() == io_code::splice && is_ready_now(polled->handle.handle(), POLLIN)) {
        // There is something to move: room is what lacks.
        polled = static_cast<uring_registration*>(op.second_target());
        polled->hold();
        ++polled->polled_by_others;
        r.elsewhere = polled;
        r.events = POLLOUT;
    }
    const auto events = static_cast<unsigned>(r.events);
    if (r.polls_edges && r.events == POLLOUT) {
        io_uring_prep_poll_multishot(&next, polled->handle.handle(), events);
    } else {
        io_uring_prep_poll_add(&next, polled->handle.handle(), events);
    }
}

/// Names no memory: the kernel takes it from the buffers. Only how large the parts are counts.
msghdr& shape_of_messages() noexcept {
    static msghdr shape = [] {
        msghdr made{};
        made.msg_controllen = control_bytes_max;
        return made;
    }();
    return shape;
}

/// Buffers are taken from the ring when bytes arrive; a stream goes on until it is ended. On a Unix
/// socket as messages, since a plain receive drops handles without a word.
void prepare_buffers(io_uring_sqe& next, request& r, std::size_t lent_bytes) noexcept {
    r.kind = request_kind::buffers;
    r.made_for = nullptr;
    const int fd = r.owner->handle.handle();
    if (r.owner->traits.carries_handles) {
        io_uring_prep_recvmsg_multishot(&next, fd, &shape_of_messages(), MSG_CMSG_CLOEXEC);
    } else if (r.owner->is_socket()) {
        io_uring_prep_recv_multishot(&next, fd, nullptr, 0, 0);
    } else {
        io_uring_prep_read(&next, fd, nullptr, static_cast<unsigned>(lent_bytes), UINT64_MAX);
    }
    next.flags |= IOSQE_BUFFER_SELECT;
    next.buf_group = 0;
}

void prepare_read(io_uring_sqe& next, request& r, const io_operation& op) noexcept {
    r.kind = request_kind::transfer;
    const int fd = r.owner->handle.handle();
    const std::span<std::byte> into = op.buffer();
    kernel_memory::lend(into);
    if (r.owner->is_socket()) {
        io_uring_prep_recv(&next, fd, into.data(), into.size(), 0);
    } else {
        io_uring_prep_read(&next, fd, into.data(), static_cast<unsigned>(into.size()), UINT64_MAX);
    }
}

void prepare_send(io_uring_sqe& next, request& r, const io_operation& op) noexcept {
    r.kind = request_kind::transfer;
    kernel_memory::show(op.bytes());
    // Without room it comes back at once: the kernel would give the wait a thread of its own where
    // the peer has closed its side.
    io_uring_prep_send(&next, r.owner->handle.handle(), op.bytes().data(), op.size(),
                       MSG_NOSIGNAL | MSG_DONTWAIT);
}

void prepare_accept(io_uring_sqe& next, request& r, request_kind kind) noexcept {
    r.kind = kind;
    const int fd = r.owner->handle.handle();
    constexpr int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
    if (kind == request_kind::connections) {
        r.made_for = nullptr;
        io_uring_prep_multishot_accept(&next, fd, nullptr, nullptr, flags);
    } else {
        io_uring_prep_accept(&next, fd, nullptr, nullptr, flags);
    }
}

}  // namespace

void prepare(io_uring_sqe& next, request& r, io_operation& op, std::size_t lent_bytes) noexcept {
    r.made_for = &op;
    const bool was_polled = std::exchange(r.is_ready, false);
    const bool wants_large = op.code() == io_code::receive_lent && r.owner->large_ahead > 0;
    const bool polls = std::exchange(r.poll_once, false) || r.must_poll || wants_large;
    if (polls && !was_polled) return prepare_poll(next, r, op);
    switch (op.code()) {
        case io_code::read: return prepare_read(next, r, op);
        case io_code::receive_lent: return prepare_buffers(next, r, lent_bytes);
        case io_code::accept: return prepare_accept(next, r, request_kind::connection);
        case io_code::accept_many: return prepare_accept(next, r, request_kind::connections);
        case io_code::write:
            if (r.owner->kind == handle_kind::stream_socket) return prepare_send(next, r, op);
            [[fallthrough]];
        default: return prepare_poll(next, r, op);
    }
}

}  // namespace conduit
