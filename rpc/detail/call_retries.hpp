// SPDX-License-Identifier: BSL-1.0
//
// Whether and when a call that failed is made again. A caller that allows it has one call_retries
// for all its calls (caller::retries()); each call under way has its retry_attempts. A connection
// has none, and its calls pay for one comparison.
//
//     retry_attempts attempts(*through);
//     for (;;) {
//         ...                                             // launch and wait for END
//         if (!attempts.allow_another(call)) co_return call.take();
//         on = co_await attempts.next_place(through, method);
//     }

#pragma once

#include <conduit/rpc/caller.hpp>
#include <conduit/rpc/detail/chance.hpp>
#include <conduit/rpc/detail/method_row.hpp>
#include <conduit/rpc/detail/outgoing_call.hpp>
#include <conduit/rpc/detail/retry_budget.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/task.hpp>

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>

namespace conduit::rpc::detail {

/// The rules, and the budget that calls share. It may outlive its caller, for the sake of calls
/// that were under way then.
class call_retries {
public:
    struct limits {
        std::uint32_t tries_max;
        clock::duration least;
        clock::duration most;
        /// A server that asks for more patience than this is not asked again.
        clock::duration patience;
    };

    call_retries(const limits& given, retry_budget budget, std::uint64_t seed) noexcept
        : limits_(given), budget_(budget), dice_(seed) {}

    void note_call(clock::time_point now) noexcept { budget_.note_call(now); }

    /// How long to wait before trying again what failed for the `tries`-th time; nothing when it is
    /// not to be tried again. Takes it out of the budget.
    std::optional<clock::duration> wait_after(const fault& why, const method_row& method,
                                              std::uint32_t tries, clock::time_point deadline,
                                              clock::time_point now) noexcept;

    /// The caller is gone.
    void close() noexcept { closed_ = true; }
    bool is_closed() const noexcept { return closed_; }

    std::uint64_t retried() const noexcept { return retried_; }
    std::uint64_t denied() const noexcept { return denied_; }
    std::uint64_t pushbacks() const noexcept { return pushbacks_; }

private:
    limits limits_;
    retry_budget budget_;
    chance dice_;
    bool closed_ = false;
    std::uint64_t retried_ = 0;
    std::uint64_t denied_ = 0;
    std::uint64_t pushbacks_ = 0;
};

/// The tries of one call.
class retry_attempts {
public:
    explicit retry_attempts(const caller& through) : rules_(through.retries()) {}

    /// Whether the call, which is over, is to be made again. Once some try may have run, the faults
    /// of later ones say so.
    bool allow_another(const outgoing_call& call) {
        if (!call.has_failed() || rules_ == nullptr) [[likely]]
            return false;
        return decide(call);
    }

    /// Waits for the time of the next try, and for a place. Throws what the last try failed with
    /// when it is stopped meanwhile or the caller is gone.
    task<connection_state*> next_place(caller* through, const method_row* method);

private:
    struct history {
        std::exception_ptr last_failure;
        clock::duration wait{};
        std::uint32_t tries = 0;
        bool may_have_run = false;
    };

    bool decide(const outgoing_call& call);

    std::shared_ptr<call_retries> rules_;
    std::unique_ptr<history> history_;
};

}  // namespace conduit::rpc::detail
