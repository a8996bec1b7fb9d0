// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/detail/fifo_opening.hpp>
#include <conduit/channels/detail/quoted.hpp>
#include <conduit/runtime/context.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace conduit {
namespace {

std::error_code refuse(const std::string& path, std::errc error, std::string_view reason,
                       std::string* why) {
    if (why != nullptr) *why = fmt::format("FIFO {}: {}", quoted(path), reason);
    return std::make_error_code(error);
}

std::string_view name_of(file_status::type what) noexcept {
    switch (what) {
        case file_status::type::file: return "a regular file, not a FIFO";
        case file_status::type::directory: return "a folder, not a FIFO";
        case file_status::type::socket: return "a socket, not a FIFO";
        default: return "a device or the like, not a FIFO";
    }
}

}  // namespace

std::error_code refuse_fifo(const std::string& path, std::error_code error, std::string* why) {
    if (why != nullptr) *why = fmt::format("FIFO {}: {}", quoted(path), error.message());
    return error;
}

result<void> check_fifo_path(const std::string& path, std::string* why) {
    if (path.find('\0') == std::string::npos) return {};
    return refuse(path, std::errc::invalid_argument, "a zero byte in the path", why);
}

result<void> check_fifo(const std::string& path, const file_status& found,
                        const fifo_options& options, std::string* why) {
    if (found.what == file_status::type::symbolic_link) {
        return refuse(path, std::errc::too_many_symbolic_link_levels,
                      "a symbolic link, which is not followed", why);
    }
    if (found.what != file_status::type::fifo) {
        return refuse(path, std::errc::invalid_argument, name_of(found.what), why);
    }
    const std::uint32_t owner = options.owner().value_or(current_kernel().effective_user());
    if (found.owner != owner) {
        const std::string reason =
            fmt::format("belongs to user {} instead of user {}", found.owner, owner);
        return refuse(path, std::errc::permission_denied, reason, why);
    }
    constexpr unsigned for_others = 077;
    if ((found.mode & for_others) != 0) {
        const std::string reason =
            fmt::format("has mode {:04o}, which lets others in; 0600 does not", found.mode);
        return refuse(path, std::errc::permission_denied, reason, why);
    }
    return {};
}

// The path is looked at first, since opening a device may set it going; what was opened is looked
// at again, since the path may have changed in between.
result<opened_fifo> try_to_open(const std::string& path, handle_access access,
                                const fifo_options& options, std::string* why) {
    if (auto usable = check_fifo_path(path, why); !usable) return usable.error();
    kernel& here = current_kernel();
    auto named = here.status_of(path);
    const bool missing = named.error() == std::errc::no_such_file_or_directory;
    if (missing && options.when_missing() == fifo_missing::is_made) {
        if (auto made = make_fifo(path, why); !made) return made.error();
        named = here.status_of(path);
    }
    if (!named) return refuse_fifo(path, named.error(), why);
    if (auto fits = check_fifo(path, *named, options, why); !fits) return fits.error();
    auto fd = here.open_fifo(path, access);
    if (!fd) return refuse_fifo(path, fd.error(), why);
    const auto found = here.status_of(*fd);
    if (!found) return refuse_fifo(path, found.error(), why);
    if (auto fits = check_fifo(path, *found, options, why); !fits) return fits.error();
    return opened_fifo{std::move(*fd), identity_of(*found)};
}

bool is_worth_waiting(std::error_code error, const fifo_options& options) noexcept {
    if (error == std::errc::no_such_device_or_address) return true;
    return error == std::errc::no_such_file_or_directory &&
           options.when_missing() != fifo_missing::fails;
}

namespace {

task<result<fifo_end>> open_when_possible(const std::string& path, handle_access access,
                                          const fifo_options& options, std::string* why) {
    look_again look(options);
    for (;;) {
        auto opened = try_to_open(path, access, options, why);
        if (opened) {
            auto handle = io_handle::attach(std::move(opened->fd));
            if (!handle) co_return handle.error();
            if (why != nullptr) why->clear();
            co_return fifo_end{std::move(*handle), opened->identity};
        }
        if (!is_worth_waiting(opened.error(), options)) co_return opened.error();
        const std::error_code stopped = co_await sleep_for(look.pause());
        if (stopped) co_return stopped;
    }
}

/// Whether the path names another FIFO, or none although one must be there.
result<bool> was_replaced(const std::string& path, const fifo_options& options,
                          const fifo_identity& identity) {
    const auto now = compare_path(path, identity);
    if (!now) return now.error();
    if (*now == fifo_path::missing) return options.when_missing() != fifo_missing::is_awaited;
    return *now == fifo_path::replaced;
}

}  // namespace

task<result<fifo_end>> open_without_writer(const std::string& path, const fifo_options& options,
                                           std::string* why) {
    handle_access access;
    access.reads = true;
    access.writes = options.stays_open();  // which holds the writing side open
    co_return co_await open_when_possible(path, access, options, why);
}

// Bytes, and a writer that came and left, end the wait at once; of a silent writer no event tells,
// so it is looked for (fs/pipe.c, pipe_poll of 6.18).
task<result<void>> wait_for_writer(const std::string& path, const fifo_options& options,
                                   fifo_end& end, std::string* why) {
    look_again look(options);
    for (;;) {
        const auto content = current_kernel().look_into(end.handle.owned());
        if (!content) co_return content.error();
        if (*content != pipe_content::the_end) co_return result<void>();
        const clock::duration pause = look.pause();
        auto ready = co_await within(pause, end.handle.readable());
        if (ready) co_return result<void>();
        if (ready.error() != errc::timed_out || stop_requested()) co_return ready.error();
        const auto replaced = was_replaced(path, options, end.identity);
        if (!replaced) co_return refuse_fifo(path, replaced.error(), why);
        if (!*replaced) continue;
        auto next = co_await open_without_writer(path, options, why);
        if (!next) co_return next.error();
        end = std::move(*next);
    }
}

task<result<fifo_end>> open_for_reading(const std::string& path, const fifo_options& options,
                                        std::string* why) {
    auto end = co_await open_without_writer(path, options, why);
    if (!end || options.stays_open()) co_return end;
    auto met = co_await wait_for_writer(path, options, *end, why);
    if (!met) co_return met.error();
    co_return end;
}

task<result<fifo_end>> open_for_writing(const std::string& path, const fifo_options& options,
                                        std::string* why) {
    handle_access access;
    access.writes = true;
    co_return co_await open_when_possible(path, access, options, why);
}

result<fifo_end> adopt_fifo(unique_fd fd, bool for_writing) {
    kernel& here = current_kernel();
    const auto found = here.status_of(fd);
    if (!found) return found.error();
    const auto access = here.access_of(fd);
    if (!access) return access.error();
    const bool fits = for_writing ? access->writes : access->reads;
    if (found->what != file_status::type::fifo || !fits) {
        return std::make_error_code(std::errc::invalid_argument);
    }
    auto handle = io_handle::attach(std::move(fd));
    if (!handle) return handle.error();
    return fifo_end{std::move(*handle), identity_of(*found)};
}

}  // namespace conduit
