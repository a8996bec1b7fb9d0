// SPDX-License-Identifier: BSL-1.0
#include "../../support/co_test.hpp"
#include "../connected.hpp"

#include <conduit/rpc/interface.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/within.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

using namespace conduit;
using namespace conduit::rpc;
using namespace conduit::rpc::test;
using namespace std::chrono_literals;

namespace {

struct listed {
    int number = 0;
};

enum class way : std::uint8_t {
    fault_with_wait,
    fault_that_says_ok,
    exception,
    no_exception,
    no_memory,
    own_deadline,
    own_cancelled,
    listed_elsewhere,
};

/// What a contract was before it grew.
class old_contract {
public:
    virtual ~old_contract() = default;
    virtual task<int> go(way how) = 0;
    virtual task<std::string> join(std::string first) = 0;
    virtual task<void> listed_one() = 0;
};
CONDUIT_INTERFACE(old_contract, "test.wrong.v1", go, join, listed_one)

/// The same interface in a later version.
class contract_now {
public:
    virtual ~contract_now() = default;
    virtual task<int> go(way how) = 0;
    virtual task<std::string> join(std::string first, std::string second) = 0;
    virtual task<void> listed_one() = 0;
    virtual stream<int> two_then_throw(way how) = 0;
    virtual task<double> sum(stream<double> numbers) = 0;
    virtual task<void> only_now() = 0;
};
CONDUIT_INTERFACE(contract_now, "test.wrong.v1", go, join, listed_one, two_then_throw, sum,
                  only_now)
constexpr auto conduit_methods(contract<contract_now>) {
    return method<&contract_now::listed_one>().throws<listed>();
}

void go_wrong(way how) {
    switch (how) {
        case way::fault_with_wait: throw fault(status::aborted, "again").retry_after(70ms);
        case way::fault_that_says_ok: throw fault(status::ok, "a lie");
        case way::exception: throw std::runtime_error("a secret of the server");
        case way::no_exception: throw 7;
        case way::no_memory: throw std::bad_alloc();
        case way::own_deadline: throw std::system_error(errc::timed_out);
        case way::own_cancelled: throw std::system_error(errc::cancelled);
        case way::listed_elsewhere: throw listed{1};
    }
}

class wrong final : public contract_now {
public:
    task<int> go(way how) override {
        go_wrong(how);
        co_return 0;
    }
    task<std::string> join(std::string first, std::string second) override {
        co_return first + "+" + second;
    }
    task<void> listed_one() override {
        throw listed{42};
        co_return;
    }
    stream<int> two_then_throw(way how) override {
        co_yield 1;
        co_yield 2;
        go_wrong(how);
    }
    task<double> sum(stream<double> numbers) override {
        stream<double> in = std::move(numbers);
        double sum = 0;
        while (auto number = co_await in.next()) sum += *number;
        co_return sum;
    }
    task<void> only_now() override { co_return; }
};

service_table offers_of(contract_now& object) {
    service_table offers;
    offers.add<contract_now>(object);
    return offers;
}

class wrong_server {
public:
    wrong object;
    service_table offers = offers_of(object);
    connected pair{offers};
    stub<contract_now> there{pair.here};
    stub<old_contract> there_as_before{pair.here};
};

task<fault> fault_of(contract_now& there, way how) {
    auto ended = co_await try_call(there.go(how));
    if (ended) throw std::logic_error("it did not fail");
    co_return ended.error();
}

task<std::vector<fault>> faults_of_wrong_procedures() {
    wrong_server server;
    std::vector<fault> seen;
    const std::vector<way> ways{way::exception, way::no_exception, way::fault_that_says_ok,
                                way::listed_elsewhere, way::own_deadline};
    for (const way how : ways) {
        fault why = co_await fault_of(server.there, how);
        seen.push_back(std::move(why));
    }
    co_return seen;
}

}  // namespace

CO_TEST_CASE("a fault that a procedure throws arrives with code, text and wait",
             "[rpc][serve][errors]") {
    wrong_server server;
    const fault thrown = co_await fault_of(server.there, way::fault_with_wait);
    REQUIRE(thrown.code() == status::aborted);
    REQUIRE(thrown.text() == "again");
    REQUIRE(thrown.retry_after() == 70ms);
    REQUIRE(thrown.may_have_run());
    REQUIRE_FALSE(thrown.retry_safe());
}

TEST_CASE("what a procedure throws otherwise is for the server's log alone",
          "[rpc][serve][errors]") {
    std::vector<std::string> log;
    scheduler simulated(
        scheduler_options()
            .backend(backend_kind::sim)
            .log([&log](log_level, std::string_view line) { log.emplace_back(line); }));
    const std::vector<fault> seen = simulated.run(faults_of_wrong_procedures());

    for (const fault& why : seen) {
        CHECK(why.code() == status::unknown);
        CHECK(why.text() == "test.wrong.v1/go: the procedure failed; the server's log says why");
    }
    REQUIRE(log.size() == seen.size());
    REQUIRE(log[0] == "test.wrong.v1/go: the procedure failed: a secret of the server");
    REQUIRE_THAT(log[1], Catch::Contains("it threw something that is no std::exception"));
    REQUIRE_THAT(log[2], Catch::Contains("it threw a fault that says ok"));
}

CO_TEST_CASE("a procedure that has no memory, or was cancelled, says so", "[rpc][serve][errors]") {
    wrong_server server;
    const fault no_memory = co_await fault_of(server.there, way::no_memory);
    const fault cancelled = co_await fault_of(server.there, way::own_cancelled);
    REQUIRE(no_memory.code() == status::resource_exhausted);
    REQUIRE(cancelled.code() == status::cancelled);
}

CO_TEST_CASE("who does not list an error gets a fault that names its type",
             "[rpc][serve][errors]") {
    wrong_server server;
    int number = 0;
    try {
        co_await server.there.listed_one();
    } catch (const listed& why) {
        number = why.number;
    }
    auto before = co_await try_call(server.there_as_before.listed_one());
    REQUIRE(number == 42);
    REQUIRE(before.error().code() == status::failed_precondition);
    REQUIRE(before.error().text() == "test.wrong.v1/listed_one: it threw listed");
    REQUIRE(before.error().type() == "listed");
}

CO_TEST_CASE("what a stream throws comes after the items before it", "[rpc][serve][errors]") {
    wrong_server server;
    auto items = server.there.two_then_throw(way::fault_with_wait);
    auto one = co_await try_call(items.next());
    auto two = co_await try_call(items.next());
    auto failed = co_await try_call(items.next());
    auto end = co_await try_call(items.next());
    REQUIRE(one.value() == 1);
    REQUIRE(two.value() == 2);
    REQUIRE(failed.error().code() == status::aborted);
    REQUIRE_FALSE(end.value().has_value());
}

CO_TEST_CASE("a parameter that was appended is default-made for callers of before",
             "[rpc][serve]") {
    wrong_server server;
    const std::string before = co_await server.there_as_before.join("a");
    const std::string now = co_await server.there.join("a", "b");
    REQUIRE(before == "a+");
    REQUIRE(now == "a+b");
}
