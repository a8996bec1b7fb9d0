// SPDX-License-Identifier: BSL-1.0
#include "../support/dies.hpp"
#include "calculator.hpp"
#include "local_calculator.hpp"

#include <conduit/rpc/service_table.hpp>

#include <catch2/catch.hpp>

using namespace conduit::rpc;
using namespace conduit::rpc::test;
using conduit::test::stderr_of_death;

TEST_CASE("a table finds methods by their full names", "[rpc][service_table]") {
    local_calculator object;
    service_table offers;
    REQUIRE_FALSE(offers.offers_interface("test.calculator.v1"));
    offers.add<calculator>(object);

    REQUIRE(offers.offers_interface("test.calculator.v1"));
    REQUIRE_FALSE(offers.offers_interface("test.calculator"));
    const service_table::bound_method* found = offers.find("test.calculator.v1/add");
    REQUIRE(found != nullptr);
    REQUIRE(found->method->name == "add");
    REQUIRE(found->object == static_cast<calculator*>(&object));
    REQUIRE(offers.find("test.calculator.v1") == nullptr);
    REQUIRE(offers.find("test.calculator.v1/") == nullptr);
    REQUIRE(offers.find("test.calculator.v1/ad") == nullptr);
    REQUIRE(offers.find("test.calculator.v1/addd") == nullptr);
    REQUIRE(offers.interfaces().size() == 1);
}

TEST_CASE("an interface is offered once", "[rpc][service_table]") {
    const auto twice = [] {
        local_calculator object;
        service_table offers;
        offers.add<calculator>(object);
        offers.add<calculator>(object);
    };
    REQUIRE_THAT(stderr_of_death(twice), Catch::Contains("offered once"));
}
