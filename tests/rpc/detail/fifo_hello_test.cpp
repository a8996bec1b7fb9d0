// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/stream.hpp>
#include <conduit/rpc/detail/fifo_hello.hpp>

#include <catch2/catch.hpp>

#include <string>

using namespace conduit;
using rpc::detail::pair_named_by;

TEST_CASE("a client's record names a pair beside the server's FIFO, and nothing else",
          "[rpc][fifo_hello]") {
    const std::string name = "0123456789abcdef0123456789abcdef";
    const auto pair = [](const std::string& record) {
        return pair_named_by(bytes_of(record), "/x");
    };
    REQUIRE(pair("conduit fifo 1 " + name) == "/x." + name);
    REQUIRE_FALSE(pair(""));
    REQUIRE_FALSE(pair("conduit fifo 2 " + name));
    REQUIRE_FALSE(pair("conduit fifo 1 " + name + "0"));
    REQUIRE_FALSE(pair("conduit fifo 1 " + name.substr(1)));
    REQUIRE_FALSE(pair("conduit fifo 1 ../456789abcdef0123456789abcdef00"));
    REQUIRE_FALSE(pair("conduit fifo 1 0123456789ABCDEF0123456789ABCDEF"));
}
