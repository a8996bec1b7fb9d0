// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/serve.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/context.hpp>
#include <conduit/runtime/scheduler.hpp>

#include <exception>
#include <string>
#include <string_view>

namespace conduit::rpc::detail {
namespace {

std::string text_of(const incoming_call& call, std::string_view what) {
    return std::string(call.method()).append(": ").append(what);
}

constexpr const char* limit_name = " (decoded_max)";

/// The bytes are in order, and ask for more than one message may cost.
bool is_beyond_limit(decode_errc code) noexcept {
    return code == decode_errc::too_much_output || code == decode_errc::too_many_elements ||
           code == decode_errc::too_deep || code == decode_errc::colliding_keys;
}

/// What is wrong inside a server is for its own log; callers learn that there is something.
fault unknown_failure(const incoming_call& call, std::string_view what) {
    scheduler::current().log(log_level::warning,
                             text_of(call, "the procedure failed: ").append(what));
    return fault(status::unknown, text_of(call, "the procedure failed; the server's log says why"));
}

/// A wait that was ended together with the call.
bool ended_with_call(const incoming_call& call, std::error_code why) {
    if (why != errc::timed_out) return why == errc::cancelled;
    return call.was_cancelled() || clock::now() >= call.deadline();
}

fault ended_by_caller(const incoming_call& call, std::error_code why) {
    if (why == errc::timed_out) {
        return fault(status::deadline_exceeded, text_of(call, "the caller's deadline has passed"));
    }
    return fault(status::cancelled, text_of(call, "the procedure was cancelled"));
}

fault forwarded(const incoming_call& call, const fault& thrown) {
    if (thrown.code() == status::ok) {
        return unknown_failure(call, "it threw a fault that says ok");
    }
    fault copy(thrown.code(), std::string(thrown.text()));
    if (thrown.retry_after()) copy.retry_after(*thrown.retry_after());
    return copy;
}

/// In a handler.
fault fault_of_current(const incoming_call& call) {
    try {
        throw;
    } catch (const fault& thrown) {
        return forwarded(call, thrown);
    } catch (const std::bad_alloc&) {
        return fault(status::resource_exhausted, text_of(call, "the server is out of memory"));
    } catch (const std::system_error& thrown) {
        if (ended_with_call(call, thrown.code())) return ended_by_caller(call, thrown.code());
        return unknown_failure(call, thrown.what());
    } catch (const std::exception& thrown) {
        return unknown_failure(call, thrown.what());
    } catch (...) {
        return unknown_failure(call, "it threw something that is no std::exception");
    }
}

}  // namespace

void answer_failure(incoming_call& call, describe_function listed) noexcept {
    try {
        fault described(status::failed_precondition, "");
        if (listed != nullptr && listed(described)) {
            const std::string text = text_of(call, "it threw ").append(described.type());
            call.fail(fault(described.code(), text)
                          .with_details(std::string(described.type()), described.details()));
        } else {
            call.fail(fault_of_current(call));
        }
    } catch (...) {  // no memory to say why: its destructor ends the call
    }
}

void answer_refusal(incoming_call& call) { call.refuse(fault_of_current(call)); }

void refuse_arguments(incoming_call& call, const decode_result& decoded) {
    std::string why = text_of(call, decoded.text());
    if (!is_beyond_limit(decoded.code())) return call.refuse(status::invalid_argument, why);
    why += limit_name;
    if (decoded.code() == decode_errc::too_much_output) {
        return call.refuse_for(limit::decoded_max, why);
    }
    call.count(limit::decoded_max);  // with a code that says: not the same once more
    call.refuse(status::invalid_argument, why);
}

void refuse_for_memory(incoming_call& call) noexcept {
    try {
        call.refuse_for(limit::memory_max,
                        text_of(call, "no memory for the arguments on this connection"));
    } catch (...) {  // nor for this text: its destructor ends the call
    }
}

void refuse_undecodable(incoming_call& call) noexcept {
    try {
        call.refuse(status::invalid_argument,
                    text_of(call, "the arguments are no values of their types"));
    } catch (...) {  // no memory for this text: its destructor ends the call
    }
}

void throw_over(std::error_code why) {
    throw std::system_error(why == errc::closed ? make_error_code(errc::cancelled) : why);
}

void throw_bad_item(incoming_call& call, const std::string& why, decode_errc code) {
    const bool beyond = is_beyond_limit(code);
    if (beyond) call.count(limit::decoded_max);
    throw fault(
        status::invalid_argument,
        text_of(call, "an item of the parameter: ").append(why).append(beyond ? limit_name : ""));
}

failed stopped_wait(std::error_code why) { return failed::with(std::system_error(why)); }

}  // namespace conduit::rpc::detail
