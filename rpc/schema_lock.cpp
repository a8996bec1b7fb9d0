// SPDX-License-Identifier: BSL-1.0
//
// The lock file and what is said of it; detail/schema_changes.cpp compares.
#include <conduit/rpc/schema_lock.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

namespace conduit::rpc {
namespace {

using nlohmann::ordered_json;

constexpr int version = 1;
constexpr std::size_t lock_nesting_max = 64;

constexpr auto node_kind_names = detail::dense_names<node_kind>;

// --- to text ------------------------------------------------------------------------------------

ordered_json to_json(const type_schema& type) {
    ordered_json nodes = ordered_json::array();
    for (const type_node& each : type.nodes) {
        ordered_json node;
        node["kind"] = node_kind_names[static_cast<std::size_t>(each.kind)];
        if (each.count != 0) node["count"] = each.count;
        if (!each.names.empty()) node["names"] = each.names;
        if (!each.parts.empty()) node["parts"] = each.parts;
        nodes.push_back(std::move(node));
    }
    return nodes;
}

ordered_json to_json(const method_description& method) {
    ordered_json said;
    said["name"] = method.name;
    said["reads"] = to_string(method);  // for people: what follows says it
    if (!method.text.empty()) said["text"] = method.text;
    if (!method.since.empty()) said["since"] = method.since;
    if (method.idempotent) said["idempotent"] = true;
    if (method.deadline) said["deadline_ns"] = method.deadline->count();
    if (method.one_way) said["one_way"] = true;
    said["parameters"] = to_json(method.parameters);
    if (!method.stream_name.empty()) said["stream_name"] = method.stream_name;
    if (method.stream_items) said["stream_items"] = to_json(*method.stream_items);
    if (method.streams) said["result_is_a_stream"] = true;
    if (method.result) said["result"] = to_json(*method.result);
    for (const error_description& each : method.errors) {
        ordered_json error;
        error["name"] = each.name;
        error["fields"] = to_json(each.fields);
        said["errors"].push_back(std::move(error));
    }
    return said;
}

ordered_json to_json(const locked_enum& locked) {
    ordered_json said;
    said["name"] = locked.name;
    said["type"] = locked.type;
    said["values"] = ordered_json::object();
    for (const locked_enum::value& each : locked.values) said["values"][each.name] = each.number;
    return said;
}

ordered_json to_json(const locked_interface& locked) {
    ordered_json said;
    said["name"] = locked.what.name;
    said["methods"] = ordered_json::array();
    for (const method_description& each : locked.what.methods) {
        said["methods"].push_back(to_json(each));
    }
    for (const locked_enum& each : locked.enums) said["enums"].push_back(to_json(each));
    return said;
}

/// Indented, but for what is best seen in one line: a type, and what holds no more than numbers.
void write(std::string& text, const ordered_json& value, std::size_t depth) {
    const bool in_one_line = !value.is_structured() || value.empty() || value.contains("kind");
    if (in_one_line) {
        text += value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
        return;
    }
    const std::string margin(2 * (depth + 1), ' ');
    text += value.is_object() ? "{\n" : "[\n";
    for (auto each = value.begin(); each != value.end(); ++each) {
        text += margin;
        if (value.is_object()) text += ordered_json(each.key()).dump() + ": ";
        write(text, *each, depth + 1);
        text += std::next(each) == value.end() ? "\n" : ",\n";
    }
    text += std::string(2 * depth, ' ');
    text += value.is_object() ? "}" : "]";
}

// --- and back -----------------------------------------------------------------------------------

// What these find wrong they throw as a sentence; ordered_json::exception has its own.
struct refused {
    std::string why;
};

type_schema type_from(const ordered_json& said) {
    type_schema type;
    for (const ordered_json& each : said) {
        type_node node;
        const std::string kind = each.at("kind");
        const auto* const found = std::ranges::find(node_kind_names, std::string_view(kind));
        if (found == node_kind_names.end()) throw refused{"there is no kind " + kind};
        node.kind = static_cast<node_kind>(found - node_kind_names.begin());
        node.count = each.value("count", std::uint32_t{0});
        if (each.contains("names")) each.at("names").get_to(node.names);
        if (each.contains("parts")) each.at("parts").get_to(node.parts);
        type.nodes.push_back(std::move(node));
    }
    return type;
}

method_description method_from(const ordered_json& said) {
    method_description method;
    said.at("name").get_to(method.name);
    method.text = said.value("text", "");
    method.since = said.value("since", "");
    method.idempotent = said.value("idempotent", false);
    method.one_way = said.value("one_way", false);
    method.streams = said.value("result_is_a_stream", false);
    method.stream_name = said.value("stream_name", "");
    if (said.contains("deadline_ns")) {
        method.deadline = std::chrono::nanoseconds(said.at("deadline_ns").get<std::int64_t>());
    }
    method.parameters = type_from(said.at("parameters"));
    if (said.contains("stream_items")) method.stream_items = type_from(said.at("stream_items"));
    if (said.contains("result")) method.result = type_from(said.at("result"));
    for (const ordered_json& each : said.value("errors", ordered_json::array())) {
        method.errors.push_back({each.at("name"), type_from(each.at("fields"))});
    }
    return method;
}

locked_interface interface_from(const ordered_json& said) {
    locked_interface locked;
    said.at("name").get_to(locked.what.name);
    for (const ordered_json& each : said.at("methods")) {
        locked.what.methods.push_back(method_from(each));
    }
    for (const ordered_json& each : said.value("enums", ordered_json::array())) {
        locked_enum& next = locked.enums.emplace_back();
        each.at("name").get_to(next.name);
        each.at("type").get_to(next.type);
        for (const auto& [name, number] : each.at("values").items()) {
            next.values.push_back({name, number.get<std::int64_t>()});
        }
    }
    const auto problem = problem_of(locked.what);
    if (problem) throw refused{*problem};
    return locked;
}

bool is_too_deep(std::string_view text) {
    std::size_t depth = 0;
    for (const char c : text) {
        if (c == '[' || c == '{') ++depth;
        if ((c == ']' || c == '}') && depth > 0) --depth;
        if (depth > lock_nesting_max) return true;
    }
    return false;
}

// --- verdicts -----------------------------------------------------------------------------------

std::size_t broken_in(const std::vector<schema_change>& changes) {
    return static_cast<std::size_t>(std::ranges::count(changes, true, &schema_change::breaks));
}

std::string lines_of(const std::vector<schema_change>& changes) {
    std::string lines;
    for (const schema_change& each : changes) lines += to_string(each) + "\n";
    return lines;
}

}  // namespace

namespace detail {

locked_interface make_lock(const interface_row& row) {
    locked_interface locked;
    locked.what = describe(row);
    enum_list found;
    for (const method_row& each : row.methods) each.enums(found);
    for (const enum_list::entry& each : found.entries()) {
        locked_enum& next = locked.enums.emplace_back();
        next.name = each.name;
        next.type = node_kind_names[static_cast<std::size_t>(each.sent_as)];
        for (const enumerator& value : each.values) {
            next.values.push_back({std::string(value.name), value.number});
        }
    }
    return locked;
}

}  // namespace detail

std::string to_string(const schema_change& change) {
    std::string text = (change.breaks ? "BREAKS " : "adds   ") + change.where + ": ";
    if (change.was.empty()) {
        text += "new: " + change.is;
    } else if (change.is.empty()) {
        text += "was " + change.was + ", is gone";
    } else {
        text += "was " + change.was + ", is " + change.is;
    }
    if (!change.advice.empty()) text += "\n       " + change.advice;
    return text;
}

std::string to_lock_text(const std::vector<locked_interface>& interfaces) {
    ordered_json said;
    said["conduit_schema_lock"] = version;
    said["interfaces"] = ordered_json::array();
    for (const locked_interface& each : interfaces) said["interfaces"].push_back(to_json(each));
    std::string text;
    write(text, said, 0);
    return text + "\n";
}

converted<std::vector<locked_interface>> parse_lock(std::string_view text) {
    using made = converted<std::vector<locked_interface>>;
    if (is_too_deep(text)) return made::failed("a lock file is not nested so deep");
    try {
        const ordered_json said = ordered_json::parse(text);
        if (said.at("conduit_schema_lock") != version) {
            return made::failed(fmt::format("a lock file of version {}, where {} is known",
                                            said.at("conduit_schema_lock").dump(), version));
        }
        std::vector<locked_interface> locked;
        for (const ordered_json& each : said.at("interfaces")) {
            locked.push_back(interface_from(each));
        }
        return made::made(std::move(locked));
    } catch (const ordered_json::exception& wrong) {
        return made::failed(std::string("it is no lock file: ") + wrong.what());
    } catch (const refused& wrong) {
        return made::failed("it is no lock file: " + wrong.why);
    }
}

lock_verdict check_lock(const std::optional<std::string>& recorded,
                        const std::vector<locked_interface>& now, lock_strictness strictness,
                        std::string_view update) {
    if (!recorded) {
        return {false, fmt::format("Nothing is recorded yet. Record it: {}\n", update), {}};
    }
    auto was = parse_lock(*recorded);
    if (!was) return {false, was.error() + "\n", {}};
    const std::vector<schema_change> changes = changes_between(*was, now);
    const std::size_t broken = broken_in(changes);
    std::string text = lines_of(changes);
    if (broken > 0) {
        text += fmt::format(
            "{} of these changes {} programs that know the recorded contract. Where it was never "
            "released, record the new one instead: {}_force\n",
            broken, broken == 1 ? "breaks" : "break", update);
    } else if (!changes.empty()) {
        text += fmt::format("Nothing breaks. Record what is new, so that it is kept: {}\n", update);
    }
    const bool is_complete = changes.empty() || strictness == lock_strictness::breaks;
    return {broken == 0 && is_complete, std::move(text), {}};
}

lock_verdict update_lock(const std::optional<std::string>& recorded,
                         const std::vector<locked_interface>& now, lock_force force,
                         std::string_view update_force) {
    std::string text;
    if (recorded && force == lock_force::no) {
        auto was = parse_lock(*recorded);
        if (!was) return {false, was.error() + "\n", {}};
        const std::vector<schema_change> changes = changes_between(*was, now);
        text = lines_of(changes);
        if (broken_in(changes) > 0) {
            text += fmt::format(
                "Nothing was recorded. Where the recorded contract was never "
                "released: {}\n",
                update_force);
            return {false, std::move(text), {}};
        }
    }
    std::string file = to_lock_text(now);
    if (recorded == file) return {true, std::move(text), {}};
    return {true, std::move(text), std::move(file)};
}

}  // namespace conduit::rpc
