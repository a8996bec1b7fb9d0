// SPDX-License-Identifier: BSL-1.0
#include "host_facts.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <charconv>
#include <fstream>
#include <string_view>

namespace conduit::tool {
namespace {

std::optional<std::int64_t> number_in(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return std::nullopt;
    text.remove_prefix(first);
    std::int64_t number = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc()) return std::nullopt;
    return number;
}

std::string first_line(const std::string& path) {
    std::ifstream in(path);
    std::string line;
    std::getline(in, line);
    return line;
}

/// What stands behind `name` in a file of lines "name:  value".
std::optional<std::int64_t> number_of(const std::string& path, std::string_view name) {
    std::ifstream in(path);
    for (std::string line; std::getline(in, line);) {
        const std::string_view text = line;
        if (text.starts_with(name)) return number_in(text.substr(name.size()));
    }
    return std::nullopt;
}

std::optional<std::uint64_t> limit_of(rlim_t value) {
    if (value == RLIM_INFINITY) return std::nullopt;
    return value;
}

void append(std::string& to, const std::string& more) { to += (to.empty() ? "" : "; ") + more; }

std::string why_not_permitted(const host_facts& here) {
    std::string all;
    if (here.io_uring_disabled == 2) {
        append(all, "kernel.io_uring_disabled is 2: it is switched off for everybody");
    }
    if (here.io_uring_disabled == 1) {
        append(all,
               "kernel.io_uring_disabled is 1: it is for CAP_SYS_ADMIN and the group in "
               "kernel.io_uring_group");
    }
    if (here.seccomp == 2) {
        append(all,
               "a seccomp filter stands around this process, and those of containers forbid "
               "io_uring (docker run --security-opt seccomp=FILE)");
    }
    return all.empty() ? "a security module forbids it" : all;
}

}  // namespace

host_facts read_host_facts(const std::string& proc) {
    host_facts here;
    here.kernel = first_line(proc + "/sys/kernel/osrelease");
    here.io_uring_disabled = number_in(first_line(proc + "/sys/kernel/io_uring_disabled"));
    here.seccomp = number_of(proc + "/self/status", "Seccomp:");
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    here.open_files = limit_of(limit.rlim_cur);
    here.open_files_most = limit_of(limit.rlim_max);
    ::getrlimit(RLIMIT_MEMLOCK, &limit);
    here.locked_bytes = limit_of(limit.rlim_cur);
    return here;
}

std::string why_no_io_uring(std::error_code refused, const host_facts& here) {
    if (refused == std::errc::operation_not_permitted) return why_not_permitted(here);
    if (refused == std::errc::function_not_supported) {
        return here.seccomp == 2 ? "a seccomp filter says that there is none, or this kernel was "
                                   "built without it (CONFIG_IO_URING)"
                                 : "this kernel was built without it (CONFIG_IO_URING)";
    }
    if (refused == std::errc::not_enough_memory) {
        return here.locked_bytes
                   ? fmt::format("only {} KiB of memory may be locked (ulimit -l, RLIMIT_MEMLOCK)",
                                 *here.locked_bytes / 1024)
                   : "the kernel has no memory for it";
    }
    if (refused == std::errc::invalid_argument || refused == std::errc::not_supported) {
        return fmt::format("kernel {} lacks what makes it worth it; Linux 6.1 has all of it",
                           here.kernel);
    }
    return "it is none of the common reasons";
}

}  // namespace conduit::tool
