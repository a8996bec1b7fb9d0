// SPDX-License-Identifier: BSL-1.0
//
// How a call reaches a procedure and what comes back: one function for each method of an interface
// that is offered. What all types share is in serve.cpp; the other side is stub_calls.hpp.

#pragma once

#include <conduit/rpc/decode_result.hpp>
#include <conduit/rpc/detail/incoming_call.hpp>
#include <conduit/rpc/detail/parameters.hpp>
#include <conduit/rpc/detail/signature.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/runtime/stream.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/within.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

namespace conduit::rpc::detail {

/// Describes the current exception if the method lists it. Null where it lists none.
using describe_function = bool (*)(fault& into);

/// In a handler: ends the call with what stands for the current exception.
void answer_failure(incoming_call& call, describe_function listed) noexcept;

/// In a handler: refuses the call for what the current exception, thrown by an interceptor, says.
void answer_refusal(incoming_call& call);

void refuse_arguments(incoming_call& call, const decode_result& decoded);
void refuse_for_memory(incoming_call& call) noexcept;
/// In a handler: refuses for what the current exception says.
void refuse_undecodable(incoming_call& call) noexcept;

/// Where an await failed although the procedure had not: the call is over.
[[noreturn]] void throw_over(std::error_code why);
[[noreturn]] void throw_bad_item(incoming_call& call, const std::string& why, decode_errc code);
/// What next() of a parameter throws when only its wait was ended.
failed stopped_wait(std::error_code why);

/// Runs a stream and sends its items.
template <class T>
task<void> send_items(incoming_call* call, stream<T> result) {
    stream<T> items = std::move(result);
    message_outlet& out = call->outlet();
    while (auto item = co_await items.next()) {
        const std::size_t size = encoded_size(*item);
        const conduit::result<void> may = co_await out.until_ready(size);
        if (!may) throw_over(may.error());
        if (!call->may_give()) {
            const conduit::result<void> may_give = co_await call->until_ready(size);
            if (!may_give) throw_over(may_give.error());
        }
        write_message_of(size, out, *item);
        out.send();
    }
    const conduit::result<void> sent = co_await out.until_sent();
    if (!sent) throw_over(sent.error());
}

/// The parameter that is a stream, as the procedure sees it. Valid as long as the call.
template <class T>
stream<T> parameter_items(incoming_call* call) {
    message_inlet& in = call->parameters();
    for (;;) {
        const result<bool> came = co_await in.next();
        if (!came) {
            co_yield stopped_wait(came.error());
            continue;
        }
        if (!*came) break;
        T item{};
        std::string why;
        decode_errc code{};
        if (!read_value(in.front(), item, why, &code)) throw_bad_item(*call, why, code);
        in.pop();
        co_yield std::move(item);
    }
}

template <class T>
void open_if_stream([[maybe_unused]] T& argument, [[maybe_unused]] incoming_call& call) {
    if constexpr (is_stream_v<T>) argument = parameter_items<typename T::value_type>(&call);
}

/// Serves one method: a `Method` of signature R (C::*)(A...), called on an `Interface`.
template <class Interface, auto Method, describe_function Listed, class Signature>
struct served;

template <class Interface, auto Method, describe_function Listed, class R, class C, class... A>
struct served<Interface, Method, Listed, R (C::*)(A...)> {
    using shape = returned<R>;
    using arguments = std::tuple<A...>;

    /// See serve_function.
    static void serve(void* object, std::unique_ptr<incoming_call> call, received_message in) {
        try {
            arguments given;
            const decode_limits limits = call->limits_for(in.bytes.size());
            const decode_result decoded = std::apply(
                [&](A&... each) {
                    return with_plain(
                        [&](auto&... plain) { return read_message_within(limits, in, plain...); },
                        each...);
                },
                given);
            if (!decoded) return refuse_arguments(*call, decoded);
            if (!call->charge(decoded.output_bytes())) return refuse_for_memory(*call);
            incoming_call& begun = *call;
            begun.start(run(static_cast<Interface*>(object), std::move(call), std::move(given)));
        } catch (const std::bad_alloc&) {
            if (call) refuse_for_memory(*call);  // else it was ended by its destruction
        } catch (...) {                          // a representation of the user's
            if (call) refuse_undecodable(*call);
        }
    }

private:
    static auto invoke(Interface& object, incoming_call& call, arguments& given) {
        R result = std::apply(
            [&](A&... each) {
                (open_if_stream(each, call), ...);
                return (object.*Method)(std::move(each)...);
            },
            given);
        if constexpr (shape::streams) {
            return send_items(&call, std::move(result));
        } else {
            return result;
        }
    }

    static job_coroutine<void> run(Interface* object, std::unique_ptr<incoming_call> owned,
                                   arguments decoded) {
        const std::unique_ptr<incoming_call> call = std::move(owned);
        arguments given = std::move(decoded);
        try {
            if (!call->is_its_turn()) {
                co_await call->until_turn();
            }
            if (!call->begin_run()) co_return;
            if constexpr (std::is_void_v<typename shape::value>) {
                if (call->has_deadline()) {
                    co_await within(call->deadline(), invoke(*object, *call, given));
                } else {
                    co_await invoke(*object, *call, given);
                }
                call->reply_nothing();
            } else {
                std::optional<typename shape::value> value;
                if (call->has_deadline()) {
                    value = co_await within(call->deadline(), invoke(*object, *call, given));
                } else {
                    value = co_await invoke(*object, *call, given);
                }
                const std::size_t size = encoded_size(*value);
                if (!call->is_ready(size)) {
                    const conduit::result<void> may =
                        co_await within(call->deadline(), call->until_ready(size));
                    if (!may) co_return;
                }
                write_message_of(size, *call, *value);
                if (call->reply()) co_return;
                // The caller does not say that its deadline has passed: this side knows it.
                const conduit::result<void> sent =
                    co_await within(call->deadline(), call->until_sent());
                if (sent) call->reply_nothing();
            }
        } catch (...) {
            answer_failure(*call, Listed);
        }
    }
};

}  // namespace conduit::rpc::detail
