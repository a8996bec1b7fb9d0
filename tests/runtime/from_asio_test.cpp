// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/from_asio.hpp>

#include "../support/asio_program.hpp"

#include <conduit/runtime/asio.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/when_any.hpp>
#include <conduit/runtime/within.hpp>
#include <conduit/runtime/yield.hpp>

#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/post.hpp>
#include <asio/read.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <catch2/catch.hpp>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>

using namespace conduit;
using namespace conduit::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

using socket_type = asio::local::stream_protocol::socket;

/// Runs a task on a host until it has ended, and throws what it threw.
template <class Body, class... Arguments>
void run_in_asio(asio_program& program, Body body, Arguments&... arguments) {
    bool ended = false;
    std::exception_ptr failure;
    asio_spawn(program.host(), body(program.context(), arguments...),
               [&](std::exception_ptr thrown) {
                   ended = true;
                   failure = std::move(thrown);
                   program.host().request_stop();
               });
    program.run();
    REQUIRE(ended);
    rethrow(failure);
}

/// An asynchronous operation under the hands of the test: its handler is called when it says so.
class by_hand {
public:
    using handler = std::function<void(std::error_code, int)>;

    template <class Token>
    auto start(Token&& token) {
        return asio::async_initiate<Token, void(std::error_code, int)>(initiation(*this), token);
    }
    void finish(std::error_code error, int value) { std::exchange(handler_, {})(error, value); }
    void drop() { handler_ = {}; }
    bool is_in_flight() const { return static_cast<bool>(handler_); }
    int cancellations() const { return cancellations_; }

private:
    class initiation {
    public:
        explicit initiation(by_hand& owner) : owner_(&owner) {}
        template <class Handler>
        void operator()(Handler&& given) const {
            by_hand* const owner = owner_;
            asio::get_associated_cancellation_slot(given).assign(
                [owner](asio::cancellation_type) { ++owner->cancellations_; });
            auto kept = std::make_shared<std::decay_t<Handler>>(std::forward<Handler>(given));
            owner->handler_ = [kept](std::error_code error, int value) {
                std::move (*kept)(error, value);
            };
        }

    private:
        by_hand* owner_;
    };

    handler handler_;
    int cancellations_ = 0;
};

task<result<int>> await_by_hand(by_hand& operation) {
    auto got = co_await operation.start(from_asio);
    co_return got;
}

/// Calls its handler at once, which Asio's own operations never do.
class at_once {
public:
    template <class Handler>
    void operator()(Handler&& given, int value) const {
        std::forward<Handler>(given)(std::error_code(), value);
    }
};

/// Stops the group that awaits it, as a coroutine may that co_spawn() runs at once.
class stopping {
public:
    explicit stopping(task_group& stopped) : stopped_(&stopped) {}
    template <class Handler>
    void operator()(Handler&& given, asio::steady_timer& timer) const {
        stopped_->request_stop();
        timer.async_wait(std::forward<Handler>(given));
    }

private:
    task_group* stopped_;
};

class throwing {
public:
    template <class Handler>
    void operator()(Handler&&) const {
        throw std::runtime_error("an initiation's own");
    }
};

/// Counts how many of it there are.
class counted {
public:
    explicit counted(int& live) : live_(&live) { ++*live_; }
    counted(const counted& other) : live_(other.live_) { ++*live_; }
    counted& operator=(const counted&) = delete;
    ~counted() { --*live_; }

    template <class Handler>
    void operator()(Handler&& given, const counted&) const {
        std::forward<Handler>(given)();
    }

private:
    int* live_;
};

auto start_counted(int& live) {
    return asio::async_initiate<const from_asio_t&, void()>(counted(live), from_asio,
                                                            counted(live));
}

}  // namespace

TEST_CASE("a task awaits timers and sockets of Asio's", "[runtime][asio]") {
    auto talk = [](asio::io_context& context) -> task<> {
        socket_type here(context);
        socket_type there(context);
        asio::local::connect_pair(here, there);
        asio::steady_timer timer(context, 1ms);
        auto fired = co_await timer.async_wait(from_asio);
        auto written = co_await asio::async_write(here, asio::buffer("hello", 5), from_asio);
        std::array<char, 5> buffer{};
        auto got = co_await asio::async_read(there, asio::buffer(buffer), from_asio);
        here.close();
        auto end = co_await there.async_read_some(asio::buffer(buffer), from_asio);
        REQUIRE(fired);
        REQUIRE(written.value() == 5);
        REQUIRE(got.value() == 5);
        REQUIRE(std::string(buffer.data(), 5) == "hello");
        REQUIRE(end.error() == asio::error::eof);
    };
    asio_program program;
    run_in_asio(program, talk);
}

TEST_CASE("a deadline ends an operation of Asio's", "[runtime][asio][cancel]") {
    auto wait = [](asio::io_context& context) -> task<> {
        asio::steady_timer timer(context, 1h);
        socket_type here(context);
        socket_type there(context);
        asio::local::connect_pair(here, there);
        std::array<char, 5> buffer{};
        auto late = co_await within(1ms, timer.async_wait(from_asio));
        auto read = co_await within(1ms, here.async_read_some(asio::buffer(buffer), from_asio));
        auto sent = co_await there.async_write_some(asio::buffer("kept", 4), from_asio);
        auto got = co_await within(1h, here.async_read_some(asio::buffer(buffer), from_asio));
        REQUIRE(late.error() == errc::timed_out);
        REQUIRE(read.error() == errc::timed_out);
        REQUIRE(sent.value() == 4);
        REQUIRE(got.value() == 4);  // the read that was cancelled took nothing
    };
    asio_program program;
    run_in_asio(program, wait);
}

TEST_CASE("what others cancel or close is cancelled", "[runtime][asio][cancel]") {
    auto wait = [](asio::io_context& context) -> task<> {
        asio::steady_timer timer(context, 1h);
        auto cancel = [](asio::steady_timer& target) -> task<> {
            co_await yield();
            target.cancel();
        };
        task_scope scope;
        scope.spawn(cancel(timer));
        auto got = co_await timer.async_wait(from_asio);
        co_await scope.join();
        REQUIRE(got.error() == errc::cancelled);
    };
    asio_program program;
    run_in_asio(program, wait);
}

TEST_CASE("a stop request waits for the operation's own completion", "[runtime][asio][cancel]") {
    auto wait = [](asio::io_context&) -> task<> {
        by_hand operation;
        task_group group;
        auto pending = group.spawn(await_by_hand(operation));
        co_await yield();
        pending.request_stop();
        for (int i = 0; i < 5; ++i) co_await yield();
        REQUIRE(operation.cancellations() == 1);
        REQUIRE_FALSE(pending.is_done());
        operation.finish({}, 7);
        REQUIRE_FALSE(pending.is_done());
        auto got = co_await pending;
        REQUIRE(got.value() == 7);  // a result that arrived beats the cancellation
    };
    asio_program program;
    run_in_asio(program, wait);
}

TEST_CASE("an operation that was cancelled says why", "[runtime][asio][cancel]") {
    auto wait = [](asio::io_context&) -> task<> {
        by_hand operation;
        task_group group;
        auto pending = group.spawn(await_by_hand(operation));
        co_await yield();
        group.request_stop(stop_reason::timed_out);
        operation.finish(asio::error::operation_aborted, 0);
        auto late = co_await pending;
        auto unstarted = group.spawn(await_by_hand(operation));
        auto never = co_await unstarted;
        REQUIRE(late.error() == errc::timed_out);
        REQUIRE(never.error() == errc::timed_out);
        REQUIRE_FALSE(operation.is_in_flight());
    };
    asio_program program;
    run_in_asio(program, wait);
}

TEST_CASE("a handler that is dropped ends the wait", "[runtime][asio]") {
    auto wait = [](asio::io_context&) -> task<> {
        by_hand operation;
        task_group group;
        auto pending = group.spawn(await_by_hand(operation));
        co_await yield();
        operation.drop();
        auto got = co_await pending;
        REQUIRE(got.error() == errc::cancelled);
    };
    asio_program program;
    run_in_asio(program, wait);
}

TEST_CASE("a task that is destroyed while Asio works for it is forgotten", "[runtime][asio]") {
    auto wait = [](asio::io_context& context) -> task<> {
        socket_type here(context);
        socket_type there(context);
        asio::local::connect_pair(here, there);
        auto read = [](socket_type& from) -> task<> {
            std::array<char, 64> mine{};
            auto got = co_await from.async_read_some(asio::buffer(mine), from_asio);
            FAIL("resumed: " << got.has_value());
        };
        by_hand operation;
        std::optional<task_group> group(std::in_place);
        group->spawn(read(here));
        group->spawn(await_by_hand(operation));
        co_await yield();
        REQUIRE(operation.is_in_flight());
        group.reset();
        REQUIRE(operation.cancellations() == 1);
        operation.finish({}, 1);  // too late for anybody
        auto sent = co_await there.async_write_some(asio::buffer("kept", 4), from_asio);
        std::array<char, 8> buffer{};
        auto got = co_await here.async_read_some(asio::buffer(buffer), from_asio);
        REQUIRE(sent.value() == 4);
        REQUIRE(got.value() == 4);
    };
    asio_program program;
    run_in_asio(program, wait);
}

TEST_CASE("a host may be destroyed while Asio works for its tasks", "[runtime][asio]") {
    auto wait = [](asio::io_context& context) -> task<> {
        socket_type here(context);
        socket_type there(context);
        asio::local::connect_pair(here, there);
        std::array<char, 64> mine{};
        auto got = co_await here.async_read_some(asio::buffer(mine), from_asio);
        FAIL("resumed: " << got.has_value());
    };
    bool told = false;
    asio_program program;
    asio_spawn(program.host(), wait(program.context()), [&](std::exception_ptr) { told = true; });
    program.run_what_is_ready();
    SECTION("and the context runs on") {
        program.destroy_host();
        program.run();
        REQUIRE(told);
    }
    SECTION("and the context ends, too") {
        program.destroy_host();
        program.destroy_context();
        REQUIRE_FALSE(told);
    }
}

TEST_CASE("a task awaits an Asio coroutine", "[runtime][asio]") {
    auto ask = [](asio::io_context& context) -> task<> {
        auto twice = [](int n) -> asio::awaitable<std::string> {
            auto executor = co_await asio::this_coro::executor;
            asio::steady_timer timer(executor, 1ms);
            co_await timer.async_wait(asio::use_awaitable);
            if (n < 0) throw std::runtime_error("an Asio coroutine's own");
            co_return std::to_string(2 * n);
        };
        auto got = co_await asio::co_spawn(context, twice(4), from_asio);
        REQUIRE(got == "8");
        co_await asio::co_spawn(context, twice(-1), from_asio);
    };
    asio_program program;
    REQUIRE_THROWS_WITH(run_in_asio(program, ask), "an Asio coroutine's own");
}

TEST_CASE("a stop request cancels an Asio coroutine", "[runtime][asio][cancel]") {
    auto ask = [](asio::io_context& context) -> task<> {
        auto sleep = []() -> asio::awaitable<int> {
            auto executor = co_await asio::this_coro::executor;
            asio::steady_timer timer(executor, 1h);
            co_await timer.async_wait(asio::use_awaitable);
            co_return 1;
        };
        std::error_code seen;
        try {
            auto got = co_await within(1ms, asio::co_spawn(context, sleep(), from_asio));
            FAIL("it slept for an hour: " << got);
        } catch (const std::system_error& error) {
            seen = error.code();
        }
        REQUIRE(seen == asio::error::operation_aborted);  // as Asio threw it
    };
    asio_program program;
    run_in_asio(program, ask);
}

TEST_CASE("an operation yields what its signature says", "[runtime][asio]") {
    auto ask = [](asio::io_context& context) -> task<> {
        co_await asio::post(context, from_asio);
        auto one = co_await asio::async_initiate<const from_asio_t&, void(std::error_code, int)>(
            at_once(), from_asio, 3);
        asio::steady_timer timer(context, 1ms);
        auto raw = co_await timer.async_wait(asio::experimental::as_tuple(from_asio));
        static_assert(std::is_same_v<decltype(raw), std::tuple<std::error_code>>);
        REQUIRE(one.value() == 3);
        REQUIRE_FALSE(std::get<0>(raw));
        using several = asio_outcome<std::error_code, int, std::string>;
        auto both = several::of(std::tuple(std::error_code(), 4, std::string("four")));
        REQUIRE(both.value() == std::tuple(4, "four"));
        REQUIRE(asio_outcome<int>::of(std::tuple(5)) == 5);
    };
    asio_program program;
    run_in_asio(program, ask);
}

TEST_CASE("an operation without an error code throws when it may not begin", "[runtime][asio]") {
    auto ask = [](asio::io_context& context) -> task<> {
        auto post = [](asio::io_context& to) -> task<> { co_await asio::post(to, from_asio); };
        task_group group;
        group.request_stop();
        auto stopped = group.spawn(post(context));
        std::error_code seen;
        try {
            co_await stopped;
        } catch (const std::system_error& error) {
            seen = error.code();
        }
        REQUIRE(seen == errc::cancelled);
    };
    asio_program program;
    run_in_asio(program, ask);
}

TEST_CASE("an initiation may stop the task that awaits it", "[runtime][asio][cancel]") {
    auto ask = [](asio::io_context& context) -> task<> {
        asio::steady_timer timer(context, 1h);
        task_group group;
        auto wait = [](asio::steady_timer& on, task_group& own) -> task<std::error_code> {
            auto got = co_await asio::async_initiate<const from_asio_t&, void(std::error_code)>(
                stopping(own), from_asio, std::ref(on));
            co_return got.error();
        };
        auto waiting = group.spawn(wait(timer, group));
        auto ended = co_await waiting;
        REQUIRE(ended == errc::cancelled);
    };
    asio_program program;
    run_in_asio(program, ask);
}

TEST_CASE("what an initiation throws arrives", "[runtime][asio]") {
    auto ask = [](asio::io_context&) -> task<> {
        co_await asio::async_initiate<const from_asio_t&, void()>(throwing(), from_asio);
    };
    asio_program program;
    REQUIRE_THROWS_WITH(run_in_asio(program, ask), "an initiation's own");
}

TEST_CASE("an operation keeps its arguments for as long as it lives", "[runtime][asio]") {
    int live = 0;
    auto ask = [](asio::io_context&, int& count) -> task<> {
        {
            auto unused = start_counted(count);
            REQUIRE(count == 2);
        }
        co_await start_counted(count);  // g++ 12 would destroy an aggregate twice
        auto named = start_counted(count);
        co_await std::move(named);
    };
    asio_program program;
    run_in_asio(program, ask, live);
    REQUIRE(live == 0);
}

TEST_CASE("an operation of Asio's takes part in when_any", "[runtime][asio]") {
    auto ask = [](asio::io_context& context) -> task<> {
        asio::steady_timer soon(context, 1ms);
        asio::steady_timer late(context, 1h);
        auto first = co_await when_any(late.async_wait(from_asio), soon.async_wait(from_asio),
                                       sleep_for(1h));
        auto again = co_await within(1ms, late.async_wait(from_asio));
        REQUIRE(first.index == 1);
        REQUIRE(std::get<1>(first.value));
        REQUIRE(again.error() == errc::timed_out);
    };
    asio_program program;
    run_in_asio(program, ask);
}

TEST_CASE("the dump names operations of Asio's", "[runtime][asio]") {
    asio_program program;
    by_hand operation;
    std::string dump;
    asio_spawn(program.host(), await_by_hand(operation),
               [](std::exception_ptr, result<int>) { /* told in another case */ });
    program.run_what_is_ready();
    program.host().scheduler().post([&] { dump = program.host().scheduler().dump_tasks(); });
    program.run_what_is_ready();
    operation.finish({}, 1);
    program.stop_and_run();
    CAPTURE(dump);
    REQUIRE_THAT(dump, Contains("[from Asio]"));
    REQUIRE_THAT(dump, Contains("await_by_hand (from_asio_test.cpp:"));
    REQUIRE_THAT(dump, Contains(": Asio operation, "));
}

TEST_CASE("an operation that ends on another thread comes home", "[runtime][asio][threads]") {
    auto ask = [](asio::io_context&, asio::thread_pool& pool) -> task<> {
        const std::thread::id home = std::this_thread::get_id();
        for (int i = 0; i < 1000; ++i) {
            co_await asio::post(pool, from_asio);
            if (std::this_thread::get_id() != home) FAIL("resumed elsewhere");
        }
    };
    asio::thread_pool pool(2);
    asio_program program;
    run_in_asio(program, ask, pool);
    pool.join();
}
