// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/caller.hpp>

#include "../support/co_test.hpp"
#include "probe.hpp"

#include <conduit/rpc/try_call.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <utility>

using namespace conduit;
using namespace conduit::test;

namespace {

/// Sends each call through the other one of two.
class alternating final : public rpc::caller {
public:
    alternating(rpc::caller& first, rpc::caller& second) : next_(&first), then_(&second) {}

    rpc::detail::connection_state* ready(
        const rpc::detail::method_row& /*method*/) noexcept override {
        return nullptr;  // which one is decided below
    }
    task<rpc::detail::connection_state*> until_ready(
        const rpc::detail::method_row& method) override {
        std::swap(next_, then_);
        co_return co_await then_->until_ready(method);
    }

private:
    rpc::caller* next_;
    rpc::caller* then_;
};

}  // namespace

CO_TEST_CASE("a stub calls through whatever finds it a connection", "[rpc][caller]") {
    probe_service here;
    facing_connections one(here);
    facing_connections two(here);
    alternating both(one.client, two.client);
    rpc::stub<probe> there(both);

    for (int i = 0; i < 4; ++i) {
        const std::string said = co_await there.echo("hello");
        REQUIRE(said == "hello");
    }

    REQUIRE(one.client.counters().calls_made == 2);
    REQUIRE(two.client.counters().calls_made == 2);
}

CO_TEST_CASE("a caller that has no connection fails a call that was not sent", "[rpc][caller]") {
    probe_service here;
    facing_connections ends(here);
    rpc::stub<probe> there(ends.client);

    ends.client.close();
    auto call = there.echo("too late");
    auto ended = co_await rpc::try_call(std::move(call));

    REQUIRE(ended.error().code() == rpc::status::unavailable);
    REQUIRE_FALSE(ended.error().may_have_run());
    REQUIRE(ended.error().retry_safe());
}
