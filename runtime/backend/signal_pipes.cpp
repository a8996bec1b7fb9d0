// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/backend/signal_numbers.hpp>
#include <conduit/runtime/backend/signal_pipes.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <mutex>

namespace conduit::signal_pipes {
namespace {

static_assert(signal_number::interrupt == SIGINT && signal_number::quit == SIGQUIT &&
              signal_number::terminate == SIGTERM && signal_number::kill == SIGKILL);

constexpr int signals_max = 65;

/// One signal that is watched: both ends of its pipe and what it did before.
struct watched_signal {
    std::atomic<int> writer{-1};  // read by the handler
    int reader = -1;
    struct sigaction before{};
};

std::array<watched_signal, signals_max> table;
std::atomic<int> watched{0};
std::atomic<int> handlers_running{0};
std::mutex table_mutex;

void on_signal(int number) {
    const int saved = errno;
    ++handlers_running;
    const int writer = table[static_cast<std::size_t>(number)].writer.load();
    const auto byte = static_cast<unsigned char>(number);
    // A full pipe holds 65536 unread signals; one more says nothing new.
    if (writer >= 0) static_cast<void>(!::write(writer, &byte, 1));
    --handlers_running;
    errno = saved;
}

bool is_valid(int number) noexcept {
    return number > 0 && number < signals_max && number != SIGKILL && number != SIGSTOP;
}

std::error_code refuse(std::span<const int> signals) noexcept {
    if (signals.empty()) return std::make_error_code(std::errc::invalid_argument);
    for (const int number : signals) {
        if (!is_valid(number)) return std::make_error_code(std::errc::invalid_argument);
        if (table[static_cast<std::size_t>(number)].writer.load() >= 0) {
            return std::make_error_code(std::errc::device_or_resource_busy);
        }
    }
    return {};
}

/// Fails with what sigaction() says, as of the signals that the C library keeps for itself.
std::error_code watch(int number, const std::array<int, 2>& ends) noexcept {
    watched_signal& entry = table[static_cast<std::size_t>(number)];
    if (entry.writer.load() >= 0) return {};  // listed twice
    entry.reader = ends[0];
    entry.writer = ends[1];
    struct sigaction action{};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    ::sigfillset(&action.sa_mask);
    if (::sigaction(number, &action, &entry.before) == 0) return {};
    const std::error_code why = error_from_kernel(errno);
    entry.writer = -1;
    entry.reader = -1;
    return why;
}

/// Restores what the signals watched at `reader` did before; returns the writing end, which no
/// handler uses any more, or -1.
int unwatch(int reader) noexcept {
    int writer = -1;
    for (int number = 1; number < signals_max; ++number) {
        watched_signal& entry = table[static_cast<std::size_t>(number)];
        if (entry.reader != reader || entry.writer.load() < 0) continue;
        ::sigaction(number, &entry.before, nullptr);
        writer = entry.writer.exchange(-1);
        entry.reader = -1;
    }
    while (handlers_running.load() > 0) {  // on another thread, and it may still write
    }
    return writer;
}

}  // namespace

result<unique_fd> open(std::span<const int> signals) {
    const std::lock_guard lock(table_mutex);
    if (const std::error_code why = refuse(signals)) return why;
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) != 0) return error_from_kernel(errno);
    for (const int number : signals) {
        const std::error_code why = watch(number, ends);
        if (!why) continue;
        unwatch(ends[0]);
        ::close(ends[1]);
        ::close(ends[0]);
        return why;
    }
    ++watched;
    return unique_fd(ends[0]);
}

bool close(int reader) noexcept {
    if (watched.load() == 0) return false;
    const std::lock_guard lock(table_mutex);
    const int writer = unwatch(reader);
    if (writer < 0) return false;
    --watched;
    ::close(writer);
    ::close(reader);
    return true;
}

}  // namespace conduit::signal_pipes
