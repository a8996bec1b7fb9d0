// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/call_statistics.hpp>
#include <conduit/rpc/detail/method_row.hpp>

#include <catch2/catch.hpp>

#include <set>
#include <string>

using namespace conduit::rpc;
using namespace conduit::rpc::detail;

TEST_CASE("each bucket of a latency holds what is below its bound and in no bucket before",
          "[rpc][stats]") {
    std::uint64_t least = 0;
    for (std::size_t i = 0; i + 1 < latency_histogram::buckets; ++i) {
        const auto bound = latency_histogram::bound_of(i);
        REQUIRE(bound.has_value());
        REQUIRE(*bound > least);
        CHECK(latency_histogram::bucket_of(least) == i);
        CHECK(latency_histogram::bucket_of(*bound - 1) == i);
        if (least >= 4) CHECK(*bound * 4 <= least * 5);  // no wider than a quarter
        least = *bound;
    }
    CHECK(latency_histogram::bucket_of(least) == latency_histogram::buckets - 1);
    CHECK(latency_histogram::bucket_of(~std::uint64_t{0}) == latency_histogram::buckets - 1);
    CHECK_FALSE(latency_histogram::bound_of(latency_histogram::buckets - 1).has_value());
    CHECK(latency_histogram::bound_of(0) == 1);
    CHECK(least == 67'108'864);  // the first power of two beyond a minute
}

TEST_CASE("a call that ended counts once, with its times and its status", "[rpc][stats]") {
    method_statistics counts;
    counts.ended(status::ok, 3, 10);
    counts.ended(status::not_found, 5, 2);
    counts.ended(static_cast<status>(77), 0, 0);
    CHECK(counts.by_status[static_cast<std::size_t>(status::ok)] == 1);
    CHECK(counts.by_status[static_cast<std::size_t>(status::not_found)] == 1);
    CHECK(counts.by_status.back() == 1);
    CHECK(counts.queue_us == 8);
    CHECK(counts.run_us == 12);
    CHECK(counts.queue_us_most == 5);
    CHECK(counts.run_us_most == 10);
    CHECK(counts.latency.counts()[latency_histogram::bucket_of(13)] == 1);
    CHECK(counts.latency.counts()[latency_histogram::bucket_of(7)] == 1);
    CHECK(counts.latency.counts()[0] == 1);
}

TEST_CASE("a method has one place for all connections, by its full name", "[rpc][stats]") {
    method_row add;
    add.full_name = "test.a/add";
    method_row same = add;
    method_row other;
    other.full_name = "test.a/other";
    call_statistics all;
    method_statistics& first = all.of(add);
    CHECK(&all.of(other) != &first);
    CHECK(&all.of(same) == &first);
    CHECK(all.methods().size() == 2);
}

TEST_CASE("every limit has a name and a counter of its own", "[rpc][stats][limit]") {
    call_statistics all;
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < limit_count; ++i) {
        const auto which = static_cast<limit>(i);
        CHECK_FALSE(to_string(which).empty());
        names.insert(to_string(which));
        for (std::size_t n = 0; n <= i; ++n) all.hit(which);
    }
    CHECK(names.size() == limit_count);
    CHECK(to_string(limit::calls_max) == "calls_max");
    CHECK(to_string(limit::glitches) == "glitches");
    for (std::size_t i = 0; i < limit_count; ++i) CHECK(all.hits(static_cast<limit>(i)) == i + 1);
}
