// SPDX-License-Identifier: BSL-1.0
//
// A call by name with JSON for arguments and results: for tools, which have no C++ type at hand.
// What the method looks like the other side says itself (describe.hpp); programs that know the
// interface write interface.hpp.
//
//     auto add = co_await rpc::dynamic_call::find(peer, "demo.calculator.v1/add");
//     std::string sum = co_await add.call("[1, 2]");              // 3
//     sum = co_await add.call(R"({"lhs": 1, "rhs": 2})");
//
//     auto primes = co_await rpc::dynamic_call::find(peer, "demo.calculator.v1/primes");
//     auto found = primes.call_stream("[100]");
//     while (auto text = co_await found.next()) print(*text);

#pragma once

#include <conduit/rpc/caller.hpp>
#include <conduit/rpc/describe.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/rpc/json.hpp>
#include <conduit/runtime/stream.hpp>
#include <conduit/runtime/task.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace conduit::rpc {

/// One method of the other side, which may be called any number of times, also side by side. It
/// refers to the caller (a connection), which must outlive it, its tasks and its streams; those
/// need it no more than each other. A copy is as cheap as a pointer.
///
/// Arguments are JSON text: an array by position or an object by the names of parameters; those at
/// the end may be left out. Items and results are one text each; docs/reference/encoding.md says
/// how values look. Calls end, fail and are cancelled as those of a stub. Beyond that they throw
/// fault(invalid_argument), with nothing sent, for arguments that do not fit: where in them, what
/// was expected and what was found; and fault(internal) for a result that is not as described.
class dynamic_call {
public:
    /// Asks the other side what the method looks like. Throws fault(invalid_argument) for a name
    /// that is not "interface/method", fault(not_found) where there is no such method,
    /// fault(internal) for a description that cannot be, and what a call may throw.
    static task<dynamic_call> find(caller& through, std::string full_name);

    /// Of a description that is there already. Throws as find() does.
    dynamic_call(caller& through, const interface_description& described, std::string_view method);

    const method_description& description() const noexcept;
    std::string_view full_name() const noexcept;

    /// Calls a method whose result is one value; "null" where nothing comes back. `items` are those
    /// of the parameter that is a stream; without them it is an empty one.
    task<std::string> call(std::string arguments);
    task<std::string> call(std::string arguments, stream<std::string> items);

    /// Calls a method whose result is a stream. The call begins at once and belongs to the context
    /// of now, as that of a stub.
    stream<std::string> call_stream(const std::string& arguments);
    stream<std::string> call_stream(const std::string& arguments, stream<std::string> items);

    /// The fields of an error that the method lists (fault::type()), or why there are none.
    converted<std::string> details_of(const fault& why) const;

private:
    struct method;

    caller* through_;
    std::shared_ptr<const method> method_;
};

}  // namespace conduit::rpc
