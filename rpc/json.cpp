// SPDX-License-Identifier: BSL-1.0
//
// JSON to bytes: one walk over the parsed text by a schema. detail/json_writer.cpp is the way back.

#include <conduit/rpc/detail/text_base64.hpp>
#include <conduit/rpc/detail/text_time.hpp>
#include <conduit/rpc/json.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>

namespace conduit::rpc {
namespace {

using nlohmann::json;

constexpr std::size_t nesting_max = 128;
constexpr std::size_t bytes_max = std::size_t{64} << 20;

/// The text of a value in an error, not too much of it.
std::string shown(const json& value) {
    if (value.is_object()) return "an object";
    if (value.is_array()) return fmt::format("an array of {}", value.size());
    std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
    if (text.size() > 60) text = text.substr(0, 57) + "...";
    return text;
}

/// Each method yields false once `error_` says what was wrong.
class reader {
public:
    explicit reader(const type_schema& schema) : nodes_(schema.nodes) {}

    converted<std::vector<std::byte>> run(const json& root) {
        const type_node& first = nodes_[0];
        const bool good =
            first.kind == node_kind::field_list ? fields(first, root) : value(0, root);
        if (!good) return converted<std::vector<std::byte>>::failed(path() + ": " + error_);
        return converted<std::vector<std::byte>>::made(std::move(bytes_));
    }

private:
    template <class T>
    bool put(T scalar) {
        const std::size_t before = bytes_.size();
        bytes_.resize(before + sizeof scalar);
        std::memcpy(bytes_.data() + before, &scalar, sizeof scalar);
        return true;
    }

    bool put_bytes(const void* from, std::size_t size) {
        const auto* first = static_cast<const std::byte*>(from);
        bytes_.insert(bytes_.end(), first, first + size);
        return true;
    }

    bool put_counted(const void* from, std::size_t size) {
        return put(static_cast<std::uint32_t>(size)) && put_bytes(from, size);
    }

    std::string path() const {
        std::string text = "$";
        for (const std::string& each : path_) text += each;
        return text;
    }

    bool expected(std::string_view what, const json& found) {
        error_ = fmt::format("expected {}, found {}", what, shown(found));
        return false;
    }

    bool inside(std::string step, std::uint32_t part, const json& found) {
        path_.push_back(std::move(step));
        if (!value(part, found)) return false;  // the path stays, for the error
        path_.pop_back();
        return true;
    }

    static std::string position(std::size_t i) { return fmt::format("[{}]", i); }

    bool value(std::uint32_t number, const json& found) {
        if (nesting_ == nesting_max || bytes_.size() > bytes_max) {
            error_ = fmt::format("deeper than {} values, or longer than {} bytes", nesting_max,
                                 bytes_max);
            return false;
        }
        ++nesting_;
        const bool good = any(nodes_[number], found);
        --nesting_;
        return good;
    }

    bool any(const type_node& node, const json& found) {
        switch (node.kind) {
            case node_kind::boolean:
                if (!found.is_boolean()) return expected("true or false", found);
                return put(static_cast<std::uint8_t>(found.get<bool>()));
            case node_kind::u8: return integer<std::uint8_t>("a u8", found);
            case node_kind::u16: return integer<std::uint16_t>("a u16", found);
            case node_kind::u32: return integer<std::uint32_t>("a u32", found);
            case node_kind::u64: return integer<std::uint64_t>("a u64", found);
            case node_kind::i8: return integer<std::int8_t>("an i8", found);
            case node_kind::i16: return integer<std::int16_t>("an i16", found);
            case node_kind::i32: return integer<std::int32_t>("an i32", found);
            case node_kind::i64: return integer<std::int64_t>("an i64", found);
            case node_kind::duration: return integer<std::int64_t>("nanoseconds", found);
            case node_kind::f32: return floating<float>("an f32", found);
            case node_kind::f64: return floating<double>("an f64", found);
            case node_kind::string: return string(found);
            case node_kind::bytes: return bytes(found);
            case node_kind::byte_array: return byte_array(node, found);
            case node_kind::time: return time(found);
            case node_kind::handle:
                if (!found.is_null()) return expected("null, for JSON holds no open file", found);
                return put(std::uint32_t{0xffff'ffff});
            case node_kind::list:
            case node_kind::set: return list(node, found);
            case node_kind::map: return map(node, found);
            case node_kind::array: return array(node, found);
            case node_kind::optional: return optional(node, found);
            case node_kind::variant: return variant(node, found);
            case node_kind::tuple: return tuple(node, found);
            case node_kind::structure: return structure(node, found);
            case node_kind::field_list: break;  // not inside of others: the schema was checked
        }
        return fields(node, found);
    }

    // --- numbers ---

    template <class T>
    bool integer(std::string_view what, const json& found) {
        T number{};
        if (found.is_number_unsigned()) {
            const auto value = found.get<std::uint64_t>();
            if (value > static_cast<std::uint64_t>(std::numeric_limits<T>::max())) {
                return expected(what, found);
            }
            number = static_cast<T>(value);
        } else if (found.is_number_integer()) {
            const auto value = found.get<std::int64_t>();
            if (std::is_unsigned_v<T> ||
                value < static_cast<std::int64_t>(std::numeric_limits<T>::min())) {
                return expected(what, found);
            }
            number = static_cast<T>(value);
        } else if (found.is_string()) {
            const auto& text = found.get_ref<const std::string&>();
            const char* const end = text.data() + text.size();
            const auto [stop, error] = std::from_chars(text.data(), end, number);
            if (error != std::errc() || stop != end) return expected(what, found);
        } else {
            return expected(what, found);
        }
        return put(number);
    }

    template <class T>
    bool floating(std::string_view what, const json& found) {
        if (found.is_string()) {
            const auto& text = found.get_ref<const std::string&>();
            const T infinity = std::numeric_limits<T>::infinity();
            if (text == "NaN") return put(std::numeric_limits<T>::quiet_NaN());
            if (text == "Infinity") return put(infinity);
            if (text == "-Infinity") return put(-infinity);
            return expected(what, found);
        }
        if (!found.is_number()) return expected(what, found);
        const auto number = found.get<double>();
        if (!std::isfinite(number) || std::abs(number) > std::numeric_limits<T>::max()) {
            return expected(what, found);
        }
        return put(static_cast<T>(number));
    }

    bool time(const json& found) {
        constexpr std::string_view what = "a time such as \"2026-01-02T03:04:05Z\"";
        if (!found.is_string()) return integer<std::int64_t>(what, found);
        const auto nanoseconds = detail::from_time_text(found.get_ref<const std::string&>());
        return nanoseconds ? put(*nanoseconds) : expected(what, found);
    }

    // --- text and bytes ---

    static std::optional<std::vector<std::byte>> from_base64(const json& found) {
        if (!found.is_string()) return std::nullopt;
        return detail::from_base64(found.get_ref<const std::string&>());
    }

    bool string(const json& found) {
        if (found.is_object() && found.size() == 1 && found.contains("base64")) {
            return bytes(found.at("base64"));
        }
        if (!found.is_string()) return expected("a string", found);
        const auto& text = found.get_ref<const std::string&>();
        return put_counted(text.data(), text.size());
    }

    bool bytes(const json& found) {
        const auto decoded = from_base64(found);
        if (!decoded) return expected("bytes in base64", found);
        return put_counted(decoded->data(), decoded->size());
    }

    bool byte_array(const type_node& node, const json& found) {
        const auto decoded = from_base64(found);
        if (!decoded || decoded->size() != node.count) {
            return expected(fmt::format("{} bytes in base64", node.count), found);
        }
        return put_bytes(decoded->data(), decoded->size());
    }

    // --- several ---

    bool elements(std::uint32_t part, const json& found) {
        for (std::size_t i = 0; i < found.size(); ++i) {
            if (!inside(position(i), part, found[i])) return false;
        }
        return true;
    }

    bool list(const type_node& node, const json& found) {
        if (!found.is_array()) return expected("an array", found);
        return put(static_cast<std::uint32_t>(found.size())) && elements(node.parts[0], found);
    }

    bool array(const type_node& node, const json& found) {
        if (!found.is_array() || found.size() != node.count) {
            return expected(fmt::format("an array of {}", node.count), found);
        }
        return elements(node.parts[0], found);
    }

    bool tuple(const type_node& node, const json& found) {
        if (!found.is_array() || found.size() != node.parts.size()) {
            return expected(fmt::format("an array of {}", node.parts.size()), found);
        }
        for (std::size_t i = 0; i < found.size(); ++i) {
            if (!inside(position(i), node.parts[i], found[i])) return false;
        }
        return true;
    }

    bool map(const type_node& node, const json& found) {
        if (nodes_[node.parts[0]].kind == node_kind::string) {
            if (!found.is_object()) return expected("an object", found);
            put(static_cast<std::uint32_t>(found.size()));
            for (const auto& [key, mapped] : found.items()) {
                put_counted(key.data(), key.size());
                if (!inside("." + key, node.parts[1], mapped)) return false;
            }
            return true;
        }
        if (!found.is_array()) return expected("an array of pairs", found);
        put(static_cast<std::uint32_t>(found.size()));
        for (std::size_t i = 0; i < found.size(); ++i) {
            const json& pair = found[i];
            if (!pair.is_array() || pair.size() != 2) {
                path_.push_back(position(i));
                return expected("an array of 2, the key and what belongs to it", pair);
            }
            if (!inside(position(i) + "[0]", node.parts[0], pair[0])) return false;
            if (!inside(position(i) + "[1]", node.parts[1], pair[1])) return false;
        }
        return true;
    }

    // --- one of several ---

    bool optional(const type_node& node, const json& found) {
        if (found.is_null()) return put(std::uint8_t{0});
        put(std::uint8_t{1});
        const node_kind inner = nodes_[node.parts[0]].kind;
        if (inner != node_kind::optional && inner != node_kind::handle) {
            return value(node.parts[0], found);
        }
        if (!found.is_array() || found.size() != 1) {
            return expected("null, or an array of 1", found);
        }
        return inside(position(0), node.parts[0], found[0]);
    }

    bool variant(const type_node& node, const json& found) {
        const std::string what = fmt::format(
            "an object such as {{\"0\": ...}} with one of {} alternatives", node.parts.size());
        if (!found.is_object() || found.size() != 1) return expected(what, found);
        const std::string& key = found.begin().key();
        std::size_t index = 0;
        const char* const end = key.data() + key.size();
        const auto [stop, error] = std::from_chars(key.data(), end, index);
        if (error != std::errc() || stop != end || index >= node.parts.size()) {
            return expected(what, key);
        }
        put(static_cast<std::uint8_t>(index));
        return inside("." + key, node.parts[index], found.begin().value());
    }

    // --- fields ---

    bool structure(const type_node& node, const json& found) {
        const std::size_t before = bytes_.size();
        put(std::uint32_t{0});
        if (!fields(node, found)) return false;
        const auto length = static_cast<std::uint32_t>(bytes_.size() - before - 4);
        std::memcpy(bytes_.data() + before, &length, sizeof length);
        return true;
    }

    bool fields(const type_node& node, const json& found) {
        if (found.is_array() && node.kind == node_kind::field_list) {
            return fields_by_position(node, found);
        }
        if (node.names.empty() && node.kind == node_kind::field_list && !node.parts.empty()) {
            return expected(fmt::format("an array of {}", node.parts.size()), found);
        }
        if (!found.is_object()) return expected("an object", found);
        return fields_by_name(node, found);
    }

    bool fields_by_position(const type_node& node, const json& found) {
        if (found.size() > node.parts.size()) {
            return expected(fmt::format("an array of at most {}", node.parts.size()), found);
        }
        for (std::size_t i = 0; i < found.size(); ++i) {
            if (!inside(position(i), node.parts[i], found[i])) return false;
        }
        return true;
    }

    bool fields_by_name(const type_node& node, const json& found) {
        std::size_t used = 0;  // fields behind the last one that is given are left out
        for (const auto& [key, mapped] : found.items()) {
            const auto name = std::find(node.names.begin(), node.names.end(), key);
            if (name == node.names.end()) return unknown_name(node, key);
            used = std::max(used, static_cast<std::size_t>(name - node.names.begin()) + 1);
        }
        for (std::size_t i = 0; i < used; ++i) {
            const auto given = found.find(node.names[i]);
            if (given != found.end()) {
                if (!inside("." + node.names[i], node.parts[i], *given)) return false;
            } else if (nodes_[node.parts[i]].kind == node_kind::optional) {
                put(std::uint8_t{0});
            } else {
                error_ = fmt::format("expected a field \"{}\", found only some behind it",
                                     node.names[i]);
                return false;
            }
        }
        return true;
    }

    bool unknown_name(const type_node& node, const std::string& key) {
        std::string known;
        for (const std::string& name : node.names) known += (known.empty() ? "" : ", ") + name;
        return expected(known.empty() ? "no fields" : "one of " + known, key);
    }

    const std::vector<type_node>& nodes_;
    std::vector<std::byte> bytes_;
    std::vector<std::string> path_;
    std::string error_;
    std::size_t nesting_ = 0;
};

}  // namespace

converted<std::vector<std::byte>> json_to_fields(const type_schema& schema, std::string_view text) {
    using outcome = converted<std::vector<std::byte>>;
    if (const auto problem = problem_of(schema)) return outcome::failed(*problem);
    try {
        return reader(schema).run(json::parse(text));
    } catch (const json::exception& why) {
        return outcome::failed(why.what());
    }
}

}  // namespace conduit::rpc
