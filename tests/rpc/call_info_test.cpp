// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/call_info.hpp>

#include "../support/co_test.hpp"
#include "../support/dies.hpp"
#include "probe.hpp"

#include <conduit/runtime/run.hpp>
#include <conduit/runtime/within.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <string>
#include <utility>

using namespace conduit;
using namespace conduit::test;
using namespace std::chrono_literals;

namespace {

/// Notes what it learns of the calls that it serves.
class asking_service final : public probe {
public:
    task<std::string> echo(std::string text) override {
        const rpc::call_info& call = co_await rpc::this_call();
        method = call.method();
        left = call.deadline() - clock::now();
        knows_peer = call.peer().has_value();
        co_return text;
    }
    task<void> hold() override { co_return; }
    stream<std::uint32_t> count(std::uint32_t /*to*/) override { co_return; }
    task<std::uint64_t> sum(stream<std::uint32_t> /*numbers*/) override { co_return 0; }
    stream<std::string> shout(stream<std::string> /*texts*/) override { co_return; }

    std::string method;
    clock::duration left{};
    bool knows_peer = false;
};

task<void> ask_outside() { co_await rpc::this_call(); }

}  // namespace

CO_TEST_CASE("a procedure learns which call it serves and until when", "[rpc][call_info]") {
    asking_service here;
    facing_connections ends(here);
    rpc::stub<probe> there(ends.client);

    const std::string unbounded = co_await there.echo("a");
    const clock::duration without = here.left;
    auto call = there.echo("b");
    const std::string bounded = co_await within(1h, std::move(call));
    const clock::duration with = here.left;

    REQUIRE(here.method == "test.probe/echo");
    REQUIRE(without > 24h);
    REQUIRE(with > 59min);
    REQUIRE(with <= 1h);
    REQUIRE_FALSE(here.knows_peer);  // a stream in memory has none
}

TEST_CASE("this_call() outside of a call is a bug", "[rpc][call_info]") {
    const std::string said = stderr_of_death([] { run(ask_outside()); });
    REQUIRE_THAT(said, Catch::Contains("this_call() is for procedures"));
}
