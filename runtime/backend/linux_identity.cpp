// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/backend/linux_identity.hpp>

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <sstream>

namespace conduit::linux_identity {
namespace {

// linux/pidfd.h of 6.15, of which Debian 12 has an older one: what follows is not asked for.
struct pidfd_info {
    std::uint64_t mask;
    std::uint64_t cgroup;
    std::array<std::uint32_t, 11> ids;  // pid, tgid, ppid, and the users and groups
    std::int32_t exit_code;
};
constexpr std::uint64_t pidfd_info_exit = 8;
constexpr unsigned long pidfd_get_info = _IOWR(0xFF, 11, pidfd_info);

std::error_code last_error() noexcept { return error_from_kernel(errno); }

std::error_code no_such_process() noexcept {
    return std::make_error_code(std::errc::no_such_process);
}

result<std::string> text_of(const std::string& path) {
    std::string text;
    const unique_fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return last_error();
    std::array<char, 1024> part{};
    for (;;) {
        const ssize_t n = ::read(file.handle(), part.data(), part.size());
        if (n < 0) return last_error();
        if (n == 0) return text;
        text.append(part.data(), static_cast<std::size_t>(n));
    }
}

std::string place_in_proc(std::int32_t pid) { return "/proc/" + std::to_string(pid); }

/// proc(5): the words of /proc/PID/stat from the third on. The second is the name in brackets,
/// which may hold anything.
std::vector<std::string_view> words_behind_name(std::string_view stat) {
    std::vector<std::string_view> words;
    const std::size_t name_end = stat.rfind(')');
    if (name_end == std::string_view::npos) return words;
    std::string_view rest = stat.substr(name_end + 1);
    while (!rest.empty()) {
        const std::size_t begin = rest.find_first_not_of(" \n");
        if (begin == std::string_view::npos) break;
        rest.remove_prefix(begin);
        words.push_back(rest.substr(0, rest.find_first_of(" \n")));
        rest.remove_prefix(words.back().size());
    }
    return words;
}

template <class Number>
std::optional<Number> number_in(std::string_view text) noexcept {
    Number value{};
    const auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || stopped != text.data() + text.size()) return std::nullopt;
    return value;
}

exit_status status_from(int waited) noexcept {
    exit_status ended;
    if (WIFSIGNALED(waited)) ended.signal = WTERMSIG(waited);
    if (WIFEXITED(waited)) ended.code = WEXITSTATUS(waited);
    return ended;
}

/// Of one that nobody has waited for yet. To others than its user and root the kernel says 0.
std::optional<exit_status> status_of_zombie(std::int32_t pid) {
    constexpr std::size_t state = 0;
    constexpr std::size_t exit_code = 49;
    const auto stat = text_of(place_in_proc(pid) + "/stat");
    if (!stat) return std::nullopt;
    const auto words = words_behind_name(*stat);
    if (words.size() <= exit_code || words[state] != "Z") return std::nullopt;
    const auto code = number_in<int>(words[exit_code]);
    if (!code) return std::nullopt;
    struct stat about{};
    const uid_t own = ::geteuid();
    const bool may_see =
        own == 0 || (::stat(place_in_proc(pid).c_str(), &about) == 0 && about.st_uid == own);
    if (*code == 0 && !may_see) return std::nullopt;
    return status_from(*code);
}

std::uint8_t nibble(char c) noexcept {
    return static_cast<std::uint8_t>(c <= '9' ? c - '0' : c - 'a' + 10);
}

/// "f81d4fae-7dec-11d0-a765-00a0c91e6bf6" as its 16 bytes.
std::optional<std::array<std::uint8_t, 16>> boot_id_in(std::string text) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::erase_if(text, [](char c) { return c == '-' || c == '\n'; });
    std::array<std::uint8_t, 16> bytes{};
    if (text.size() != 2 * bytes.size()) return std::nullopt;
    if (text.find_first_not_of(digits) != std::string::npos) return std::nullopt;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const unsigned high = nibble(text[2 * i]);
        bytes[i] = static_cast<std::uint8_t>(high << 4U | nibble(text[2 * i + 1]));
    }
    return bytes;
}

/// The list of all users, while it is read.
class user_listing {
public:
    user_listing() noexcept { ::setpwent(); }
    user_listing(const user_listing&) = delete;
    ~user_listing() { ::endpwent(); }

    const passwd* next() noexcept { return ::getpwent(); }  // NOLINT(concurrency-mt-unsafe)
};

/// Those of whom it is the first group, which the group's own list does not name.
void add_users_of_group(gid_t group, std::vector<std::uint32_t>& members) {
    user_listing users;
    while (const passwd* user = users.next()) {
        if (user->pw_gid == group) members.push_back(user->pw_uid);
    }
}

}  // namespace

/// time_namespaces(7): by how many ticks the clock of this process's time namespace is ahead of the
/// host's. 0 where the kernel has no such namespaces.
result<std::int64_t> ticks_ahead() {
    const auto text = text_of("/proc/self/timens_offsets");
    if (text.error() == std::errc::no_such_file_or_directory) return 0;
    if (!text) return text.error();
    std::istringstream words(*text);
    std::string clock;
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 0;
    while (words >> clock >> seconds >> nanoseconds) {
        if (clock != "boottime") continue;
        const std::int64_t per_second = ::sysconf(_SC_CLK_TCK);
        return seconds * per_second + nanoseconds * per_second / 1'000'000'000;
    }
    return 0;
}

/// When it began by the clock of the host, which each time namespace sees by its own.
result<std::uint64_t> start_ticks_of(std::int32_t pid) {
    constexpr std::size_t start_time = 19;
    const auto stat = text_of(place_in_proc(pid) + "/stat");
    if (stat.error() == std::errc::no_such_file_or_directory) return no_such_process();
    if (!stat) return stat.error();
    const auto words = words_behind_name(*stat);
    if (words.size() <= start_time) return no_such_process();
    const auto ticks = number_in<std::uint64_t>(words[start_time]);
    if (!ticks) return no_such_process();
    const auto ahead = ticks_ahead();
    if (!ahead) return ahead.error();
    return *ticks - static_cast<std::uint64_t>(*ahead);
}

result<process_identity> identity_of(std::int32_t pid) {
    process_identity found;
    const auto text = text_of("/proc/sys/kernel/random/boot_id");
    const bool has_none = text.error() == std::errc::no_such_file_or_directory;
    if (!text && !has_none) return text.error();
    const auto boot = text ? boot_id_in(*text) : std::nullopt;
    if (!boot) return std::make_error_code(std::errc::not_supported);
    found.boot = *boot;
    if (pid == 0) return found;
    const auto ticks = start_ticks_of(pid);
    if (!ticks) return ticks.error();
    found.start_time = *ticks;
    return found;
}

result<exit_status> how_ended(const unique_fd& process, std::int32_t pid) {
    pollfd asked{process.handle(), POLLIN, 0};
    if (::poll(&asked, 1, 0) == 0) {
        return std::make_error_code(std::errc::resource_unavailable_try_again);
    }
    const auto of_zombie = status_of_zombie(pid);
    // While it can be signalled the number is still its own.
    const long is_there = ::syscall(SYS_pidfd_send_signal, process.handle(), 0, nullptr, 0);
    if (of_zombie && (is_there == 0 || errno == EPERM)) return *of_zombie;
    pidfd_info about{};
    about.mask = pidfd_info_exit;
    if (::ioctl(process.handle(), pidfd_get_info, &about) != 0) return last_error();
    if ((about.mask & pidfd_info_exit) == 0) return no_such_process();
    return status_from(about.exit_code);
}

result<std::uint32_t> user_named(const std::string& name) {
    passwd entry{};
    passwd* found = nullptr;
    std::vector<char> texts(1024);
    int error = 0;
    while ((error = ::getpwnam_r(name.c_str(), &entry, texts.data(), texts.size(), &found)) ==
           ERANGE) {
        texts.resize(2 * texts.size());
    }
    if (found != nullptr) return entry.pw_uid;
    if (error == 0) return std::make_error_code(std::errc::invalid_argument);
    return error_from_kernel(error);
}

result<std::vector<std::uint32_t>> members_of(const std::string& group) {
    ::group entry{};
    ::group* found = nullptr;
    std::vector<char> texts(1024);
    int error = 0;
    while ((error = ::getgrnam_r(group.c_str(), &entry, texts.data(), texts.size(), &found)) ==
           ERANGE) {
        texts.resize(2 * texts.size());
    }
    if (found == nullptr) {
        return error == 0 ? std::make_error_code(std::errc::invalid_argument)
                          : error_from_kernel(error);
    }
    std::vector<std::uint32_t> members;
    for (char** name = entry.gr_mem; *name != nullptr; ++name) {
        auto user = user_named(*name);
        if (user) members.push_back(*user);
    }
    add_users_of_group(entry.gr_gid, members);
    std::sort(members.begin(), members.end());
    members.erase(std::unique(members.begin(), members.end()), members.end());
    return members;
}

result<void> make_durable(const std::string& path) {
    const unique_fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file || ::fsync(file.handle()) != 0) return last_error();
    return {};
}

std::optional<std::string> trusted_variable(const std::string& name) {
    const char* const value = ::secure_getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return std::string(value);
}

}  // namespace conduit::linux_identity
