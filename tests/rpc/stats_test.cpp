// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/stats.hpp>

#include "../support/co_test.hpp"
#include "../support/rpc_subject.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"
#include "prometheus_text.hpp"

#include <conduit/channels/memory_stream.hpp>
#include <conduit/rpc/client.hpp>
#include <conduit/rpc/codec.hpp>
#include <conduit/rpc/connect.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/timer.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

const rpc::method_stats& of(const rpc::server_stats& said, std::string_view method) {
    for (const rpc::method_stats& each : said.methods) {
        if (each.method == method) return each;
    }
    FAIL("nothing is said of " << method);
    return said.methods[0];
}

std::uint64_t hits(const rpc::server& server, const std::string& limit) {
    return server.stats().limits.at(limit);
}

rpc::method_stats some_stats(std::string name, std::vector<std::uint64_t> latency) {
    rpc::method_stats some;
    some.method = std::move(name);
    some.latency = std::move(latency);
    return some;
}

}  // namespace

CO_TEST_CASE("a server counts calls by method and status, with their bytes", "[rpc][stats]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    test::subject_server there;
    co_await there.server.listen(where);
    auto here = co_await test::connect_subject(where);
    auto three = co_await here->add(1, 2);
    three = co_await here->add(three, 4);
    auto text = co_await here->echo("12345");
    auto items = here->count(3);
    while (auto item = co_await items.next()) text += std::to_string(*item);
    auto failed = co_await rpc::try_call(here->ask_back(1, 2));  // which nobody offers here
    auto held = scope.spawn(test::try_hold(*here));
    co_await test::until_held(there.object, 1);
    const rpc::server_stats before = there.server.stats();
    held.request_stop();
    co_await test::until_released(there.object, 1);
    co_await test::settle();

    const rpc::server_stats said = there.server.stats();
    const rpc::method_stats& add = of(said, "test.subject.v1/add");
    CHECK(add.by_status == std::map<std::string, std::uint64_t>{{"ok", 2}});
    CHECK(add.ended() == 2);
    CHECK(add.argument_bytes == 2 * 16);
    CHECK(add.result_bytes == 2 * 8);
    CHECK(add.refused == 0);
    CHECK(of(said, "test.subject.v1/echo").argument_bytes == 4 + 5);
    CHECK(of(said, "test.subject.v1/echo").result_bytes == 4 + 5);
    CHECK(of(said, "test.subject.v1/count").result_bytes == 3 * 4);
    CHECK(before.calls_now == 1);
    CHECK(of(before, "test.subject.v1/hold").ended() == 0);
    CHECK(of(said, "test.subject.v1/hold").ended() == 1);
    CHECK(of(said, "test.subject.v1/ask_back").by_status ==
          std::map<std::string, std::uint64_t>{{"unimplemented", 1}});
    CHECK(failed.error().code() == rpc::status::unimplemented);
    CHECK(said.calls_now == 0);
    CHECK(said.connections_now == 1);
    CHECK(said.accepted == 1);
    CHECK(said.bytes_received > add.argument_bytes);
    CHECK(said.bytes_sent > add.result_bytes);
}

CO_TEST_CASE("what a call took is in its histogram", "[rpc][stats]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    test::subject_server there;
    co_await there.server.listen(where);
    auto here = co_await test::connect_subject(where);
    auto held = scope.spawn(test::try_hold(*here));
    co_await test::until_held(there.object, 1);
    co_await sleep_for(30ms);
    held.request_stop();
    co_await test::until_released(there.object, 1);
    co_await test::settle();
    const rpc::server_stats all = there.server.stats();
    const rpc::method_stats& said = of(all, "test.subject.v1/hold");
    CHECK(said.run_time >= 30ms);
    CHECK(said.run_time_most == said.run_time);
    REQUIRE(said.latency_below(0.5).has_value());
    CHECK(*said.latency_below(0.5) > 30ms);
    CHECK(*said.latency_below(0.5) <= (said.run_time + said.queue_time) * 5 / 4 + 1us);
    CHECK(said.latency.back() == 1);
}

CO_TEST_CASE("calls that were refused are counted apart, and so is each limit",
             "[rpc][stats][limit]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    test::subject_server there(rpc::server_options().calls_max(1).memory_max(500'000).each(
        rpc::connection_options().message_max(600'000)));
    co_await there.server.listen(where);
    auto here = co_await test::connect_subject(where);
    auto held = scope.spawn(test::try_hold(*here));
    co_await test::until_held(there.object, 1);
    auto second = co_await rpc::try_call(here->touch());
    held.request_stop();
    co_await test::until_released(there.object, 1);
    auto large = co_await rpc::try_call(here->echo(std::string(550'000, 'x')));
    auto larger = co_await rpc::try_call(here->echo(std::string(700'000, 'x')));
    REQUIRE_FALSE(second);
    REQUIRE_FALSE(large);
    REQUIRE_FALSE(larger);
    const rpc::server_stats said = there.server.stats();
    CHECK(of(said, "test.subject.v1/touch").refused == 1);
    CHECK(of(said, "test.subject.v1/touch").ended() == 0);
    CHECK(of(said, "test.subject.v1/touch").by_status.empty());
    CHECK(of(said, "test.subject.v1/echo").refused == 1);  // what is too long here is not sent
    CHECK(hits(there.server, "calls_max") == 1);
    CHECK(hits(there.server, "memory_max") == 1);
    CHECK(hits(there.server, "message_max") == 0);
    CHECK(hits(there.server, "connections_max") == 0);
}

CO_TEST_CASE("connections beyond a limit are counted by that limit", "[rpc][stats][limit]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    test::subject_server there(
        rpc::server_options().connections_max(2).connections_per_user_max(1));
    co_await there.server.listen(where);
    auto first = co_await test::connect_subject(where);
    co_await first->touch();
    auto second = co_await test::connect_subject(where);
    auto refused = co_await rpc::try_call(second->touch());
    REQUIRE_FALSE(refused);
    CHECK(hits(there.server, "connections_per_user_max") == 1);
    CHECK(there.server.stats().refused == 1);
}

CO_TEST_CASE("who does not say who it is is counted as such", "[rpc][stats][limit]") {
    auto [ours, theirs] = make_memory_stream_pair();
    rpc::server server(rpc::server_options().each(rpc::connection_options().greeting_within(20ms)));
    server.serve(any_stream(std::move(theirs)));
    co_await server.until_left();
    CHECK(hits(server, "greeting_within") == 1);
    CHECK(server.stats().ended == 1);
}

CO_TEST_CASE("calls whose connection goes are cut off, and end for nobody", "[rpc][stats]") {
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    test::subject_server there;
    co_await there.server.listen(where);
    {
        auto here = co_await test::connect_subject(where);
        auto cut = scope.spawn(test::try_hold(*here));
        co_await test::until_held(there.object, 1);
        here.connection().close();
        auto ended = co_await cut;
        REQUIRE_FALSE(ended);
    }
    co_await there.server.until_left();
    const rpc::server_stats all = there.server.stats();
    CHECK(of(all, "test.subject.v1/hold").cut_off == 1);
    CHECK(of(all, "test.subject.v1/hold").ended() == 0);
}

CO_TEST_CASE("a server says its numbers to others", "[rpc][stats]") {
    auto [ours, theirs] = make_memory_stream_pair();
    test::subject_server there;
    there.server.serve(any_stream(std::move(theirs)));
    rpc::client<rpc::stats> asked{any_stream(std::move(ours))};
    const rpc::server_stats first = co_await asked->now();
    const rpc::server_stats second = co_await asked->now();
    const std::string text = co_await asked->prometheus();
    CHECK(first.methods.size() == 1);  // it has begun, and not ended
    CHECK(first.methods[0].ended() == 0);
    CHECK(of(second, "conduit.stats/now").ended() == 1);
    CHECK(second.connections_now == 1);
    const test::prometheus_text read(text);
    CHECK(read.problem() == "");
    CHECK(read.value_of("conduit_calls_total{interface=\"conduit.stats\",method=\"now\","
                        "status=\"ok\"}") == 2);
    CHECK(read.value_of("conduit_connections") == 1);
}

TEST_CASE("numbers are sent and come back the same", "[rpc][stats]") {
    rpc::server_stats said;
    said.methods.push_back(some_stats("a/b", {0, 1, 2}));
    said.methods[0].by_status["ok"] = 3;
    said.limits["calls_max"] = 4;
    said.bytes_sent = 5;
    rpc::server_stats back;
    std::vector<std::byte> bytes(rpc::encoded_size(said));
    rpc::encode_fields(bytes.data(), said);
    const auto limits = rpc::decode_limits::for_message(bytes.size());
    const auto decoded = rpc::decode_fields(bytes, limits, {}, back);
    REQUIRE(decoded);
    CHECK(back == said);
}

TEST_CASE("what several servers did is added up", "[rpc][stats]") {
    rpc::server_stats one;
    one.methods = {some_stats("a/a", {1}), some_stats("a/c", {1, 2})};
    one.methods[1].queue_time_most = 5ms;
    one.limits = {{"pings", 1}};
    one.accepted = 1;
    rpc::server_stats two;
    two.methods = {some_stats("a/b", {}), some_stats("a/c", {0, 1, 7})};
    two.methods[1].queue_time_most = 3ms;
    two.methods[1].by_status = {{"ok", 8}};
    two.limits = {{"pings", 2}, {"cancels", 3}};
    two.accepted = 10;
    one.add(two);
    REQUIRE(one.methods.size() == 3);
    CHECK(one.methods[1].method == "a/b");
    CHECK(one.methods[2].latency == std::vector<std::uint64_t>{1, 3, 7});
    CHECK(one.methods[2].queue_time_most == 5ms);
    CHECK(one.methods[2].by_status.at("ok") == 8);
    CHECK(one.limits == std::map<std::string, std::uint64_t>{{"cancels", 3}, {"pings", 3}});
    CHECK(one.accepted == 11);
}

TEST_CASE("a part of the calls took less than the bound of its bucket", "[rpc][stats]") {
    const rpc::method_stats some = some_stats("a/b", {1, 1, 0, 0, 2});
    CHECK(some.latency_below(0) == 1us);
    CHECK(some.latency_below(0.25) == 1us);
    CHECK(some.latency_below(0.26) == 2us);
    CHECK(some.latency_below(0.5) == 2us);
    CHECK(some.latency_below(1) == 5us);
    CHECK(some.latency_below(2) == 5us);
    CHECK_FALSE(some_stats("a/b", {}).latency_below(0.5).has_value());
    std::vector<std::uint64_t> long_ones(101);
    long_ones[100] = 1;
    CHECK_FALSE(some_stats("a/b", long_ones).latency_below(0.5).has_value());
    CHECK(rpc::latency_bound(0) == 1us);
    CHECK(rpc::latency_bound(99) == 67'108'864us);
    CHECK_FALSE(rpc::latency_bound(100).has_value());
}

TEST_CASE("the text for Prometheus is what its format demands", "[rpc][stats]") {
    rpc::server_stats said;
    said.methods = {some_stats("test.a/add", {1, 1, 0, 0, 2}), some_stats("odd\"\\\n/x", {})};
    said.methods[0].by_status = {{"ok", 3}, {"not_found", 1}};
    said.methods[0].queue_time = 1500us;
    said.methods[0].run_time = 2s;
    said.methods[0].latency.resize(101);
    said.methods[0].latency[100] = 3;
    said.limits = {{"calls_max", 7}};
    const test::prometheus_text read(to_prometheus(said));
    REQUIRE(read.problem() == "");
    const std::string add = "interface=\"test.a\",method=\"add\"";
    CHECK(read.value_of("conduit_calls_total{" + add + ",status=\"not_found\"}") == 1);
    CHECK(read.value_of("conduit_call_queue_seconds_total{" + add + "}") == 0.0015);
    CHECK(read.value_of("conduit_call_duration_seconds_sum{" + add + "}") == 2.0015);
    CHECK(read.value_of("conduit_call_duration_seconds_count{" + add + "}") == 7);
    const std::string bucket = "conduit_call_duration_seconds_bucket{" + add + ",le=";
    CHECK(read.value_of(bucket + "\"0.000001\"}") == 1);
    CHECK(read.value_of(bucket + "\"0.000004\"}") == 2);
    CHECK(read.value_of(bucket + "\"0.000008\"}") == 4);
    CHECK(read.value_of(bucket + "\"67.108864\"}") == 4);
    CHECK(read.value_of(bucket + "\"+Inf\"}") == 7);
    CHECK(read.value_of("conduit_limit_hits_total{limit=\"calls_max\"}") == 7);
    CHECK(read.value_of("conduit_calls_refused_total{interface=\"odd\\\"\\\\\\n\",method=\"x\"}") ==
          0);
}

TEST_CASE("what is no text for Prometheus is found out", "[rpc][stats]") {
    const auto problem = [](const std::string& text) {
        return test::prometheus_text(text).problem();
    };
    const std::string head = "# HELP a_total x\n# TYPE a_total counter\n";
    const std::string hist = "# HELP h x\n# TYPE h histogram\n";
    CHECK(problem(head + "a_total 1\n") == "");
    CHECK(problem("a_total 1\n") == "1: a_total has no HELP and TYPE before it");
    CHECK(problem(head + "a_total 1") == "the last line has no end");
    CHECK(problem(head + "a_total x\n") == "3: x is no number");
    CHECK(problem(head + "a_total{b=\"\\q\"} 1\n") == "3: a label is not escaped");
    CHECK(problem(head + "a_total{b=\"1\" 1\n") == "3: labels without an end");
    CHECK(problem(head + "a_total{1b=\"1\"} 1\n") == "3: 1b is no name of a label");
    CHECK(problem(head + "a_total 1\na_total 2\n") == "4: a_total is there twice");
    CHECK(problem(head + head) == "3: HELP of a_total is there twice");
    CHECK(problem("# HELP a x\n# TYPE a counter\na 1\n") == "2: a counter ends in _total: a");
    CHECK(problem(hist + "h_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n") ==
          "h: buckets are not cumulative");
    CHECK(problem(hist + "h_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 2\n") ==
          "h: +Inf and _count differ");
    CHECK(problem(hist + "h_bucket{le=\"1\"} 1\nh_sum 1\nh_count 1\n") == "h: no bucket of +Inf");
    CHECK(problem(hist + "h_bucket{le=\"+Inf\"} 1\nh_count 1\n") == "h: no _sum");
}
