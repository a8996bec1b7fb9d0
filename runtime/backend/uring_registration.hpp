// SPDX-License-Identifier: BSL-1.0
//
// A handle as io_uring knows it: one request in flight for each side at most, and what the kernel
// received before anyone asked. A request outlives the operation it was made for where that is
// withdrawn, and keeps the handle open until the kernel has let go of it.

#pragma once

#include <conduit/runtime/backend/arrivals.hpp>
#include <conduit/runtime/backend/backend.hpp>
#include <conduit/runtime/backend/linux_calls.hpp>
#include <conduit/runtime/intrusive_list.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

struct io_uring_sqe;

namespace conduit {

struct uring_registration;
struct in_kernel;   // tag: requests in flight
struct in_backlog;  // tag: requests that the kernel could not take yet
struct in_hoard;    // tag: handles with arrivals
struct in_doubt;    // tag: requests that should have completed again by now

/// What a completion of a request means.
enum class request_kind : std::uint8_t {
    transfer,     // bytes were moved to or from the operation's own memory
    readiness,    // the operation may be tried now
    connection,   // one was accepted
    connections,  // one was accepted, and more will be
    buffers,      // a lent buffer was filled, and maybe more will be
};

/// How many receives of little there are until no more is expected to come at once.
inline constexpr int large_ahead_max = 2;

/// What the kernel is asked to do for one side of a handle.
struct request : list_hook<in_kernel>, list_hook<in_backlog>, list_hook<in_doubt> {
    request(uring_registration& handle, side which) noexcept : owner(&handle), of(which) {}

    bool is_in_flight() const noexcept { return list_hook<in_kernel>::is_linked(); }
    bool is_for(const io_operation& op) const noexcept { return made_for == &op; }

    uring_registration* owner;
    side of;
    request_kind kind = request_kind::readiness;
    const io_operation* made_for = nullptr;   // while in flight; null for what serves any operation
    bool cancelled = false;                   // that operation was asked to end
    bool withdrawn = false;                   // that operation is being destroyed
    bool is_ending = false;                   // the kernel was asked to end the request
    bool must_poll = false;                   // the kernel does not wait by itself on this handle
    bool poll_once = false;                   // nor should it the next time
    bool is_ready = false;                    // it was polled
    bool polls_edges = false;                 // for the handle is half closed: see became_ready()
    short events = 0;                         // what it polls for
    uring_registration* elsewhere = nullptr;  // what it polls, where that is not the owner
};

struct uring_registration final : registration, list_hook<in_hoard> {
    uring_registration(backend& made_on, unique_fd attached, handle_kind what) noexcept
        : registration(made_on, std::move(attached), what), traits(traits_of(*this)) {}

    request& of(side which) noexcept { return which == side::taking ? taking : giving; }
    bool is_in_flight() const noexcept {
        return taking.is_in_flight() || giving.is_in_flight() || polled_by_others > 0;
    }
    bool is_socket() const noexcept {
        return kind == handle_kind::stream_socket || kind == handle_kind::datagram_socket;
    }
    /// A buffer came full. With another one in the same turn it is much at once, as which what
    /// comes next is then received.
    bool is_much(std::uint64_t turn) noexcept {
        const bool is_second = std::exchange(full_in, turn) == turn;
        if (kind != handle_kind::stream_socket || !is_second) return false;
        large_ahead = large_ahead_max;
        return true;
    }
    /// Whether the kernel itself waits for what a read needs.
    bool waits_in_kernel() const noexcept {
        return is_socket() || kind == handle_kind::file ||
               (kind == handle_kind::pipe && traits.nonblocking);
    }

    descriptor_traits traits;
    request taking{*this, side::taking};
    request giving{*this, side::giving};
    bool try_to_take = true;  // a read may find something: the last one did not run dry
    arrivals received;
    std::vector<int> connections;      // accepted, oldest first
    std::optional<std::int32_t> last;  // how receiving or accepting ended, after what arrived
    int lent = 0;                      // buffers lent in turn `lent_in`
    std::uint64_t lent_in = 0;
    int large_ahead = 0;             // receives for which a large buffer is tried: much came lately
    std::uint64_t full_in = 0;       // turn in which a whole buffer came
    int polled_by_others = 0;        // splices to this handle
    io_operation* closer = nullptr;  // waits until the kernel has let go
};

inline uring_registration& registration_of(const io_operation& op) noexcept {
    return static_cast<uring_registration&>(*op.target());
}
inline request& request_of(const io_operation& op) noexcept {
    return registration_of(op).of(side_of(op.code()));
}

/// The operation that a request serves: the one which waits on its side, unless that is a splice
/// from elsewhere. Null when none does.
inline io_operation* operation_of(const request& r) noexcept {
    io_operation* op = r.owner->pending(r.of);
    return op != nullptr && &request_of(*op) == &r && !r.withdrawn ? op : nullptr;
}

/// Fills a submission with what `op` must wait for, and the request with what that will mean. A
/// lent buffer takes up to `lent_bytes` from what is no socket.
void prepare(io_uring_sqe& next, request& r, io_operation& op, std::size_t lent_bytes) noexcept;

}  // namespace conduit
