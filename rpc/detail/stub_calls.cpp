// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/stub_calls.hpp>
#include <conduit/runtime/scheduler.hpp>

#include <new>
#include <string>

namespace conduit::rpc::detail {
namespace {

status status_of(stop_reason why) noexcept {
    return why == stop_reason::timed_out ? status::deadline_exceeded : status::cancelled;
}

std::string text_of(const method_row& method, std::string_view what) {
    return std::string(method.full_name).append(": ").append(what);
}

task<void> wait_for_end(std::unique_ptr<result_call<void>> call) {
    const std::unique_ptr<result_call<void>> forgotten = std::move(call);
    co_await *forgotten;
}

}  // namespace

void throw_failure(const outgoing_call& call) {
    const method_row& method = call.method();
    if (method.throw_listed == nullptr) call.rethrow();
    try {
        call.rethrow();
    } catch (const fault& why) {
        method.throw_listed(why);
        throw;
    }
    throw fault(status::internal, text_of(method, "the call failed without a reason"));
}

void throw_no_result(const method_row& method) {
    throw fault(status::internal, text_of(method, "the reply has no result in it"));
}

void throw_stopped(const method_row& method, stop_reason why) {
    throw fault(status_of(why),
                text_of(method, why == stop_reason::timed_out
                                    ? "its deadline had passed before the call was sent"
                                    : "cancelled before the call was sent"))
        .ran(false, method.idempotent);
}

void forget(std::unique_ptr<result_call<void>> call) {
    scheduler::current().guests().spawn(wait_for_end(std::move(call)), "rpc one-way call");
}

// --- a stream of results ------------------------------------------------------------------------

stream_call::stream_call(caller& through, const method_row& method)
    : through_(&through), method_(&method), tasks_(outer()) {}

stream_call::~stream_call() = default;

context& stream_call::outer() {
    context& here = current_context();
    if (method_->deadline == clock::duration::max()) return here;
    limit_.attach_lazily(here, method_->deadline, clock::time_point::max());
    return limit_;
}

void stream_call::begin() {
    if (connection_state* on = through_->ready(*method_)) {
        try {
            launch_on(*on);
        } catch (const fault&) {
            failure_ = std::current_exception();  // next() throws it
            call_.reset();
            launched_.set();
            return;
        }
    }
    tasks_.spawn(run(), "rpc stream");
}

void stream_call::launch_on(connection_state& on) {
    call_.emplace(on, *method_);
    send(*call_, tasks_);
    launched_.set();
}

task<void> stream_call::run() {
    try {
        if (!call_) {
            connection_state* on = co_await through_->until_ready(*method_);
            launch_on(*on);
        }
        co_await *call_;
    } catch (...) {
        failure_ = std::current_exception();
        call_.reset();
        launched_.set();
    }
    over_.set();
}

void stream_call::rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
    if (call_ && call_->has_failed()) throw_failure(*call_);
}

failed stream_call::stopped_wait(std::error_code why) const {
    const bool late = why == errc::timed_out;
    fault said(late ? status::deadline_exceeded : status::cancelled,
               text_of(*method_, late ? "no item came before the deadline of this wait"
                                      : "this wait for an item was cancelled"));
    return failed::with(said.ran(true, method_->idempotent));
}

void stream_call::throw_bad_item(const std::string& why) {
    const fault said = fault(status::internal, text_of(*method_, "an item is malformed: ") + why)
                           .ran(true, method_->idempotent);
    call_->abandon(std::make_exception_ptr(said));
    throw said;
}

}  // namespace conduit::rpc::detail
