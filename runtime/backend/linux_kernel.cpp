// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/backend/linux_calls.hpp>
#include <conduit/runtime/backend/linux_identity.hpp>
#include <conduit/runtime/backend/linux_peers.hpp>
#include <conduit/runtime/backend/linux_spawn.hpp>
#include <conduit/runtime/backend/signal_pipes.hpp>

#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>

namespace conduit {
namespace {

constexpr int so_passrights = 83;  // of Linux 6.16; absent from Debian 12's headers

std::error_code last_error() noexcept { return error_from_kernel(errno); }

result<void> checked(int returned) {
    if (returned < 0) return last_error();
    return {};
}

result<unique_fd> owned(int fd) {
    if (fd < 0) return last_error();
    return unique_fd(fd);
}

handle_kind kind_of_socket(int fd) noexcept {
    int type = 0;
    socklen_t size = sizeof type;
    if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) return handle_kind::other;
    return type == SOCK_STREAM ? handle_kind::stream_socket : handle_kind::datagram_socket;
}

bool is_process_handle(int fd) {
    std::array<char, 64> link{};
    std::array<char, 64> path{};
    std::snprintf(path.data(), path.size(), "/proc/self/fd/%d", fd);
    const ssize_t n = ::readlink(path.data(), link.data(), link.size());
    return n > 0 && std::string_view(link.data(), static_cast<std::size_t>(n)).find("[pidfd]") !=
                        std::string_view::npos;
}

const sockaddr* raw(const socket_address& address) noexcept {
    return reinterpret_cast<const sockaddr*>(address.bytes().data());
}

template <class Call>
result<socket_address> address_from(Call call, int fd) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    if (call(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return last_error();
    return socket_address::from_bytes(std::as_bytes(std::span(&storage, 1)).first(size));
}

std::pair<int, int> native_option(socket_option option) noexcept {
    switch (option) {
        case socket_option::reuse_address: return {SOL_SOCKET, SO_REUSEADDR};
        case socket_option::reuse_port: return {SOL_SOCKET, SO_REUSEPORT};
        case socket_option::no_delay: return {IPPROTO_TCP, TCP_NODELAY};
        case socket_option::keep_alive: return {SOL_SOCKET, SO_KEEPALIVE};
        case socket_option::pass_credentials: return {SOL_SOCKET, SO_PASSCRED};
        case socket_option::pass_handles: return {SOL_SOCKET, so_passrights};
        case socket_option::send_buffer_bytes: return {SOL_SOCKET, SO_SNDBUF};
        case socket_option::receive_buffer_bytes: return {SOL_SOCKET, SO_RCVBUF};
        case socket_option::v6_only: return {IPPROTO_IPV6, IPV6_V6ONLY};
        case socket_option::keep_alive_idle_seconds: return {IPPROTO_TCP, TCP_KEEPIDLE};
        case socket_option::keep_alive_interval_seconds: return {IPPROTO_TCP, TCP_KEEPINTVL};
        case socket_option::keep_alive_probes: return {IPPROTO_TCP, TCP_KEEPCNT};
        case socket_option::user_timeout_milliseconds: return {IPPROTO_TCP, TCP_USER_TIMEOUT};
    }
    return {0, 0};
}

file_status status_from(const struct stat& about) noexcept {
    file_status found;
    if (S_ISREG(about.st_mode)) found.what = file_status::type::file;
    if (S_ISDIR(about.st_mode)) found.what = file_status::type::directory;
    if (S_ISFIFO(about.st_mode)) found.what = file_status::type::fifo;
    if (S_ISSOCK(about.st_mode)) found.what = file_status::type::socket;
    if (S_ISLNK(about.st_mode)) found.what = file_status::type::symbolic_link;
    found.owner = about.st_uid;
    found.mode = about.st_mode & 07777U;
    found.device = about.st_dev;
    found.inode = about.st_ino;
    return found;
}

class real_kernel final : public kernel {
public:
    clock::time_point now() noexcept override {
        timespec t{};
        ::clock_gettime(CLOCK_MONOTONIC, &t);
        return clock::time_point(std::chrono::seconds(t.tv_sec) +
                                 std::chrono::nanoseconds(t.tv_nsec));
    }

    void random(std::span<std::byte> into) noexcept override {
        while (!into.empty()) {
            const ssize_t n = ::getrandom(into.data(), into.size(), 0);
            if (n > 0) into = into.subspan(static_cast<std::size_t>(n));
        }
    }

    void close(int handle) noexcept override {
        if (!signal_pipes::close(handle)) ::close(handle);
    }
    result<int> native(int handle) const override { return handle; }

    result<handle_kind> kind_of(const unique_fd& handle) override {
        struct stat about{};
        if (::fstat(handle.handle(), &about) != 0) return last_error();
        if (S_ISSOCK(about.st_mode)) return kind_of_socket(handle.handle());
        if (S_ISFIFO(about.st_mode)) return handle_kind::pipe;
        if (S_ISREG(about.st_mode)) return handle_kind::file;
        if (is_process_handle(handle.handle())) return handle_kind::process;
        return handle_kind::other;
    }

    result<handle_access> access_of(const unique_fd& handle) override {
        const int flags = ::fcntl(handle.handle(), F_GETFL);
        if (flags < 0) return last_error();
        handle_access access;
        access.reads = (flags & O_ACCMODE) != O_WRONLY && (flags & O_PATH) == 0;
        access.writes = (flags & O_ACCMODE) != O_RDONLY && (flags & O_PATH) == 0;
        return access;
    }
    result<file_status> status_of(const unique_fd& handle) override {
        struct stat about{};
        if (::fstat(handle.handle(), &about) != 0) return last_error();
        return status_from(about);
    }

    result<std::pair<unique_fd, unique_fd>> make_pipe() override {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) != 0) return last_error();
        return std::pair(unique_fd(ends[0]), unique_fd(ends[1]));
    }

    result<std::pair<unique_fd, unique_fd>> make_socket_pair(socket_kind kind) override {
        const int type = kind == socket_kind::stream ? SOCK_STREAM : SOCK_DGRAM;
        std::array<int, 2> ends{};
        if (::socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0) {
            return last_error();
        }
        return std::pair(unique_fd(ends[0]), unique_fd(ends[1]));
    }

    result<unique_fd> make_socket(socket_family family, socket_kind kind) override {
        const int domain = family == socket_family::unix_domain ? AF_UNIX
                           : family == socket_family::ipv4      ? AF_INET
                                                                : AF_INET6;
        const int type = kind == socket_kind::stream ? SOCK_STREAM : SOCK_DGRAM;
        return owned(::socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    }

    result<unique_fd> duplicate(const unique_fd& handle) override {
        return owned(::fcntl(handle.handle(), F_DUPFD_CLOEXEC, 3));
    }
    result<unique_fd> duplicate_native(int descriptor) override {
        return owned(::fcntl(descriptor, F_DUPFD_CLOEXEC, 3));
    }
    result<std::size_t> read_file(int handle, std::span<std::byte> into, disk_wait wait) override {
        return read_file_now(handle, into, wait);
    }

    result<void> make_durable(const std::string& path) override {
        return linux_identity::make_durable(path);
    }

    result<void> bind(const unique_fd& socket, const socket_address& address) override {
        return checked(
            ::bind(socket.handle(), raw(address), static_cast<socklen_t>(address.bytes().size())));
    }
    result<void> listen(const unique_fd& socket, int backlog_max) override {
        return checked(::listen(socket.handle(), backlog_max));
    }
    result<socket_address> local_address(const unique_fd& socket) override {
        return address_from(::getsockname, socket.handle());
    }
    result<socket_address> peer_address(const unique_fd& socket) override {
        return address_from(::getpeername, socket.handle());
    }
    result<void> set_option(const unique_fd& socket, socket_option option, int value) override {
        const auto [level, name] = native_option(option);
        return checked(::setsockopt(socket.handle(), level, name, &value, sizeof value));
    }
    result<credentials> peer_credentials(const unique_fd& socket) override {
        ucred peer{};
        socklen_t size = sizeof peer;
        if (::getsockopt(socket.handle(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
            return last_error();
        }
        credentials found;
        found.pid = peer.pid;
        found.uid = peer.uid;
        found.gid = peer.gid;
        return found;
    }
    result<std::vector<std::uint32_t>> peer_groups(const unique_fd& socket) override {
        return linux_peers::groups_of(socket.handle());
    }

    result<std::size_t> unread_by_peer(const unique_fd& socket) override {
        int bytes = 0;
        if (::ioctl(socket.handle(), SIOCOUTQ, &bytes) != 0) return last_error();
        return static_cast<std::size_t>(bytes);
    }
    result<std::optional<credentials>> next_sender(const unique_fd& socket) override {
        return linux_peers::next_sender(socket.handle());
    }
    result<unique_fd> peer_process(const unique_fd& socket, clock::time_point seen) override {
        return linux_peers::process_of(socket.handle(), seen);
    }

    result<void> make_directory(const std::string& path, unsigned mode) override {
        return checked(::mkdir(path.c_str(), mode));
    }
    result<void> make_fifo(const std::string& path, unsigned mode) override;
    result<pipe_content> look_into(const unique_fd& reader) override;
    result<void> keep_writes_apart(const unique_fd& writer) override {
        const int flags = ::fcntl(writer.handle(), F_GETFL);
        if (flags < 0) return last_error();
        return checked(::fcntl(writer.handle(), F_SETFL, flags | O_DIRECT));
    }
    result<unique_fd> open_fifo(const std::string& path, handle_access access) override {
        const int mode = !access.writes ? O_RDONLY : access.reads ? O_RDWR : O_WRONLY;
        return owned(::open(path.c_str(), mode | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
    }
    result<file_status> status_of(const std::string& path) override {
        struct stat about{};
        if (::lstat(path.c_str(), &about) != 0) return last_error();
        return status_from(about);
    }
    result<unique_fd> open_place(const std::string& path) override {
        return owned(::open(path.c_str(), O_PATH | O_CLOEXEC | O_NOFOLLOW));
    }
    result<unique_fd> watch_folder(const std::string& path) override {
        auto watcher = owned(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
        if (!watcher) return watcher;
        constexpr std::uint32_t changes = IN_CLOSE_WRITE | IN_CREATE | IN_MOVE | IN_DELETE |
                                          IN_ATTRIB | IN_ONLYDIR | IN_DELETE_SELF | IN_MOVE_SELF;
        if (::inotify_add_watch(watcher->handle(), path.c_str(), changes) < 0) return last_error();
        return watcher;
    }
    result<void> change_mode(const std::string& path, unsigned mode) override {
        return checked(::chmod(path.c_str(), mode));
    }
    result<void> change_mode(const unique_fd& handle, unsigned mode) override {
        return checked(::fchmod(handle.handle(), mode));
    }
    result<void> remove(const std::string& path) override {
        return checked(std::remove(path.c_str()));
    }
    result<void> rename(const std::string& from, const std::string& to) override {
        return checked(std::rename(from.c_str(), to.c_str()));
    }
    result<unique_fd> lock_file(const std::string& path) override {
        auto file = owned(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (file && ::flock(file->handle(), LOCK_EX | LOCK_NB) != 0) return last_error();
        return file;
    }

    using kernel::spawn;
    result<spawned_process> spawn(const spawn_request& program, spawn_failure& why) override {
        return linux_processes::spawn(program, why);
    }
    std::uint32_t effective_user() override { return ::geteuid(); }
    result<std::vector<inherited_handle>> take_inherited() override {
        return linux_peers::take_inherited();
    }
    result<unique_fd> open_process(std::int32_t pid) override {
        return owned(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    }
    result<unique_fd> open_process(std::int32_t pid, clock::time_point seen) override {
        return linux_peers::process_by_number(pid, seen);
    }
    result<void> signal_process(const unique_fd& process, int signal) override {
        return checked(static_cast<int>(
            ::syscall(SYS_pidfd_send_signal, process.handle(), signal, nullptr, 0)));
    }
    result<void> signal_group(const spawned_process& leader, int signal) override {
        return linux_processes::signal_group(leader, signal);
    }
    void reap(const unique_fd& process) noexcept override { linux_processes::reap(process); }
    result<process_identity> identity_of(std::int32_t pid) override {
        return linux_identity::identity_of(pid);
    }
    result<exit_status> how_ended(const unique_fd& process, std::int32_t pid) override {
        return linux_identity::how_ended(process, pid);
    }
    result<std::uint32_t> user_named(const std::string& name) override {
        return linux_identity::user_named(name);
    }
    result<std::vector<std::uint32_t>> members_of(const std::string& group) override {
        return linux_identity::members_of(group);
    }
    std::optional<std::string> trusted_variable(const std::string& name) override {
        return linux_identity::trusted_variable(name);
    }
    std::vector<std::string> environment() override { return linux_processes::environment(); }
    result<void> make_blocking(const unique_fd& handle) override {
        return linux_processes::make_blocking(handle);
    }
    result<unique_fd> make_memory_file(std::span<const std::byte> bytes) override {
        return linux_processes::make_memory_file(bytes);
    }
    result<unique_fd> watch_signals(std::span<const int> signals) override {
        return signal_pipes::open(signals);
    }
};

// The umask can only have taken permissions away: what is missing is given back afterwards.
result<void> real_kernel::make_fifo(const std::string& path, unsigned mode) {
    if (::mkfifo(path.c_str(), mode) != 0) return last_error();
    const auto made = status_of(path);
    if (made && made->mode == mode) return {};
    if (made && ::fchmodat(AT_FDCWD, path.c_str(), mode, AT_SYMLINK_NOFOLLOW) == 0) return {};
    const std::error_code why = made ? last_error() : made.error();
    ::unlink(path.c_str());
    return why;
}

// A read into memory that cannot be written takes nothing out, and fails only where there are
// bytes: poll(2) does not tell a writer that has written nothing from none at all (6.18).
result<pipe_content> real_kernel::look_into(const unique_fd& reader) {
    const int flags = ::fcntl(reader.handle(), F_GETFL);
    if (flags < 0) return last_error();
    if ((flags & O_NONBLOCK) == 0) {
        pollfd asked{reader.handle(), POLLIN, 0};
        if (::poll(&asked, 1, 0) == 0) return pipe_content::nothing_yet;
    }
    const long got = ::syscall(SYS_read, reader.handle(), nullptr, std::size_t{1});
    if (got == 0) return pipe_content::the_end;
    if (errno == EFAULT) return pipe_content::bytes;
    if (errno == EAGAIN) return pipe_content::nothing_yet;
    return last_error();
}

}  // namespace

kernel& linux_kernel() noexcept {
    static real_kernel the_kernel;
    return the_kernel;
}

}  // namespace conduit
