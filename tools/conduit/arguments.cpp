// SPDX-License-Identifier: BSL-1.0
#include "arguments.hpp"

#include "duration.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace conduit::tool {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using rpc::node_kind;
using outcome = rpc::converted<std::string>;

std::string in_quotes(std::string_view text) {
    return json(text).dump(-1, ' ', true, json::error_handler_t::replace);
}

/// Text of which JSON knows no better is a string: the codec reads numbers of those too, and says
/// what it expected.
std::string number(const std::string& word) { return json::accept(word) ? word : in_quotes(word); }

/// Bytes that are not UTF-8 cannot stand in JSON otherwise.
std::string string(const std::string& word) {
    const json text(word);
    try {
        return text.dump();
    } catch (const json::type_error&) {
        return {};
    }
}

/// One word, by the node of its type. Fails with what was expected.
outcome value(const rpc::type_schema& schema, std::uint32_t node, const std::string& word) {
    const rpc::type_node& type = schema.nodes[node];
    switch (type.kind) {
        case node_kind::string: {
            std::string text = string(word);
            if (text.empty()) return outcome::failed("expected text in UTF-8");
            return outcome::made(std::move(text));
        }
        case node_kind::bytes:
        case node_kind::byte_array: return outcome::made(in_quotes(word));
        case node_kind::time: return outcome::made(number(word));
        case node_kind::duration: {
            auto time = parse_duration(word, 1ns);
            if (!time) return outcome::made(number(word));
            return outcome::made(std::to_string(time->count()));
        }
        case node_kind::optional:
            if (word == "null") return outcome::made("null");
            return value(schema, type.parts[0], word);
        default: break;
    }
    if (type.kind <= node_kind::f64) return outcome::made(number(word));
    if (json::accept(word)) return outcome::made(word);
    return outcome::failed("expected JSON");
}

class reader {
public:
    explicit reader(const rpc::type_schema& parameters)
        : schema_(parameters), values_(parameters.nodes[0].parts.size()) {}

    /// Empty, or what is wrong with the word.
    std::string take(const std::string& word) {
        const auto [at, text] = place_of(word);
        if (at == values_.size()) {
            return fmt::format("there are only {} parameters: {}", values_.size(),
                               to_string(schema_));
        }
        if (values_[at]) return fmt::format("\"{}\" is given twice", name_of(at));
        auto read = value(schema_, schema_.nodes[0].parts[at], text);
        if (!read) {
            return fmt::format("{}: {}, found {}", name_of(at), read.error(), in_quotes(text));
        }
        values_[at] = std::move(*read);
        return {};
    }

    std::string text() const { return is_by_name_ ? in_names() : in_order(); }

private:
    const std::vector<std::string>& names() const { return schema_.nodes[0].names; }

    std::string name_of(std::size_t at) const {
        return names().empty() ? fmt::format("parameter {}", at + 1) : names()[at];
    }

    /// Which parameter it is for, and its text.
    std::pair<std::size_t, std::string> place_of(const std::string& word) {
        const std::size_t equals = word.find('=');
        if (equals != std::string::npos) {
            const auto name = std::find(names().begin(), names().end(), word.substr(0, equals));
            if (name != names().end()) {
                is_by_name_ = true;
                return {static_cast<std::size_t>(name - names().begin()), word.substr(equals + 1)};
            }
        }
        const auto next = std::find(values_.begin(), values_.end(), std::nullopt);
        return {static_cast<std::size_t>(next - values_.begin()), word};
    }

    std::string in_order() const {
        std::string all;
        for (const auto& each : values_) {
            if (each) all += (all.empty() ? "" : ",") + *each;
        }
        return "[" + all + "]";
    }

    std::string in_names() const {
        std::string all;
        for (std::size_t i = 0; i < values_.size(); ++i) {
            if (!values_[i]) continue;
            all +=
                fmt::format("{}{}:{}", all.empty() ? "" : ",", in_quotes(names()[i]), *values_[i]);
        }
        return "{" + all + "}";
    }

    const rpc::type_schema& schema_;
    std::vector<std::optional<std::string>> values_;
    bool is_by_name_ = false;
};

}  // namespace

rpc::converted<std::string> arguments_to_json(const rpc::type_schema& parameters,
                                              std::span<const std::string> words) {
    if (words.size() == 1 && (words[0].starts_with('[') || words[0].starts_with('{'))) {
        if (!json::accept(words[0])) return outcome::failed("the arguments are not JSON");
        return outcome::made(words[0]);
    }
    reader all(parameters);
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string wrong = all.take(words[i]);
        if (!wrong.empty()) return outcome::failed(fmt::format("argument {}: {}", i + 1, wrong));
    }
    return outcome::made(all.text());
}

}  // namespace conduit::tool
