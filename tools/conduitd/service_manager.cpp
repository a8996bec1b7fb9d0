// SPDX-License-Identifier: BSL-1.0
#include "service_manager.hpp"

#include <conduit/runtime/unique_fd.hpp>

#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace conduit::daemon {
namespace {

constexpr std::int64_t microseconds_per_second = 1'000'000;
constexpr std::int64_t nanoseconds_per_microsecond = 1000;

void tell(std::string_view text) {
    const char* const named = ::secure_getenv("NOTIFY_SOCKET");
    if (named == nullptr) return;
    const std::string_view path = named;
    sockaddr_un to{};
    if (path.size() < 2 || path.size() >= sizeof to.sun_path) return;
    to.sun_family = AF_UNIX;
    std::memcpy(&to.sun_path[0], path.data(), path.size());
    if (path.front() == '@') to.sun_path[0] = '\0';  // an abstract name
    const unique_fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) return;
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    static_cast<void>(::sendto(socket.handle(), text.data(), text.size(), MSG_NOSIGNAL,
                               reinterpret_cast<const sockaddr*>(&to), size));
}

}  // namespace

void tell_ready(const std::string& status) { tell("READY=1\nSTATUS=" + status); }

void tell_reloading() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    const std::int64_t us =
        now.tv_sec * microseconds_per_second + now.tv_nsec / nanoseconds_per_microsecond;
    tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(us));
}

void tell_stopping() { tell("STOPPING=1"); }

}  // namespace conduit::daemon
