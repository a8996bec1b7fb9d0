// SPDX-License-Identifier: BSL-1.0
//
// An Asio program with a conduit host in it. Its end counts descriptors and frames.
//
//     test::asio_program program;
//     asio::co_spawn(program.context(), ask(program.host()), test::rethrow);
//     program.run();

#pragma once

#include <conduit/runtime/asio.hpp>

#include <asio/io_context.hpp>

#include <cstdint>
#include <exception>
#include <optional>

namespace conduit::test {

class asio_program {
public:
    asio_program();
    asio_program(const asio_program&) = delete;
    ~asio_program();

    asio::io_context& context() { return *context_; }
    asio_host& host() { return *host_; }

    /// Runs the context until it has no work. A hang is a bug, and fails after 30 seconds.
    void run();

    /// Runs the context until it would have to wait.
    void run_what_is_ready();

    /// Asks the host to stop, and runs until it has let go.
    void stop_and_run();

    /// Frames are not counted then: one that ends on another thread stays with that one.
    void let_frames_cross_threads() { counts_frames_ = false; }

    void destroy_host() { host_.reset(); }
    void destroy_context() { context_.reset(); }

private:
    int descriptors_before_;
    std::int64_t frames_before_;
    bool counts_frames_ = true;
    std::optional<asio::io_context> context_;
    std::optional<asio_host> host_;
};

/// For co_spawn: what the coroutine throws leaves the context's run().
inline void rethrow(const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
}

}  // namespace conduit::test
