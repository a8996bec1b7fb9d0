// SPDX-License-Identifier: BSL-1.0
//
// Coroutine test cases: the body is a task and runs once per backend, in simulation with several
// seeds. `scope` is in scope: a task_scope that is joined when the body has ended, so that what it
// runs must not refer to the body's locals unless the body awaits it.
//
//     CO_TEST_CASE("a pipe carries bytes in order", "[channels][pipe]") { ... co_await ...; }
//
// What a backend answers with not_supported is a visible skip there. Descriptors and tasks are
// counted before and after. A body that sees no completion for 30 seconds fails with the task dump.
// CONDUIT_TEST_BACKEND=epoll|uring|sim runs one backend only; CONDUIT_TEST_SEED=n one seed only.

#pragma once

#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/task_scope.hpp>

#include <catch2/catch.hpp>

#include <vector>

namespace conduit::test {

using co_body = task<> (*)(task_scope&);

/// Runs `body` on each backend, as one Catch2 section each.
void run_on_every_backend(co_body body);

/// epoll, and io_uring where this machine allows it; a visible skip where it does not.
const std::vector<backend_kind>& kernel_backends();

/// For what needs a real kernel and no scope: runs `body` on each of kernel_backends().
void run_on_each_kernel(task<> (*body)());

/// How many file descriptors this process has open.
int open_descriptors();

}  // namespace conduit::test

// clang-format off
#define CONDUIT_JOIN_AGAIN(a, b) a##b
#define CONDUIT_JOIN(a, b) CONDUIT_JOIN_AGAIN(a, b)
#define CO_TEST_CASE(name, tags) CO_TEST_CASE_AS(CONDUIT_JOIN(co_test_, __LINE__), name, tags)
#define CO_TEST_CASE_AS(body, name, tags)                                 \
    static ::conduit::task<> body(::conduit::task_scope&);                \
    TEST_CASE(name, tags) { ::conduit::test::run_on_every_backend(&body); } \
    static ::conduit::task<> body([[maybe_unused]] ::conduit::task_scope& scope)
// clang-format on
