// SPDX-License-Identifier: BSL-1.0
//
// For who starts another process in the place of one that was killed: io_uring's workers in the
// kernel may hold its files, and so its locks, for a while longer than it is there.
//
//     server.kill();
//     co_await test::until_unlocked(folder.path("s.lock"));
//     server.emplace(start());

#pragma once

#include "settle.hpp"

#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/task.hpp>

#include <string>
#include <system_error>
#include <utility>

namespace conduit::test {

/// Waits until nobody holds the lock of that file, or there is no folder for it.
inline task<> until_unlocked(std::string path) {
    const std::string own = std::move(path);
    constexpr auto is_held = std::errc::resource_unavailable_try_again;
    while (current_kernel().lock_file(own).error() == is_held) co_await come_round();
}

}  // namespace conduit::test
