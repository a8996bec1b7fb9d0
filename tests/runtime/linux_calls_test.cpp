// SPDX-License-Identifier: BSL-1.0
//
// The path for kernels that cannot be asked not to raise SIGPIPE. What the calls do otherwise is
// seen through operations, in io_handle_test.cpp and conformance_test.cpp.

#include <conduit/runtime/backend/linux_calls.hpp>

#include <conduit/runtime/backend/kernel.hpp>

#include <catch2/catch.hpp>

#include <cerrno>
#include <csignal>
#include <ctime>

using namespace conduit;

namespace {

bool is_pending() {
    sigset_t pending;
    ::sigpending(&pending);
    return ::sigismember(&pending, SIGPIPE) == 1;
}

bool is_blocked() {
    sigset_t blocked;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    return ::sigismember(&blocked, SIGPIPE) == 1;
}

/// While it lives, SIGPIPE stays pending where it is raised; then it is dropped.
class sigpipe_held {
public:
    sigpipe_held() noexcept {
        ::sigemptyset(&pipe_);
        ::sigaddset(&pipe_, SIGPIPE);
        ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
    }
    sigpipe_held(const sigpipe_held&) = delete;
    ~sigpipe_held() {
        constexpr timespec at_once{};
        while (is_pending()) ::sigtimedwait(&pipe_, nullptr, &at_once);
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }

private:
    sigset_t pipe_{};
    sigset_t before_{};
};

std::int32_t write_without_reader() {
    auto ends = linux_kernel().make_pipe().value();
    ends.first.reset();
    return write_with_sigpipe_blocked(ends.second.handle(), bytes_of("lost"));
}

}  // namespace

TEST_CASE("a write with SIGPIPE blocked yields what was written", "[runtime][linux_calls]") {
    auto ends = linux_kernel().make_pipe().value();
    const std::int32_t written = write_with_sigpipe_blocked(ends.second.handle(), bytes_of("four"));
    REQUIRE(written == 4);
    REQUIRE_FALSE(is_blocked());
}

TEST_CASE("a write with SIGPIPE blocked raises none", "[runtime][linux_calls]") {
    struct sigaction fatal{};
    struct sigaction before{};
    fatal.sa_handler = SIG_DFL;
    ::sigaction(SIGPIPE, &fatal, &before);
    const std::int32_t outcome = write_without_reader();
    const bool blocked_after = is_blocked();
    ::sigaction(SIGPIPE, &before, nullptr);
    REQUIRE(outcome == -EPIPE);
    REQUIRE_FALSE(blocked_after);
}

TEST_CASE("a write leaves a SIGPIPE alone that was pending before, and adds none",
          "[runtime][linux_calls]") {
    const sigpipe_held held;
    const std::int32_t first = write_without_reader();
    const bool raised = is_pending();
    std::raise(SIGPIPE);
    const std::int32_t second = write_without_reader();
    const bool kept = is_pending();
    REQUIRE(first == -EPIPE);
    REQUIRE_FALSE(raised);
    REQUIRE(second == -EPIPE);
    REQUIRE(kept);
    REQUIRE(is_blocked());
}
