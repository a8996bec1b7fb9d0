// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/asio.hpp>

#include "../support/asio_program.hpp"
#include "../support/co_test.hpp"
#include "../support/dies.hpp"
#include "../support/settle.hpp"

#include <conduit/runtime/blocking.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <fcntl.h>
#include <unistd.h>
#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/buffer.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/read.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <asio/write.hpp>

#include <array>
#include <future>
#include <memory>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace conduit;
using namespace conduit::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

task<int> five() { co_return 5; }

task<std::unique_ptr<int>> boxed(int value) {
    co_await yield();
    co_return std::make_unique<int>(value);
}

task<> fail() {
    co_await yield();
    throw std::runtime_error("a task's own");
}

task<std::error_code> sleep_long() {
    const std::error_code ended = co_await sleep_for(1h);
    co_return ended;
}

task<> sleep_long_with(std::shared_ptr<int> kept) {
    const std::shared_ptr<int> own = std::move(kept);
    co_await sleep_for(1h);
}

/// What a callback got.
template <class T>
struct answer {
    int calls = 0;
    std::exception_ptr failure;
    std::optional<T> value;

    auto token() {
        return [this](std::exception_ptr thrown, T got) {
            ++calls;
            failure = std::move(thrown);
            value.emplace(std::move(got));
        };
    }
};

std::error_code code_of(const std::exception_ptr& failure) {
    if (!failure) return {};
    try {
        std::rethrow_exception(failure);
    } catch (const std::system_error& error) {
        return error.code();
    }
}

}  // namespace

TEST_CASE("an Asio coroutine awaits a conduit task", "[runtime][asio]") {
    asio_program program;
    int sum = 0;
    auto ask = [](asio_program& in, int& out) -> asio::awaitable<void> {
        auto first = co_await asio_spawn(in.host(), five(), asio::use_awaitable);
        auto second = co_await asio_spawn(in.host(), boxed(6), asio::use_awaitable);
        co_await asio_spawn(in.host(), conduit::test::settle(), asio::use_awaitable);
        out = first + *second;
        in.host().request_stop();
    };
    asio::co_spawn(program.context(), ask(program, sum), rethrow);
    program.run();
    REQUIRE(sum == 11);
}

TEST_CASE("what a conduit task throws arrives in the Asio coroutine", "[runtime][asio]") {
    asio_program program;
    std::string what;
    auto ask = [](asio_program& in, std::string& out) -> asio::awaitable<void> {
        try {
            co_await asio_spawn(in.host(), fail(), asio::use_awaitable);
        } catch (const std::runtime_error& error) {
            out = error.what();
        }
        auto still_works = co_await asio_spawn(in.host(), five(), asio::use_awaitable);
        out += still_works == 5 ? "!" : "?";
        in.host().request_stop();
    };
    asio::co_spawn(program.context(), ask(program, what), rethrow);
    program.run();
    REQUIRE(what == "a task's own!");
}

TEST_CASE("callbacks and futures are told as well", "[runtime][asio]") {
    asio_program program;
    answer<int> called;
    std::future<int> future;
    std::future<void> failed;
    bool ended = false;
    asio_spawn(program.host(), five(), called.token());
    future = asio_spawn(program.host(), five(), asio::use_future);
    failed = asio_spawn(program.host(), fail(), asio::use_future);
    asio_spawn(program.host(), settle(), [&ended](std::exception_ptr) { ended = true; });
    program.stop_and_run();
    REQUIRE(called.calls == 1);
    REQUIRE(called.value == 5);
    REQUIRE(future.get() == 5);
    REQUIRE_THROWS_WITH(failed.get(), "a task's own");
    REQUIRE(ended);
}

TEST_CASE("a handler is called on its executor, outside any task", "[runtime][asio]") {
    asio_program program;
    auto strand = asio::make_strand(program.context());
    bool on_strand = false;
    bool in_task = true;
    bool called = false;
    asio_spawn(program.host(), five(), asio::bind_executor(strand, [&](std::exception_ptr, int) {
                   called = true;
                   on_strand = strand.running_in_this_thread();
                   in_task = loop::current != nullptr;
               }));
    REQUIRE_FALSE(called);
    program.stop_and_run();
    REQUIRE(called);
    REQUIRE(on_strand);
    REQUIRE_FALSE(in_task);
}

TEST_CASE("a task that yields a result may be spawned from Asio", "[runtime][asio]") {
    auto work = [](std::shared_ptr<int> kept) -> task<result<int>> {
        const std::shared_ptr<int> own = std::move(kept);
        const std::error_code ended = co_await sleep_for(1h);
        if (ended) co_return ended;
        co_return 1;
    };
    asio_program program;
    answer<result<int>> stopped;
    asio_spawn(program.host(), work(nullptr), stopped.token());
    program.run_what_is_ready();
    REQUIRE(stopped.calls == 0);
    program.stop_and_run();
    REQUIRE(stopped.calls == 1);
    REQUIRE_FALSE(stopped.failure);
    REQUIRE(stopped.value->error() == errc::cancelled);

    answer<result<int>> refused;  // the host has ended
    asio_spawn(program.host(), work(nullptr), refused.token());
    program.run();
    REQUIRE(code_of(refused.failure) == errc::cancelled);
    REQUIRE(refused.value->error() == errc::cancelled);
}

TEST_CASE("each kind of Asio's cancellation is a stop request", "[runtime][asio][cancel]") {
    for (const auto type : {asio::cancellation_type::terminal, asio::cancellation_type::partial,
                            asio::cancellation_type::total}) {
        asio_program program;
        asio::cancellation_signal signal;
        answer<std::error_code> got;
        asio_spawn(program.host(), sleep_long(),
                   asio::bind_cancellation_slot(signal.slot(), got.token()));
        program.run_what_is_ready();
        REQUIRE(got.calls == 0);
        signal.emit(type);
        REQUIRE(got.calls == 0);
        program.run_what_is_ready();
        REQUIRE(got.calls == 1);
        REQUIRE(got.value == errc::cancelled);
        signal.emit(type);  // nothing is there any more
        program.stop_and_run();
        REQUIRE(got.calls == 1);
    }
}

TEST_CASE("a task that is cancelled before it began does not begin", "[runtime][asio][cancel]") {
    asio_program program;
    asio::cancellation_signal signal;
    answer<std::error_code> got;
    asio_spawn(program.host(), sleep_long(),
               asio::bind_cancellation_slot(signal.slot(), got.token()));
    signal.emit(asio::cancellation_type::terminal);
    program.stop_and_run();
    REQUIRE(got.calls == 1);
    REQUIRE(code_of(got.failure) == errc::cancelled);
}

TEST_CASE("cancelling an Asio coroutine stops the task it awaits", "[runtime][asio][cancel]") {
    asio_program program;
    asio::cancellation_signal signal;
    std::error_code seen;
    auto ask = [](asio_program& in, std::error_code& out) -> asio::awaitable<void> {
        out = co_await asio_spawn(in.host(), sleep_long(), asio::use_awaitable);
    };
    asio::co_spawn(program.context(), ask(program, seen),
                   asio::bind_cancellation_slot(signal.slot(), rethrow));
    program.run_what_is_ready();
    REQUIRE_FALSE(seen);
    signal.emit(asio::cancellation_type::terminal);
    program.stop_and_run();
    REQUIRE(seen == errc::cancelled);
}

TEST_CASE("request_stop lets tasks end in their own time", "[runtime][asio]") {
    auto tidy_up = [](std::vector<int>& log) -> task<> {
        co_await sleep_for(1h);
        log.push_back(1);
        for (int i = 0; i < 300; ++i) co_await yield();  // several turns of the context
        log.push_back(2);
    };
    asio_program program;
    std::vector<int> log;
    asio_spawn(program.host(), tidy_up(log), asio::detached);
    program.run_what_is_ready();
    REQUIRE(log.empty());
    program.stop_and_run();
    REQUIRE(log == std::vector<int>{1, 2});
    REQUIRE_FALSE(program.host().scheduler().post([] {}));
}

TEST_CASE("a host without tasks lets go of its context when asked", "[runtime][asio]") {
    asio_program program;
    program.run_what_is_ready();
    REQUIRE_FALSE(program.context().stopped());
    program.stop_and_run();
    REQUIRE(program.context().stopped());
}

TEST_CASE("destroying a host destroys its tasks and tells who waits", "[runtime][asio]") {
    asio_program program;
    auto kept = std::make_shared<int>(1);
    std::error_code seen;
    auto ask = [](asio_host& host, std::shared_ptr<int> held,
                  std::error_code& out) -> asio::awaitable<void> {
        try {
            co_await asio_spawn(host, sleep_long_with(std::move(held)), asio::use_awaitable);
        } catch (const std::system_error& error) {
            out = error.code();
        }
    };
    asio::co_spawn(program.context(), ask(program.host(), kept, seen), rethrow);
    program.run_what_is_ready();
    REQUIRE(kept.use_count() == 2);
    program.destroy_host();
    REQUIRE(kept.use_count() == 1);
    REQUIRE_FALSE(seen);  // told by the context
    program.run();
    REQUIRE(seen == errc::cancelled);
}

TEST_CASE("a host may be destroyed before its context ever ran", "[runtime][asio]") {
    asio_program program;
    auto kept = std::make_shared<int>(1);
    answer<int> got;
    asio_spawn(program.host(), sleep_long_with(kept), asio::detached);
    asio_spawn(program.host(), five(), got.token());
    program.destroy_host();
    REQUIRE(kept.use_count() == 1);
    program.run();
    REQUIRE(code_of(got.failure) == errc::cancelled);
}

TEST_CASE("a host may be destroyed between a task's spawn and its first step", "[runtime][asio]") {
    asio_program program;
    answer<std::error_code> got;
    auto hog = []() -> task<> {
        for (;;) co_await five();
    };
    asio_spawn(program.host(), hog(), asio::detached);
    program.context().run_one();
    asio_spawn(program.host(), sleep_long(), got.token());  // behind a task that takes all its turn
    const counters& seen = program.host().scheduler().counters();
    while (seen.tasks_spawned.value() < 2) program.context().run_one();
    REQUIRE(seen.waits.value() == 0);
    program.destroy_host();
    program.run();
    REQUIRE(got.calls == 1);
    REQUIRE(code_of(got.failure) == errc::cancelled);
}

TEST_CASE("a context that ends drops what its host still had to say", "[runtime][asio]") {
    asio_program program;
    answer<int> got;
    auto kept = std::make_shared<int>(1);
    auto wait = [](asio_host& host, std::shared_ptr<int> held) -> asio::awaitable<void> {
        co_await asio_spawn(host, sleep_long_with(held), asio::use_awaitable);
    };
    asio::co_spawn(program.context(), wait(program.host(), kept), rethrow);
    asio_spawn(program.host(), five(), got.token());
    program.context().run_one();
    program.context().stop();
    program.destroy_host();
    program.destroy_context();
    REQUIRE(got.calls == 0);
    REQUIRE(kept.use_count() == 1);
}

TEST_CASE("tasks stand still while their context is stopped", "[runtime][asio]") {
    asio_program program;
    int turns = 0;
    bool done = false;
    auto count = [](int& out, asio::io_context& context) -> task<> {
        for (int i = 0; i < 1000; ++i) {
            if (++out == 500) context.stop();
            co_await yield();
        }
    };
    asio_spawn(program.host(), count(turns, program.context()),
               [&done](std::exception_ptr) { done = true; });
    program.context().run();
    REQUIRE(program.context().stopped());
    REQUIRE_FALSE(done);
    program.stop_and_run();
    REQUIRE(turns == 1000);
    REQUIRE(done);
}

TEST_CASE("an exception that a handler throws leaves the host as it is", "[runtime][asio]") {
    asio_program program;
    answer<int> got;
    asio_spawn(program.host(), five(),
               [](std::exception_ptr, int) { throw std::runtime_error("a handler's own"); });
    REQUIRE_THROWS_WITH(program.run(), "a handler's own");
    asio_spawn(program.host(), five(), got.token());
    program.stop_and_run();
    REQUIRE(got.value == 5);
}

TEST_CASE("deadlines of tasks and timers of Asio run in one thread", "[runtime][asio]") {
    asio_program program;
    int of_tasks = 0;
    int of_asio = 0;
    auto sleeps = [](int& out) -> task<> {
        for (int i = 0; i < 5; ++i) {
            co_await sleep_for(1ms);
            const std::error_code late = co_await within(1ms, sleep_for(1h));
            if (late == errc::timed_out) ++out;
        }
    };
    auto waits = [](int& out) -> asio::awaitable<void> {
        auto executor = co_await asio::this_coro::executor;
        asio::steady_timer timer(executor);
        for (int i = 0; i < 10; ++i) {
            timer.expires_after(1ms);
            co_await timer.async_wait(asio::use_awaitable);
            ++out;
        }
    };
    int running = 2;
    const auto one_has_ended = [&](const std::exception_ptr& failure) {
        rethrow(failure);
        if (--running == 0) program.host().request_stop();
    };
    asio_spawn(program.host(), sleeps(of_tasks), one_has_ended);
    asio::co_spawn(program.context(), waits(of_asio), one_has_ended);
    program.run();
    REQUIRE(of_asio == 10);
    REQUIRE(of_tasks == 5);
}

TEST_CASE("a timer that is set later but due sooner wakes the host", "[runtime][asio]") {
    asio_program program;
    answer<std::error_code> late;
    std::vector<std::string> log;
    auto note = [](std::vector<std::string>& out, clock::duration wait,
                   const char* what) -> task<> {
        const std::error_code ended = co_await sleep_for(wait);
        if (!ended) out.emplace_back(what);
    };
    asio_spawn(program.host(), note(log, 1h, "late"), asio::detached);
    program.run_what_is_ready();
    asio_spawn(program.host(), note(log, 1ms, "soon"),
               [&program](std::exception_ptr) { program.host().request_stop(); });
    program.run();
    REQUIRE(log == std::vector<std::string>{"soon"});
}

TEST_CASE("a task and an Asio coroutine play ball through pipes", "[runtime][asio]") {
    asio_program program;
    std::array<int, 2> there{};
    std::array<int, 2> back{};
    REQUIRE(::pipe2(there.data(), O_CLOEXEC | O_NONBLOCK) == 0);
    REQUIRE(::pipe2(back.data(), O_CLOEXEC | O_NONBLOCK) == 0);
    constexpr int rounds = 1000;
    auto serve = [](int in_fd, int out_fd) -> task<int> {
        auto in = io_handle::attach(unique_fd(in_fd));
        auto out = io_handle::attach(unique_fd(out_fd));
        std::array<std::byte, 1> ball{std::byte{'o'}};
        int n = 0;
        for (; n < rounds; ++n) {
            auto sent = co_await out->write_some(ball);
            auto got = co_await in->read_some(ball);
            if (!sent || !got || *got != 1) break;
        }
        co_return n;
    };
    auto play = [](int in_fd, int out_fd) -> asio::awaitable<void> {
        auto executor = co_await asio::this_coro::executor;
        asio::posix::stream_descriptor in(executor, in_fd);
        asio::posix::stream_descriptor out(executor, out_fd);
        std::array<char, 1> ball{};
        for (int n = 0; n < rounds; ++n) {
            co_await asio::async_read(in, asio::buffer(ball), asio::use_awaitable);
            co_await asio::async_write(out, asio::buffer(ball), asio::use_awaitable);
        }
    };
    answer<int> got;
    asio_spawn(program.host(), serve(back[0], there[1]), got.token());
    asio::co_spawn(program.context(), play(there[0], back[1]),
                   [&program](const std::exception_ptr& failure) {
                       rethrow(failure);
                       program.host().request_stop();
                   });
    program.run();
    REQUIRE(got.value == rounds);
}

TEST_CASE("busy tasks do not starve Asio", "[runtime][asio]") {
    auto hog = [](const bool& stop, long& rounds) -> task<> {
        while (!stop) {
            auto got = co_await five();
            rounds += got;
        }
    };
    asio_program program;
    bool stop = false;
    long rounds = 0;
    asio_spawn(program.host(), hog(stop, rounds), asio::detached);
    asio_spawn(program.host(), hog(stop, rounds), asio::detached);
    asio::steady_timer timer(program.context(), 1ms);
    timer.async_wait([&](std::error_code) {
        stop = true;
        program.host().request_stop();
    });
    program.run();
    REQUIRE(stop);
    REQUIRE(rounds > 0);
}

TEST_CASE("busy handlers do not starve tasks", "[runtime][asio]") {
    asio_program program;
    bool stop = false;
    long rounds = 0;
    std::function<void()> hog = [&] {
        ++rounds;
        if (!stop) asio::post(program.context(), hog);
    };
    auto work = [](bool& out) -> task<> {
        handle_pair pair = attached_pipe();
        co_await sleep_for(1ms);
        auto written = co_await pair.out.write_some(bytes_of("x"));
        std::array<std::byte, 8> buffer{};
        auto got = co_await pair.in.read_some(buffer);
        out = written && got;
    };
    asio::post(program.context(), hog);
    asio_spawn(program.host(), work(stop),
               [&program](std::exception_ptr) { program.host().request_stop(); });
    program.run();
    REQUIRE(stop);
    REQUIRE(rounds > 0);
}

TEST_CASE("an idle host does not spin", "[runtime][asio]") {
    asio_program program;
    asio_spawn(program.host(), sleep_long(), [](std::exception_ptr, std::error_code) {});
    program.run_what_is_ready();
    const std::uint64_t turns = program.host().scheduler().counters().turns.value();
    asio::steady_timer timer(program.context());
    for (int i = 0; i < 20; ++i) {
        timer.expires_after(1ms);
        timer.async_wait([](std::error_code) {});
        program.context().restart();
        program.context().run_one();
    }
    REQUIRE(program.host().scheduler().counters().turns.value() == turns);
    program.stop_and_run();
}

TEST_CASE("a host is on epoll or not at all", "[runtime][asio]") {
    asio::io_context context(1);
    try {
        asio_host host(context, scheduler_options().backend(backend_kind::sim));
        FAIL("it was made");
    } catch (const std::system_error& error) {
        REQUIRE(error.code() == std::errc::not_supported);
        REQUIRE_THAT(error.what(), Contains("this is sim"));
    }
    asio_host host(context);
    REQUIRE(host.scheduler().backend_name() == "epoll");
}

TEST_CASE("a host that is destroyed by its own task is a bug of the caller", "[runtime][asio]") {
    const auto said = stderr_of_death([] {
        asio::io_context context(1);
        std::optional<asio_host> host(std::in_place, context);
        auto destroy = [](std::optional<asio_host>& own) -> task<> {
            own.reset();
            co_return;
        };
        asio_spawn(*host, destroy(host), asio::detached);
        context.run();
    });
    REQUIRE_THAT(said, Contains("destroyed by a task that it runs"));
}

TEST_CASE("posts from another thread wake a sleeping host", "[runtime][asio][threads]") {
    constexpr int rounds = 2000;
    asio_program program;
    std::binary_semaphore called(0);
    std::thread poster([&] {
        for (int i = 0; i < rounds; ++i) {
            program.host().scheduler().post([&called] { called.release(); });
            called.acquire();
        }
        program.host().request_stop();
    });
    program.run();
    poster.join();
    REQUIRE(program.host().scheduler().counters().posts.value() >= rounds);
}

TEST_CASE("posts from several threads all arrive while Asio is busy", "[runtime][asio][threads]") {
    constexpr int posts = 20'000;
    asio_program program;
    int received = 0;
    std::vector<std::thread> threads;
    for (int n = 0; n < 2; ++n) {
        threads.emplace_back([&] {
            for (int i = 0; i < posts; ++i) {
                program.host().scheduler().post([&] {
                    if (++received == 2 * posts) program.host().request_stop();
                });
            }
        });
    }
    program.run();
    for (std::thread& each : threads) each.join();
    REQUIRE(received == 2 * posts);
}

TEST_CASE("tasks are spawned and cancelled from another thread", "[runtime][asio][threads]") {
    constexpr int rounds = 500;
    asio_program program;
    program.let_frames_cross_threads();
    std::thread other([&] {
        asio::io_context mine(1);
        for (int i = 0; i < rounds; ++i) {
            asio::cancellation_signal signal;
            auto token = asio::bind_cancellation_slot(
                signal.slot(),
                asio::bind_executor(mine, [](std::exception_ptr, std::error_code) {}));
            asio_spawn(program.host(), sleep_long(), token);
            signal.emit(asio::cancellation_type::total);
            mine.restart();
            mine.run();
        }
        program.host().request_stop();
    });
    program.run();
    other.join();
    REQUIRE(program.host().scheduler().counters().tasks_live.value() == 0);
}

TEST_CASE("another scheduler runs tasks on a host, also on one that is destroyed",
          "[runtime][asio][threads]") {
    asio_program program;
    program.let_frames_cross_threads();
    std::error_code seen;
    int value = 0;
    std::binary_semaphore waiting(0);
    auto ask = [](asio_host& host, std::binary_semaphore& began, int& out) -> task<> {
        out = co_await on(host.scheduler(), five());
        auto wait = [](std::binary_semaphore& here) -> task<> {
            here.release();
            co_await sleep_for(1h);
        };
        co_await on(host.scheduler(), wait(began));
    };
    std::thread other([&] {
        try {
            scheduler(scheduler_options().backend(backend_kind::epoll))
                .run(ask(program.host(), waiting, value));
        } catch (const std::system_error& error) {
            seen = error.code();
        }
    });
    while (!waiting.try_acquire()) program.context().run_one();
    program.destroy_host();
    other.join();
    REQUIRE(value == 5);
    REQUIRE(seen == errc::cancelled);
}

TEST_CASE("functions that block run beside a host", "[runtime][asio][threads]") {
    asio_program program;
    answer<int> got;
    auto work = []() -> task<int> {
        auto function = [] { return 7; };
        auto called = co_await blocking(function);
        co_return called.value_or(0);
    };
    asio_spawn(program.host(), work(), got.token());
    while (got.calls == 0) program.context().run_one();
    program.stop_and_run();
    REQUIRE(got.value == 7);
}
