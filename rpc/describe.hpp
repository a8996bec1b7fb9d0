// SPDX-License-Identifier: BSL-1.0
//
// What a server says of the interfaces that it offers: their methods, with the types of parameters
// and results as data. It is itself an interface, `conduit.describe`, and every server offers it.
// dynamic_call.hpp makes calls of what it says.
//
//     auto about = co_await rpc::connect<rpc::describer>("unix:/run/x/sock");
//     for (const std::string& name : co_await about->interfaces()) ...
//     auto said = co_await about->describe("demo.calculator.v1");
//     said.methods[0].name;                               // "add"
//     to_string(said.methods[0].parameters);              // (lhs: f64, rhs: f64)

#pragma once

#include <conduit/rpc/interface.hpp>
#include <conduit/rpc/schema.hpp>
#include <conduit/rpc/service_table.hpp>
#include <conduit/runtime/task.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace conduit::rpc {

/// An error that a method lists: fault::type(), and what is in fault::details().
struct error_description {
    std::string name;
    type_schema fields;

    bool operator==(const error_description&) const = default;
};

/// One method. Texts are as they came: escape them before they are shown.
struct method_description {
    std::string name;         // "add"
    std::string text;         // for people
    std::string since;        // the release in which it was added
    type_schema parameters;   // a field list, without the one that is a stream
    std::string stream_name;  // of that one, where names are known
    std::optional<type_schema> stream_items;
    std::optional<type_schema> result;  // or each of its items; nothing: nothing comes back
    bool streams = false;               // the result is a stream
    bool one_way = false;               // not even whether it worked comes back
    bool idempotent = false;
    std::optional<std::chrono::nanoseconds> deadline;  // of callers that have no shorter one
    std::vector<error_description> errors;

    bool operator==(const method_description&) const = default;
};

struct interface_description {
    std::string name;  // "demo.calculator.v1"
    std::vector<method_description> methods;

    bool operator==(const interface_description&) const = default;
};

/// What is wrong with a description, in a sentence; nothing if it may be used. One that came from a
/// peer may be anything.
std::optional<std::string> problem_of(const interface_description& said);

/// The description of an interface that this program offers. Its types are data of the program
/// that nobody looks at before this.
interface_description describe(const interface_row& row);

/// As people write it: `add(lhs: f64, rhs: f64) -> f64`; a stream is `stream u64`.
std::string to_string(const method_description& method);

/// What `conduit.describe` is. Whoever may call a server may ask it for all that it offers.
class describer {
public:
    virtual ~describer() = default;

    /// The names of all interfaces that are offered, this one among them.
    virtual task<std::vector<std::string>> interfaces() = 0;
    /// Throws fault(not_found) where no such interface is offered.
    virtual task<interface_description> describe(std::string interface) = 0;
};
CONDUIT_INTERFACE(describer, "conduit.describe", interfaces, (describe, interface))

constexpr auto conduit_methods(contract<describer>) {
    return methods(
        method<&describer::interfaces>().idempotent().text("The names of what is offered here."),
        method<&describer::describe>().idempotent().text("An interface: methods and types."));
}

/// Describes what is in a table, which must outlive it. A server has one; for a connection without
/// a server add it to the table itself.
class describe_service final : public describer {
public:
    explicit describe_service(const service_table& of) noexcept : table_(&of) {}

    task<std::vector<std::string>> interfaces() override;
    task<interface_description> describe(std::string interface) override;

private:
    const service_table* table_;
};

}  // namespace conduit::rpc
