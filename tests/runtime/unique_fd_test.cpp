// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/unique_fd.hpp>

#include "../support/co_test.hpp"

#include <conduit/runtime/backend/kernel.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <system_error>
#include <type_traits>
#include <utility>

using namespace conduit;

static_assert(!std::is_copy_constructible_v<unique_fd>);
static_assert(std::is_nothrow_move_constructible_v<unique_fd>);

namespace {

int any_descriptor() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

}  // namespace

TEST_CASE("a unique_fd closes its descriptor", "[runtime][unique_fd]") {
    const int before = test::open_descriptors();
    {
        const unique_fd held(any_descriptor());
        REQUIRE(held.is_open());
        REQUIRE(held);
        REQUIRE(test::open_descriptors() == before + 1);
    }
    REQUIRE(test::open_descriptors() == before);
}

TEST_CASE("a unique_fd may be empty", "[runtime][unique_fd]") {
    unique_fd empty;
    REQUIRE_FALSE(empty);
    REQUIRE(empty.native().error() == std::errc::bad_file_descriptor);
    REQUIRE(empty.release() == -1);
    empty.reset();
    REQUIRE_FALSE(unique_fd(-1));
}

TEST_CASE("a unique_fd is moved, released and reset", "[runtime][unique_fd]") {
    const int before = test::open_descriptors();
    const int fd = any_descriptor();
    unique_fd first(fd);
    REQUIRE(first.native().value() == fd);
    unique_fd second(std::move(first));
    REQUIRE_FALSE(first);
    first = std::move(second);
    REQUIRE(first.handle() == fd);
    REQUIRE_FALSE(second);
    const int released = first.release();
    REQUIRE(released == fd);
    REQUIRE_FALSE(first);
    REQUIRE(test::open_descriptors() == before + 1);
    unique_fd third(released);
    third.reset();
    REQUIRE_FALSE(third);
    REQUIRE(test::open_descriptors() == before);
}

CO_TEST_CASE("a handle knows its kernel", "[runtime][unique_fd]") {
    auto ends = current_kernel().make_pipe().value();
    REQUIRE(ends.first.owner() == &current_kernel());
    const bool simulated = scheduler::current().backend_name() == "sim";
    auto native = ends.first.native();
    REQUIRE(native.has_value() == !simulated);
    if (simulated) REQUIRE(native.error() == std::errc::not_supported);
    co_return;
}
