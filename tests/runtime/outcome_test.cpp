// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/outcome.hpp>

#include <catch2/catch.hpp>

#include <memory>
#include <stdexcept>

using namespace conduit;

TEST_CASE("a slot gives what was put into it", "[runtime][outcome]") {
    outcome_slot<std::unique_ptr<int>> slot;
    slot.return_value(std::make_unique<int>(5));
    REQUIRE(*slot.take() == 5);
}

TEST_CASE("a slot throws what failed", "[runtime][outcome]") {
    outcome_slot<int> value;
    outcome_slot<void> nothing;
    value.fail(std::make_exception_ptr(std::runtime_error("value")));
    nothing.fail(std::make_exception_ptr(std::runtime_error("nothing")));
    REQUIRE_THROWS_WITH(value.take(), "value");
    REQUIRE_THROWS_WITH(nothing.take(), "nothing");
}

TEST_CASE("a void slot that did not fail gives nothing", "[runtime][outcome]") {
    outcome_slot<void> nothing;
    nothing.return_void();
    REQUIRE_NOTHROW(nothing.take());
}
