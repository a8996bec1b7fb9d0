// SPDX-License-Identifier: BSL-1.0
//
// What breaks a contract, rule by rule: docs/reference/encoding.md says why in bytes.
#include <conduit/rpc/schema_lock.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace conduit::rpc {
namespace {

constexpr std::string_view bytes_differ =
    "the bytes mean something else to older programs: leave it as it is, and append a new field "
    "or add a new method";
constexpr std::string_view place_differs =
    "fields are known by their places: leave those that are there, and append new ones";
constexpr std::string_view name_differs =
    "calls by name, as from the command line, know the old name: keep it";
constexpr std::string_view shape_differs =
    "older programs expect the other shape of call: leave it, and add a new method instead";
constexpr std::string_view has_gone =
    "older programs still ask for it: keep it, and add a new one beside it";
constexpr std::string_view takes_handles =
    "older programs refuse a message with a handle that they do not know: add a new method instead";
constexpr std::string_view enum_differs =
    "older programs send and expect the recorded number: keep it, and add new values with new "
    "numbers";

/// The types that a part of a schema consists of, as a schema of its own.
type_schema part_of(const type_schema& of, std::uint32_t number) {
    std::map<std::uint32_t, std::uint32_t> numbers{{number, 0}};
    std::vector<std::uint32_t> order{number};
    type_schema part;
    for (std::size_t i = 0; i < order.size(); ++i) {
        type_node node = of.nodes[order[i]];
        for (std::uint32_t& each : node.parts) {
            const auto next = static_cast<std::uint32_t>(order.size());
            const auto [at, is_new] = numbers.emplace(each, next);
            if (is_new) order.push_back(each);
            each = at->second;
        }
        part.nodes.push_back(std::move(node));
    }
    return part;
}

std::string text_of(const type_schema& of, std::uint32_t number) {
    constexpr std::size_t most = 200;
    std::string text = to_string(part_of(of, number));
    if (text.size() > most) text = text.substr(0, most) + "...";
    return text;
}

bool has_handle(const type_schema& of, std::uint32_t number) {
    const type_schema part = part_of(of, number);
    return std::ranges::any_of(
        part.nodes, [](const type_node& each) { return each.kind == node_kind::handle; });
}

std::string text_of(const std::optional<type_schema>& type) {
    return type ? text_of(*type, 0) : "nothing";
}

class comparison {
public:
    void interfaces(const std::vector<locked_interface>& was,
                    const std::vector<locked_interface>& is) {
        for (const locked_interface& old : was) {
            const auto now = std::ranges::find_if(
                is, [&](const auto& each) { return each.what.name == old.what.name; });
            if (now == is.end()) {
                breaks(old.what.name, "an interface", "", has_gone);
            } else {
                methods(old.what, now->what);
                enums(old, *now);
            }
        }
        for (const locked_interface& now : is) {
            const bool is_old = std::ranges::any_of(
                was, [&](const auto& each) { return each.what.name == now.what.name; });
            if (!is_old) passes(now.what.name, "", "an interface");
        }
    }

    std::vector<schema_change> take() {
        std::vector<schema_change> sorted;
        for (const bool breaking : {true, false}) {
            for (schema_change& each : changes_) {
                if (each.breaks == breaking) sorted.push_back(std::move(each));
            }
        }
        return sorted;
    }

private:
    void breaks(std::string where, std::string was, std::string is, std::string_view advice) {
        changes_.push_back(
            {true, std::move(where), std::move(was), std::move(is), std::string(advice)});
    }
    void passes(std::string where, std::string was, std::string is) {
        changes_.push_back({false, std::move(where), std::move(was), std::move(is), ""});
    }

    // --- methods ----------------------------------------------------------------------------

    void methods(const interface_description& was, const interface_description& is) {
        for (const method_description& old : was.methods) {
            const auto now = std::ranges::find(is.methods, old.name, &method_description::name);
            const std::string where = was.name + "/" + old.name;
            if (now == is.methods.end()) {
                breaks(where, rpc::to_string(old), "", gone_method(old, was, is));
            } else {
                method(where, old, *now);
            }
        }
        for (const method_description& now : is.methods) {
            const auto old = std::ranges::find(was.methods, now.name, &method_description::name);
            if (old == was.methods.end()) {
                passes(is.name + "/" + now.name, "", rpc::to_string(now));
            }
        }
    }

    /// With a guess at what became of it.
    static std::string gone_method(const method_description& old, const interface_description& was,
                                   const interface_description& is) {
        for (const method_description& now : is.methods) {
            const auto known = std::ranges::find(was.methods, now.name, &method_description::name);
            const bool is_new = known == was.methods.end();
            if (is_new && now.parameters == old.parameters && now.result == old.result &&
                now.stream_items == old.stream_items && now.streams == old.streams) {
                return fmt::format("{}; if it is called {} now, offer both names", has_gone,
                                   now.name);
            }
        }
        return std::string(has_gone);
    }

    void method(const std::string& where, const method_description& was,
                const method_description& is) {
        type(where + ", ", was.parameters, is.parameters);
        optional_type(where + ", the items of its stream", was.stream_items, is.stream_items);
        if (was.stream_name != is.stream_name && was.stream_items && is.stream_items) {
            name(where + ", its stream", was.stream_name, is.stream_name);
        }
        const auto way = [](const method_description& of) -> std::string {
            if (of.one_way) return "one-way";
            return of.streams ? "a stream" : "one result";
        };
        if (way(was) != way(is)) {
            breaks(where + ", what comes back", way(was), way(is), shape_differs);
        } else {
            optional_type(where + ", the result", was.result, is.result);
        }
        attributes(where, was, is);
        errors(where, was.errors, is.errors);
    }

    void attributes(const std::string& where, const method_description& was,
                    const method_description& is) {
        if (was.idempotent && !is.idempotent) {
            breaks(where, "idempotent", "not idempotent",
                   "older callers repeat it after a failure: add a new method instead");
        } else if (is.idempotent && !was.idempotent) {
            passes(where, "not idempotent", "idempotent");
        }
        if (was.deadline != is.deadline) {
            const auto text = [](const method_description& of) {
                return of.deadline ? fmt::format("a deadline of {} ns", of.deadline->count())
                                   : std::string("no deadline");
            };
            passes(where, text(was), text(is));
        }
        if (was.text != is.text || was.since != is.since) {
            passes(where, "other texts", "\"" + is.text + "\"");
        }
    }

    void errors(const std::string& where, const std::vector<error_description>& was,
                const std::vector<error_description>& is) {
        for (const error_description& old : was) {
            const std::string error = where + ", error " + old.name;
            const auto now = std::ranges::find(is, old.name, &error_description::name);
            if (now == is.end()) {
                breaks(error, text_of(old.fields, 0), "",
                       "who catches it would see fault(unknown) instead: keep it listed");
            } else {
                type(error, old.fields, now->fields);
            }
        }
        for (const error_description& now : is) {
            const auto old = std::ranges::find(was, now.name, &error_description::name);
            if (old == was.end()) passes(where + ", error " + now.name, "", text_of(now.fields, 0));
        }
    }

    // --- types ------------------------------------------------------------------------------

    void optional_type(const std::string& where, const std::optional<type_schema>& was,
                       const std::optional<type_schema>& is) {
        if (was && is) return type(where, *was, *is);
        if (was || is) breaks(where, text_of(was), text_of(is), shape_differs);
    }

    void type(const std::string& where, const type_schema& was, const type_schema& is) {
        was_ = &was;
        is_ = &is;
        compared_.clear();
        node(where, 0, 0);
    }

    void node(const std::string& where, std::uint32_t old, std::uint32_t now) {
        if (!compared_.emplace(old, now).second) return;
        const type_node& was = was_->nodes[old];
        const type_node& is = is_->nodes[now];
        if (was.kind != is.kind || was.count != is.count) {
            return breaks(where, text_of(*was_, old), text_of(*is_, now), bytes_differ);
        }
        switch (was.kind) {
            case node_kind::structure:
            case node_kind::field_list: return fields(where, was, is);
            case node_kind::variant: return variant(where, old, now);
            case node_kind::tuple:
                if (was.parts.size() != is.parts.size()) {
                    return breaks(where, text_of(*was_, old), text_of(*is_, now), bytes_differ);
                }
                for (std::size_t i = 0; i < was.parts.size(); ++i) {
                    node(fmt::format("{}<{}>", where, i), was.parts[i], is.parts[i]);
                }
                return;
            case node_kind::map:
                node(where + "'s key", was.parts[0], is.parts[0]);
                return node(where + "[]", was.parts[1], is.parts[1]);
            case node_kind::optional: return node(where, was.parts[0], is.parts[0]);
            case node_kind::list:
            case node_kind::set:
            case node_kind::array: return node(where + "[]", was.parts[0], is.parts[0]);
            default: return;
        }
    }

    void variant(const std::string& where, std::uint32_t old, std::uint32_t now) {
        const type_node& was = was_->nodes[old];
        const type_node& is = is_->nodes[now];
        if (is.parts.size() < was.parts.size()) {
            return breaks(where, text_of(*was_, old), text_of(*is_, now),
                          "alternatives are known by their places: keep them all");
        }
        for (std::size_t i = 0; i < was.parts.size(); ++i) {
            node(fmt::format("{}|{}|", where, i), was.parts[i], is.parts[i]);
        }
        for (std::size_t i = was.parts.size(); i < is.parts.size(); ++i) {
            appended(fmt::format("{}|{}|", where, i), is.parts[i]);
        }
    }

    /// What a field is called: a parameter is spoken of as such.
    static std::string field_of(const std::string& where, const type_node& of, std::size_t i) {
        const bool is_parameter = of.kind == node_kind::field_list;
        const std::string called = of.names.empty() ? std::to_string(i + 1) : of.names[i];
        return where + (is_parameter ? "parameter " : ".") + called;
    }

    void fields(const std::string& where, const type_node& was, const type_node& is) {
        const std::size_t both = std::min(was.parts.size(), is.parts.size());
        for (std::size_t i = 0; i < both; ++i) {
            const std::string field = field_of(where, was, i);
            const std::string_view old = was.names.empty() ? "" : std::string_view(was.names[i]);
            const std::string_view now = is.names.empty() ? "" : std::string_view(is.names[i]);
            if (old != now && !old.empty() && !now.empty() && moved(was, is, i)) {
                // The types of what stands here now are those of another field.
                breaks(field, text_of(*was_, was.parts[i]),
                       std::string(now) + ": " + text_of(*is_, is.parts[i]), place_differs);
                continue;
            }
            if (old != now) name(field, old, now);
            node(field, was.parts[i], is.parts[i]);
        }
        for (std::size_t i = both; i < was.parts.size(); ++i) {
            breaks(field_of(where, was, i), text_of(*was_, was.parts[i]), "", place_differs);
        }
        for (std::size_t i = both; i < is.parts.size(); ++i) {
            appended(field_of(where, is, i), is.parts[i]);
        }
    }

    /// Whether one of the two names of this place stands, or stood, at another one.
    static bool moved(const type_node& was, const type_node& is, std::size_t i) {
        return std::ranges::count(is.names, was.names[i]) > 0 ||
               std::ranges::count(was.names, is.names[i]) > 0;
    }

    void name(const std::string& where, std::string_view was, std::string_view is) {
        if (was.empty()) {
            passes(where, "no name", "named " + std::string(is));
        } else {
            breaks(where, "named " + std::string(was),
                   is.empty() ? "no name" : "named " + std::string(is), name_differs);
        }
    }

    void appended(const std::string& where, std::uint32_t number) {
        std::string text = text_of(*is_, number);
        if (has_handle(*is_, number)) {
            breaks(where, "", std::move(text), takes_handles);
        } else {
            passes(where, "", std::move(text));
        }
    }

    // --- enums ------------------------------------------------------------------------------

    static const locked_enum::value* find(const locked_enum& in, const std::string& called) {
        const auto found = std::ranges::find(in.values, called, &locked_enum::value::name);
        return found == in.values.end() ? nullptr : &*found;
    }

    static bool has_all_of(const locked_enum& was, const locked_enum& is) {
        return was.type == is.type && std::ranges::all_of(was.values, [&](const auto& each) {
                   const locked_enum::value* now = find(is, each.name);
                   return now != nullptr && now->number == each.number;
               });
    }

    void enums(const locked_interface& was, const locked_interface& is) {
        const auto known = [](const locked_interface& in, const std::string& name) {
            return std::ranges::count(in.enums, name, &locked_enum::name) > 0;
        };
        for (const locked_enum& old : was.enums) {
            const std::string where = was.what.name + ", enum " + old.name;
            // The type itself may get another name, which nobody is sent.
            const auto same = std::ranges::find_if(is.enums, [&](const locked_enum& now) {
                return has_all_of(old, now) && (now.name == old.name || !known(was, now.name));
            });
            if (same != is.enums.end()) {
                more_values(where, old, *same);
                continue;
            }
            const auto now = std::ranges::find(is.enums, old.name, &locked_enum::name);
            if (now == is.enums.end()) {
                breaks(where, fmt::format("{} values", old.values.size()), "", enum_differs);
            } else {
                values(where, old, *now);
            }
        }
        for (const locked_enum& now : is.enums) {
            if (known(was, now.name)) continue;
            passes(is.what.name + ", enum " + now.name, "",
                   fmt::format("{} values", now.values.size()));
        }
    }

    void values(const std::string& where, const locked_enum& was, const locked_enum& is) {
        if (was.type != is.type) breaks(where, was.type, is.type, bytes_differ);
        for (const locked_enum::value& old : was.values) {
            const locked_enum::value* now = find(is, old.name);
            if (now != nullptr && now->number == old.number) continue;
            breaks(where + "::" + old.name, std::to_string(old.number),
                   now == nullptr ? "" : std::to_string(now->number), enum_differs);
        }
        more_values(where, was, is);
    }

    void more_values(const std::string& where, const locked_enum& was, const locked_enum& is) {
        for (const locked_enum::value& now : is.values) {
            if (find(was, now.name) != nullptr) continue;
            passes(where + "::" + now.name, "", std::to_string(now.number));
        }
    }

    const type_schema* was_ = nullptr;
    const type_schema* is_ = nullptr;
    std::set<std::pair<std::uint32_t, std::uint32_t>> compared_;
    std::vector<schema_change> changes_;
};

}  // namespace

std::vector<schema_change> changes_between(const std::vector<locked_interface>& was,
                                           const std::vector<locked_interface>& is) {
    comparison all;
    all.interfaces(was, is);
    return all.take();
}

}  // namespace conduit::rpc
