// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/parameters.hpp>

#include "../../support/co_test.hpp"

#include <conduit/channels/memory_stream.hpp>
#include <conduit/rpc/codec.hpp>
#include <conduit/rpc/connection.hpp>
#include <conduit/rpc/interface.hpp>
#include <conduit/rpc/try_call.hpp>

#include <catch2/catch.hpp>

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace moody {

/// Cannot be sent when negative, nor received when odd, and says so by exceptions. Its size is
/// known without asking it, so that its place is already made when it throws.
struct number {
    std::int32_t value = 0;
};

class service {
public:
    virtual ~service() = default;
    virtual conduit::task<number> give(std::int32_t value) = 0;
    virtual conduit::task<std::int32_t> take(number given) = 0;
};

}  // namespace moody

template <>
struct conduit::rpc::representation<moody::number> {
    using type = std::int32_t;
    static type to_wire(const moody::number& from) {
        if (from.value < 0) throw std::runtime_error("negative");
        return from.value;
    }
    static std::optional<moody::number> from_wire(type value) {
        if (value % 2 != 0) throw std::invalid_argument("odd");
        return moody::number{value};
    }
};

namespace moody {

CONDUIT_INTERFACE(service, "test.moody", (give, value), (take, given))

class here final : public service {
public:
    conduit::task<number> give(std::int32_t value) override {
        number made;
        made.value = value;
        co_return made;
    }
    conduit::task<std::int32_t> take(number given) override { co_return given.value; }
};

}  // namespace moody

using namespace conduit;

CO_TEST_CASE("what a representation throws fails its call and no other", "[rpc][parameters]") {
    moody::here object;
    rpc::service_table offers;
    offers.add<moody::service>(object);
    auto ends = make_memory_stream_pair();
    rpc::connection server(any_stream(std::move(ends.first)), offers);
    rpc::connection client(any_stream(std::move(ends.second)));
    rpc::stub<moody::service> there(client);

    auto unsendable = there.give(-1);
    auto not_given = co_await rpc::try_call(std::move(unsendable));
    auto unreadable = there.give(3);
    auto not_read = co_await rpc::try_call(std::move(unreadable));
    moody::number odd;
    odd.value = 5;
    auto refused = there.take(odd);
    auto not_taken = co_await rpc::try_call(std::move(refused));
    moody::number even;
    even.value = 4;
    const std::int32_t taken = co_await there.take(even);

    REQUIRE(not_given.error().code() == rpc::status::unknown);
    REQUIRE(not_read.error().code() == rpc::status::internal);
    REQUIRE(not_taken.error().code() == rpc::status::invalid_argument);
    REQUIRE_FALSE(not_taken.error().may_have_run());
    REQUIRE(taken == 4);
    REQUIRE(server.is_open());
}
