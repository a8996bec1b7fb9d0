// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/one_way.hpp>
#include <conduit/runtime/task.hpp>

#include <catch2/catch.hpp>

#include <type_traits>

using namespace conduit::rpc;

TEST_CASE("one_way says nothing and can be returned by a task", "[rpc][one_way]") {
    static_assert(std::is_empty_v<one_way>);
    static_assert(!std::is_aggregate_v<one_way>);  // g++ 12 destroys temporaries of those twice
    static_assert(std::is_same_v<conduit::task<one_way>::value_type, one_way>);
    SUCCEED();
}
