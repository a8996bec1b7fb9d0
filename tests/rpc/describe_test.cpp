// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/describe.hpp>

#include "../support/co_test.hpp"
#include "connected.hpp"
#include "local_calculator.hpp"

#include <conduit/channels/memory_stream.hpp>
#include <conduit/rpc/client.hpp>
#include <conduit/rpc/codec.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/rpc/try_call.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <functional>
#include <limits>
#include <string>
#include <vector>

using namespace conduit;
using namespace conduit::rpc;
using namespace conduit::rpc::test;
using namespace std::chrono_literals;

namespace describe_test {

struct leaf {
    std::string name;
    std::vector<leaf> below;
};

class shapes {
public:
    virtual ~shapes() = default;
    virtual task<leaf> grow(leaf root, std::optional<std::uint8_t> by) = 0;
    virtual stream<leaf> merge(std::uint32_t first, stream<leaf> many, bool last) = 0;
    virtual task<void> unnamed(bool one, stream<double> many) = 0;
};
CONDUIT_INTERFACE(shapes, "test.shapes", (grow, root, by), (merge, first, many, last), unnamed)

}  // namespace describe_test

namespace {

interface_description described() { return describe(row_of<calculator>()); }

const method_description& method_of(const interface_description& said, std::string_view name) {
    for (const method_description& each : said.methods) {
        if (each.name == name) return each;
    }
    FAIL("no method " << name);
    return said.methods[0];
}

std::string problem_after(const std::function<void(interface_description&)>& change) {
    interface_description said = described();
    change(said);
    return problem_of(said).value_or("");
}

}  // namespace

TEST_CASE("an interface is described with names, types and attributes", "[rpc][describe]") {
    const interface_description said = described();
    REQUIRE(said.name == "test.calculator.v1");
    REQUIRE(said.methods.size() == 10);
    REQUIRE(problem_of(said) == std::nullopt);
    std::vector<std::string> lines;
    for (const method_description& each : said.methods) lines.push_back(to_string(each));
    CHECK(lines == std::vector<std::string>{
                       "add(lhs: f64, rhs: f64) -> f64",
                       "divide(f64, f64) -> f64",
                       "repeat(string, u32) -> string",
                       "clear()",
                       "note(line: string) -> one_way",
                       "count(from: u64, to: u64) -> stream u64",
                       "mean(stream f64) -> f64",
                       "running_sum(start: f64, samples: stream f64) -> stream f64",
                       "wait(string)",
                       "wait_briefly()",
                   });
    const method_description& add = method_of(said, "add");
    CHECK(add.idempotent);
    CHECK(add.text == "The sum of two numbers.");
    CHECK(add.since == "1.0");
    CHECK_FALSE(add.deadline.has_value());
    CHECK(method_of(said, "repeat").deadline == 10s);
    CHECK_FALSE(method_of(said, "repeat").idempotent);
    const method_description& divide = method_of(said, "divide");
    REQUIRE(divide.errors.size() == 2);
    CHECK(divide.errors[0].name == "division_by_zero");
    CHECK(to_string(divide.errors[0].fields) == "{dividend: f64, note: string}");
    CHECK(divide.errors[1].name == "too_many");
}

TEST_CASE("types that contain themselves, and a stream among parameters, are described",
          "[rpc][describe]") {
    const interface_description said = describe(row_of<describe_test::shapes>());
    REQUIRE(problem_of(said) == std::nullopt);
    CHECK(to_string(said.methods[0]) ==
          "grow(root: {name: string, below: [^]}, by?: u8) -> {name: string, below: [^]}");
    CHECK(to_string(said.methods[1]) ==
          "merge(first: u32, last: bool, many: stream {name: string, below: [^]})"
          " -> stream {name: string, below: [^]}");
    CHECK(said.methods[1].stream_name == "many");
    CHECK(to_string(said.methods[2]) == "unnamed(bool, stream f64)");
    CHECK(said.methods[0].parameters ==
          schema_of_fields<describe_test::leaf, std::optional<std::uint8_t>>({"root", "by"}));
}

TEST_CASE("a description is sent and comes back the same", "[rpc][describe]") {
    const interface_description said = described();
    std::vector<std::byte> bytes(encoded_size(said));
    encode_fields(bytes.data(), said);
    interface_description again;
    const auto decoded = decode_fields(bytes, decode_limits::for_message(bytes.size()), {}, again);
    REQUIRE(decoded);
    REQUIRE(again == said);
}

TEST_CASE("a description of a peer may be anything", "[rpc][describe][hostile]") {
    using said = interface_description;
    CHECK(problem_after([](said&) {}).empty());
    CHECK(problem_after([](said& s) { s.name = "A b"; }) ==
          "the name of a described interface is none");
    CHECK(problem_after([](said& s) { s.name = std::string(129, 'a'); }) ==
          "the name of a described interface is none");
    CHECK(problem_after([](said& s) { s.methods.resize(1025); }) ==
          "test.calculator.v1 has 1025 methods, but the limit is 1024");
    CHECK(problem_after([](said& s) { s.methods[0].name = "\x1b[2J"; }) ==
          "method 0 of test.calculator.v1: a name that is none");
    CHECK(problem_after([](said& s) { s.methods[0].name = std::string(237, 'a'); }) ==
          "method 0 of test.calculator.v1: a name that is none");
    CHECK(problem_after([](said& s) { s.methods[1].name = "add"; }) ==
          "test.calculator.v1: two methods of the same name");
    CHECK(problem_after([](said& s) { s.methods[0].text = "\xff"; }) ==
          "test.calculator.v1/add: a text that is not UTF-8, or longer than 65536 bytes");
    CHECK(problem_after([](said& s) { s.methods[0].parameters.nodes.clear(); }) ==
          "test.calculator.v1/add: the parameters: a schema has no nodes");
    CHECK(problem_after([](said& s) { s.methods[0].parameters = schema_of<double>(); }) ==
          "test.calculator.v1/add: the parameters: not a field list");
    CHECK(problem_after([](said& s) { s.methods[0].result = schema_of_fields<double>(); }) ==
          "test.calculator.v1/add: the result: a field list, where there is one value");
    CHECK(problem_after([](said& s) { s.methods[0].stream_items = type_schema(); }) ==
          "test.calculator.v1/add: the items: a schema has no nodes");
    CHECK(problem_after([](said& s) { s.methods[0].stream_name = "x"; }) ==
          "test.calculator.v1/add: a name of no stream");
    CHECK(problem_after([](said& s) { s.methods[0].one_way = true; }) ==
          "test.calculator.v1/add: it is one-way, but there is a result or a stream");
    CHECK(problem_after([](said& s) { s.methods[3].streams = true; }) ==
          "test.calculator.v1/clear: a stream of nothing");
    CHECK(problem_after([](said& s) { s.methods[0].deadline = -1ns; }) ==
          "test.calculator.v1/add: a deadline of -1 ns, which is not between 0 and "
          "3153600000000000000");
    CHECK_FALSE(problem_after([](said& s) {
                    s.methods[0].deadline = std::chrono::nanoseconds::max();
                }).empty());
    CHECK(problem_after([](said& s) { s.methods[1].errors[0].fields.nodes.clear(); }) ==
          "test.calculator.v1/divide: an error: a schema has no nodes");
}

CO_TEST_CASE("every server says what it offers", "[rpc][describe]") {
    local_calculator object;
    server there;
    there.offer<calculator>(object);
    auto ends = make_memory_stream_pair();
    there.serve(any_stream(std::move(ends.first)));
    client<describer> about(any_stream(std::move(ends.second)));

    const std::vector<std::string> names = co_await about->interfaces();
    const interface_description said = co_await about->describe("test.calculator.v1");
    const interface_description itself = co_await about->describe("conduit.describe");

    REQUIRE(names == std::vector<std::string>{"conduit.describe", "conduit.health", "conduit.stats",
                                              "test.calculator.v1"});
    REQUIRE(said == described());
    REQUIRE(itself == describe(row_of<describer>()));
    REQUIRE(problem_of(itself) == std::nullopt);
}

CO_TEST_CASE("what is not offered is not found", "[rpc][describe]") {
    service_table offers;
    describe_service service(offers);
    offers.add<describer>(service);
    connected ends(offers);
    stub<describer> about(ends.here);

    auto other = co_await try_call(about.describe("test.calculator.v2"));
    auto wild = co_await try_call(about.describe("\x1b[2J"));

    REQUIRE(other.error().code() == status::not_found);
    REQUIRE(other.error().text() == "no interface test.calculator.v2 is offered here");
    REQUIRE(wild.error().code() == status::not_found);
    REQUIRE(wild.error().text() == "there is no interface of that name: it is no name");
}
