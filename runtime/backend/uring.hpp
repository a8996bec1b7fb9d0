// SPDX-License-Identifier: BSL-1.0
//
// Makes the io_uring backend. Tests make it small, or without what newer kernels have.
//
//     auto made = make_uring_backend(options, uring_wish::any, limits);

#pragma once

#include <conduit/runtime/backend/backend.hpp>
#include <conduit/runtime/backend/ring.hpp>

#include <memory>

namespace conduit {

enum class uring_wish {
    any,       // whatever the kernel has
    the_best,  // only where completions appear in enter() alone: what makes io_uring worth it
};

/// Throws std::system_error that says what the kernel refused or lacks.
std::unique_ptr<backend> make_uring_backend(const scheduler_options& options, uring_wish wish,
                                            const ring_limits& limits = {});

/// io_uring where the kernel has what makes it worth it; elsewhere epoll, and the log says why.
std::unique_ptr<backend> make_automatic_backend(const scheduler_options& options,
                                                const ring_limits& limits = {});

}  // namespace conduit
