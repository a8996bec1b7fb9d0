// SPDX-License-Identifier: BSL-1.0
//
// conduit describe: interfaces and methods, as the server tells of them.

#include "commands.hpp"
#include "duration.hpp"
#include "json_of.hpp"
#include "printable.hpp"
#include "reach.hpp"

#include <conduit/rpc/try_call.hpp>

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <utility>

namespace conduit::tool {
/// With --json: types are text, as people read them. They have linkage for clang 19, which knows no
/// fields of others.
struct shown_error {
    std::string name;
    std::string fields;
};
struct shown_method {
    std::string name;
    std::string signature;
    std::string text;
    std::string since;
    std::string parameters;
    std::optional<std::string> stream_items;
    std::optional<std::string> result;
    bool streams = false;
    bool one_way = false;
    bool idempotent = false;
    std::optional<std::int64_t> deadline_ns;
    std::vector<shown_error> errors;
};
struct shown_interface {
    std::string name;
    std::vector<shown_method> methods;
};

namespace {

std::optional<std::string> text_of(const std::optional<rpc::type_schema>& schema) {
    if (!schema) return std::nullopt;
    return to_string(*schema);
}

shown_method shown(const rpc::method_description& said) {
    shown_method method;
    method.name = said.name;
    method.signature = to_string(said);
    method.text = said.text;
    method.since = said.since;
    method.parameters = to_string(said.parameters);
    method.stream_items = text_of(said.stream_items);
    method.result = text_of(said.result);
    method.streams = said.streams;
    method.one_way = said.one_way;
    method.idempotent = said.idempotent;
    if (said.deadline) method.deadline_ns = said.deadline->count();
    for (const auto& each : said.errors) {
        method.errors.push_back({each.name, to_string(each.fields)});
    }
    return method;
}

shown_interface shown(const rpc::interface_description& said) {
    shown_interface interface{said.name, {}};
    for (const auto& each : said.methods) interface.methods.push_back(shown(each));
    return interface;
}

void append(std::string& to, const std::string& more) {
    if (!more.empty()) to += (to.empty() ? "" : " ") + more;
}

/// What is said of a method besides its types, in one line.
std::string remarks_on(const rpc::method_description& said) {
    std::string all = said.text;
    if (!said.since.empty()) append(all, fmt::format("Since {}.", said.since));
    if (said.idempotent) append(all, "Idempotent.");
    if (said.one_way) append(all, "One-way.");
    if (said.deadline) append(all, fmt::format("Within {}.", shown_duration(*said.deadline)));
    return printable(all);
}

std::string text_of(const rpc::interface_description& said, const output& out) {
    std::string text = out.strong(printable(said.name)) + '\n';
    for (const auto& method : said.methods) {
        text += "    " + printable(to_string(method)) + '\n';
        const std::string remarks = remarks_on(method);
        if (!remarks.empty()) text += "        " + out.faint(remarks) + '\n';
        for (const auto& error : method.errors) {
            text += fmt::format("        throws {} {}\n", printable(error.name),
                                printable(to_string(error.fields)));
        }
    }
    return text;
}

/// One interface. Throws failure where the description cannot be.
task<rpc::interface_description> ask(reached& there, std::string name) {
    const std::string own = std::move(name);
    auto said = co_await rpc::try_call(there.peer->describe(own));
    if (!said && said.error().code() == rpc::status::not_found) {
        throw failure(exit_code::not_found, fmt::format("{} does not offer {}", there.where, own));
    }
    if (!said) throw_unanswered(said.error(), there.where);
    const auto problem = rpc::problem_of(*said);
    if (!problem) co_return std::move(*said);
    throw failure(exit_code::failed,
                  fmt::format("{} describes {} as what cannot be: {}", there.where, own, *problem));
}

}  // namespace

task<exit_code> describe(const surroundings& given) {
    const request& wanted = given.wanted;
    output& out = given.out;
    target meant = target_of(wanted, "a NAME, or an ADDRESS");
    std::vector<std::string> names = meant.words;
    if (!meant.name.empty()) names = {meant.name};
    if (names.size() > 1) {
        throw failure(exit_code::usage,
                      fmt::format("describe: one NAME, but {} follow the address", names.size()));
    }
    reached there = co_await reach(given, std::move(meant));
    if (names.empty()) {
        auto all = co_await rpc::try_call(there.peer->interfaces());
        if (!all) throw_unanswered(all.error(), there.where);
        names = std::move(*all);
    }
    std::string text;
    for (const std::string& name : names) {
        const rpc::interface_description said = co_await ask(there, name);
        if (out.json()) {
            text += json_of(shown(said)) + '\n';
        } else {
            text += (text.empty() ? "" : "\n") + text_of(said, out);
        }
    }
    co_await out.write(std::move(text));
    co_return exit_code::ok;
}

}  // namespace conduit::tool
