// SPDX-License-Identifier: BSL-1.0
#include "calculator.hpp"

#include <conduit/rpc/interface.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

using namespace conduit::rpc;
using namespace conduit::rpc::test;
using namespace std::chrono_literals;

namespace {

class base {
public:
    virtual ~base() = default;
    virtual conduit::task<int> inherited(int number) = 0;
};

class derived : public base {
public:
    virtual conduit::task<int> own() = 0;
    virtual conduit::task<int> eight(int a, int b, int c, int d, int e, int f, int g, int h) = 0;
    virtual conduit::task<int> with_body() { co_return 1; }
};
CONDUIT_INTERFACE(derived, "test.derived-1_a", own, inherited, (with_body),
                  (eight, a, b, c, d, e, f, g, h))

class marker {
public:
    virtual ~marker() = default;
};
CONDUIT_INTERFACE(marker, "m")

std::vector<std::string_view> names_of(const interface_row& row) {
    std::vector<std::string_view> names;
    for (const detail::method_row& method : row.methods) names.push_back(method.full_name);
    return names;
}

const detail::method_row& row_named(std::string_view name) {
    for (const detail::method_row& method : row_of<calculator>().methods) {
        if (method.name == name) return method;
    }
    throw std::out_of_range(std::string(name));
}

}  // namespace

TEST_CASE("an interface is a row of methods in the order they are listed", "[rpc][interface]") {
    const interface_row& row = row_of<calculator>();
    REQUIRE(row.name == "test.calculator.v1");
    REQUIRE(row.methods.size() == 10);
    REQUIRE(row.methods[0].full_name == "test.calculator.v1/add");
    REQUIRE(row.methods[0].name == "add");
    REQUIRE(row.methods[0].parameters == "lhs, rhs");
    REQUIRE(row.methods[1].name == "divide");
    REQUIRE(row.methods[1].parameters.empty());
    REQUIRE(&row_of<calculator>() == &row);
}

TEST_CASE("a row knows the shape of its method", "[rpc][interface]") {
    REQUIRE_FALSE(row_named("add").request_stream);
    REQUIRE_FALSE(row_named("add").response_stream);
    REQUIRE_FALSE(row_named("add").one_way);
    REQUIRE(row_named("note").one_way);
    REQUIRE(row_named("count").response_stream);
    REQUIRE_FALSE(row_named("count").request_stream);
    REQUIRE(row_named("mean").request_stream);
    REQUIRE_FALSE(row_named("mean").response_stream);
    REQUIRE(row_named("running_sum").request_stream);
    REQUIRE(row_named("running_sum").response_stream);
}

TEST_CASE("a row has the attributes that stand beside the contract", "[rpc][interface]") {
    REQUIRE(row_named("add").idempotent);
    REQUIRE(row_named("add").text == "The sum of two numbers.");
    REQUIRE(row_named("add").since == "1.0");
    REQUIRE_FALSE(row_named("divide").idempotent);
    REQUIRE(row_named("repeat").deadline == 10s);
    REQUIRE(row_named("divide").deadline == conduit::clock::duration::max());
}

TEST_CASE("inherited methods, eight parameters, methods with a body and none at all can be listed",
          "[rpc][interface]") {
    REQUIRE(names_of(row_of<derived>()) ==
            std::vector<std::string_view>{"test.derived-1_a/own", "test.derived-1_a/inherited",
                                          "test.derived-1_a/with_body", "test.derived-1_a/eight"});
    REQUIRE(row_of<marker>().methods.empty());
    STATIC_REQUIRE_FALSE(std::is_abstract_v<stub<marker>>);
}

TEST_CASE("a stub is an object of the interface, as cheap as a pointer", "[rpc][interface]") {
    STATIC_REQUIRE(std::is_base_of_v<calculator, stub<calculator>>);
    STATIC_REQUIRE(std::is_copy_constructible_v<stub<calculator>>);
    STATIC_REQUIRE(sizeof(stub<calculator>) == 2 * sizeof(void*));
}
