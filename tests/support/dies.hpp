// SPDX-License-Identifier: BSL-1.0
//
// For assertions: runs a function in a child process, which must die of it.
//
//     const std::string said = conduit::test::stderr_of_death([] { event_under_a_wait(); });
//     REQUIRE_THAT(said, Catch::Contains("while a task waits for it"));

#pragma once

#include <string>

namespace conduit::test {

/// What `function` wrote to stderr before it ended its process by abort(). Fails the case when it
/// returns or ends otherwise. Not while other threads run: a fork copies only the caller.
std::string stderr_of_death(void (*function)());

}  // namespace conduit::test
