// SPDX-License-Identifier: BSL-1.0
//
// conduit call: one call of one method, by what the server says of it.

#include "arguments.hpp"
#include "commands.hpp"
#include "printable.hpp"
#include "reach.hpp"

#include <conduit/channels/file.hpp>
#include <conduit/channels/line_reader.hpp>
#include <conduit/rpc/dynamic_call.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/stream.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>

namespace conduit::tool {
namespace {

constexpr std::size_t line_bytes_max = std::size_t{4} << 20;  // the longest message taken

/// What stands in front of the last "." or "/", and what behind it.
struct method_name {
    std::string interface;
    std::string method;
};

method_name split(const std::string& word) {
    const std::size_t at = word.find_last_of("./");
    if (at == std::string::npos) return {"", word};
    return {word.substr(0, at), word.substr(at + 1)};
}

bool is_built_in(const std::string& interface) { return interface.starts_with("conduit."); }

/// The one interface of a server that is not conduit's own. Throws failure where there is none, or
/// there are several.
task<std::string> only_interface(reached& there) {
    auto all = co_await rpc::try_call(there.peer->interfaces());
    if (!all) throw_unanswered(all.error(), there.where);
    std::erase_if(*all, is_built_in);
    if (all->size() == 1) co_return std::move(all->front());
    throw failure(exit_code::usage,
                  fmt::format("{} offers {} interfaces: write NAME.METHOD (conduit list --at {})",
                              there.where, all->size(), there.where));
}

task<rpc::dynamic_call> find_method(reached& there, const method_name& called) {
    std::string interface = called.interface;
    if (interface.empty()) {
        interface = co_await only_interface(there);
    }
    const std::string full_name = interface + "/" + called.method;
    auto finding = rpc::dynamic_call::find(there.peer.connection(), full_name);
    auto found = co_await rpc::try_call(std::move(finding));
    if (found) co_return std::move(*found);
    if (found.error().code() == rpc::status::not_found) {
        throw failure(exit_code::not_found,
                      fmt::format("{}: {}", there.where, found.error().text()));
    }
    throw_unanswered(found.error(), there.where);
}

/// One item a line.
stream<std::string> lines_of_input() {
    auto in = standard_input();
    if (!in) throw failure(exit_code::failed, "standard input: " + in.error().message());
    line_reader lines(*in, line_bytes_max);
    for (;;) {
        auto line = co_await lines.next();
        if (line.error() == errc::end_of_stream) break;
        if (line.error() == errc::too_long) {
            throw failure(exit_code::usage, fmt::format("standard input: a line of more than {} "
                                                        "bytes",
                                                        line_bytes_max));
        }
        if (!line) throw failure(exit_code::failed, "standard input: " + line.error().message());
        if (line->find_first_not_of(" \t\r") == std::string::npos) continue;
        std::string item = std::move(*line);
        co_yield std::move(item);
    }
}

/// A fault of the method itself, with the fields that it has where the method lists it.
[[noreturn]] void throw_failure(const rpc::dynamic_call& method, const reached& there,
                                const rpc::fault& why) {
    if (current_context().why_stopped() == stop_reason::cancelled) throw rpc::fault(why);
    failure made = failure::of(why, method.full_name(), there.where);
    auto details = method.details_of(why);
    if (details) made.details(std::move(*details));
    throw failure(made);
}

task<void> print_items(const rpc::dynamic_call& method, const reached& there,
                       stream<std::string> items, output& out) {
    stream<std::string> own = std::move(items);
    for (;;) {
        auto next = co_await rpc::try_call(own.next());
        if (!next) throw_failure(method, there, next.error());
        if (!*next) co_return;
        co_await out.line(printable_json(**next));
    }
}

task<void> print_result(rpc::dynamic_call& method, const reached& there, std::string arguments,
                        output& out) {
    auto calling = method.description().stream_items
                       ? method.call(std::move(arguments), lines_of_input())
                       : method.call(std::move(arguments));
    auto result = co_await rpc::try_call(std::move(calling));
    if (!result) throw_failure(method, there, result.error());
    const bool has_result = method.description().result.has_value();
    if (has_result || out.json()) {
        co_await out.line(printable_json(*result));
    }
}

}  // namespace

task<exit_code> call(const surroundings& given) {
    const request& wanted = given.wanted;
    output& out = given.out;
    target meant = target_of(wanted, "a NAME.METHOD, or an ADDRESS and a METHOD");
    method_name called;
    std::vector<std::string> words = meant.words;
    if (meant.name.empty()) {
        if (words.empty()) {
            throw failure(exit_code::usage, "call: a METHOD follows the address");
        }
        called = split(words[0]);
        words.erase(words.begin());
    } else {
        called = split(meant.name);
        if (called.interface.empty()) {
            throw failure(exit_code::usage,
                          fmt::format("call: expected NAME.METHOD, found {}", meant.name));
        }
        meant.name = called.interface;
    }
    reached there = co_await reach(given, std::move(meant));
    auto method = co_await find_method(there, called);
    auto arguments = arguments_to_json(method.description().parameters, words);
    if (!arguments) {
        throw failure(exit_code::usage,
                      fmt::format("{}: {}", method.full_name(), arguments.error()));
    }
    if (method.description().streams) {
        auto items = method.description().stream_items
                         ? method.call_stream(*arguments, lines_of_input())
                         : method.call_stream(*arguments);
        co_await print_items(method, there, std::move(items), out);
    } else {
        co_await print_result(method, there, std::move(*arguments), out);
    }
    if (method.description().one_way) {
        co_await there.peer.close();  // it has been sent then
    }
    co_return exit_code::ok;
}

}  // namespace conduit::tool
