// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/metadata.hpp>

#include "../support/co_test.hpp"
#include "../support/dies.hpp"
#include "connected.hpp"

#include <conduit/rpc/call_info.hpp>
#include <conduit/rpc/interface.hpp>
#include <conduit/rpc/try_call.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

using namespace conduit;

namespace metadata_test {

class reader {
public:
    virtual ~reader() = default;
    virtual task<std::string> value_of(std::string key) = 0;
    virtual stream<std::string> values_of(std::vector<std::string> keys) = 0;
    virtual task<std::size_t> size_of(std::string bytes) = 0;
};
CONDUIT_INTERFACE(reader, "test.metadata.v1", value_of, values_of, size_of)

/// Yields what came with the call.
class local_reader final : public reader {
public:
    task<std::string> value_of(std::string key) override {
        const rpc::call_info& call = co_await rpc::this_call();
        co_return std::string(call.metadata().find(key).value_or("none"));
    }
    stream<std::string> values_of(std::vector<std::string> keys) override {
        for (const std::string& key : keys) {
            const rpc::call_info& call = co_await rpc::this_call();
            co_yield std::string(call.metadata().find(key).value_or("none"));
        }
    }
    task<std::size_t> size_of(std::string bytes) override {
        const rpc::call_info& call = co_await rpc::this_call();
        co_return bytes.size() + call.metadata().size();
    }
};

rpc::service_table table_of(local_reader& object) {
    rpc::service_table made;
    made.add<reader>(object);
    return made;
}

}  // namespace metadata_test
using namespace metadata_test;

TEST_CASE("metadata keeps one value for a key", "[rpc][metadata]") {
    rpc::metadata with;
    REQUIRE(with.empty());
    with.set("token", "a").set("trace", "b").set("token", "c");
    REQUIRE(with.size() == 2);
    REQUIRE(with.find("token") == "c");
    REQUIRE(with.begin()->first == "token");
    REQUIRE_FALSE(with.find("other"));
    with.erase("token");
    REQUIRE(with.size() == 1);
    REQUIRE_FALSE(with.find("token"));
}

TEST_CASE("metadata comes back from its bytes, and no others do", "[rpc][metadata]") {
    rpc::metadata with;
    with.set("k", std::string("\0\xff", 2)).set("x.y_z-0", "");
    std::vector<std::byte> bytes(with.encoded_size());
    with.encode(bytes.data());
    rpc::metadata back;
    std::string why;
    REQUIRE(rpc::metadata::decode(bytes, back, why));
    REQUIRE(back.size() == 2);
    REQUIRE(back.find("k") == std::string_view("\0\xff", 2));
    for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
        rpc::metadata part;
        REQUIRE_FALSE(rpc::metadata::decode(std::span(bytes).first(cut), part, why));
    }
    // "k" becomes "K", which is no key.
    std::vector<std::byte> wrong = bytes;
    for (std::byte& each : wrong) {
        if (each == std::byte{'k'}) each = std::byte{'K'};
    }
    rpc::metadata none;
    REQUIRE_FALSE(rpc::metadata::decode(wrong, none, why));
    REQUIRE(why == "a key is 1 to 128 characters of a-z 0-9 . _ -");
}

TEST_CASE("a key that cannot be sent asserts", "[rpc][metadata]") {
    const std::string said =
        test::stderr_of_death([] { rpc::metadata().set("Key", "upper case"); });
    REQUIRE_THAT(said, Catch::Contains("a key of metadata is 1 to 128"));
}

CO_TEST_CASE("a call carries the metadata that is nearest to it", "[rpc][metadata]") {
    local_reader object;
    const rpc::service_table offers = table_of(object);
    rpc::test::connected ends(offers);
    rpc::stub<reader> there(ends.here);
    rpc::metadata outer;
    outer.set("id", "17");
    rpc::metadata inner;
    inner.set("id", "18");

    auto without = co_await there.value_of("id");
    auto with = co_await rpc::with_metadata(outer, there.value_of("id"));
    auto nearest =
        co_await rpc::with_metadata(outer, rpc::with_metadata(inner, there.value_of("id")));
    auto after = co_await there.value_of("id");

    REQUIRE(without == "none");
    REQUIRE(with == "17");
    REQUIRE(nearest == "18");
    REQUIRE(after == "none");
}

namespace {

task<std::vector<std::string>> read_all(reader& there, std::vector<std::string> keys) {
    std::vector<std::string> values;
    auto items = there.values_of(std::move(keys));
    while (auto item = co_await items.next()) values.push_back(std::move(*item));
    co_return values;
}

}  // namespace

CO_TEST_CASE("streams and calls in pieces carry metadata as well", "[rpc][metadata]") {
    local_reader object;
    const rpc::service_table offers = table_of(object);
    rpc::test::connected ends(offers);
    rpc::stub<reader> there(ends.here);
    rpc::metadata with;
    with.set("a", "1").set("b", "2");
    std::vector<std::string> keys{"a", "b", "c"};
    auto values = co_await rpc::with_metadata(with, read_all(there, std::move(keys)));
    auto size = co_await rpc::with_metadata(with, there.size_of(std::string(300'000, 'x')));
    REQUIRE(values == std::vector<std::string>{"1", "2", "none"});
    REQUIRE(size == 300'002);
}

CO_TEST_CASE("more metadata than goes with a call is refused before it is sent",
             "[rpc][metadata][limit]") {
    local_reader object;
    const rpc::service_table offers = table_of(object);
    rpc::test::connected ends(offers);
    rpc::stub<reader> there(ends.here);
    rpc::metadata most;
    most.set("k", std::string(8192 - 16, 'x'));
    rpc::metadata more;
    more.set("k", std::string(8192, 'x'));
    std::vector<std::byte> bytes(most.encoded_size());
    auto fits = co_await rpc::try_call(rpc::with_metadata(most, there.value_of("none")));
    auto refused = co_await rpc::try_call(rpc::with_metadata(more, there.value_of("k")));
    auto next = co_await there.value_of("k");
    REQUIRE(bytes.size() <= 8192);
    REQUIRE(fits.value() == "none");
    REQUIRE(refused.error().code() == rpc::status::resource_exhausted);
    REQUIRE_FALSE(refused.error().may_have_run());
    REQUIRE(refused.error().text().find("where at most 8192 are sent") != std::string_view::npos);
    REQUIRE(next == "none");
}
