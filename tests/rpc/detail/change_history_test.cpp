// SPDX-License-Identifier: BSL-1.0
#include "instances.hpp"

#include <conduit/rpc/detail/change_history.hpp>

#include <catch2/catch.hpp>

#include <cstdint>
#include <vector>

using namespace conduit::rpc;
using namespace conduit::rpc::detail;
using namespace conduit::test;

namespace {

std::vector<std::uint64_t> after(const change_history& history, std::uint64_t revision) {
    std::vector<std::uint64_t> seen;
    history.after(revision, [&](const registry_change& change) {
        seen.push_back(change.revision);
        return true;
    });
    return seen;
}

}  // namespace

TEST_CASE("a history tells each change after a revision", "[matchmaker]") {
    change_history history((registry_limits()));
    REQUIRE(history.reaches(0));
    REQUIRE_FALSE(history.reaches(1));
    REQUIRE(after(history, 0).empty());
    for (std::uint64_t n = 1; n <= 5; ++n) history.push(change_of(n, instance_of("a", n)));
    REQUIRE(after(history, 0) == std::vector<std::uint64_t>{1, 2, 3, 4, 5});
    REQUIRE(after(history, 3) == std::vector<std::uint64_t>{4, 5});
    REQUIRE(after(history, 5).empty());
    REQUIRE_FALSE(history.reaches(6));
    REQUIRE_FALSE(history.reaches(UINT64_MAX));
}

TEST_CASE("a history forgets its oldest changes, and knows that it did", "[matchmaker]") {
    change_history history(registry_limits().history_changes_max(3));
    for (std::uint64_t n = 1; n <= 5; ++n) history.push(change_of(n, instance_of("a", n)));
    REQUIRE(history.size() == 3);
    REQUIRE_FALSE(history.reaches(1));
    REQUIRE(history.reaches(2));
    REQUIRE(after(history, 2) == std::vector<std::uint64_t>{3, 4, 5});
}

TEST_CASE("a history is bounded in bytes as well", "[matchmaker]") {
    const auto one = change_of(1, instance_of("a", 1));
    change_history history(registry_limits().history_bytes_max(2 * bytes_of(one)));
    for (std::uint64_t n = 1; n <= 5; ++n) history.push(change_of(n, instance_of("a", n)));
    REQUIRE(history.size() == 2);
    REQUIRE(history.bytes() == 2 * bytes_of(one));
    change_history none(registry_limits().history_bytes_max(0));
    none.push(one);
    REQUIRE(none.size() == 0);
    REQUIRE(none.bytes() == 0);
    REQUIRE_FALSE(none.reaches(0));
    REQUIRE(none.reaches(1));
}

TEST_CASE("a reader of the history may stop", "[matchmaker]") {
    change_history history((registry_limits()));
    for (std::uint64_t n = 1; n <= 5; ++n) history.push(change_of(n, instance_of("a", n)));
    int seen = 0;
    history.after(0, [&](const registry_change&) { return ++seen < 2; });
    REQUIRE(seen == 2);
}
