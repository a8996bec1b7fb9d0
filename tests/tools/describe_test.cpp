// SPDX-License-Identifier: BSL-1.0
#include "../support/co_test.hpp"
#include "conduit_program.hpp"
#include "served_calculator.hpp"

#include <conduit/channels/unix_listener.hpp>
#include <conduit/rpc/connection.hpp>
#include <conduit/rpc/describe.hpp>
#include <conduit/rpc/fault.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <utility>
#include <vector>

using namespace conduit;
using test::program_end;
using test::run_conduit;

namespace {

constexpr const char* calculator_text =
    "test.calculator.v1\n"
    "    add(lhs: f64, rhs: f64) -> f64\n"
    "        The sum of two numbers. Since 1.0. Idempotent.\n"
    "    divide(f64, f64) -> f64\n"
    "        throws division_by_zero {dividend: f64, note: string}\n"
    "        throws too_many {asked: u64, limit: u64}\n"
    "    repeat(string, u32) -> string\n"
    "        Within 10.0 s.\n"
    "    clear()\n"
    "    note(line: string) -> one_way\n"
    "        One-way.\n"
    "    count(from: u64, to: u64) -> stream u64\n"
    "        throws too_many {asked: u64, limit: u64}\n";

}  // namespace

CO_TEST_CASE("conduit describe prints methods and types", "[tools][describe]") {
    test::served_calculator there;
    co_await there.listen();
    const auto one = co_await run_conduit("describe", there.where, "test.calculator.v1");
    const auto all = co_await run_conduit("describe", "--at", there.where);
    const auto none = co_await run_conduit("describe", there.where, "test.other");
    CHECK(one.code == 0);
    CHECK_THAT(one.out, Catch::StartsWith(calculator_text));
    CHECK(one.err.empty());
    CHECK_THAT(all.out, Catch::StartsWith("conduit.describe\n    interfaces() -> [string]\n") &&
                            Catch::EndsWith("\n" + one.out));
    CHECK(none == program_end{3, "", "conduit: " + there.where + " does not offer test.other\n"});
}

CO_TEST_CASE("conduit describe prints JSON, an interface a line", "[tools][describe]") {
    test::served_calculator there;
    co_await there.listen();
    const auto said = co_await run_conduit("describe", "--json", there.where, "test.calculator.v1");
    CHECK(said.code == 0);
    CHECK_THAT(said.out,
               Catch::StartsWith(
                   R"({"name": "test.calculator.v1", "methods": [{"name": "add", "signature": )"
                   R"x("add(lhs: f64, rhs: f64) -> f64", "text": "The sum of two numbers.", )x"
                   R"x("since": "1.0", "parameters": "(lhs: f64, rhs: f64)", )x"
                   R"("stream_items": null, "result": "f64", "streams": false, "one_way": false, )"
                   R"("idempotent": true, "deadline_ns": null, "errors": []}, )"));
}

namespace {

/// Says what it was told, also what cannot be.
class liar final : public rpc::describer {
public:
    task<std::vector<std::string>> interfaces() override {
        co_return std::vector<std::string>{"\033[2J"};
    }
    task<rpc::interface_description> describe(std::string interface) override {
        rpc::interface_description said;
        said.name = std::move(interface);
        said.methods = methods;
        co_return said;
    }

    std::vector<rpc::method_description> methods;
};

}  // namespace

CO_TEST_CASE("what a server describes cannot steer the terminal", "[tools][describe][hostile]") {
    liar object;
    rpc::method_description method;
    method.name = "wipe";
    method.text = "\033[2J\xc2\x9b";
    method.parameters = rpc::schema_of_fields<>();
    object.methods = {method};
    rpc::service_table offers;
    offers.add<rpc::describer>(object);
    const test::temp_dir folder;
    auto listener = unix_listener::listen(folder.path("s")).value();
    auto serving = scope.spawn(test::run_conduit("describe", "unix:" + folder.path("s"), "a.b"));
    auto accepted = co_await listener.accept();
    rpc::connection peer(any_stream(std::move(accepted.value())), offers);
    const auto said = co_await std::move(serving);
    CHECK(said == program_end{0,
                              "a.b\n"
                              "    wipe()\n"
                              "        \\x1b[2J\\u{009b}\n",
                              ""});
}

CO_TEST_CASE("a description that cannot be is refused", "[tools][describe][hostile]") {
    liar object;
    rpc::method_description method;
    method.name = "broken";  // with a schema of no node
    object.methods = {method};
    rpc::service_table offers;
    offers.add<rpc::describer>(object);
    const test::temp_dir folder;
    auto listener = unix_listener::listen(folder.path("s")).value();
    auto serving = scope.spawn(test::run_conduit("describe", "unix:" + folder.path("s"), "a.b"));
    auto accepted = co_await listener.accept();
    rpc::connection peer(any_stream(std::move(accepted.value())), offers);
    const auto said = co_await std::move(serving);
    CHECK(said.code == 1);
    CHECK_THAT(said.err, Catch::Contains("describes a.b as what cannot be: "));
}
