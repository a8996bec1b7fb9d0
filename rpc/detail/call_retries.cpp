// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/call_retries.hpp>
#include <conduit/runtime/context.hpp>
#include <conduit/runtime/loop.hpp>
#include <conduit/runtime/timer.hpp>

#include <algorithm>

namespace conduit::rpc::detail {
namespace {

/// What passes by itself: a server that is gone or going, or has no room and says for how long.
bool passes(const fault& why) noexcept {
    if (!why.type().empty()) return false;
    if (why.code() == status::unavailable) return true;
    return why.code() == status::resource_exhausted && why.retry_after().has_value();
}

/// A stream was consumed and handles were given away by the first try.
bool can_be_sent_again(const method_row& method) noexcept {
    return !method.request_stream && !method.takes_handles;
}

}  // namespace

std::optional<clock::duration> call_retries::wait_after(const fault& why, const method_row& method,
                                                        std::uint32_t tries,
                                                        clock::time_point deadline,
                                                        clock::time_point now) noexcept {
    if (closed_ || tries >= limits_.tries_max) return std::nullopt;
    if (!why.retry_safe() || !passes(why) || !can_be_sent_again(method)) return std::nullopt;
    const clock::duration asked = why.retry_after().value_or(std::chrono::milliseconds(0));
    if (asked > limits_.patience) return std::nullopt;
    const std::uint32_t doublings = std::min<std::uint32_t>(tries - 1, 16);
    const auto limit = std::min<clock::duration>(limits_.least * (1U << doublings), limits_.most);
    const clock::duration wait = asked + dice_.up_to(limit);
    if (saturating_add(now, wait) >= deadline) return std::nullopt;
    if (!budget_.take(now)) {
        ++denied_;
        return std::nullopt;
    }
    ++retried_;
    if (why.retry_after()) ++pushbacks_;
    return wait;
}

bool retry_attempts::decide(const outgoing_call& call) {
    if (history_ == nullptr) history_ = std::make_unique<history>();
    history& so_far = *history_;
    ++so_far.tries;
    try {
        call.rethrow();
    } catch (fault& why) {
        so_far.may_have_run |= why.may_have_run();
        why.ran(so_far.may_have_run, call.method().idempotent);
        const auto wait = rules_->wait_after(why, call.method(), so_far.tries,
                                             current_context().deadline(), loop::running().now);
        if (!wait) return false;
        so_far.wait = *wait;
        so_far.last_failure = std::current_exception();
        return true;
    } catch (...) {  // thrown by a parameter stream
    }
    return false;
}

task<connection_state*> retry_attempts::next_place(caller* through, const method_row* method) {
    co_await sleep_for(history_->wait);
    if (rules_->is_closed() || stop_requested()) std::rethrow_exception(history_->last_failure);
    connection_state* on = through->ready(*method);
    if (on != nullptr) co_return on;
    try {
        on = co_await through->until_ready(*method);
    } catch (fault& why) {
        why.ran(history_->may_have_run, method->idempotent);
        throw;
    }
    co_return on;
}

}  // namespace conduit::rpc::detail
