// SPDX-License-Identifier: BSL-1.0
//
// Faults between an operation and the kernel: its memory, the queues, descriptors that come back
// under an old number. Each case begins with its row in the catalogue of faults; those of the
// scheduler are in scheduler_fault_test.cpp, what other threads do is in race_fault_test.cpp.

#include "../skip.hpp"
#include "../support/co_test.hpp"
#include "../support/io_subjects.hpp"
#include "../support/io_workload.hpp"
#include "../support/sanitized.hpp"
#include "../support/settle.hpp"
#include "../support/uring_faults.hpp"

#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/loop.hpp>
#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/yield.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

using namespace conduit;
using namespace conduit::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

// --- X1 -----------------------------------------------------------------------------------------

/// How far an operation has come when its task is destroyed.
enum class stage {
    not_begun,
    begun,      // what the kernel is to do is queued at most
    waiting,    // the kernel knows
    cancelled,  // and was asked to end it
    satisfied,  // what it waits for has happened
    completed,  // and the backend has seen it: the task is ready to run
};
constexpr std::array stages{stage::not_begun, stage::begun,     stage::waiting,
                            stage::cancelled, stage::satisfied, stage::completed};

bool has_happened(stage reached) { return reached >= stage::satisfied; }

template <class T, class Satisfy>
task<> bring_to(stage wanted, child<T>& pending, Satisfy satisfy) {
    if (wanted == stage::not_begun) co_return;
    co_await yield();
    if (wanted == stage::begun) co_return;
    co_await settle();
    REQUIRE_FALSE(pending.is_done());
    if (wanted == stage::cancelled) pending.request_stop();
    const counter& completions = scheduler::current().counters().completions;
    const std::uint64_t before = completions.value();
    if (has_happened(wanted)) co_await satisfy();
    if (wanted != stage::completed) co_return;
    for (int i = 0; i < 2 * loop::budget_of_turn && completions.value() == before; ++i) {
        co_await yield();
    }
}

task<> read_into(handle_pair& pair, std::span<std::byte> memory) {
    auto got = co_await pair.in.read_some(memory);
    static_cast<void>(got);
}

task<> receive_into(handle_pair& pair, std::span<std::byte> memory) {
    incoming_message message(memory);
    auto got = co_await pair.in.receive(message);
    static_cast<void>(got);
}

task<> write_from(handle_pair& pair, std::span<std::byte> memory) {
    auto sent = co_await pair.out.write_some(memory);
    static_cast<void>(sent);
}

task<> send_from(handle_pair& pair, std::span<std::byte> memory) {
    const outgoing_message message(memory);
    auto sent = co_await pair.out.send(message);
    static_cast<void>(sent);
}

/// An operation on memory which is the caller's.
struct memory_user {
    const char* name;
    bool on_socket;
    bool fills;  // the memory, rather than sending it
    task<> (*perform)(handle_pair&, std::span<std::byte>);
};
constexpr std::array memory_users{
    memory_user{"read, pipe", false, true, &read_into},
    memory_user{"read, socket", true, true, &read_into},
    memory_user{"receive", true, true, &receive_into},
    memory_user{"write, pipe", false, false, &write_from},
    memory_user{"write, socket", true, false, &write_from},
    memory_user{"send", true, false, &send_from},
};

constexpr std::byte before_destruction{'b'};
constexpr std::byte after_destruction{0xA5};

task<> send_one(handle_pair& pair) {
    auto sent = co_await pair.out.write_some(bytes_of("x"));
    REQUIRE(sent.value() == 1);
}

/// Takes all there is; whether some of it was written to the memory after the destruction.
task<bool> finds_late_bytes(io_handle& in) {
    std::vector<std::byte> all(1 << 20);
    for (bool found = false;;) {
        co_await settle();
        task_group group;
        auto last = group.spawn([](io_handle& from, std::vector<std::byte>& into) -> task<int> {
            auto got = co_await from.read_some(into);
            co_return static_cast<int>(got.value_or(0));
        }(in, all));
        co_await settle();
        if (!last.is_done()) co_return found;
        const int bytes = co_await last;
        found = found || std::find(all.begin(), all.begin() + bytes, after_destruction) !=
                             all.begin() + bytes;
    }
}

/// Whatever comes after the destruction touches nothing: the memory may be another's by now.
task<> leaves_memory_alone(const memory_user& user, stage reached) {
    handle_pair pair = user.on_socket ? attached_socket_pair() : attached_pipe();
    if (!user.fills) {
        const std::size_t room = co_await fill(pair.out);
        REQUIRE(room > 0);
    }
    std::vector<std::byte> memory(256, before_destruction);
    std::optional<task_group> group(std::in_place);
    auto pending = group->spawn(user.perform(pair, memory));
    auto satisfy = [&pair, &user]() -> task<> {
        if (user.fills) co_return co_await send_one(pair);
        const std::size_t taken = co_await drain(pair.in);
        REQUIRE(taken > 0);
    };
    co_await bring_to(reached, pending, satisfy);
    group.reset();
    std::fill(memory.begin(), memory.end(), after_destruction);

    if (user.fills && !has_happened(reached)) co_await send_one(pair);
    co_await settle();
    if (user.fills) {
        REQUIRE(std::count(memory.begin(), memory.end(), after_destruction) == 256);
        if (has_happened(reached)) co_await send_one(pair);  // what came before may be lost
        std::array<std::byte, 4> next{};
        auto got = co_await pair.in.read_some(next);
        REQUIRE(got.value() >= 1);
        REQUIRE(next[0] == std::byte('x'));
    } else {
        const bool late = co_await finds_late_bytes(pair.in);
        REQUIRE_FALSE(late);
    }
}

task<> write_when_asked(handle_pair& pair, std::span<std::byte> memory) {
    std::array<std::byte, 1> asked{};
    auto got = co_await pair.out.read_some(asked);
    REQUIRE(got.value() == 1);
    co_await write_from(pair, memory);
}

/// Many writes in one turn, which a backend may hand to the kernel together with their memory.
task<> leaves_memory_of_many_alone(bool full, int turns) {
    constexpr std::size_t count = 20;
    std::vector<handle_pair> pairs;
    std::vector<std::byte> memory(256, before_destruction);
    std::optional<task_group> group(std::in_place);
    for (std::size_t i = 0; i < count; ++i) {
        pairs.push_back(attached_socket_pair());
        if (full) co_await fill(pairs.back().out);
    }
    for (handle_pair& pair : pairs) group->spawn(write_when_asked(pair, memory));
    co_await settle();
    for (handle_pair& pair : pairs) {
        auto sent = co_await pair.in.write_some(bytes_of("w"));
        REQUIRE(sent.value() == 1);
    }
    for (int i = 0; i < turns; ++i) co_await yield();
    group.reset();
    std::fill(memory.begin(), memory.end(), after_destruction);
    for (handle_pair& pair : pairs) {
        const bool late = co_await finds_late_bytes(pair.in);
        REQUIRE_FALSE(late);
    }
}

/// As the above for operations without such memory: the handle is as good as new.
task<> leaves_handle_usable(io_subject& subject, stage reached) {
    std::optional<task_group> group(std::in_place);
    auto pending = group->spawn(subject.perform());
    auto satisfy = [&subject]() -> task<> { return subject.satisfy(); };
    co_await bring_to(reached, pending, satisfy);
    group.reset();
    co_await settle();
    if (has_happened(reached)) co_return;  // the census finds what was not released
    co_await subject.satisfy();
    const std::error_code error = co_await subject.perform();
    REQUIRE(error == std::error_code());
}

/// False, and a visible skip, where this backend has no such operation.
task<bool> can_prepare(io_subject& subject) {
    try {
        co_await subject.prepare();
    } catch (const std::system_error& error) {
        if (error.code() != std::errc::not_supported) throw;
        skip(std::string(scheduler::current().backend_name()) + " has no: " + subject.name());
        co_return false;
    }
    co_return true;
}

// --- X2 -----------------------------------------------------------------------------------------

/// Answers cancellations in the kernel's place, with `answer`, while `in_vain` says so.
ring_limits cancellations_say(std::int32_t answer, const std::shared_ptr<bool>& in_vain) {
    ring_limits limits;
    limits.on_submission = [answer, in_vain](io_uring_sqe& next) {
        if (next.opcode != IORING_OP_ASYNC_CANCEL || !*in_vain) return;
        answer_with(next, answer);  // told aloud, success too
    };
    return limits;
}

/// Requests a stop that comes to nothing.
template <class T>
task<> stop_in_vain(child<T>& pending, bool& in_vain) {
    in_vain = true;
    pending.request_stop();
    co_await settle();
    in_vain = false;
}

/// Every wait has come to an end, once.
void require_one_completion_each() {
    const counters& seen = scheduler::current().counters();
    REQUIRE(seen.waits.value() == seen.completions.value());
}

/// Cancels each kind of operation while its cancellation comes to nothing.
task<> cancel_in_vain(std::shared_ptr<bool> in_vain) {
    for (const make_io_subject make : all_io_subjects()) {
        const auto subject = make();
        INFO(subject->name());
        co_await subject->prepare();
        task_group group;
        auto pending = group.spawn(subject->perform());
        co_await settle();
        co_await stop_in_vain(pending, *in_vain);
        const bool was_done = pending.is_done();  // those that the kernel serves ahead
        co_await subject->satisfy();
        const std::error_code error = co_await pending;
        if (was_done) REQUIRE(error == errc::cancelled);
        if (error) REQUIRE(error == errc::cancelled);
        if (error) {
            const std::error_code again = co_await subject->perform();
            REQUIRE(again == std::error_code());
        }
        co_await group.join();
    }
}

task<> cancel_a_read_in_vain(std::shared_ptr<bool> in_vain) {
    for (const bool socket : {false, true}) {
        handle_pair pair = socket ? attached_socket_pair() : attached_pipe();
        task_group group;
        auto reading = group.spawn(read_once(pair.in));
        co_await settle();
        co_await stop_in_vain(reading, *in_vain);
        REQUIRE_FALSE(reading.is_done());  // the end of the cancellation is not that of the read
        co_await send_one(pair);
        const std::error_code error = co_await reading;
        REQUIRE(error == std::error_code());
    }
    require_one_completion_each();
}

/// Keeps reads from the kernel, and lets each complete with `answer` when it is cancelled.
ring_limits cancelled_reads_say(std::int32_t answer) {
    ring_limits limits;
    limits.on_submission = [answer, read = std::uint64_t{0}](io_uring_sqe& next) mutable {
        if (next.opcode == IORING_OP_READ) {
            read = next.user_data;
            answer_with(next, 0);
            next.flags = IOSQE_CQE_SKIP_SUCCESS;
        } else if (next.opcode == IORING_OP_ASYNC_CANCEL && next.addr == read) {
            answer_with(next, answer);
            next.user_data = read;
            next.flags = 0;
        }
    };
    return limits;
}

/// Cancels a read that moved `bytes`, or none.
task<std::error_code> cancel_a_read(std::size_t bytes) {
    handle_pair pair = attached_pipe();
    task_group group;
    auto reading = group.spawn([](io_handle& in, std::size_t expected) -> task<std::error_code> {
        std::array<std::byte, 16> buffer{};
        auto got = co_await in.read_some(buffer);
        if (got) REQUIRE(*got == expected);
        co_return got.error();
    }(pair.in, bytes));
    co_await settle();
    REQUIRE_FALSE(reading.is_done());
    reading.request_stop();
    const std::error_code error = co_await reading;
    co_await settle();
    require_one_completion_each();
    const std::uint64_t cancellations = scheduler::current().counters().cancellations.value();
    REQUIRE(cancellations == (error == errc::cancelled ? 1 : 0));
    co_return error;
}

// --- X3, X4, X6 ---------------------------------------------------------------------------------

/// Refuses calls by a pattern that repeats.
ring_limits refusing(int error, unsigned submissions, unsigned completions,
                     const std::shared_ptr<int>& calls) {
    ring_limits limits = small(submissions, completions);
    limits.refusal = [error, calls] {
        constexpr int refused_of_seven = 4;
        return ++*calls % 7 < refused_of_seven ? error : 0;
    };
    return limits;
}

/// The operations that a workload asks of the kernel.
std::set<int> operations_used() {
    auto used = std::make_shared<std::set<int>>();
    ring_limits limits;
    limits.on_submission = [used](io_uring_sqe& next) { used->insert(next.opcode); };
    run_with(limits, some_of_everything());
    run_with(limits, cancel_in_vain(std::make_shared<bool>(false)));
    return *used;
}

// --- X7, X8 -------------------------------------------------------------------------------------

task<int> read_byte(io_handle& in) {
    std::array<std::byte, 1> buffer{};
    auto got = co_await in.read_some(buffer);
    if (!got) co_return -1;
    co_return *got == 0 ? -2 : static_cast<int>(buffer[0]);
}

/// Closes a handle on which a read has come to a stage, and opens others, one of which gets its
/// number. Yields whether it did while the read was still on its way to the kernel.
task<bool> reuse_number(stage reached, bool socket) {
    auto make = [socket] { return socket ? attached_socket_pair() : attached_pipe(); };
    handle_pair old = make();
    const int number = old.in.native().value();
    task_group group;
    auto orphan = group.spawn(read_byte(old.in));
    for (int i = 0; i < static_cast<int>(reached); ++i) co_await yield();
    if (reached >= stage::waiting) co_await settle();
    old.in.close();
    std::vector<handle_pair> others;
    for (int i = 0; i < 3; ++i) others.push_back(make());
    bool reused = false;
    for (handle_pair& pair : others) {
        reused = reused || pair.in.native().value() == number;
        auto sent = co_await pair.out.write_some(bytes_of("n"));
        REQUIRE(sent.value() == 1);
    }
    const int seen = co_await orphan;
    co_await settle();
    for (handle_pair& pair : others) {
        auto reading = group.spawn(read_byte(pair.in));
        co_await settle();
        REQUIRE(reading.is_done());
        const int letter = co_await reading;
        REQUIRE(letter == 'n');
    }
    REQUIRE(seen == -1);
    co_return reused;
}

/// How many descriptors all epoll instances of this process watch.
int watched_by_epoll() {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
        std::ifstream about(entry.path());
        for (std::string line; std::getline(about, line);) {
            if (line.starts_with("tfd:")) ++count;
        }
    }
    return count;
}

/// Ends a handle while a duplicate of it lives, by `end`, and lets data arrive.
task<> end_beside_duplicate(void (*end)(io_handle&)) {
    const int watched = watched_by_epoll();
    handle_pair old = attached_pipe();
    const int number = old.in.native().value();
    const int duplicate = ::fcntl(number, F_DUPFD_CLOEXEC, 0);
    const unique_fd alive(duplicate);
    {
        task_group group;
        auto waiting = group.spawn(read_byte(old.in));
        co_await settle();
        REQUIRE_FALSE(waiting.is_done());
        waiting.request_stop();
        const int cancelled = co_await waiting;
        REQUIRE(cancelled == -1);
    }
    end(old.in);
    REQUIRE(watched_by_epoll() == watched);

    handle_pair next = attached_pipe();  // likely where the old one was
    task_group group;
    auto waiting = group.spawn(read_byte(next.in));
    co_await settle();
    const std::uint64_t completions = scheduler::current().counters().completions.value();
    auto sent = co_await old.out.write_some(bytes_of("o"));
    REQUIRE(sent.value() == 1);
    co_await settle();
    REQUIRE_FALSE(waiting.is_done());
    REQUIRE(scheduler::current().counters().completions.value() == completions);
    char letter = 0;
    REQUIRE(::read(duplicate, &letter, 1) == 1);  // nobody has taken it
    REQUIRE(letter == 'o');
    auto own = co_await next.out.write_some(bytes_of("n"));
    const int got = co_await waiting;
    REQUIRE(own.value() == 1);
    REQUIRE(got == 'n');
}

}  // namespace

CO_TEST_CASE("X1: memory of a task destroyed at any stage is nobody's any more",
             "[runtime][fault][X1]") {
    for (const memory_user& user : memory_users) {
        for (const stage reached : stages) {
            INFO(user.name << " at stage " << static_cast<int>(reached));
            co_await leaves_memory_alone(user, reached);
        }
    }
}

TEST_CASE("X1: memory of many writes destroyed in one turn is nobody's any more",
          "[runtime][fault][X1]") {
    auto body = []() -> task<> {
        constexpr int turns = 2 * loop::budget_of_turn;  // so that the kernel is asked in between
        constexpr int step = test::is_sanitized ? 19 : 5;
        for (const bool full : {false, true}) {
            for (int i = 0; i < turns; i += step) co_await leaves_memory_of_many_alone(full, i);
        }
    };
    run_on_each_kernel(body);
}

CO_TEST_CASE("X1: a frame destroyed at any stage of any operation leaves nothing behind",
             "[runtime][fault][X1]") {
    for (const make_io_subject make : all_io_subjects()) {
        for (const stage reached : stages) {
            const auto subject = make();
            INFO(subject->name() << " at stage " << static_cast<int>(reached));
            const bool supported = co_await can_prepare(*subject);
            if (supported) co_await leaves_handle_usable(*subject, reached);
        }
    }
}

TEST_CASE("X2: what the kernel says to a cancellation ends nothing", "[runtime][fault][X2]") {
    if (!has_uring() || !can_inject()) return;
    for (const std::int32_t answer : {-EALREADY, -ENOENT, -ECANCELED, -512, 0}) {
        CAPTURE(answer);
        auto in_vain = std::make_shared<bool>(false);
        run_with(cancellations_say(answer, in_vain), cancel_a_read_in_vain(in_vain));
        run_with(cancellations_say(answer, in_vain), cancel_in_vain(in_vain));
    }
}

TEST_CASE("X2: a cancelled read is cancelled, or has what it has read", "[runtime][fault][X2]") {
    if (!has_uring() || !can_inject()) return;
    for (const std::int32_t answer : {-ECANCELED, -EINTR, -512}) {
        CAPTURE(answer);
        REQUIRE(run_with(cancelled_reads_say(answer), cancel_a_read(0)) == errc::cancelled);
    }
    REQUIRE(run_with(cancelled_reads_say(5), cancel_a_read(5)) == std::error_code());
    REQUIRE(run_with(cancelled_reads_say(0), cancel_a_read(0)) == std::error_code());
    REQUIRE(run_with(cancelled_reads_say(-EIO), cancel_a_read(0)) == std::errc::io_error);
}

TEST_CASE("X3: a queue of eight completions holds back the rest and drops none",
          "[runtime][fault][X3]") {
    if (!has_uring()) return;
    constexpr unsigned count = 40;
    ring r(small(8, 8));
    REQUIRE_THAT(r.description(), Contains("8 submissions, 8 completions"));
    for (std::uint64_t tag = 1; tag <= count; ++tag) REQUIRE(r.submission(tag) != nullptr);
    r.enter(0s);
    std::set<std::uint64_t> seen;
    unsigned completed = 0;
    for (int turn = 0; turn < 10; ++turn) {
        for (unsigned of_turn = 0; const auto done = r.completion(); ++completed) {
            REQUIRE(++of_turn <= 8);
            seen.insert(done->tag);
        }
        r.enter(0s);
    }
    REQUIRE(completed == count);
    REQUIRE(seen.size() == count);
}

TEST_CASE("X3: an accept or receive that a full queue ended is made again",
          "[runtime][fault][X3]") {
    if (!has_uring()) return;
    auto made = std::make_shared<int>(0);
    ring_limits limits = small(2, 2);
    limits.on_submission = [made](io_uring_sqe& next) {
        if (next.opcode == IORING_OP_ACCEPT || next.opcode == IORING_OP_RECVMSG) ++*made;
    };
    run_with(limits, accept_all(40));
    REQUIRE(*made > 1);
    *made = 0;
    const auto none_large = scheduler_options().lent_buffers(60, 4096);
    run_with(limits, many_lent(20, 50'000), none_large);
    REQUIRE(*made > 20);
}

TEST_CASE("X3: eight completions serve what needs many", "[runtime][fault][X3]") {
    if (!has_uring()) return;
    run_with(small(8, 8), many_echoes(100, 3));
    run_with(small(8, 8), cancel_many(100));
}

TEST_CASE("X4: four submissions, and calls refused more often than not, drop nothing",
          "[runtime][fault][X4]") {
    if (!has_uring()) return;
    for (const int error : {EBUSY, EAGAIN, ENOMEM, EINTR}) {
        CAPTURE(error);
        auto calls = std::make_shared<int>(0);
        run_with(refusing(error, 4, 4096, calls), some_of_everything());
        run_with(refusing(error, 4, 8, calls), some_of_everything());
        REQUIRE(*calls > 100);
    }
}

TEST_CASE("X4: four submissions take any number of cancellations and withdrawals",
          "[runtime][fault][X4]") {
    if (!has_uring()) return;
    run_with(small(4, 4096), cancel_many(100));
    auto calls = std::make_shared<int>(0);
    auto body = []() -> task<> {
        std::vector<handle_pair> pairs;
        for (int i = 0; i < 40; ++i) pairs.push_back(attached_pipe());
        {
            task_group group;
            for (handle_pair& pair : pairs) group.spawn(read_once(pair.in));
            co_await settle();
        }
        for (handle_pair& pair : pairs) {
            co_await send_one(pair);
            const std::error_code error = co_await read_once(pair.in);
            REQUIRE(error == std::error_code());
        }
    };
    run_with(refusing(EBUSY, 4, 8, calls), body());
}

TEST_CASE("X6: an operation that the kernel lacks is named, and epoll serves instead",
          "[runtime][fault][X6]") {
    if (!has_uring()) return;
    const std::set<int> used = operations_used();
    REQUIRE(used.size() >= 6);
    for (const int code : used) {
        CAPTURE(code);
        ring_limits limits;
        limits.unknown_operations = {code};
        REQUIRE_THROWS_WITH(make_uring_backend(scheduler_options(), uring_wish::any, limits),
                            Contains("io_uring of this kernel has no "));
        std::vector<std::string> lines;
        auto sink = [&lines](log_level, std::string_view line) { lines.emplace_back(line); };
        const auto options = scheduler_options().log(sink);
        scheduler sched(make_automatic_backend(options, limits), options);
        REQUIRE(sched.backend_name() == "epoll");
        REQUIRE(lines.size() == 1);
        REQUIRE_THAT(lines[0], Contains("backend epoll: io_uring cannot be had: io_uring of this "
                                        "kernel has no "));
        sched.run(many_echoes(3, 3));
    }
}

TEST_CASE("X7: a number that is used again carries nothing over", "[runtime][fault][X7]") {
    auto body = []() -> task<> {
        int reused = 0;
        for (const bool socket : {false, true}) {
            for (const stage reached : {stage::not_begun, stage::begun, stage::waiting}) {
                CAPTURE(socket, static_cast<int>(reached));
                const bool same = co_await reuse_number(reached, socket);
                reused += same ? 1 : 0;
            }
        }
        REQUIRE(reused > 0);
    };
    run_on_each_kernel(body);
}

TEST_CASE("X8: a duplicate of what was closed brings no event", "[runtime][fault][X8]") {
    auto body = []() -> task<> {
        co_await end_beside_duplicate([](io_handle& ended) { ended.close(); });
        co_await end_beside_duplicate([](io_handle& ended) { REQUIRE(ended.detach()); });
        co_await end_beside_duplicate([](io_handle& ended) { ended = io_handle(); });
    };
    run_on_each_kernel(body);
}
