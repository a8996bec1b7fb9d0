// SPDX-License-Identifier: BSL-1.0

#include "rules.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace conduit::tidy {
namespace {

struct include {
    std::string_view path;
    bool quoted;
    int line;
};

// `#include <x>` and `#include "x"`, with any blanks.
bool parse(const lint::remark& directive, include& out) {
    std::string_view rest = directive.text;
    rest.remove_prefix(1);
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    if (!rest.starts_with("include")) {
        return false;
    }
    const std::size_t open = rest.find_first_of("<\"");
    if (open == std::string_view::npos) {
        return false;
    }
    const std::size_t close = rest.find(rest[open] == '<' ? '>' : '"', open + 1);
    if (close == std::string_view::npos) {
        return false;
    }
    out = {rest.substr(open + 1, close - open - 1), rest[open] == '"', directive.line};
    return true;
}

bool is_kernel_header(std::string_view path) {
    constexpr std::array<std::string_view, 7> folders = {"sys/",  "linux/", "netinet/", "net/",
                                                         "arpa/", "asm/",   "bits/"};
    constexpr std::array<std::string_view, 22> names = {
        "unistd.h", "fcntl.h",   "poll.h",   "signal.h",  "csignal",    "errno.h",
        "netdb.h",  "sched.h",   "spawn.h",  "pthread.h", "dirent.h",   "termios.h",
        "time.h",   "ifaddrs.h", "pwd.h",    "grp.h",     "ucontext.h", "syslog.h",
        "dlfcn.h",  "aio.h",     "mqueue.h", "liburing.h"};
    return std::any_of(folders.begin(), folders.end(),
                       [&](auto folder) { return path.starts_with(folder); }) ||
           std::find(names.begin(), names.end(), path) != names.end();
}

// runtime < channels < rpc < everything else
int rank_of(std::string_view folder) {
    constexpr std::array<std::string_view, 3> layers = {"runtime", "channels", "rpc"};
    const auto at = std::find(layers.begin(), layers.end(), folder);
    return static_cast<int>(at - layers.begin());
}

std::string_view first_part(std::string_view path) { return path.substr(0, path.find('/')); }

void check_layer(const source& file, const include& line) {
    std::string_view target = line.path;
    target.remove_prefix(std::string_view("conduit/").size());
    const std::string_view own = first_part(file.path);
    const std::string_view other = first_part(target);
    if (rank_of(other) > rank_of(own)) {
        file.report(line.line, "layers",
                    std::string(own) + " does not know " + std::string(other) +
                        "; the order is runtime, channels, rpc");
    }
    const bool is_private = std::count(target.begin(), target.end(), '/') > 1;
    // The templates of rpc/ are in its detail/, which is installed for them.
    const bool is_installed = own == "rpc" && target.starts_with("rpc/detail/");
    if (is_private && !is_installed && file.is_public_header()) {
        file.report(line.line, "private-header",
                    "a public header includes no private one: it is not installed");
    }
    if (is_private && (file.is_below("examples") || file.is_below("tools"))) {
        file.report(line.line, "private-header", "only the library and its tests know this header");
    }
}

bool is_asio(std::string_view path) {
    return path == "asio.hpp" || path.starts_with("asio/") || path.starts_with("boost/asio");
}

bool may_include_asio(const source& file) {
    return file.path.starts_with("runtime/asio.") || file.path == "runtime/from_asio.hpp" ||
           file.path == "channels/resolver.cpp" || file.is_below("tests") ||
           file.is_below("examples") || file.is_below("bench");
}

bool may_include_openssl(const source& file) {
    return file.path.starts_with("channels/tls_") ||
           file.path.starts_with("channels/detail/tls_") || file.is_below("tests/support");
}

void check_foreign(const source& file, const include& line) {
    if (line.path.starts_with("openssl/") && (!may_include_openssl(file) || file.is_header())) {
        file.report(line.line, "openssl",
                    "OpenSSL stays in channels/tls_*.cpp and channels/detail/tls_*.cpp");
    }
    if (is_asio(line.path) && !may_include_asio(file)) {
        file.report(
            line.line, "asio",
            "Asio stays in runtime/asio.*, runtime/from_asio.hpp and channels/resolver.cpp");
    }
    if (line.path.starts_with("catch2/") && !file.is_below("tests")) {
        file.report(line.line, "catch2", "Catch2 stays in tests/");
    }
    if ((line.path == "liburing.h" || line.path == "sys/epoll.h") &&
        !file.is_below("runtime/backend") && !file.is_below("bench")) {
        file.report(line.line, "backend", "only runtime/backend/ sees this header");
    }
    if (file.is_public_header() && is_kernel_header(line.path)) {
        file.report(line.line, "kernel-header", "a public header includes no kernel header");
    }
}

}  // namespace

void check_includes(const source& file) {
    for (const lint::remark& directive : file.pieces.directives) {
        include line{};
        if (!parse(directive, line)) {
            continue;
        }
        if (line.path.starts_with("conduit/")) {
            check_layer(file, line);
        } else if (line.quoted && file.is_library()) {
            file.report(line.line, "spelling",
                        "write #include <conduit/" + std::string(first_part(file.path)) + "/...>");
        }
        if (line.path.find("tests/") != std::string_view::npos ||
            line.path.find("bench/") != std::string_view::npos) {
            file.report(line.line, "layers", "nothing includes tests/ or bench/");
        }
        if (file.is_public_header() && line.path.starts_with("fmt/")) {
            file.report(line.line, "fmt", "fmt is private: include it in the source");
        }
        check_foreign(file, line);
    }
}

}  // namespace conduit::tidy
