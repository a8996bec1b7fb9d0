// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/dynamic_call.hpp>

#include "../support/co_test.hpp"
#include "../support/settle.hpp"
#include "connected.hpp"
#include "local_calculator.hpp"

#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/within.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace conduit;
using namespace conduit::rpc;
using namespace conduit::rpc::test;
using namespace std::chrono_literals;

namespace {

/// A calculator with its description at the other end of a connection.
struct described_calculator {
    described_calculator() : describes(offers), ends(fill()) {}

    task<dynamic_call> find(std::string method) {
        return dynamic_call::find(ends.here, "test.calculator.v1/" + method);
    }
    /// With a description that a peer made up.
    dynamic_call made_up(interface_description said, std::string_view method) {
        return dynamic_call(ends.here, said, method);
    }

    local_calculator object;
    service_table offers;
    describe_service describes;
    connected ends;

private:
    const service_table& fill() {
        offers.add<calculator>(object);
        offers.add<describer>(describes);
        return offers;
    }
};

/// The words.
stream<std::string> texts(std::string words) {
    std::istringstream in(words);
    for (std::string word; in >> word;) co_yield word;
}

stream<std::string> failing() {
    co_yield "1";
    throw fault(status::data_loss, "the samples are lost");
}

task<std::vector<std::string>> all_of(stream<std::string> of) {
    stream<std::string> items = std::move(of);
    std::vector<std::string> all;
    while (auto text = co_await items.next()) all.push_back(std::move(*text));
    co_return all;
}

task<std::string> fault_of_call(task<std::string> call) {
    auto done = co_await try_call(std::move(call));
    co_return done
        ? "it worked: " + *done
        : std::string(to_string(done.error().code())).append(": ").append(done.error().text());
}

task<std::string> fault_of_items(stream<std::string> of) {
    auto done = co_await try_call(all_of(std::move(of)));
    co_return done
        ? "it worked"
        : std::string(to_string(done.error().code())).append(": ").append(done.error().text());
}

task<std::string> fault_of_find(caller* through, std::string name) {
    auto found = co_await try_call(dynamic_call::find(*through, std::move(name)));
    co_return found
        ? "found"
        : std::string(to_string(found.error().code())).append(": ").append(found.error().text());
}

interface_description described() { return describe(row_of<calculator>()); }

/// Describes what it was told to.
class liar final : public describer {
public:
    task<std::vector<std::string>> interfaces() override { co_return std::vector<std::string>(); }
    task<interface_description> describe(std::string /*interface*/) override { co_return said; }

    interface_description said;
};

}  // namespace

CO_TEST_CASE("a method is called with arguments by position or by name", "[rpc][dynamic_call]") {
    described_calculator there;
    auto add = co_await there.find("add");
    auto divide = co_await there.find("divide");
    auto repeat = co_await there.find("repeat");
    auto clear = co_await there.find("clear");

    const std::string three = co_await add.call("[1, 2]");
    const std::string seven = co_await add.call(R"({"rhs": 4.5, "lhs": 2.5})");
    const std::string one = co_await add.call("[1]");
    const std::string half = co_await divide.call("[1, 2]");
    const std::string text = co_await repeat.call(R"(["ab", 3])");
    const std::string nothing = co_await clear.call("[]");

    REQUIRE(add.full_name() == "test.calculator.v1/add");
    REQUIRE(add.description() == described().methods[0]);
    REQUIRE(three == "3.0");
    REQUIRE(seven == "7.0");
    REQUIRE(one == "1.0");
    REQUIRE(half == "0.5");
    REQUIRE(text == R"("ababab")");
    REQUIRE(nothing == "null");
}

CO_TEST_CASE("results and items longer than a frame arrive", "[rpc][dynamic_call]") {
    described_calculator there;
    auto repeat = co_await there.find("repeat");
    const std::string word(200'000, 'x');
    const std::string text = co_await repeat.call("[\"" + word + "\", 2]");
    REQUIRE(text.size() == 400'002);
}

CO_TEST_CASE("streams are items of text in both directions", "[rpc][dynamic_call]") {
    described_calculator there;
    auto count = co_await there.find("count");
    auto mean = co_await there.find("mean");
    auto sums = co_await there.find("running_sum");

    const auto counted = co_await all_of(count.call_stream("[3, 6]"));
    const auto none = co_await all_of(count.call_stream("[3, 3]"));
    const std::string average = co_await mean.call("[]", texts("1 2.5 4"));
    const auto summed = co_await all_of(sums.call_stream(R"({"start": 1})", texts("1 2")));
    const std::string of_nothing = co_await fault_of_call(mean.call("[]"));

    REQUIRE(counted == std::vector<std::string>{"3", "4", "5"});
    REQUIRE(none.empty());
    REQUIRE(average == "2.5");
    REQUIRE(summed == std::vector<std::string>{"2.0", "4.0"});
    REQUIRE(of_nothing == "invalid_argument: the mean of nothing");
}

CO_TEST_CASE("a one-way call does not wait, and outlives who made it", "[rpc][dynamic_call]") {
    described_calculator there;
    std::string said;
    {
        std::optional<dynamic_call> note = co_await there.find("note");
        said = co_await note->call(R"(["a line"])");
        note.reset();
    }
    co_await there.object.noted.wait();
    co_await conduit::test::settle();
    REQUIRE(said == "null");
    REQUIRE(there.object.lines == std::vector<std::string>{"a line"});
}

CO_TEST_CASE("arguments that do not fit are refused before anything is sent",
             "[rpc][dynamic_call]") {
    described_calculator there;
    auto add = co_await there.find("add");
    auto count = co_await there.find("count");
    auto mean = co_await there.find("mean");
    const auto calls = there.ends.here.counters().calls_made;

    const auto kind = co_await fault_of_call(add.call(R"({"lhs": 1, "rhs": "two"})"));
    const auto name = co_await fault_of_call(add.call(R"({"left": 1})"));
    const auto broken = co_await fault_of_call(add.call("[1"));
    const auto streams = co_await fault_of_call(count.call("[1, 2]"));
    const auto single = co_await fault_of_items(add.call_stream("[1, 2]"));
    const auto items = co_await fault_of_call(add.call("[1, 2]", texts("")));
    const auto in_stream = co_await fault_of_items(count.call_stream("[true]"));
    const auto sent = there.ends.here.counters().calls_made - calls;
    const auto item = co_await fault_of_call(mean.call("[]", texts("1 []")));

    REQUIRE(kind ==
            "invalid_argument: test.calculator.v1/add: the arguments: $.rhs: expected an f64, "
            "found \"two\"");
    REQUIRE(name ==
            "invalid_argument: test.calculator.v1/add: the arguments: $: expected one of lhs, "
            "rhs, found \"left\"");
    REQUIRE_THAT(broken, Catch::Contains("test.calculator.v1/add: the arguments: "));
    REQUIRE(streams == "invalid_argument: test.calculator.v1/count: its result is a stream");
    REQUIRE(single == "invalid_argument: test.calculator.v1/add: its result is no stream");
    REQUIRE(items ==
            "invalid_argument: test.calculator.v1/add: items for a parameter that is a stream, "
            "but it has none");
    REQUIRE(in_stream ==
            "invalid_argument: test.calculator.v1/count: the arguments: $[0]: expected a u64, "
            "found true");
    REQUIRE(sent == 0);
    REQUIRE(item ==
            "invalid_argument: test.calculator.v1/mean: item 1 of the parameter: $: expected an "
            "f64, found an array of 0");
}

CO_TEST_CASE("listed errors come with their fields as text", "[rpc][dynamic_call]") {
    described_calculator there;
    auto divide = co_await there.find("divide");
    auto count = co_await there.find("count");
    auto mean = co_await there.find("mean");

    auto divided = co_await try_call(divide.call("[4, 0]"));
    auto counted = co_await try_call(all_of(count.call_stream("[0, 2000000]")));
    const auto thrown = co_await fault_of_call(mean.call("[]", failing()));

    auto fields = divide.details_of(divided.error());
    REQUIRE(divided.error().type() == "division_by_zero");
    REQUIRE(fields);
    REQUIRE(*fields == R"({"dividend": 4.0, "note": "a note that needs memory of its own"})");
    REQUIRE(*count.details_of(counted.error()) == R"({"asked": 2000000, "limit": 1000000})");
    REQUIRE(mean.details_of(divided.error()).error() ==
            "no error that test.calculator.v1/mean lists");
    REQUIRE(thrown == "data_loss: the samples are lost");
}

CO_TEST_CASE("a call is stopped, has its deadline and leaves nothing behind",
             "[rpc][dynamic_call][cancel]") {
    described_calculator there;
    auto wait = co_await there.find("wait");
    auto wait_briefly = co_await there.find("wait_briefly");
    auto count = co_await there.find("count");

    auto waiting = scope.spawn(fault_of_call(wait.call(R"(["here"])")));
    co_await there.object.waiting.wait();
    const bool done = waiting.is_done();
    waiting.request_stop();
    const std::string stopped = co_await std::move(waiting);
    const auto late = co_await fault_of_call(wait_briefly.call("[]"));
    {
        auto some = count.call_stream("[0, 1000000]");
        auto first = co_await some.next();
        REQUIRE(first == "0");
    }
    co_await there.ends.here.drain();

    REQUIRE_FALSE(done);
    REQUIRE(stopped == "cancelled: test.calculator.v1/wait: the call was cancelled");
    REQUIRE_THAT(late, Catch::StartsWith("deadline_exceeded: test.calculator.v1/wait_briefly: "));
    REQUIRE(there.object.running == 0);
}

CO_TEST_CASE("a connection knows methods that are called by name once", "[rpc][dynamic_call]") {
    described_calculator there;
    stub<calculator> typed(there.ends.here);
    const interface_description said = described();
    for (int i = 0; i < 520; ++i) {  // twice that is more than a connection may name
        dynamic_call add(there.ends.here, said, "add");
        const std::string sum = co_await add.call("[1, 2]");
        if (sum != "3.0") FAIL(sum);
        dynamic_call clear(there.ends.here, said, "clear");  // where another was
        const std::string nothing = co_await clear.call("[]");
        if (nothing != "null") FAIL(nothing);
    }
    const double sum = co_await typed.add(1, 2);
    const std::string repeated = co_await typed.repeat("a", 2);
    dynamic_call repeat(there.ends.here, said, "repeat");
    const std::string again = co_await repeat.call(R"(["b", 2])");
    REQUIRE(sum == 3);
    REQUIRE(repeated == "aa");
    REQUIRE(again == R"("bb")");
}

CO_TEST_CASE("what cannot be found says why", "[rpc][dynamic_call]") {
    described_calculator there;
    const service_table nothing;
    connected bare(nothing);
    const auto no_slash = co_await fault_of_find(&there.ends.here, "add");
    const auto wild = co_await fault_of_find(&there.ends.here, "A\n/add");
    const auto no_interface = co_await fault_of_find(&there.ends.here, "test.calculator.v2/add");
    const auto no_method = co_await fault_of_find(&there.ends.here, "test.calculator.v1/sub");
    const auto no_describer = co_await fault_of_find(&bare.here, "test.calculator.v1/add");

    REQUIRE(no_slash ==
            "invalid_argument: a method is called interface/method, in at most 255 bytes");
    REQUIRE(wild == no_slash);
    REQUIRE(no_interface == "not_found: no interface test.calculator.v2 is offered here");
    REQUIRE(no_method == "not_found: test.calculator.v1 has no method of that name");
    REQUIRE_THAT(no_describer, Catch::StartsWith("unimplemented: "));
}

CO_TEST_CASE("a peer's description may be a lie", "[rpc][dynamic_call][hostile]") {
    liar says;
    service_table offers;
    offers.add<describer>(says);
    connected ends(offers);

    const auto other = co_await fault_of_find(&ends.here, "test.calculator.v1/add");
    says.said = described();
    says.said.methods[9].parameters.nodes.clear();
    const auto broken = co_await fault_of_find(&ends.here, "test.calculator.v1/add");
    says.said = described();
    says.said.methods[0].parameters.nodes[0].parts.assign(2, 77);
    const auto wild = co_await fault_of_find(&ends.here, "test.calculator.v1/add");

    REQUIRE(other == "internal: test.calculator.v1: the other side described another interface");
    REQUIRE(broken ==
            "internal: a description that cannot be: test.calculator.v1/wait_briefly: the "
            "parameters: a schema has no nodes");
    REQUIRE(wild ==
            "internal: a description that cannot be: test.calculator.v1/add: the parameters: "
            "node 0 of a schema: part 77, but there are 2 nodes");
}

CO_TEST_CASE("results that are not as described are refused", "[rpc][dynamic_call][hostile]") {
    described_calculator there;
    interface_description said = described();
    said.methods[0].result = schema_of<std::string>();  // add
    said.methods[2].streams = true;                     // repeat
    said.methods[5].result = schema_of<std::string>();  // count
    said.methods[7].streams = false;                    // running_sum
    auto add = there.made_up(said, "add");
    auto repeat = there.made_up(said, "repeat");
    auto count = there.made_up(said, "count");
    auto sums = there.made_up(said, "running_sum");

    const auto kind = co_await fault_of_call(add.call("[1, 2.1]"));
    const auto no_stream = co_await fault_of_items(repeat.call_stream(R"(["a", 2])"));
    const auto item = co_await fault_of_items(count.call_stream("[999990, 999993]"));
    auto right = co_await there.find("add");
    const std::string sum = co_await right.call("[1, 2]");
    const auto many = co_await fault_of_call(sums.call("[1]", texts("1 2 3")));
    const bool goes_on = there.ends.here.is_open();

    REQUIRE_THAT(kind, Catch::StartsWith("internal: test.calculator.v1/add: the result: "));
    REQUIRE(no_stream ==
            "internal: test.calculator.v1/repeat: the result: a result where only items of a "
            "stream were expected");
    REQUIRE_THAT(item,
                 Catch::StartsWith("internal: test.calculator.v1/count: an item is malformed"));
    REQUIRE(sum == "3.0");
    REQUIRE_THAT(many, Catch::Contains("test.calculator.v1/running_sum: a second result"));
    REQUIRE_FALSE(goes_on);  // what else this peer says means something else, too
}
