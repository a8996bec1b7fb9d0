// SPDX-License-Identifier: BSL-1.0
//
// Waits at a path for processes of this host to connect. What it accepts is a unix_stream; for
// separate messages use unix_datagram.hpp; for other hosts tcp_listener.hpp.
//
//     auto listener = conduit::unix_listener::listen("/run/x/socket");
//     if (!listener) return conduit::socket_path_trouble("/run/x/socket");
//     while (auto peer = co_await listener->accept()) {
//         scope.spawn(talk(std::move(*peer)));
//     }

#pragma once

#include <conduit/channels/accept_counters.hpp>
#include <conduit/channels/allowed_users.hpp>
#include <conduit/channels/channel_traits.hpp>
#include <conduit/channels/received_handle.hpp>
#include <conduit/channels/unix_stream.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace conduit {

class bound_path;

/// How to listen. Each setter returns the options, to be chained.
class unix_listen_options {
public:
    unix_listen_options() = default;

    /// The permissions of the socket's file, whatever the umask; 0600 unless set. Whoever may write
    /// to it may connect.
    unix_listen_options& mode(unsigned bits) noexcept {
        mode_ = bits;
        return *this;
    }
    /// How many connections may wait to be accepted; who comes then waits as well.
    unix_listen_options& backlog_max(int n) noexcept {
        backlog_max_ = n;
        return *this;
    }
    /// Whose processes may connect. Others are closed as soon as they are accepted, and counted.
    unix_listen_options& clients(allowed_users users) {
        clients_ = std::move(users);
        return *this;
    }
    /// What handles the accepted streams let in.
    unix_listen_options& handles(handle_policy policy) noexcept {
        handles_ = policy;
        return *this;
    }
    /// Does not look at who may change the folders above the socket.
    unix_listen_options& trust_folders() noexcept {
        trusts_folders_ = true;
        return *this;
    }

    unsigned mode() const noexcept { return mode_; }
    int backlog_max() const noexcept { return backlog_max_; }
    const allowed_users& clients() const noexcept { return clients_; }
    const handle_policy& handles() const noexcept { return handles_; }
    bool trusts_folders() const noexcept { return trusts_folders_; }

private:
    unsigned mode_ = 0600;
    int backlog_max_ = 512;
    allowed_users clients_;
    handle_policy handles_;
    bool trusts_folders_ = false;
};

/// What is wrong with a path to listen at, in words that name the folder, its owner or the limit;
/// empty when nothing is.
std::string socket_path_trouble(const std::string& path);

/// A listening socket. Destroying it closes the descriptor and removes the file, if that is still
/// this one's; connections that were not accepted yet are closed.
///
/// One accept may be in flight at a time; the listener must stay where it is meanwhile. A cancelled
/// accept took no connection.
class unix_listener {
public:
    static constexpr channel_traits traits = unix_stream::traits;

    /// Listens at `path`, which may be of any length. Nobody can connect before all is in place,
    /// and where a crashed server left its file clients go from the one to the other without a gap.
    ///
    /// Fails with std::errc::address_in_use while another listener lives there: a lock on the file
    /// `path`.lock, which stays on the disk, tells. A server that does not know of that lock is
    /// replaced. Fails with unix_errc::folder_not_trusted when others may change what the path
    /// leads to, with path_taken when something else than a socket has the name, and with
    /// abstract_name; socket_path_trouble() says more.
    [[nodiscard]] static result<unix_listener> listen(const std::string& path,
                                                      const unix_listen_options& options = {});

    /// Takes over a bound socket, such as one of listen_fds(), and has this process listen: from
    /// now on it is this one that clients are told of (connected_by). The file is left to who bound
    /// it. Fails with std::errc::invalid_argument unless `fd` is a bound Unix stream socket.
    [[nodiscard]] static result<unix_listener> adopt(unique_fd fd,
                                                     const unix_listen_options& options = {});

    unix_listener(unix_listener&& other) noexcept;
    unix_listener& operator=(unix_listener&& other) noexcept;
    ~unix_listener();

    /// Waits for a connection from a process of an allowed user. Lacks of descriptors or memory it
    /// outlives, see accept_counters.hpp. Fails with errc::cancelled when the listener is closed
    /// under it.
    task<result<unix_stream>> accept();

    /// Closes now rather than in the destructor.
    void close() noexcept;

    bool is_open() const noexcept { return handle_.is_open(); }

    /// Gives the descriptor back, to be adopted elsewhere, and leaves the file where it is. Fails
    /// with std::errc::device_or_resource_busy while an accept is in flight, or where the kernel
    /// has accepted ahead: take those first.
    [[nodiscard]] result<unique_fd> detach();

    const accept_counters& counters() const noexcept { return counters_; }

    /// From now on `tell` is called about each process that is turned away for its user, at once:
    /// accept() goes on to wait for another.
    void on_refusal(std::function<void(const credentials&)> tell) {
        tells_refusal_ = std::move(tell);
    }

    /// Where it listens; empty when adopted.
    const std::string& path() const noexcept;

    /// The untyped handle underneath, for what this type does not offer.
    io_handle& handle() noexcept { return handle_; }

private:
    unix_listener(io_handle handle, bound_path bound, const unix_listen_options& options);

    bool lets_in(const unix_stream& peer);

    std::unique_ptr<bound_path> bound_;
    io_handle handle_;
    unix_listen_options options_;
    accept_counters counters_;
    std::function<void(const credentials&)> tells_refusal_;
};

}  // namespace conduit
