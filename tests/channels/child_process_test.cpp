// SPDX-License-Identifier: BSL-1.0
//
// What tests/support/child.hpp promises to the other cases.

#include "../support/child.hpp"

#include <unistd.h>
#include <catch2/catch.hpp>

#include <array>
#include <csignal>

using namespace conduit;
using namespace conduit::test;

namespace {

const helper says_what_it_got("says what it got", [](const helper_arguments& given) {
    const std::string& text = given.at(0);
    return ::write(3, text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 7 : 1;
});

}  // namespace

TEST_CASE("a child of a test is stopped, continued, killed and reaped", "[channels][child]") {
    REQUIRE_FALSE(has_children());
    child_process child = child_process::shell("read forever < /dev/zero");
    child.stop();
    REQUIRE_FALSE(child.has_ended());
    child.resume();
    REQUIRE(has_children());
    child.signal(SIGKILL);
    const exit_status status = child.wait();
    REQUIRE(status.signal == SIGKILL);
    REQUIRE_FALSE(has_children());
}

TEST_CASE("a helper is this program in another process", "[channels][child]") {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    const unique_fd in(ends[0]);
    unique_fd out(ends[1]);
    child_process child =
        child_process::helper("says what it got", {"hello"}, {{out.native().value(), 3}});
    out.reset();
    std::array<char, 16> said{};
    const ssize_t n = ::read(ends[0], said.data(), said.size());
    const exit_status status = child.wait();
    REQUIRE(std::string(said.data(), 5) == "hello");
    REQUIRE(n == 5);
    REQUIRE(status.code == 7);
}
