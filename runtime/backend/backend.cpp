// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/backend/backend.hpp>

#include <cstdlib>
#include <string>
#include <system_error>

namespace conduit {
namespace {

backend_kind kind_from_environment() {
    const char* wish = std::getenv("CONDUIT_BACKEND");
    if (wish == nullptr || std::string_view(wish) == "auto") return backend_kind::automatic;
    if (std::string_view(wish) == "uring") return backend_kind::uring;
    if (std::string_view(wish) == "epoll") return backend_kind::epoll;
    throw std::system_error(
        std::make_error_code(std::errc::invalid_argument),
        "CONDUIT_BACKEND is \"" + std::string(wish) + "\"; it may be auto, uring or epoll");
}

}  // namespace

side side_of(io_code code) noexcept {
    switch (code) {
        case io_code::write:
        case io_code::send:
        case io_code::connect:
        case io_code::poll_writable: return side::giving;
        default: return side::taking;
    }
}

std::unique_ptr<backend> make_backend(const scheduler_options& options) {
    backend_kind kind = options.backend();
    if (kind == backend_kind::automatic) kind = kind_from_environment();
    switch (kind) {
        case backend_kind::sim: return make_sim_backend(options);
        case backend_kind::uring:
            throw std::system_error(std::make_error_code(std::errc::not_supported),
                                    "backend uring is not built in");
        case backend_kind::automatic:
        case backend_kind::epoll: break;
    }
    return make_epoll_backend(options);
}

kernel& current_kernel() noexcept { return loop::running().backend->kernel(); }

}  // namespace conduit
