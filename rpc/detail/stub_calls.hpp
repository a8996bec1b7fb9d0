// SPDX-License-Identifier: BSL-1.0
//
// How a stub makes a call: one function for each shape of method, chosen by call_method(). What is
// the same for all types is in stub_calls.cpp; serve.hpp is the other side.

#pragma once

#include <conduit/rpc/caller.hpp>
#include <conduit/rpc/detail/call_retries.hpp>
#include <conduit/rpc/detail/method_row.hpp>
#include <conduit/rpc/detail/outgoing_call.hpp>
#include <conduit/rpc/detail/parameters.hpp>
#include <conduit/rpc/detail/signature.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/runtime/context.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/frame_pool.hpp>
#include <conduit/runtime/loop.hpp>
#include <conduit/runtime/stream.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/within.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

namespace conduit::rpc::detail {

/// Throws why a call failed: a listed error as its own type.
[[noreturn]] void throw_failure(const outgoing_call& call);
/// Throws that END brought no result.
[[noreturn]] void throw_no_result(const method_row& method);
/// Throws that the context was stopped before the call was sent.
[[noreturn]] void throw_stopped(const method_row& method, stop_reason why);

/// A call whose result is a T.
template <class T>
class result_call final : public outgoing_call {
public:
    using outgoing_call::outgoing_call;

    T take() {
        if (has_failed()) [[unlikely]]
            throw_failure(*this);
        if (!result_) [[unlikely]]
            throw_no_result(method());
        return std::move(*result_);
    }

private:
    bool take_result(received_message result, std::string& why) override {
        return read_value(result, result_.emplace(), why);
    }

    std::optional<T> result_;
};

/// A call that yields nothing in one piece. Bytes that come nevertheless are of a later version.
template <>
class result_call<void> final : public outgoing_call {
public:
    using outgoing_call::outgoing_call;

    static void* operator new(std::size_t bytes) { return frame_pool::of_thread().take(bytes); }
    static void operator delete(void* memory, std::size_t bytes) noexcept {
        frame_pool::of_thread().give_back(memory, bytes);
    }

    void take() const {
        if (has_failed()) [[unlikely]]
            throw_failure(*this);
    }

private:
    bool take_result(received_message /*result*/, std::string& /*why*/) override { return true; }
};

/// Sends the parameter list, unless the context was stopped. A call that is not launched gives its
/// place back when it is destroyed.
template <class... A>
void launch(outgoing_call& call, A&... arguments) {
    const stop_reason stopped = loop::running().context->why_stopped();
    if (stopped != stop_reason::none) [[unlikely]]
        throw_stopped(call.method(), stopped);
    with_plain([&](auto&... plain) { write_message(call, plain...); }, arguments...);
    call.launch();
}

// --- a parameter that is a stream ---------------------------------------------------------------

/// Sends the items of a parameter. What the stream throws ends the call.
template <class T>
task<void> pump(outgoing_call* call, stream<T> parameter) {
    stream<T> items = std::move(parameter);
    try {
        while (auto item = co_await items.next()) {
            const result<void> may = co_await call->parameters()->until_ready();
            if (!may) co_return;  // the call is over, or about to be
            write_message(*call->parameters(), *item);
            call->parameters()->send();
        }
        call->parameters()->finish();
    } catch (...) {
        call->abandon(std::current_exception());
    }
}

template <class T>
void pump_if_stream(task_group& pumps, outgoing_call& call, T& argument) {
    if constexpr (is_stream_v<T>) {
        pumps.spawn(pump(&call, std::move(argument)), "rpc parameter");
    }
}

/// Stands where there is nothing to pump.
struct no_pumps {};

template <class... A>
using pumps_for = std::conditional_t<(is_stream_v<A> || ...), task_group, no_pumps>;

// --- one result ---------------------------------------------------------------------------------

template <class T, class... A>
task<T> call_unary(caller* through, const method_row* method, A... arguments) {
    retry_attempts attempts(*through);
    connection_state* on = through->ready(*method);
    if (on == nullptr) [[unlikely]] {
        on = co_await through->until_ready(*method);
    }
    for (;;) {
        result_call<T> call(*on, *method);
        launch(call, arguments...);
        [[maybe_unused]] pumps_for<A...> pumps;  // destroyed before the call
        if constexpr ((is_stream_v<A> || ...)) (pump_if_stream(pumps, call, arguments), ...);
        co_await call;
        if (!attempts.allow_another(call)) [[likely]]
            co_return call.take();
        on = co_await attempts.next_place(through, method);
    }
}

/// Bounds a call by the deadline of its method.
template <class T>
task<T> call_within(clock::duration limit, task<T> call) {
    task<T> inner = std::move(call);
    co_return co_await within(limit, std::move(inner));
}

// --- none ---------------------------------------------------------------------------------------

/// Keeps a call that nobody waits for until it has ended.
void forget(std::unique_ptr<result_call<void>> call);

template <class... A>
task<one_way> call_one_way(caller* through, const method_row* method, A... arguments) {
    connection_state* on = through->ready(*method);
    if (on == nullptr) [[unlikely]] {
        on = co_await through->until_ready(*method);
    }
    auto call = std::make_unique<result_call<void>>(*on, *method);
    launch(*call, arguments...);
    forget(std::move(call));
    co_return one_way();
}

// --- a stream of results ------------------------------------------------------------------------

/// A call whose result is a stream, and what belongs to it. It is launched when the method is
/// called, or when there is a place for it, and stands in the context of then: a task of its own
/// waits for it there, so that a stop or a deadline ends it also between two items. Destroying it
/// cancels the call.
class stream_call {
public:
    static void* operator new(std::size_t bytes) { return frame_pool::of_thread().take(bytes); }
    static void operator delete(void* memory, std::size_t bytes) noexcept {
        frame_pool::of_thread().give_back(memory, bytes);
    }

    stream_call(caller& through, const method_row& method);
    stream_call(const stream_call&) = delete;
    stream_call& operator=(const stream_call&) = delete;
    virtual ~stream_call();

    /// Launches the call if there is a place for it at once; else that is waited for.
    void begin();

    bool is_launched() const noexcept { return call_.has_value(); }
    message_inlet& items() noexcept { return *call_->results(); }

    /// Waits until it is launched, or failed before; then until it is over.
    event::wait_operation until_launched() noexcept { return launched_.wait(); }
    event::wait_operation until_over() noexcept { return over_.wait(); }
    bool is_over() const noexcept { return over_.is_set(); }

    /// Throws why it failed, if it did.
    void rethrow() const;
    /// Throws what the method lists, if `why` stands for it.
    void throw_listed(const fault& why) const {
        if (method_->throw_listed != nullptr) method_->throw_listed(why);
    }
    /// What next() throws when only its wait was ended.
    failed stopped_wait(std::error_code why) const;
    /// Ends the call for an item that cannot be read.
    [[noreturn]] void throw_bad_item(const std::string& why);

protected:
    virtual void send(outgoing_call& call, task_group& pumps) = 0;

private:
    context& outer();
    void launch_on(connection_state& on);
    task<void> run();

    caller* through_;
    const method_row* method_;
    std::exception_ptr failure_;
    event launched_;
    event over_;
    context limit_;  // of the method; in use where it has one
    std::optional<result_call<void>> call_;
    task_group tasks_;  // destroyed first
};

template <class... A>
class stream_call_with final : public stream_call {
public:
    stream_call_with(caller& through, const method_row& method, A&&... arguments)
        : stream_call(through, method), arguments_(std::move(arguments)...) {}

private:
    void send(outgoing_call& call, task_group& pumps) override {
        std::apply(
            [&](A&... argument) {
                launch(call, argument...);
                (pump_if_stream(pumps, call, argument), ...);
            },
            arguments_);
    }

    std::tuple<A...> arguments_;
};

template <class T>
stream<T> received_items(std::unique_ptr<stream_call> made) {
    const std::unique_ptr<stream_call> call = std::move(made);
    while (!call->is_launched()) {
        call->rethrow();  // it may have failed before
        const std::error_code stopped = co_await call->until_launched();
        if (stopped) co_yield call->stopped_wait(stopped);
    }
    try {
        for (;;) {
            const result<bool> came = co_await call->items().next();
            if (!came) {
                co_yield call->stopped_wait(came.error());
                continue;
            }
            if (!*came) break;
            T item{};
            std::string why;
            if (!read_value(call->items().front(), item, why)) call->throw_bad_item(why);
            call->items().pop();
            co_yield std::move(item);
        }
    } catch (const fault& why) {
        call->throw_listed(why);
        throw;
    }
    while (!call->is_over()) {
        const std::error_code stopped = co_await call->until_over();
        if (stopped) co_yield call->stopped_wait(stopped);
    }
    call->rethrow();
}

template <class T, class... A>
stream<T> call_stream(caller& through, const method_row& method, A&&... arguments) {
    auto call = std::make_unique<stream_call_with<A...>>(through, method, std::move(arguments)...);
    call->begin();
    return received_items<T>(std::move(call));
}

// --- the method of a stub -----------------------------------------------------------------------

template <class R, bool HasDeadline, class... A>
R call_method(caller& through, const method_row& method, A&&... arguments) {
    using shape = returned<R>;
    if constexpr (shape::streams) {
        return call_stream<typename shape::item, A...>(through, method, std::move(arguments)...);
    } else if constexpr (HasDeadline) {
        return call_within(method.deadline,
                           call_method<R, false>(through, method, std::move(arguments)...));
    } else if constexpr (shape::one_way) {
        return call_one_way<A...>(&through, &method, std::move(arguments)...);
    } else {
        return call_unary<typename shape::value, A...>(&through, &method, std::move(arguments)...);
    }
}

}  // namespace conduit::rpc::detail
