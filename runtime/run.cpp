// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/backend/signal_numbers.hpp>
#include <conduit/runtime/run.hpp>

namespace conduit {

signal_set watch_termination() {
    return signal_set::open({signal_number::interrupt, signal_number::terminate}).value();
}

// The watch ends with the first signal: the next one does what it did before.
task<> stop_on_signal(task_group& program, signal_set signals) {
    signal_set own = std::move(signals);
    auto signal = co_await own.next();
    if (signal) program.request_stop();
}

}  // namespace conduit
