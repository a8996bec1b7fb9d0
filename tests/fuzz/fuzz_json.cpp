// SPDX-License-Identifier: BSL-1.0
//
// Schemas and JSON. An even first byte: the rest is fields of a known type, which become JSON and
// come back. An odd one: a schema as a peer might send it, with fields and JSON text behind it.

#include "require.hpp"

#include <conduit/rpc/codec.hpp>
#include <conduit/rpc/json.hpp>
#include <conduit/rpc/schema.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace fuzz_json {

struct node {
    std::int64_t number = 0;
    std::string text;
    std::vector<node> children;
    std::map<std::string, std::optional<bool>> named;
    std::map<std::uint8_t, double> numbered;
    std::variant<std::monostate, float, std::vector<std::byte>> either;
    std::chrono::system_clock::time_point at;
    std::optional<std::optional<std::chrono::seconds>> wait;
};

}  // namespace fuzz_json

namespace {

using namespace conduit::rpc;
using conduit::fuzz::require;

void there_and_back(std::span<const std::byte> bytes) {
    const auto schema = schema_of_fields<fuzz_json::node, std::uint8_t>({"first", "second"});
    const auto limits = decode_limits::for_message(bytes.size());
    auto first = fields_to_json(schema, bytes, limits);
    if (!first) {
        require(first.error().size() > 10, "a refusal without a reason");
        return;
    }
    auto again = json_to_fields(schema, *first);
    require(static_cast<bool>(again), "JSON that was written is not read");
    // Of equal keys the last one remains, and keys are sorted; what is left stays as it is.
    auto second = fields_to_json(schema, *again, limits);
    require(static_cast<bool>(second), "bytes that were made of JSON are refused");
    auto last = json_to_fields(schema, *second);
    require(static_cast<bool>(last) && *last == *again, "the value changes on the way");
    fuzz_json::node node;
    std::uint8_t number = 0;
    const auto decoded =
        decode_fields(*again, decode_limits::for_message(again->size()), {}, node, number);
    require(decoded || decoded.code() == decode_errc::bad_key ||
                decoded.code() == decode_errc::too_much_output ||
                decoded.code() == decode_errc::too_deep,
            "bytes that were made of JSON do not decode");
}

void foreign_schema(std::span<const std::byte> bytes) {
    type_schema schema;
    std::vector<std::byte> fields;
    std::string text;
    const auto limits = decode_limits::for_message(bytes.size());
    if (!decode_fields(bytes, limits, {}, schema, fields, text)) return;
    require(to_string(schema).size() < 70'000, "a text without end");
    if (problem_of(schema)) return;
    static_cast<void>(fields_to_json(schema, fields, decode_limits::for_message(fields.size())));
    static_cast<void>(json_to_fields(schema, text));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto bytes = std::as_bytes(std::span(data + 1, size - 1));
    if (data[0] % 2 == 0) {
        there_and_back(bytes);
    } else {
        foreign_schema(bytes);
    }
    return 0;
}
