// SPDX-License-Identifier: BSL-1.0
//
// Signals as values that a task waits for. A program that only wants to end gracefully uses
// run_until_signal() (run.hpp).
//
//     auto signals = conduit::signal_set::open({SIGHUP, SIGUSR1}).value();
//     while (auto signal = co_await signals.next()) {
//         if (*signal == SIGHUP) co_await reload();
//     }

#pragma once

#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/task.hpp>

#include <initializer_list>
#include <utility>

namespace conduit {

/// Takes the place of what the process does when it gets certain signals. Destroying it restores
/// what they did before.
///
/// A signal belongs to the whole process, so one set at a time may watch it. A set belongs to the
/// scheduler it was opened on. One next() may be in flight at a time; a second one asserts. The set
/// must neither be moved nor destroyed meanwhile.
///
/// A cancelled next() loses no signal. One destroyed with its task may lose the signal that it was
/// about to yield.
class signal_set {
public:
    /// Watches `signals` from now on. Fails with std::errc::device_or_resource_busy when another
    /// set watches one of them, with std::errc::invalid_argument for what cannot be caught, and
    /// with what the kernel says when there is no descriptor left.
    [[nodiscard]] static result<signal_set> open(std::initializer_list<int> signals);

    /// Waits for a signal and yields its number. Those that come while nobody waits are kept, up to
    /// 65536; of equal ones that come at once the kernel may make one.
    task<result<int>> next();

private:
    explicit signal_set(io_handle reader) noexcept : reader_(std::move(reader)) {}

    io_handle reader_;
};

}  // namespace conduit
