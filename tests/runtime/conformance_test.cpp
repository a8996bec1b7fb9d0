// SPDX-License-Identifier: BSL-1.0
//
// What every operation promises on every backend: one completion, nothing lost by cancelling, taken
// back at once by destruction. What a single operation does at its own edges is in
// io_handle_test.cpp.

#include "../skip.hpp"
#include "../support/co_test.hpp"
#include "../support/io_subjects.hpp"
#include "../support/settle.hpp"

#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <memory>
#include <optional>
#include <string>

using namespace conduit;
using namespace conduit::test;
using namespace std::chrono_literals;

namespace {

using promise_check = task<> (*)(io_subject&);

/// Tries a promise on each operation that this backend has.
task<> for_each_operation(promise_check check) {
    for (const make_io_subject make : all_io_subjects()) {
        const auto subject = make();
        bool supported = true;
        try {
            co_await subject->prepare();
        } catch (const std::system_error& error) {
            if (error.code() != std::errc::not_supported) throw;
            supported = false;
        }
        if (!supported) {
            skip(std::string(scheduler::current().backend_name()) + " has no: " + subject->name());
            continue;
        }
        INFO(subject->name());
        co_await check(*subject);
    }
}

task<> works_now(io_subject& subject) {
    const std::error_code error = co_await subject.perform();
    REQUIRE(error == std::error_code());
}

task<> completes_when_satisfied(io_subject& subject) {
    task_group group;
    auto pending = group.spawn(subject.perform());
    co_await settle();
    REQUIRE_FALSE(pending.is_done());
    co_await subject.satisfy();
    const std::error_code error = co_await pending;
    REQUIRE(error == std::error_code());
}

task<> completes_at_once_when_satisfied_before(io_subject& subject) {
    co_await subject.satisfy();
    co_await works_now(subject);
}

task<> is_not_started_after_a_stop(io_subject& subject) {
    task_group group;
    group.request_stop();
    auto refused = group.spawn(subject.perform());
    const std::error_code error = co_await refused;
    REQUIRE(error == errc::cancelled);
    co_await subject.satisfy();
    co_await works_now(subject);
}

task<> is_cancelled_while_it_waits(io_subject& subject) {
    task_group group;
    auto pending = group.spawn(subject.perform());
    co_await settle();
    pending.request_stop();
    REQUIRE_FALSE(pending.is_done());  // cancelling resumes nothing from here
    const std::error_code error = co_await pending;
    REQUIRE(error == errc::cancelled);
    co_await subject.satisfy();
    co_await works_now(subject);
}

task<> keeps_its_result_or_loses_nothing(io_subject& subject) {
    task_group group;
    auto pending = group.spawn(subject.perform());
    co_await settle();
    co_await subject.satisfy();
    pending.request_stop();
    const std::error_code error = co_await pending;
    if (error) REQUIRE(error == errc::cancelled);
    if (error) co_await works_now(subject);
}

task<> expires_with_its_deadline(io_subject& subject) {
    auto late = subject.perform();
    const std::error_code error = co_await within(1ms, std::move(late));
    REQUIRE(error == errc::timed_out);
    co_await subject.satisfy();
    co_await works_now(subject);
}

task<> is_taken_back_by_destruction(io_subject& subject) {
    std::optional<task_group> group(std::in_place);
    group->spawn(subject.perform());
    co_await settle();
    group.reset();
    co_await subject.satisfy();
    co_await works_now(subject);
}

task<> is_taken_back_before_it_starts(io_subject& subject) {
    std::optional<task_group> group(std::in_place);
    group->spawn(subject.perform());
    group.reset();
    co_await subject.satisfy();
    co_await works_now(subject);
}

task<> releases_a_result_nobody_takes(io_subject& subject) {
    std::optional<task_group> group(std::in_place);
    group->spawn(subject.perform());
    co_await settle();
    co_await subject.satisfy();  // may be queued with its result by now; the census finds leaks
    group.reset();
    co_await settle();
}

task<> is_cancelled_by_close(io_subject& subject) {
    task_group group;
    auto pending = group.spawn(subject.perform());
    co_await settle();
    subject.close();
    const std::error_code error = co_await pending;
    REQUIRE(error == errc::cancelled);
}

/// Leaves the operation to the scheduler, which ends while it waits.
task<> leave_waiting(io_subject& subject, std::error_code& seen) {
    auto perform = [](io_subject& performing, std::error_code& outcome) -> task<> {
        outcome = co_await performing.perform();
        performing.close();
    };
    co_await subject.prepare();
    scheduler::current().guests().spawn(perform(subject, seen));
    co_await settle();
}

void end_while_each_waits(const scheduler_options& options) {
    for (const make_io_subject make : all_io_subjects()) {
        std::error_code seen;
        scheduler sched(options);
        const auto subject = make();
        INFO(subject->name());
        bool supported = true;
        try {
            sched.run(leave_waiting(*subject, seen));
        } catch (const std::system_error& error) {
            supported = error.code() != std::errc::not_supported;
        }
        if (supported) REQUIRE(seen == errc::cancelled);
    }
}

task<> fails_on_a_closed_handle(io_subject& subject) {
    subject.close();
    const std::error_code error = co_await subject.perform();
    REQUIRE(error == std::errc::bad_file_descriptor);
}

}  // namespace

CO_TEST_CASE("an operation completes when what it waits for happens", "[runtime][conformance]") {
    co_await for_each_operation(completes_when_satisfied);
}

CO_TEST_CASE("an operation completes when what it waits for has happened",
             "[runtime][conformance]") {
    co_await for_each_operation(completes_at_once_when_satisfied_before);
}

CO_TEST_CASE("an operation is not started once a stop was requested", "[runtime][conformance]") {
    co_await for_each_operation(is_not_started_after_a_stop);
}

CO_TEST_CASE("cancelling a waiting operation loses nothing", "[runtime][conformance]") {
    co_await for_each_operation(is_cancelled_while_it_waits);
}

CO_TEST_CASE("a result that arrived beats a cancellation", "[runtime][conformance]") {
    co_await for_each_operation(keeps_its_result_or_loses_nothing);
}

CO_TEST_CASE("an operation whose deadline passes says timed_out", "[runtime][conformance]") {
    co_await for_each_operation(expires_with_its_deadline);
}

CO_TEST_CASE("destroying a task takes its operation back", "[runtime][conformance]") {
    co_await for_each_operation(is_taken_back_by_destruction);
    co_await for_each_operation(is_taken_back_before_it_starts);
}

CO_TEST_CASE("destroying a task releases the result it never saw", "[runtime][conformance]") {
    co_await for_each_operation(releases_a_result_nobody_takes);
}

CO_TEST_CASE("closing a handle cancels what waits on it", "[runtime][conformance]") {
    co_await for_each_operation(is_cancelled_by_close);
}

CO_TEST_CASE("an operation on a closed handle fails", "[runtime][conformance]") {
    co_await for_each_operation(fails_on_a_closed_handle);
}

TEST_CASE("a scheduler that ends cancels whatever waits", "[runtime][conformance]") {
    const int descriptors = open_descriptors();
    for (const backend_kind kind : kernel_backends()) {
        end_while_each_waits(scheduler_options().backend(kind));
    }
    end_while_each_waits(scheduler_options().backend(backend_kind::sim));
    REQUIRE(open_descriptors() == descriptors);
}
