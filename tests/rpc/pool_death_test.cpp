// SPDX-License-Identifier: BSL-1.0
//
// A server is killed under load and started anew, again and again: its clients' idempotent calls
// all have their answers.
#include "../support/child.hpp"
#include "../support/co_test.hpp"
#include "../support/fleet.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"
#include "../support/until_unlocked.hpp"

#include <conduit/rpc/pool_client.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/run.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

constexpr int callers = 16;
constexpr int kills = 10;
// So many that the budget has something for each call that a kill hits.
constexpr std::uint64_t answers_between = 200;

/// Listens at the address of its first argument, by the name of its second.
task<> serve_at(std::string where, std::string name) {
    test::local_vessel object(name);
    rpc::server server;
    server.offer<test::vessel>(object);
    co_await server.listen(std::move(where));
    co_await server.run();
}

const test::helper serves("serves a vessel until it is killed",
                          [](const test::helper_arguments& given) {
                              run(serve_at(given.at(0), given.at(1)));
                              return 0;
                          });

test::child_process start(const std::string& where, const std::string& name) {
    return test::child_process::helper("serves a vessel until it is killed", {where, name});
}

struct load {
    bool goes_on = true;
    std::uint64_t answered = 0;
    std::uint64_t wrong = 0;
    std::uint64_t failed = 0;
    std::string last_failure;
};

task<> call_on(test::vessel& there, load& counts) {
    while (counts.goes_on) {
        auto name = co_await rpc::try_call(there.who());
        if (!name) {
            ++counts.failed;
            counts.last_failure = name.error().text();
        } else {
            ++(name->starts_with("generation ") ? counts.answered : counts.wrong);
        }
    }
}

/// Each call once: what was not answered says whether it may have run.
task<> call_once_each(test::vessel& there, load& counts) {
    while (counts.goes_on) {
        auto name = co_await rpc::try_call(there.once());
        if (name) continue;
        if (name.error().code() != rpc::status::unavailable) ++counts.wrong;
        if (name.error().retry_safe() == name.error().may_have_run()) ++counts.wrong;
    }
}

}  // namespace

CO_TEST_CASE("no idempotent call is lost when its server is killed and started again",
             "[rpc][pool][fault]") {
    test::needs_processes();
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    auto server = std::make_optional(start(where, "generation 0"));
    // A kill takes one try of a call at most, and no other is spent on a dead server.
    rpc::pool_client<test::vessel> there({where}, rpc::pool_options().tries_max(kills + 1));
    load counts;
    task_scope calls;
    for (int i = 0; i < callers; ++i) calls.spawn(call_on(*there, counts));
    for (int i = 0; i < callers / 4; ++i) calls.spawn(call_once_each(*there, counts));
    for (int i = 1; i <= kills; ++i) {
        const std::uint64_t before = counts.answered;
        while (counts.answered < before + answers_between) co_await test::come_round();
        server->kill();
        co_await test::until_unlocked(folder.path("s.lock"));
        server.emplace(start(where, "generation " + std::to_string(i)));
    }
    const std::uint64_t before = counts.answered;
    while (counts.answered < before + answers_between) co_await test::come_round();
    counts.goes_on = false;
    co_await calls.join();
    co_await there.close();
    const auto counted = there.pool().counters();
    INFO(counts.last_failure << "; " << counted.retries << " retries, " << counted.retries_denied
                             << " denied, " << counted.connects << " connects");
    REQUIRE(counts.failed == 0);
    REQUIRE(counted.retries_denied == 0);
    REQUIRE(counts.wrong == 0);
    REQUIRE(counts.answered >= answers_between * (kills + 1));
    REQUIRE(counted.reconnects >= kills);
}
