// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/backend/backend.hpp>
#include <conduit/runtime/backend/uring.hpp>

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

namespace {

void log(const scheduler_options& options, const std::string& line) {
    if (options.log()) options.log()(log_level::debug, line);
}

/// Whether another backend may serve who did not ask for this one: the kernel, or a filter around
/// this process, does not let io_uring be used.
bool is_refusal(const std::error_code& why) noexcept {
    return why == std::errc::operation_not_permitted || why == std::errc::function_not_supported ||
           why == std::errc::not_enough_memory || why == std::errc::invalid_argument ||
           why == std::errc::not_supported;
}

/// The text of an error without what its code says, which another error will say again.
std::string what_failed(const std::system_error& error) {
    const std::string text = error.what();
    const std::string end = ": " + error.code().message();
    return text.ends_with(end) ? text.substr(0, text.size() - end.size()) : text;
}

std::unique_ptr<backend> make_uring_or_say_why(const scheduler_options& options) {
    try {
        return make_uring_backend(options, uring_wish::any);
    } catch (const std::system_error& why) {
        throw std::system_error(why.code(), std::string("backend uring: ") + what_failed(why));
    }
}

}  // namespace

std::unique_ptr<backend> make_automatic_backend(const scheduler_options& options,
                                                const ring_limits& limits) {
    try {
        return make_uring_backend(options, uring_wish::the_best, limits);
    } catch (const std::system_error& why) {
        if (!is_refusal(why.code())) throw;
        auto made = make_epoll_backend(options);
        log(options, std::string("backend epoll: io_uring cannot be had: ") + why.what());
        return made;
    }
}

std::unique_ptr<backend> make_backend(const scheduler_options& options) {
    backend_kind kind = options.backend();
    if (kind == backend_kind::automatic) kind = kind_from_environment();
    switch (kind) {
        case backend_kind::sim: return make_sim_backend(options);
        case backend_kind::uring: return make_uring_or_say_why(options);
        case backend_kind::automatic: return make_automatic_backend(options);
        case backend_kind::epoll: break;
    }
    return make_epoll_backend(options);
}

kernel& current_kernel() noexcept { return loop::running().backend->kernel(); }

}  // namespace conduit
