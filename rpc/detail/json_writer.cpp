// SPDX-License-Identifier: BSL-1.0
//
// Bytes to JSON: one walk over the bytes by a schema, straight into the text.

#include <conduit/rpc/detail/decode_state.hpp>
#include <conduit/rpc/detail/text_base64.hpp>
#include <conduit/rpc/detail/text_time.hpp>
#include <conduit/rpc/detail/utf8.hpp>
#include <conduit/rpc/json.hpp>

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <iterator>

namespace conduit::rpc {
namespace {

using detail::decode_state;

/// Beyond these, programs that keep every number as a double would change it (RFC 8259 §6).
constexpr std::int64_t safe_integer = std::int64_t{1} << 53;

/// Each method yields false once the state knows the failure.
class writer {
public:
    writer(const type_schema& schema, std::span<const std::byte> bytes, const decode_limits& limits)
        : nodes_(schema.nodes),
          limits_(limits),
          state_(bytes, limits, {}),
          at_(bytes.data()),
          end_(bytes.data() + bytes.size()) {}

    converted<std::string> run() {
        const type_node& root = nodes_[0];
        bool good = true;
        if (root.kind == node_kind::field_list) {
            good = fields(root);
        } else if (at_ == end_) {
            text_ = "null";  // whoever wrote it had no such field yet
        } else {
            good = value(0);
        }
        const auto done = state_.finish(good, end_);
        if (!done) return converted<std::string>::failed(done.text());
        return converted<std::string>::made(std::move(text_));
    }

private:
    std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }

    bool has(std::uint64_t bytes, std::string_view what) {
        if (bytes <= left()) return true;
        state_.truncated(at_, bytes, left(), what);
        return false;
    }

    template <class T>
    bool get(T& into, std::string_view what) {
        if (!has(sizeof into, what)) return false;
        std::memcpy(&into, at_, sizeof into);
        at_ += sizeof into;
        return true;
    }

    bool value(std::uint32_t number) {
        const type_node& node = nodes_[number];
        if (!state_.charge_elements(1, 0, at_, "a value")) return false;
        if (text_.size() > limits_.output_bytes()) {
            return state_.fail(decode_errc::too_much_output, at_, "the text", text_.size(),
                               limits_.output_bytes());
        }
        if (nesting_ == 4 * limits_.depth()) {
            return state_.fail(decode_errc::too_deep, at_, "a value", nesting_ + 1,
                               4 * limits_.depth());
        }
        ++nesting_;
        const bool good = any(node);
        --nesting_;
        return good;
    }

    bool any(const type_node& node) {
        switch (node.kind) {
            case node_kind::boolean: return boolean();
            case node_kind::u8: return integer<std::uint8_t>();
            case node_kind::u16: return integer<std::uint16_t>();
            case node_kind::u32: return integer<std::uint32_t>();
            case node_kind::u64: return integer<std::uint64_t>();
            case node_kind::i8: return integer<std::int8_t>();
            case node_kind::i16: return integer<std::int16_t>();
            case node_kind::i32: return integer<std::int32_t>();
            case node_kind::i64:
            case node_kind::duration: return integer<std::int64_t>();
            case node_kind::f32: return floating<float>();
            case node_kind::f64: return floating<double>();
            case node_kind::string: return string();
            case node_kind::bytes: return bytes();
            case node_kind::byte_array: return base64(node.count);
            case node_kind::time: return time();
            case node_kind::handle: return handle();
            case node_kind::list:
            case node_kind::set: return list(node);
            case node_kind::map: return map(node);
            case node_kind::array: return repeated(node.parts[0], node.count);
            case node_kind::optional: return optional(node);
            case node_kind::variant: return variant(node);
            case node_kind::tuple: return tuple(node);
            case node_kind::structure: return structure(node);
            case node_kind::field_list: break;  // not inside of others: the schema was checked
        }
        return fields(node);
    }

    bool flag(bool& into, std::string_view what) {
        std::uint8_t byte = 0;
        if (!get(byte, what)) return false;
        into = byte == 1;
        return byte <= 1 || state_.fail(decode_errc::bad_flag, at_ - 1, what, byte);
    }

    bool boolean() {
        bool is_true = false;
        if (!flag(is_true, "a bool")) return false;
        text_ += is_true ? "true" : "false";
        return true;
    }

    template <class T>
    bool integer() {
        T number{};
        if (!get(number, "a number")) return false;
        bool is_safe = true;
        if constexpr (sizeof(T) == 8) {
            is_safe = number <= static_cast<T>(safe_integer);
            if constexpr (std::is_signed_v<T>) is_safe = is_safe && number >= -safe_integer;
        }
        const std::string_view quote = is_safe ? "" : "\"";
        fmt::format_to(std::back_inserter(text_), "{}{}{}", quote, +number, quote);
        return true;
    }

    template <class T>
    bool floating() {
        T number{};
        if (!get(number, "a number")) return false;
        if (!std::isfinite(number)) {
            text_ += number > 0 ? "\"Infinity\"" : number < 0 ? "\"-Infinity\"" : "\"NaN\"";
            return true;
        }
        const std::size_t before = text_.size();
        fmt::format_to(std::back_inserter(text_), "{}", number);
        if (text_.find_first_of(".e", before) == std::string::npos) text_ += ".0";
        return true;
    }

    bool time() {
        std::int64_t nanoseconds = 0;
        if (!get(nanoseconds, "a time")) return false;
        text_ += '"' + detail::to_time_text(nanoseconds) + '"';
        return true;
    }

    bool handle() {
        std::uint32_t number = 0;
        if (!get(number, "a handle")) return false;
        text_ += "null";
        return number == 0xffff'ffffU || state_.fail(decode_errc::bad_value, at_ - 4,
                                                     "JSON, which cannot hold an open file,");
    }

    // --- text and bytes ---

    bool string() {
        std::uint32_t size = 0;
        if (!get(size, "a string") || !has(size, "a string")) return false;
        const void* const memory = at_;
        const std::string_view text(static_cast<const char*>(memory), size);
        if (!detail::is_utf8(text)) {
            text_ += "{\"base64\": ";
            const bool good = base64(size);
            text_ += '}';
            return good;
        }
        if (!state_.charge(size, at_ - 4, "a string")) return false;
        at_ += size;
        quoted(text);
        return true;
    }

    void quoted(std::string_view text) {
        text_ += '"';
        for (const char c : text) {
            if (c == '"' || c == '\\') {
                text_ += '\\';
                text_ += c;
            } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
                fmt::format_to(std::back_inserter(text_), "\\u{:04x}", c);
            } else {
                text_ += c;
            }
        }
        text_ += '"';
    }

    bool bytes() {
        std::uint32_t size = 0;
        return get(size, "bytes") && base64(size);
    }

    bool base64(std::uint32_t size) {
        if (!has(size, "bytes") || !state_.charge(size * std::uint64_t{2}, at_, "bytes")) {
            return false;
        }
        text_ += '"' + detail::to_base64({at_, size}) + '"';
        at_ += size;
        return true;
    }

    // --- several ---

    bool repeated(std::uint32_t part, std::uint32_t count) {
        text_ += '[';
        for (std::uint32_t i = 0; i < count; ++i) {
            if (i != 0) text_ += ", ";
            if (!value(part)) return element(i);
        }
        text_ += ']';
        return true;
    }

    bool element(std::size_t index) {
        state_.in_element(index);
        return false;
    }

    bool list(const type_node& node) {
        std::uint32_t count = 0;
        return get(count, "a list") && repeated(node.parts[0], count);
    }

    bool map(const type_node& node) {
        const bool is_object = nodes_[node.parts[0]].kind == node_kind::string;
        std::uint32_t count = 0;
        if (!get(count, "a map")) return false;
        text_ += is_object ? '{' : '[';
        for (std::uint32_t i = 0; i < count; ++i) {
            if (i != 0) text_ += ", ";
            if (!(is_object ? member(node) : pair(node))) return element(i);
        }
        text_ += is_object ? '}' : ']';
        return true;
    }

    // The key of an object must be a string, so that one that is no text is refused.
    bool member(const type_node& node) {
        const std::byte* const begin = at_;
        const std::size_t before = text_.size();
        if (!value(node.parts[0])) return false;
        if (text_[before] != '"') {
            return state_.fail(decode_errc::bad_value, begin, "JSON, whose keys are UTF-8 text,");
        }
        text_ += ": ";
        return value(node.parts[1]);
    }

    bool pair(const type_node& node) {
        text_ += '[';
        if (!value(node.parts[0])) return false;
        text_ += ", ";
        if (!value(node.parts[1])) return false;
        text_ += ']';
        return true;
    }

    bool tuple(const type_node& node) {
        text_ += '[';
        for (std::size_t i = 0; i < node.parts.size(); ++i) {
            if (i != 0) text_ += ", ";
            if (!value(node.parts[i])) return element(i);
        }
        text_ += ']';
        return true;
    }

    // --- one of several ---

    // A null inside an optional is told from its absence by brackets.
    bool may_be_null(std::uint32_t part) const {
        return nodes_[part].kind == node_kind::optional || nodes_[part].kind == node_kind::handle;
    }

    bool optional(const type_node& node) {
        bool is_there = false;
        if (!flag(is_there, "the presence of an optional")) return false;
        if (!is_there) {
            text_ += "null";
            return true;
        }
        const bool in_brackets = may_be_null(node.parts[0]);
        if (in_brackets) text_ += '[';
        if (!value(node.parts[0])) return false;
        if (in_brackets) text_ += ']';
        return true;
    }

    bool variant(const type_node& node) {
        std::uint8_t index = 0;
        if (!get(index, "a variant")) return false;
        if (index >= node.parts.size()) {
            return state_.fail(decode_errc::bad_alternative, at_ - 1, "a variant", index,
                               node.parts.size());
        }
        fmt::format_to(std::back_inserter(text_), "{{\"{}\": ", index);
        if (!value(node.parts[index])) return false;
        text_ += '}';
        return true;
    }

    // --- fields ---

    bool structure(const type_node& node) {
        std::uint32_t length = 0;
        if (!get(length, "a struct") || !has(length, "a struct")) return false;
        const std::byte* const outer = std::exchange(end_, at_ + length);
        if (!fields(node)) return false;
        at_ = end_;
        end_ = outer;
        return true;
    }

    bool fields(const type_node& node) {
        const bool is_named = !node.names.empty() || node.kind == node_kind::structure;
        text_ += is_named ? '{' : '[';
        for (std::size_t i = 0; i < node.parts.size() && at_ != end_; ++i) {
            if (i != 0) text_ += ", ";
            if (is_named) text_ += '"' + node.names[i] + "\": ";
            if (!value(node.parts[i])) {
                if (!is_named) return element(i);
                state_.in_field(node.names[i]);
                return false;
            }
        }
        text_ += is_named ? '}' : ']';
        return true;
    }

    const std::vector<type_node>& nodes_;
    decode_limits limits_;
    decode_state state_;
    const std::byte* at_;
    const std::byte* end_;
    std::string text_;
    std::size_t nesting_ = 0;
};

}  // namespace

converted<std::string> fields_to_json(const type_schema& schema, std::span<const std::byte> bytes,
                                      const decode_limits& limits) {
    if (const auto problem = problem_of(schema)) return converted<std::string>::failed(*problem);
    return writer(schema, bytes, limits).run();
}

}  // namespace conduit::rpc
