// SPDX-License-Identifier: BSL-1.0
//
// The handles that went out with results and that nobody may have received. Until somebody does,
// the kernel counts them for the user who runs this process, of whom it lets so many be under way
// on the whole host (unix(7), ETOOMANYREFS): whoever takes results and does not read could keep all
// others from theirs. So each stays charged to the account of its connection.
//
//     given_of_connection given(socket, output, account);
//     given.sent(1);                                       // with the last byte that was sent
//     given.collect();                                     // gives back what was received since
//
// No peer is asked, who could say anything: the kernel says how much of what was sent is unread.

#pragma once

#include <conduit/rpc/detail/out_buffer.hpp>
#include <conduit/rpc/detail/shared_limits.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/intrusive_list.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace conduit::rpc::detail {

struct among_given;  // tag

/// Of one connection over a Unix socket, also when that has ended: its peer may still read.
class given_of_connection : public list_hook<among_given> {
public:
    /// The socket and what is sent over it must outlive this, or ended() be called before.
    given_of_connection(const unique_fd& socket, const out_buffer& output,
                        std::shared_ptr<limits_account> account) noexcept
        : socket_(&socket), output_(&output), account_(std::move(account)) {}
    given_of_connection(const given_of_connection&) = delete;
    given_of_connection& operator=(const given_of_connection&) = delete;
    ~given_of_connection() = default;

    /// They left with the last bytes that did; charged they were before.
    void sent(std::size_t handles) noexcept;
    /// Gives back what the peer has received.
    void collect() noexcept;
    /// Nothing more is sent. `socket` is a duplicate, which may be closed once nothing is unread;
    /// an empty one where there is none, and then nothing is known of what is left.
    void ended(unique_fd socket) noexcept;
    /// That may not have been received.
    std::size_t unread() const noexcept { return older_.handles + newer_.handles; }

private:
    struct group {
        std::size_t handles = 0;
        std::uint64_t end = 0;  // of all bytes that were sent, those up to it went before
    };

    std::uint64_t read_up_to() const noexcept;

    const unique_fd* socket_;
    const out_buffer* output_;  // null when the connection has ended
    std::shared_ptr<limits_account> account_;
    // Where results follow each other for ever, some of what was sent is always unread: a second
    // group takes what comes while the first one is waited for.
    group older_;
    group newer_;
    unique_fd kept_;
};

/// Of all connections of a server.
class given_handles {
public:
    given_handles();
    given_handles(const given_handles&) = delete;
    given_handles& operator=(const given_handles&) = delete;
    ~given_handles();

    /// Knows of it until it is destroyed.
    void add(given_of_connection& one) noexcept { open_.push_back(one); }
    /// Keeps those of a connection that has ended for as long as something is unread, which is
    /// looked at each second.
    void leave(std::unique_ptr<given_of_connection> one) noexcept;
    /// Gives back what was received of all; each 10 ms at most, as those who read nothing ask for
    /// it the more often.
    void collect() noexcept;

private:
    task<void> look();

    intrusive_list<given_of_connection, among_given> open_;
    intrusive_list<given_of_connection, among_given> left_;  // which are this object's
    clock::time_point collected_ = clock::time_point::min();
    bool looking_ = false;
    task_group looks_;
};

}  // namespace conduit::rpc::detail
