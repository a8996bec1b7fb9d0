// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/make.hpp>

#include "../support/co_test.hpp"

#include <memory>
#include <string>
#include <utility>

using namespace conduit;

namespace {

struct entry {
    std::string key;
    std::shared_ptr<int> value;
};

task<long> uses_of(entry taken) { co_return taken.value.use_count(); }

}  // namespace

TEST_CASE("make builds aggregates and others", "[runtime][make]") {
    auto made = make<entry>("key", std::make_shared<int>(3));
    REQUIRE(made.key == "key");
    REQUIRE(*made.value == 3);
    REQUIRE(*make<std::unique_ptr<int>>(new int(4)) == 4);
    REQUIRE(make<std::string>().empty());
}

CO_TEST_CASE("an argument that make built is destroyed once", "[runtime][make]") {
    auto shared = std::make_shared<int>(3);
    auto uses = co_await uses_of(make<entry>("a key too long to be stored in place", shared));
    REQUIRE(uses == 2);
    REQUIRE(shared.use_count() == 1);
}
