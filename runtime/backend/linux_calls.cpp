// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/backend/linux_calls.hpp>

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace conduit {
namespace {

// linux/fs.h of 6.18; absent from Debian 12's headers.
constexpr int rwf_nosignal = 0x100;

void count_call() noexcept {
    if (loop::current != nullptr) loop::current->counters.system_calls.add();
}

bool is_socket(handle_kind kind) noexcept {
    return kind == handle_kind::stream_socket || kind == handle_kind::datagram_socket;
}

/// Repeats a call that a signal interrupted; then a count, a negative errno or would_wait.
template <class Call>
std::int32_t outcome_of(Call call) noexcept {
    for (;;) {
        count_call();
        const auto returned = call();
        if (returned >= 0) return static_cast<std::int32_t>(returned);
        if (errno == EINTR) continue;
        return errno == EAGAIN ? would_wait : -errno;
    }
}

/// Blocks SIGPIPE for one call on a kernel, or by a call, that cannot be asked not to raise it.
class sigpipe_blocked {
public:
    sigpipe_blocked() noexcept {
        ::sigemptyset(&pipe_);
        ::sigaddset(&pipe_, SIGPIPE);
        ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
        was_blocked_ = ::sigismember(&before_, SIGPIPE) == 1;
        if (!was_blocked_) return;  // then none can have been pending
        sigset_t pending;
        ::sigpending(&pending);
        was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
    }
    sigpipe_blocked(const sigpipe_blocked&) = delete;
    ~sigpipe_blocked() {
        if (!was_blocked_) ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }

    /// Takes the signal that a call which failed with EPIPE has raised.
    void take_raised() noexcept {
        constexpr timespec at_once{};
        if (was_pending_) return;
        while (::sigtimedwait(&pipe_, nullptr, &at_once) < 0 && errno == EINTR) {
        }
    }

private:
    sigset_t pipe_{};
    sigset_t before_{};
    bool was_blocked_ = false;
    bool was_pending_ = false;
};

/// As outcome_of(), without a SIGPIPE.
template <class Call>
std::int32_t quiet_outcome_of(Call call) noexcept {
    sigpipe_blocked guard;
    const std::int32_t outcome = outcome_of(call);
    if (outcome == -EPIPE) guard.take_raised();
    return outcome;
}

std::int32_t write_to_pipe(int fd, std::span<const std::byte> bytes) noexcept {
    static std::atomic<bool> flag_is_known{true};
    if (flag_is_known.load(std::memory_order_relaxed)) {
        const iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
        const std::int32_t outcome =
            outcome_of([&] { return ::pwritev2(fd, &part, 1, -1, rwf_nosignal); });
        if (outcome != -EOPNOTSUPP) return outcome;
        flag_is_known.store(false, std::memory_order_relaxed);
    }
    return write_with_sigpipe_blocked(fd, bytes);
}

std::int32_t write_now(const io_operation& op, const descriptor_traits& traits) noexcept {
    const int fd = op.target()->handle.handle();
    std::span<const std::byte> bytes = op.bytes();
    if (is_socket(op.target()->kind)) {
        return outcome_of(
            [&] { return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT); });
    }
    // A pipe that is ready for writing has room for PIPE_BUF bytes; more could block the thread.
    if (!traits.nonblocking) bytes = bytes.first(std::min<std::size_t>(bytes.size(), PIPE_BUF));
    // Files and the like raise no SIGPIPE, and some of them know no flags, on any kernel.
    if (op.target()->kind == handle_kind::pipe) return write_to_pipe(fd, bytes);
    return outcome_of([&] { return ::write(fd, bytes.data(), bytes.size()); });
}

/// A struct msghdr with room for what a message may carry.
class message_header {
public:
    explicit message_header(std::span<std::byte> bytes) noexcept
        : part_{bytes.data(), bytes.size()} {
        native.msg_iov = &part_;
        native.msg_iovlen = 1;
    }
    message_header(const message_header&) = delete;

    void use_control(std::size_t bytes) noexcept {
        native.msg_control = control_.data();
        native.msg_controllen = bytes;
    }
    cmsghdr* add(int type, const void* data, std::size_t bytes) noexcept {
        if (native.msg_control == nullptr) use_control(0);
        auto* header = reinterpret_cast<cmsghdr*>(control_.data() + native.msg_controllen);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = type;
        header->cmsg_len = CMSG_LEN(bytes);
        std::memcpy(CMSG_DATA(header), data, bytes);
        native.msg_controllen += CMSG_SPACE(bytes);
        return header;
    }

    std::span<const std::byte> control() const noexcept {
        return std::span(control_).first(native.msg_controllen);
    }

    msghdr native{};

private:
    iovec part_;
    alignas(cmsghdr) std::array<std::byte, control_bytes_max> control_{};
};

std::int32_t send_now(const io_operation& op) noexcept {
    const auto& message = *static_cast<const outgoing_message*>(op.data().from());
    const auto bytes = message.bytes();
    message_header header({const_cast<std::byte*>(bytes.data()), bytes.size()});
    if (const socket_address* to = message.destination()) {
        header.native.msg_name = const_cast<std::byte*>(to->bytes().data());
        header.native.msg_namelen = static_cast<socklen_t>(to->bytes().size());
    }
    if (!message.handles().empty()) {
        header.add(SCM_RIGHTS, message.handles().data(), message.handles().size_bytes());
    }
    if (message.sends_credentials()) {
        const ucred own{::getpid(), ::geteuid(), ::getegid()};
        header.add(SCM_CREDENTIALS, &own, sizeof own);
    }
    const int fd = op.target()->handle.handle();
    const std::int32_t outcome =
        outcome_of([&] { return ::sendmsg(fd, &header.native, MSG_NOSIGNAL | MSG_DONTWAIT); });
    // The queue of another's socket is full, of which no event of this one tells.
    const bool elsewhere = message.destination() != nullptr && outcome == would_wait;
    return elsewhere && is_ready_now(fd, POLLOUT) ? -EAGAIN : outcome;
}

/// Calls `visit(type, data, bytes)` for each part of control data.
template <class Visit>
void for_each_part(std::span<const std::byte> control, Visit visit) {
    msghdr native{};
    native.msg_control = const_cast<std::byte*>(control.data());
    native.msg_controllen = control.size();
    for (cmsghdr* h = CMSG_FIRSTHDR(&native); h != nullptr; h = CMSG_NXTHDR(&native, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_len < CMSG_LEN(0)) continue;
        visit(h->cmsg_type, CMSG_DATA(h), h->cmsg_len - CMSG_LEN(0));
    }
}

/// Calls `visit(fd)` for each handle in control data.
template <class Visit>
void for_each_handle(std::span<const std::byte> control, Visit visit) {
    for_each_part(control, [&](int type, const unsigned char* data, std::size_t bytes) {
        if (type != SCM_RIGHTS) return;
        for (std::size_t at = 0; at + sizeof(int) <= bytes; at += sizeof(int)) {
            int fd = -1;
            std::memcpy(&fd, data + at, sizeof fd);
            visit(fd);
        }
    });
}

/// Room for the handles was reserved. Without credentials their room holds more handles than a
/// message may carry: those are closed.
void take_control(std::span<const std::byte> control, ancillary_data& into) noexcept {
    for_each_handle(control, [&](int fd) {
        unique_fd handle(fd);
        if (into.handles.size() < handles_per_message_max) {
            into.handles.push_back(std::move(handle));
        } else {
            into.truncated = true;
        }
    });
    for_each_part(control, [&](int type, const unsigned char* data, std::size_t bytes) {
        if (type != SCM_CREDENTIALS || bytes < sizeof(ucred)) return;
        ucred native{};
        std::memcpy(&native, data, sizeof native);
        credentials& sender = into.sender.emplace();
        sender.pid = native.pid;
        sender.uid = native.uid;
        sender.gid = native.gid;
    });
}

std::int32_t receive_now(const io_operation& op) {
    auto& message = *static_cast<incoming_message*>(op.data().into());
    message.handles.clear();
    message.handles.reserve(handles_per_message_max);
    message.sender.reset();
    message_header header(message.buffer);
    header.use_control(control_bytes_max);
    sockaddr_storage from{};
    header.native.msg_name = &from;
    header.native.msg_namelen = sizeof from;
    const std::int32_t outcome = outcome_of([&] {
        return ::recvmsg(op.target()->handle.handle(), &header.native,
                         MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    });
    if (outcome < 0) return outcome;
    message.truncated = (header.native.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0;
    take_control(header.control(), message);
    message.from = socket_address::from_bytes(
        std::as_bytes(std::span(&from, 1)).first(header.native.msg_namelen));
    return outcome;
}

std::int32_t accept_now(int fd) noexcept {
    return outcome_of([&] {
        int made = -1;
        do {  // a peer that gave up while it waited is no concern of the listener's
            made = ::accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        } while (made < 0 && errno == ECONNABORTED);
        return made;
    });
}

std::int32_t connect_now(const io_operation& op) noexcept {
    const auto& to = *static_cast<const socket_address*>(op.data().from());
    count_call();
    const int returned = ::connect(op.target()->handle.handle(),
                                   reinterpret_cast<const sockaddr*>(to.bytes().data()),
                                   static_cast<socklen_t>(to.bytes().size()));
    if (returned == 0) return 0;
    // EALREADY: an earlier connect was cancelled, which the kernel goes on with all the same.
    const bool goes_on = errno == EINPROGRESS || errno == EALREADY || errno == EINTR;
    return goes_on ? would_wait : -errno;
}

std::int32_t open_now(const io_operation& op) noexcept {
    const auto mode = static_cast<open_mode>(op.size());
    const int flags = mode == open_mode::read        ? O_RDONLY
                      : mode == open_mode::write_new ? O_WRONLY | O_CREAT | O_TRUNC
                                                     : O_WRONLY | O_CREAT | O_APPEND;
    count_call();
    const int fd =
        ::open(static_cast<const char*>(op.data().from()), flags | O_CLOEXEC | O_NONBLOCK, 0600);
    return fd >= 0 ? fd : -errno;
}

std::int32_t wait_process_now(int fd) noexcept {
    siginfo_t about{};
    count_call();
    if (::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(fd), &about,
                 WEXITED | WNOHANG) == 0) {
        if (about.si_pid == 0) return would_wait;
        return about.si_code == CLD_EXITED ? about.si_status
                                           : exit_operation::signalled + about.si_status;
    }
    if (errno == ECHILD && !is_ready_now(fd, POLLIN)) return would_wait;  // somebody else's child
    return -errno;
}

bool is_nonblocking(int fd) noexcept {
    const int flags = ::fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_NONBLOCK) != 0;
}

std::int32_t splice_now(const io_operation& op) noexcept {
    const int from = op.target()->handle.handle();
    const int to = static_cast<const registration*>(op.data().from())->handle.handle();
    std::size_t bytes = op.size();
    // SPLICE_F_NONBLOCK is for the pipe; what is at the other end goes by its own flags.
    if (!is_nonblocking(to)) {
        if (!is_ready_now(to, POLLOUT)) return would_wait;
        bytes = std::min<std::size_t>(bytes, PIPE_BUF);
    }
    return quiet_outcome_of([&] {
        return ::splice(from, nullptr, to, nullptr, bytes, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    });
}

std::int32_t shutdown_now(const io_operation& op) noexcept {
    count_call();
    constexpr std::array how{SHUT_RD, SHUT_WR, SHUT_RDWR};
    return ::shutdown(op.target()->handle.handle(), how[op.size()]) == 0 ? 0 : -errno;
}

}  // namespace

descriptor_traits traits_of(const registration& target) noexcept {
    const int fd = target.handle.handle();
    descriptor_traits traits;
    // No poll(2) and no flag tells of a file, which never says EAGAIN.
    traits.nonblocking = target.kind == handle_kind::file || is_nonblocking(fd);
    if (is_socket(target.kind)) {
        int domain = 0;
        socklen_t size = sizeof domain;
        traits.carries_handles =
            ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
    }
    return traits;
}

std::unique_ptr<ancillary_data> ancillary_of(std::span<const std::byte> control, unsigned flags) {
    const bool truncated = (flags & (MSG_CTRUNC | MSG_TRUNC)) != 0;
    if (control.empty() && !truncated) return nullptr;
    auto came = std::make_unique<ancillary_data>();
    came->handles.reserve(handles_per_message_max);
    came->truncated = truncated;
    take_control(control, *came);
    return came;
}

int forks_so_far() noexcept {
    static std::atomic<int> count{0};
    static const int registered = ::pthread_atfork(nullptr, nullptr, [] { ++count; });
    static_cast<void>(registered);
    return count;
}

void close_handles_in(std::span<const std::byte> control) noexcept {
    for_each_handle(control, [](int fd) { ::close(fd); });
}

void end_connection(const registration& ended) noexcept {
    if (ended.kind != handle_kind::stream_socket) return;
    int listens = 0;
    socklen_t size = sizeof listens;
    const int fd = ended.handle.handle();
    if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens == 0) {
        ::shutdown(fd, SHUT_RDWR);
    }
}

std::int32_t write_with_sigpipe_blocked(int fd, std::span<const std::byte> bytes) noexcept {
    return quiet_outcome_of([&] { return ::write(fd, bytes.data(), bytes.size()); });
}

bool is_ready_now(int fd, short events) noexcept {
    pollfd asked{fd, events, 0};
    count_call();
    return ::poll(&asked, 1, 0) > 0;
}

std::int32_t connect_outcome(int fd) noexcept {
    int error = 0;
    socklen_t size = sizeof error;
    count_call();
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return -errno;
    return -error;
}

std::int32_t read_now(const registration& from, const descriptor_traits& traits,
                      std::span<std::byte> into) noexcept {
    const int fd = from.handle.handle();
    if (is_socket(from.kind)) {
        return outcome_of([&] { return ::recv(fd, into.data(), into.size(), MSG_DONTWAIT); });
    }
    if (!traits.nonblocking && !is_ready_now(fd, POLLIN)) return would_wait;
    return outcome_of([&] { return ::read(fd, into.data(), into.size()); });
}

result<std::size_t> read_file_now(int fd, std::span<std::byte> into, disk_wait wait) noexcept {
    const iovec part{into.data(), into.size()};
    const int flags = wait == disk_wait::refused ? RWF_NOWAIT : 0;
    for (;;) {
        count_call();
        const ssize_t n = ::preadv2(fd, &part, 1, -1, flags);
        if (n >= 0) return static_cast<std::size_t>(n);
        if (errno == EINTR) continue;
        // Not every file system knows what it has in memory (EOPNOTSUPP).
        const bool unknown = errno == EOPNOTSUPP && flags != 0;
        return error_from_kernel(unknown ? EAGAIN : errno);
    }
}

std::int32_t read_lent_now(const registration& from, const descriptor_traits& traits,
                           std::span<std::byte> into,
                           std::unique_ptr<ancillary_data>& came) noexcept {
    if (!traits.carries_handles) return read_now(from, traits, into);
    message_header header(into);
    header.use_control(control_bytes_max);
    const std::int32_t outcome = outcome_of([&] {
        return ::recvmsg(from.handle.handle(), &header.native, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    });
    if (outcome < 0) return outcome;
    try {
        came = ancillary_of(header.control(), static_cast<unsigned>(header.native.msg_flags));
    } catch (const std::bad_alloc&) {
        close_handles_in(header.control());
        return -ENOMEM;
    }
    return outcome;
}

/// Whether a call for `op` could block the thread, seen from what poll(2) says now.
bool would_block(const io_operation& op, const descriptor_traits& traits) noexcept {
    if (traits.nonblocking) return false;
    const int fd = op.target()->handle.handle();
    const bool socket = is_socket(op.target()->kind);  // whose transfers say MSG_DONTWAIT
    switch (op.code()) {
        case io_code::write: return !socket && !is_ready_now(fd, POLLOUT);
        case io_code::accept:
        case io_code::accept_many:
        case io_code::splice: return !is_ready_now(fd, POLLIN);
        default: return false;
    }
}

std::int32_t try_now(io_operation& op, const descriptor_traits& traits) noexcept {
    const int fd = op.target() != nullptr ? op.target()->handle.handle() : -1;
    if (would_block(op, traits)) return would_wait;
    switch (op.code()) {
        case io_code::read: return read_now(*op.target(), traits, op.buffer());
        case io_code::write: return write_now(op, traits);
        case io_code::send: return send_now(op);
        case io_code::receive: try { return receive_now(op);
            } catch (const std::bad_alloc&) {
                return -ENOMEM;
            }
        case io_code::accept:
        case io_code::accept_many: return accept_now(fd);
        case io_code::connect: return traits.nonblocking ? connect_now(op) : -EOPNOTSUPP;
        case io_code::open: return open_now(op);
        case io_code::poll_readable: return is_ready_now(fd, POLLIN) ? 0 : would_wait;
        case io_code::poll_writable: return is_ready_now(fd, POLLOUT) ? 0 : would_wait;
        case io_code::poll_hang_up: return is_ready_now(fd, 0) ? 0 : would_wait;
        case io_code::wait_process: return wait_process_now(fd);
        case io_code::splice: return splice_now(op);
        case io_code::shutdown: return shutdown_now(op);
        case io_code::receive_lent:
        case io_code::close: break;
    }
    return -EINVAL;
}

}  // namespace conduit
