// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/interceptor.hpp>

#include "../support/co_test.hpp"
#include "../support/settle.hpp"
#include "probe.hpp"

#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/log.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;
using test::facing_connections;
using test::probe;
using test::probe_service;

namespace {

using lines = std::vector<std::string>;

class noting_watch final : public rpc::call_watch {
public:
    noting_watch(lines& into, std::string what) : into_(into), what_(std::move(what)) {}
    void ended(const rpc::call_end& how) noexcept override {
        into_.push_back(what_ + " " + std::string(to_string(how.code)));
        if (!how.text.empty()) into_.back() += ": " + std::string(how.text);
    }

private:
    lines& into_;
    std::string what_;
};

/// Notes begin and end of each call, and lets in those that bring the word, if one is wanted.
class doorman final : public rpc::serving_interceptor {
public:
    doorman(lines& into, std::string name, std::string word = {})
        : into_(into), name_(std::move(name)), word_(std::move(word)) {}

    std::unique_ptr<rpc::call_watch> begin(const rpc::call_info& call) override {
        if (!word_.empty() && call.metadata().find("word") != word_) {
            throw rpc::fault(rpc::status::unauthenticated, "a word is wanted");
        }
        into_.push_back(name_ + " begins " + std::string(call.method()));
        return std::make_unique<noting_watch>(into_, name_ + " ended");
    }

private:
    lines& into_;
    std::string name_;
    std::string word_;
};

class speaker final : public rpc::calling_interceptor {
public:
    speaker(lines& into, std::string word) : into_(into), word_(std::move(word)) {}

    std::unique_ptr<rpc::call_watch> begin(rpc::call_request& call) override {
        if (word_ == "silent") throw rpc::fault(rpc::status::failed_precondition, "not today");
        if (!word_.empty()) call.metadata().set("word", word_);
        into_.push_back("calls " + std::string(call.method()));
        return std::make_unique<noting_watch>(into_, "heard");
    }

private:
    lines& into_;
    std::string word_;
};

rpc::connection_options serving(std::initializer_list<std::shared_ptr<doorman>> all) {
    rpc::connection_options made;
    for (const auto& each : all) made.serving(each);
    return made;
}

rpc::connection_options calling(lines& into, std::string word) {
    return rpc::connection_options().calling(std::make_shared<speaker>(into, std::move(word)));
}

}  // namespace

CO_TEST_CASE("interceptors see a call on both sides, in order and back", "[rpc][interceptor]") {
    probe_service here;
    lines served;
    lines called;
    facing_connections ends(here,
                            serving({std::make_shared<doorman>(served, "first"),
                                     std::make_shared<doorman>(served, "second")}),
                            calling(called, ""));
    rpc::stub<probe> there(ends.client);
    const std::string answer = co_await there.echo("x");
    REQUIRE(answer == "x");
    REQUIRE(served == lines{"first begins test.probe/echo", "second begins test.probe/echo",
                            "second ended ok", "first ended ok"});
    REQUIRE(called == lines{"calls test.probe/echo", "heard ok"});
}

CO_TEST_CASE("an interceptor refuses a call, whose procedure then has not run",
             "[rpc][interceptor]") {
    probe_service here;
    lines served;
    lines called;
    facing_connections ends(here, serving({std::make_shared<doorman>(served, "door", "please")}),
                            calling(called, ""));
    rpc::stub<probe> there(ends.client);
    rpc::metadata with;
    with.set("word", "please");
    auto refused = co_await rpc::try_call(there.echo("x"));
    auto let_in = co_await rpc::try_call(rpc::with_metadata(with, there.echo("x")));
    REQUIRE(refused.error().code() == rpc::status::unauthenticated);
    REQUIRE(refused.error().text() == "a word is wanted");
    REQUIRE_FALSE(refused.error().may_have_run());
    REQUIRE(let_in.value() == "x");
    REQUIRE(served == lines{"door begins test.probe/echo", "door ended ok"});
    REQUIRE(called == lines{"calls test.probe/echo", "heard unauthenticated: a word is wanted",
                            "calls test.probe/echo", "heard ok"});
    REQUIRE(ends.server.counters().calls_refused == 1);
}

CO_TEST_CASE("an interceptor adds metadata to every call, or stops it before it is sent",
             "[rpc][interceptor]") {
    probe_service here;
    lines served;
    lines called;
    facing_connections talks(here, serving({std::make_shared<doorman>(served, "door", "please")}),
                             calling(called, "please"));
    facing_connections silent(here, {}, calling(called, "silent"));
    rpc::stub<probe> there(talks.client);
    rpc::stub<probe> nowhere(silent.client);
    const std::string answer = co_await there.echo("x");
    auto stopped = co_await rpc::try_call(nowhere.echo("x"));
    co_await test::settle();
    REQUIRE(answer == "x");
    REQUIRE(stopped.error().code() == rpc::status::failed_precondition);
    REQUIRE_FALSE(stopped.error().may_have_run());
    REQUIRE(silent.server.counters().calls_served == 0);
    REQUIRE(silent.client.calls_made_now() == 0);
}

CO_TEST_CASE("streams, failures and calls that are given up have an end as well",
             "[rpc][interceptor]") {
    probe_service here;
    lines served;
    lines called;
    facing_connections ends(here, serving({std::make_shared<doorman>(served, "door")}),
                            calling(called, ""));
    rpc::stub<probe> there(ends.client);
    {
        auto numbers = there.count(2);
        while (auto number = co_await numbers.next()) REQUIRE(*number <= 2);
    }
    auto late = co_await rpc::try_call(within(1ms, there.hold()));
    {
        auto abandoned = there.count(1'000'000);
        auto first = co_await abandoned.next();
        REQUIRE(*first == 1);
    }
    while (ends.server.calls_served_now() > 0) co_await test::settle();
    REQUIRE(late.error().code() == rpc::status::deadline_exceeded);
    REQUIRE(called.size() == 6);
    REQUIRE(called[1] == "heard ok");
    REQUIRE(called[3] == "heard deadline_exceeded: test.probe/hold: the deadline passed");
    REQUIRE(called[5] == "heard cancelled: the call was given up");
    REQUIRE(served.size() == 6);
    std::ranges::sort(served);  // the procedures end when they notice
    REQUIRE(served[3].starts_with("door ended cancelled"));
    REQUIRE(served[4].starts_with("door ended deadline_exceeded"));
    REQUIRE(served[5] == "door ended ok");
}

namespace {

class broken_doorman final : public rpc::serving_interceptor {
    std::unique_ptr<rpc::call_watch> begin(const rpc::call_info& /*call*/) override {
        throw std::runtime_error("a secret");
    }
};

}  // namespace

CO_TEST_CASE("what is wrong with an interceptor is not told to the peer", "[rpc][interceptor]") {
    probe_service here;
    facing_connections ends(here,
                            rpc::connection_options().serving(std::make_shared<broken_doorman>()));
    rpc::stub<probe> there(ends.client);
    auto failed = co_await rpc::try_call(there.echo("x"));
    REQUIRE(failed.error().code() == rpc::status::unknown);
    REQUIRE(failed.error().text().find("secret") == std::string_view::npos);
    REQUIRE(ends.server.is_open());
}
