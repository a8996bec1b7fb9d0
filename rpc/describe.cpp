// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/describe.hpp>
#include <conduit/rpc/detail/method_row.hpp>
#include <conduit/rpc/detail/utf8.hpp>
#include <conduit/rpc/fault.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

namespace conduit::rpc {
namespace {

constexpr std::size_t interface_name_max = 128;
constexpr std::size_t full_name_max = 255;
constexpr std::size_t methods_max = 1024;
constexpr std::size_t errors_max = 256;
constexpr std::size_t text_max = 65'536;
constexpr std::chrono::nanoseconds deadline_max = std::chrono::hours(24 * 365 * 100);

// --- what there is ------------------------------------------------------------------------------

/// The names in "lhs, rhs".
std::vector<std::string_view> split(std::string_view names) {
    std::vector<std::string_view> each;
    while (!names.empty()) {
        const std::size_t comma = std::min(names.find(','), names.size());
        std::string_view name = names.substr(0, comma);
        names.remove_prefix(std::min(comma + 1, names.size()));
        name.remove_prefix(std::min(name.find_first_not_of(' '), name.size()));
        each.push_back(name.substr(0, name.find_last_not_of(' ') + 1));
    }
    return each;
}

void describe_types(const detail::method_row& row, method_description& into) {
    const detail::method_types& types = *row.types;
    std::vector<const detail::type_row*> plain(types.parameters.begin(), types.parameters.end());
    std::vector<std::string_view> names = split(row.parameters);
    if (types.stream_at != detail::method_types::no_stream) {
        const auto at = static_cast<std::ptrdiff_t>(types.stream_at);
        into.stream_items = detail::make_schema(*plain[types.stream_at]);
        plain.erase(plain.begin() + at);
        if (!names.empty()) {
            into.stream_name = names[types.stream_at];
            names.erase(names.begin() + at);
        }
    }
    into.parameters = detail::make_schema(plain, names);
    if (types.result != nullptr) into.result = detail::make_schema(*types.result);
    for (const detail::method_types::error& each : types.errors) {
        into.errors.push_back({std::string(each.name), detail::make_schema(*each.type)});
    }
}

method_description describe_method(const detail::method_row& row) {
    method_description said;
    said.name = row.name;
    said.text = row.text;
    said.since = row.since;
    said.streams = row.response_stream;
    said.one_way = row.one_way;
    said.idempotent = row.idempotent;
    if (row.deadline != clock::duration::max()) said.deadline = row.deadline;
    if (row.types != nullptr) {
        describe_types(row, said);
    } else {
        said.parameters = detail::make_schema({}, {});
    }
    return said;
}

// --- what may be wrong --------------------------------------------------------------------------

bool is_identifier(std::string_view name) {
    const auto may_follow = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '$' || static_cast<unsigned char>(c) >= 0x80;
    };
    return !name.empty() && !(name[0] >= '0' && name[0] <= '9') &&
           std::all_of(name.begin(), name.end(), may_follow) && detail::is_utf8(name);
}

bool is_text(const std::string& text) { return text.size() <= text_max && detail::is_utf8(text); }

std::string problem_of_value(std::string_view what, const type_schema& schema) {
    if (const auto problem = problem_of(schema)) return fmt::format("{}: {}", what, *problem);
    if (schema.nodes[0].kind != node_kind::field_list) return {};
    return fmt::format("{}: a field list, where there is one value", what);
}

std::string problem_of_errors(const std::vector<error_description>& errors) {
    if (errors.size() > errors_max) {
        return fmt::format("{} errors, but the limit is {}", errors.size(), errors_max);
    }
    for (const error_description& each : errors) {
        if (each.name.size() > text_max || !detail::is_utf8(each.name)) return "an error's name";
        const std::string why = problem_of_value("an error", each.fields);
        if (!why.empty()) return why;
    }
    return {};
}

/// How its parts fit together.
std::string problem_of_shape(const method_description& method) {
    if (method.one_way && (method.result || method.streams || method.stream_items)) {
        return "it is one-way, but there is a result or a stream";
    }
    if (method.streams && !method.result) return "a stream of nothing";
    if (!method.stream_name.empty() && !method.stream_items) return "a name of no stream";
    if (!method.stream_name.empty() && !is_identifier(method.stream_name)) {
        return "the name of its stream is none";
    }
    if (method.deadline &&
        (*method.deadline < std::chrono::nanoseconds(0) || *method.deadline > deadline_max)) {
        return fmt::format("a deadline of {} ns, which is not between 0 and {}",
                           method.deadline->count(), deadline_max.count());
    }
    return {};
}

std::string problem_of_method(const method_description& method) {
    if (!is_text(method.text) || !is_text(method.since)) {
        return fmt::format("a text that is not UTF-8, or longer than {} bytes", text_max);
    }
    if (const auto problem = problem_of(method.parameters)) return "the parameters: " + *problem;
    if (method.parameters.nodes[0].kind != node_kind::field_list) {
        return "the parameters: not a field list";
    }
    std::string why;
    if (method.stream_items) why = problem_of_value("the items", *method.stream_items);
    if (why.empty() && method.result) why = problem_of_value("the result", *method.result);
    if (why.empty()) why = problem_of_shape(method);
    return why.empty() ? problem_of_errors(method.errors) : why;
}

bool has_two_of_a_name(const std::vector<method_description>& methods) {
    std::vector<std::string_view> names;
    for (const method_description& each : methods) names.push_back(each.name);
    std::sort(names.begin(), names.end());
    return std::adjacent_find(names.begin(), names.end()) != names.end();
}

}  // namespace

std::optional<std::string> problem_of(const interface_description& said) {
    if (said.name.size() > interface_name_max || !detail::is_interface_name(said.name)) {
        return "the name of a described interface is none";
    }
    if (said.methods.size() > methods_max) {
        return fmt::format("{} has {} methods, but the limit is {}", said.name, said.methods.size(),
                           methods_max);
    }
    for (std::size_t i = 0; i < said.methods.size(); ++i) {
        const method_description& method = said.methods[i];
        if (!is_identifier(method.name) ||
            said.name.size() + 1 + method.name.size() > full_name_max) {
            return fmt::format("method {} of {}: a name that is none", i, said.name);
        }
        const std::string why = problem_of_method(method);
        if (!why.empty()) return fmt::format("{}/{}: {}", said.name, method.name, why);
    }
    if (has_two_of_a_name(said.methods)) return said.name + ": two methods of the same name";
    return std::nullopt;
}

interface_description describe(const interface_row& row) {
    interface_description said;
    said.name = row.name;
    said.methods.reserve(row.methods.size());
    for (const detail::method_row& method : row.methods) {
        said.methods.push_back(describe_method(method));
    }
    return said;
}

std::string to_string(const method_description& method) {
    std::string text = method.name + to_string(method.parameters);
    if (method.stream_items) {
        if (text.ends_with(')')) text.pop_back();
        if (!text.ends_with('(')) text += ", ";
        if (!method.stream_name.empty()) text += method.stream_name + ": ";
        text += "stream " + to_string(*method.stream_items) + ")";
    }
    if (method.one_way) return text + " -> one_way";
    if (!method.result) return text;
    return text + (method.streams ? " -> stream " : " -> ") + to_string(*method.result);
}

task<std::vector<std::string>> describe_service::interfaces() {
    std::vector<std::string> names;
    for (const interface_row* row : table_->interfaces()) names.emplace_back(row->name);
    co_return names;
}

task<interface_description> describe_service::describe(std::string interface) {
    for (const interface_row* row : table_->interfaces()) {
        if (row->name == interface) co_return rpc::describe(*row);
    }
    if (!detail::is_interface_name(interface)) {
        throw fault(status::not_found, "there is no interface of that name: it is no name");
    }
    throw fault(status::not_found, "no interface " + interface + " is offered here");
}

}  // namespace conduit::rpc
