// SPDX-License-Identifier: BSL-1.0
//
// Which backend a scheduler gets where the kernel refuses io_uring. These cases are hidden: ctest
// runs them under conduit_without_io_uring, once per way to refuse.

#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/yield.hpp>

#include "../skip.hpp"

#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include <cerrno>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

using namespace conduit;

namespace {

/// With which error io_uring is refused; nothing where it is not.
std::optional<std::errc> refusal() {
    // Of two entries a ring can always be made, unless a filter refuses it.
    io_uring_params parameters{};
    const auto made = static_cast<int>(::syscall(SYS_io_uring_setup, 2, &parameters));
    if (made < 0) return static_cast<std::errc>(errno);
    ::close(made);
    test::skip("io_uring is not refused: run this under conduit_without_io_uring");
    return std::nullopt;
}

std::string setup_failed_with(std::errc why) {
    return "io_uring_setup: " + std::make_error_code(why).message();
}

/// CONDUIT_BACKEND as given, or unset, until this is destroyed.
class backend_wish {
public:
    explicit backend_wish(const char* wish) {
        if (const char* set = std::getenv(name)) before_ = set;
        wish != nullptr ? ::setenv(name, wish, 1) : ::unsetenv(name);
    }
    backend_wish(const backend_wish&) = delete;
    ~backend_wish() { before_ ? ::setenv(name, before_->c_str(), 1) : ::unsetenv(name); }

private:
    static constexpr const char* name = "CONDUIT_BACKEND";
    std::optional<std::string> before_;
};

std::system_error failure_with(const scheduler_options& options) {
    try {
        const scheduler made(options);
    } catch (const std::system_error& why) {
        return why;
    }
    throw std::logic_error("a scheduler was made");
}

task<int> answer() {
    co_await yield();
    co_return 42;
}

}  // namespace

TEST_CASE("without io_uring a scheduler runs on epoll, and its log says why",
          "[runtime][.without_io_uring]") {
    const auto why = refusal();
    if (!why) return;
    const backend_wish none(nullptr);
    std::vector<std::string> lines;
    auto sink = [&lines](log_level level, std::string_view line) {
        if (level == log_level::debug) lines.emplace_back(line);
    };
    scheduler sched(scheduler_options().log(sink));
    REQUIRE(sched.backend_name() == "epoll");
    const std::string expected =
        "backend epoll: io_uring cannot be had: " + setup_failed_with(*why);
    REQUIRE(lines == std::vector{expected});
    REQUIRE(sched.run(answer()) == 42);
}

TEST_CASE("without io_uring a scheduler that must have it throws, and says why",
          "[runtime][.without_io_uring]") {
    const auto why = refusal();
    if (!why) return;
    const auto failure = failure_with(scheduler_options().backend(backend_kind::uring));
    REQUIRE(failure.code() == *why);
    REQUIRE(failure.what() == "backend uring: " + setup_failed_with(*why));
}

TEST_CASE("without io_uring CONDUIT_BACKEND=uring throws as well, and epoll works",
          "[runtime][.without_io_uring]") {
    const auto why = refusal();
    if (!why) return;
    {
        const backend_wish uring("uring");
        const auto failure = failure_with(scheduler_options());
        REQUIRE(failure.code() == *why);
        REQUIRE(failure.what() == "backend uring: " + setup_failed_with(*why));
    }
    const backend_wish epoll("epoll");
    scheduler sched;
    REQUIRE(sched.backend_name() == "epoll");
    REQUIRE(sched.run(answer()) == 42);
}
