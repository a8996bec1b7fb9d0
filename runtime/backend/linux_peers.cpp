// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/backend/linux_peers.hpp>

#include <conduit/runtime/backend/linux_identity.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace conduit::linux_peers {
namespace {

// Of Linux 6.5; absent from Debian 12's headers.
constexpr int so_peerpidfd = 77;

// sd_listen_fds(3): the first number that is inherited.
constexpr int first_inherited = 3;
constexpr int inherited_max = 4096;

/// What may be wrong with what LISTEN_FDS tells of, of which an errno would not say where. A code
/// is the number of a descriptor that is not open, its negative where it is none that was
/// inherited, or 1.
class inherited_category final : public std::error_category {
public:
    static std::error_code not_a_count() noexcept { return {1, one()}; }
    static std::error_code not_open(int fd) noexcept { return {fd, one()}; }
    static std::error_code not_inherited(int fd) noexcept { return {-fd, one()}; }

    const char* name() const noexcept override { return "conduit.inherited"; }

    std::string message(int code) const override {
        if (code == 1) {
            return "the variable LISTEN_FDS is no number from 0 to " +
                   std::to_string(inherited_max);
        }
        const std::string which = "descriptor " + std::to_string(std::abs(code)) +
                                  ", of which the variable LISTEN_FDS tells, ";
        // A number that was not passed is soon that of a descriptor of this process's own.
        return which + (code > 0 ? "is not open"
                                 : "was not open when this process began, or was taken before");
    }

    std::error_condition default_error_condition(int code) const noexcept override {
        if (code == 1) return std::errc::invalid_argument;
        return code > 0 ? std::errc::bad_file_descriptor : std::errc::device_or_resource_busy;
    }

private:
    static const inherited_category& one() noexcept {
        static const inherited_category category;
        return category;
    }
};

std::error_code last_error() noexcept { return error_from_kernel(errno); }

std::error_code no_such_process() noexcept {
    return std::make_error_code(std::errc::no_such_process);
}

template <class Number>
std::optional<Number> number_in(std::string_view text) noexcept {
    Number value{};
    const char* const begin = text.data();
    const char* const end = begin + text.size();
    const auto [stopped, error] = std::from_chars(begin, end, value);
    if (error != std::errc() || stopped != end) return std::nullopt;
    return value;
}

/// When a process began, since the host did.
result<clock::duration> start_of(std::int32_t pid) {
    const auto ticks = linux_identity::start_ticks_of(pid);
    if (!ticks) return ticks.error();
    const auto count = static_cast<std::int64_t>(*ticks);
    const std::chrono::nanoseconds second = std::chrono::seconds(1);
    return clock::duration(second * count / ::sysconf(_SC_CLK_TCK));
}

clock::duration read_clock(clockid_t which) noexcept {
    timespec t{};
    ::clock_gettime(which, &t);
    return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}

bool has_ended(const unique_fd& process) noexcept {
    pollfd asked{process.handle(), POLLIN, 0};
    return ::poll(&asked, 1, 0) > 0;
}

}  // namespace

result<std::optional<credentials>> next_sender(int socket) {
    std::byte first{};
    iovec part{&first, 1};
    // No room for handles: those would otherwise be opened for a look at who sent them.
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(ucred))> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    ssize_t came = -1;
    do {
        came = ::recvmsg(socket, &message, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (came < 0 && errno == EINTR);
    if (came < 0) return last_error();
    const cmsghdr* about = CMSG_FIRSTHDR(&message);
    const bool tells =
        about != nullptr && about->cmsg_level == SOL_SOCKET && about->cmsg_type == SCM_CREDENTIALS;
    if (came == 0 || !tells) return std::optional<credentials>();
    ucred native{};
    std::memcpy(&native, CMSG_DATA(about), sizeof native);
    credentials sender;
    sender.pid = native.pid;
    sender.uid = native.uid;
    sender.gid = native.gid;
    return std::optional(sender);
}

result<std::vector<std::uint32_t>> groups_of(int socket) {
    static_assert(sizeof(gid_t) == sizeof(std::uint32_t));
    std::vector<std::uint32_t> groups(32);
    for (;;) {
        auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
        const int got = ::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size);
        const bool is_short = got != 0 && errno == ERANGE;
        if (got != 0 && !is_short) return last_error();
        groups.resize(size / sizeof(gid_t));  // where it was short, how many there are
        if (got == 0) return groups;
    }
}

result<unique_fd> process_by_number(std::int32_t pid, clock::time_point seen) {
    if (pid <= 0) return no_such_process();  // of a namespace that this process cannot see
    unique_fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!process) return last_error();
    const auto start = start_of(pid);
    if (!start) return start.error();
    // It lives, so what was read was about it.
    if (has_ended(process)) return no_such_process();
    const clock::duration asleep = read_clock(CLOCK_BOOTTIME) - read_clock(CLOCK_MONOTONIC);
    if (*start > seen.time_since_epoch() + asleep) return no_such_process();
    return process;
}

result<unique_fd> process_of(int socket, clock::time_point seen) {
    int pidfd = -1;
    socklen_t size = sizeof pidfd;
    if (::getsockopt(socket, SOL_SOCKET, so_peerpidfd, &pidfd, &size) == 0) {
        return unique_fd(pidfd);  // close-on-exec, as every pidfd
    }
    if (errno == ESRCH || errno == EINVAL) return no_such_process();
    if (errno != ENOPROTOOPT) return last_error();
    ucred peer{};
    size = sizeof peer;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return last_error();
    return process_by_number(peer.pid, seen);
}

result<std::vector<inherited_handle>> take_inherited() {
    std::vector<inherited_handle> taken;
    const char* const pid = ::secure_getenv("LISTEN_PID");
    const char* const count_text = ::secure_getenv("LISTEN_FDS");
    if (pid == nullptr || count_text == nullptr) return taken;
    if (number_in<pid_t>(pid) != ::getpid()) return taken;
    const auto count = number_in<int>(count_text);
    if (!count || *count < 0 || *count > inherited_max) return inherited_category::not_a_count();
    // Whoever takes them makes them close-on-exec, as which nothing is inherited.
    for (int fd = first_inherited; fd < first_inherited + *count; ++fd) {
        const int flags = ::fcntl(fd, F_GETFD);
        if (flags < 0) return inherited_category::not_open(fd);
        if ((flags & FD_CLOEXEC) != 0) return inherited_category::not_inherited(fd);
    }
    const char* const names_text = ::secure_getenv("LISTEN_FDNAMES");
    std::string_view names = names_text != nullptr ? names_text : "";
    for (int fd = first_inherited; fd < first_inherited + *count; ++fd) {
        ::fcntl(fd, F_SETFD, FD_CLOEXEC);
        const std::string_view name = names.substr(0, names.find(':'));
        names.remove_prefix(std::min(names.size(), name.size() + 1));
        inherited_handle& each = taken.emplace_back();
        each.name = name.empty() ? "unknown" : name;
        each.handle = unique_fd(fd);
    }
    return taken;
}

}  // namespace conduit::linux_peers
