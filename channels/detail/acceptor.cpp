// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/detail/acceptor.hpp>

#include <conduit/channels/detail/back_off.hpp>
#include <conduit/runtime/error.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/timer.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <system_error>

namespace conduit {
namespace {

using namespace std::chrono_literals;

/// Whether trying again can never help. All else passes: accept(2) hands out what went wrong with
/// one connection or with the network as an error of the listener, and the list of those is open.
bool is_final(std::error_code why) noexcept {
    constexpr std::array final_ones = {
        std::errc::operation_canceled,  std::errc::timed_out,
        std::errc::bad_file_descriptor, std::errc::invalid_argument,
        std::errc::not_a_socket,        std::errc::operation_not_supported,
        std::errc::not_supported,       std::errc::function_not_supported,
    };
    return std::any_of(final_ones.begin(), final_ones.end(),
                       [&](std::errc each) { return why == each; });
}

void log_first_refusal(std::error_code why) {
    scheduler::current().log(log_level::warning, "accept: " + why.message() +
                                                     "; connections wait in the backlog until "
                                                     "that has passed");
}

}  // namespace

task<result<unique_fd>> accept_patiently(io_handle& listener, accept_counters& counts) {
    back_off pause(50ms, 200ms);
    bool refused_before = false;
    for (;;) {
        auto connection = co_await listener.accept_many();
        if (connection) {
            ++counts.accepted;
            co_return connection;
        }
        if (is_final(connection.error())) co_return connection.error();
        ++counts.backed_off;
        if (!refused_before) log_first_refusal(connection.error());
        refused_before = true;
        const std::error_code ended = co_await sleep_for(pause.next());
        if (ended) co_return ended;
        if (!listener.is_open()) co_return make_error_code(errc::cancelled);
    }
}

}  // namespace conduit
