// SPDX-License-Identifier: BSL-1.0

#include <conduit/rpc/detail/utf8.hpp>
#include <conduit/rpc/schema.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace conduit::rpc {
namespace {

constexpr std::size_t nodes_max = 4096;
constexpr std::size_t parts_max = 256;
constexpr std::size_t name_max = 128;
constexpr std::uint64_t unfolded_max = std::uint64_t{1} << 20;
constexpr std::size_t shape_text_max = 65'536;
constexpr std::size_t text_depth_max = 64;

constexpr std::array<std::string_view, 26> kind_names = {
    "bool", "u8",    "u16",    "u32",      "u64",     "i8",       "i16",    "i32",       "i64",
    "f32",  "f64",   "string", "bytes",    "time",    "duration", "fd",     "list",      "set",
    "map",  "array", "bytes",  "optional", "variant", "tuple",    "struct", "field list"};

std::size_t kind_number(const type_node& node) { return static_cast<std::size_t>(node.kind); }

bool is_name(const std::string& name) {
    const auto is_letter = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
               static_cast<unsigned char>(c) >= 0x80;
    };
    const auto may_follow = [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); };
    return !name.empty() && name.size() <= name_max && is_letter(name[0]) &&
           std::all_of(name.begin(), name.end(), may_follow) && detail::is_utf8(name);
}

// --- what may be wrong --------------------------------------------------------------------------

class checker {
public:
    explicit checker(const type_schema& schema) : nodes_(schema.nodes) {}

    std::optional<std::string> problem() {
        if (nodes_.empty()) return "a schema has no nodes";
        if (nodes_.size() > nodes_max) {
            return fmt::format("a schema has {} nodes, but the limit is {}", nodes_.size(),
                               nodes_max);
        }
        for (std::size_t i = 0; i < nodes_.size(); ++i) {
            const std::string why = problem_of_node(i);
            if (!why.empty()) return fmt::format("node {} of a schema: {}", i, why);
        }
        unfolded_.assign(nodes_.size(), unknown);
        for (std::size_t i = 0; i < nodes_.size(); ++i) {
            if (unfold(i) > unfolded_max) {
                return fmt::format(
                    "node {} of a schema: a {} that contains itself, or more than "
                    "{} values, whatever the bytes are",
                    i, kind_names[kind_number(nodes_[i])], unfolded_max);
            }
        }
        return std::nullopt;
    }

private:
    static constexpr std::uint64_t unknown = ~std::uint64_t{0};
    static constexpr std::uint64_t in_progress = unknown - 1;

    std::string problem_of_node(std::size_t number) const {
        const type_node& node = nodes_[number];
        if (kind_number(node) >= kind_names.size()) {
            return fmt::format("kind {} is none", kind_number(node));
        }
        if (node.kind == node_kind::field_list && number != 0) {
            return "a field list inside of another type";
        }
        for (const std::uint32_t part : node.parts) {
            if (part >= nodes_.size()) {
                return fmt::format("part {}, but there are {} nodes", part, nodes_.size());
            }
        }
        const std::string why = problem_of_parts(node);
        return why.empty() ? problem_of_names(node) : why;
    }

    static std::string problem_of_parts(const type_node& node) {
        const auto [least, most] = parts_of_kind(node.kind);
        if (node.parts.size() < least || node.parts.size() > most) {
            return fmt::format("a {} has {} to {} parts, not {}", kind_names[kind_number(node)],
                               least, most, node.parts.size());
        }
        const bool has_count = node.kind == node_kind::array || node.kind == node_kind::byte_array;
        if (node.count > (has_count ? unfolded_max : 0)) {
            return fmt::format("a {} with a count of {}", kind_names[kind_number(node)],
                               node.count);
        }
        return {};
    }

    static std::pair<std::size_t, std::size_t> parts_of_kind(node_kind kind) {
        switch (kind) {
            case node_kind::list:
            case node_kind::set:
            case node_kind::array:
            case node_kind::optional: return {1, 1};
            case node_kind::map: return {2, 2};
            case node_kind::variant: return {1, parts_max};
            case node_kind::tuple:
            case node_kind::structure:
            case node_kind::field_list: return {0, parts_max};
            default: return {0, 0};
        }
    }

    static std::string problem_of_names(const type_node& node) {
        const bool may_be_named =
            node.kind == node_kind::structure || node.kind == node_kind::field_list;
        const bool may_be_unnamed = node.kind != node_kind::structure;
        if (node.names.empty() && (may_be_unnamed || node.parts.empty())) return {};
        if (!may_be_named || node.names.size() != node.parts.size()) {
            return fmt::format("{} names for {} parts", node.names.size(), node.parts.size());
        }
        auto sorted = node.names;
        std::sort(sorted.begin(), sorted.end());
        if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
            return "two fields of the same name";
        }
        if (!std::all_of(sorted.begin(), sorted.end(), is_name)) return "a name that is none";
        return {};
    }

    // How many values there are in one of this type at least, however few its bytes.
    std::uint64_t unfold(std::size_t number) {
        std::uint64_t& known = unfolded_[number];
        if (known == in_progress) return unfolded_max + 1;
        if (known != unknown) return known;
        known = in_progress;
        const type_node& node = nodes_[number];
        std::uint64_t sum = 1;
        if (node.kind == node_kind::array) {
            sum += node.count * std::min(unfold(node.parts[0]), unfolded_max + 1);
        } else if (node.kind == node_kind::tuple || node.kind == node_kind::structure ||
                   node.kind == node_kind::field_list) {
            for (const std::uint32_t part : node.parts) {
                sum = std::min(sum + unfold(part), unfolded_max + 1);
            }
        }
        return known = std::min(sum, unfolded_max + 1);
    }

    const std::vector<type_node>& nodes_;
    std::vector<std::uint64_t> unfolded_;
};

// --- the text -----------------------------------------------------------------------------------

class printer {
public:
    explicit printer(const type_schema& schema) : nodes_(schema.nodes) {}

    std::string print() {
        value(0);
        if (is_cut_) text_ += "...";
        return std::move(text_);
    }

private:
    void value(std::uint32_t number) {
        if (is_cut_) return;
        if (text_.size() > shape_text_max || depth_ == text_depth_max) {
            is_cut_ = true;
            return;
        }
        ++depth_;
        const type_node& node = nodes_[number];
        switch (node.kind) {
            case node_kind::list: around("[", node.parts[0], "]"); break;
            case node_kind::set: around("set<", node.parts[0], ">"); break;
            case node_kind::optional: around("", node.parts[0], "?"); break;
            case node_kind::array:
                around("[", node.parts[0], fmt::format("; {}]", node.count));
                break;
            case node_kind::byte_array: text_ += fmt::format("bytes[{}]", node.count); break;
            case node_kind::map: all_of("{", node, " => ", "}"); break;
            case node_kind::variant: all_of("(", node, " | ", ")"); break;
            case node_kind::tuple:
            case node_kind::field_list: all_of("(", node, ", ", ")"); break;
            case node_kind::structure: structure(number); break;
            default: text_ += kind_names[kind_number(node)];
        }
        --depth_;
    }

    void around(std::string_view before, std::uint32_t part, std::string_view behind) {
        text_ += before;
        value(part);
        if (!is_cut_) text_ += behind;
    }

    void all_of(std::string_view before, const type_node& node, std::string_view between,
                std::string_view behind) {
        text_ += before;
        for (std::size_t i = 0; i < node.parts.size() && !is_cut_; ++i) {
            if (i != 0) text_ += between;
            if (node.names.empty()) {
                value(node.parts[i]);
            } else {
                field(node.names[i], node.parts[i]);
            }
        }
        if (!is_cut_) text_ += behind;
    }

    void field(const std::string& name, std::uint32_t part) {
        text_ += name;
        const bool is_optional = nodes_[part].kind == node_kind::optional;
        text_ += is_optional ? "?: " : ": ";
        value(is_optional ? nodes_[part].parts[0] : part);
    }

    void structure(std::uint32_t number) {
        const auto outer = std::find(around_.rbegin(), around_.rend(), number);
        if (outer != around_.rend()) {
            text_.append(static_cast<std::size_t>(outer - around_.rbegin()) + 1, '^');
            return;
        }
        around_.push_back(number);
        all_of("{", nodes_[number], ", ", "}");
        around_.pop_back();
    }

    const std::vector<type_node>& nodes_;
    std::vector<std::uint32_t> around_;  // the structs that are being printed
    std::string text_;
    std::size_t depth_ = 0;
    bool is_cut_ = false;
};

}  // namespace

std::optional<std::string> problem_of(const type_schema& schema) {
    return checker(schema).problem();
}

std::string to_string(const type_schema& schema) {
    const auto problem = problem_of(schema);
    return problem ? "(" + *problem + ")" : printer(schema).print();
}

namespace detail {
namespace {

class schema_builder {
public:
    std::uint32_t add(const type_row& row) {
        const auto known = std::find(rows_.begin(), rows_.end(), &row);
        if (known != rows_.end()) return static_cast<std::uint32_t>(known - rows_.begin());
        return add(&row, row.kind, row.count, row.parts, row.names);
    }

    std::uint32_t add(const type_row* row, node_kind kind, std::uint32_t count,
                      std::span<const type_row* const> parts,
                      std::span<const std::string_view> names) {
        const auto number = static_cast<std::uint32_t>(rows_.size());
        rows_.push_back(row);
        schema_.nodes.emplace_back();
        type_node node{kind, count, {}, {}};
        for (const std::string_view name : names) node.names.emplace_back(name);
        for (const type_row* part : parts) node.parts.push_back(add(*part));
        schema_.nodes[number] = std::move(node);
        return number;
    }

    type_schema take() { return std::move(schema_); }

private:
    type_schema schema_;
    std::vector<const type_row*> rows_;  // by the numbers of their nodes
};

}  // namespace

type_schema make_schema(const type_row& of) {
    schema_builder builder;
    builder.add(of);
    return builder.take();
}

type_schema make_schema(std::span<const type_row* const> fields,
                        std::span<const std::string_view> names) {
    schema_builder builder;
    builder.add(nullptr, node_kind::field_list, 0, fields, names);
    return builder.take();
}

}  // namespace detail
}  // namespace conduit::rpc
