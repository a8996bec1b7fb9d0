// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/list_source.hpp>

#include "../../skip.hpp"
#include "../../support/co_test.hpp"
#include "../../support/settle.hpp"
#include "../../support/temp_dir.hpp"
#include "instances.hpp"

#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/within.hpp>

#include <sys/stat.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string>
#include <utility>

using namespace conduit;
using namespace std::chrono_literals;
using rpc::detail::list_source;
using rpc::detail::matchmaker_link_ptr;
using reached = result<matchmaker_link_ptr, rpc::fault>;

namespace {

task<reached> try_reach(list_source& of) { co_return co_await rpc::try_call(of.reach()); }
task<reached> try_wait(list_source& of) { co_return co_await rpc::try_call(of.until_reached()); }

task<result<rpc::found_instances, rpc::fault>> try_find(list_source& of, std::string name) {
    const std::string own = std::move(name);
    auto there = co_await rpc::try_call(of.until_reached());
    if (!there) co_return there.error();
    rpc::instance_query query;
    query.name = own;
    co_return co_await rpc::try_call((*there)->object().find(query));
}

/// At once, as careful programs do it.
void write(const std::string& path, const std::string& text) {
    {
        std::ofstream file(path + ".new");
        file << text;
    }
    ::chmod((path + ".new").c_str(), 0600);
    std::rename((path + ".new").c_str(), path.c_str());
}

bool has_files() { return scheduler::current().backend_name() != "sim"; }

}  // namespace

CO_TEST_CASE("a list in a file is read, and read again when it changes", "[rpc][matchmaker]") {
    if (!has_files()) co_return test::skip("no files in simulation");
    const test::temp_dir folder;
    write(folder.path("list"), "demo.x unix:/a\n");
    list_source source(folder.path("list"), current_context());
    auto first = co_await try_find(source, "demo.x");
    auto finding = scope.spawn(try_find(source, "demo.y"));
    co_await test::settle();
    const bool early = finding.is_done();
    write(folder.path("list"), "demo.y unix:/b\n");
    auto second = co_await finding;
    REQUIRE(first->instances.at(0).offer.address == "unix:/a");
    REQUIRE(first->source == rpc::answer_source::file);
    REQUIRE_FALSE(early);
    REQUIRE(second->instances.at(0).offer.address == "unix:/b");
    REQUIRE(source.name() == "'file:" + folder.path("list") + "'");
}

CO_TEST_CASE("a file that is not there yet is waited for, or is said to be missing",
             "[rpc][matchmaker]") {
    if (!has_files()) co_return test::skip("no files in simulation");
    const test::temp_dir folder;
    list_source source(folder.path("list"), current_context());
    auto missing = co_await try_reach(source);
    auto late = co_await within(5ms, try_wait(source));
    auto waiting = scope.spawn(try_wait(source));
    co_await test::settle();
    const bool early = waiting.is_done();
    write(folder.path("list"), "demo.x unix:/a\n");
    auto there = co_await waiting;
    const std::string text =
        "no list of servers: 'file:" + folder.path("list") + "': No such file or directory";
    REQUIRE(missing.error().code() == rpc::status::unavailable);
    REQUIRE(missing.error().text() == text);
    REQUIRE(late.error().code() == rpc::status::deadline_exceeded);
    REQUIRE(late.error().text() == text);
    REQUIRE_FALSE(early);
    REQUIRE(there.has_value());
}

CO_TEST_CASE("a list that cannot be right is refused with file, line and reason",
             "[rpc][matchmaker]") {
    if (!has_files()) co_return test::skip("no files in simulation");
    const test::temp_dir folder;
    write(folder.path("list"), "demo.x unix:/a\ndemo.x\n");
    list_source source(folder.path("list"), current_context());
    auto asked = co_await try_reach(source);
    auto waited = co_await try_wait(source);
    write(folder.path("list"), "demo.x unix:/a\n");
    auto corrected = co_await try_reach(source);
    for (const rpc::fault& each : {asked.error(), waited.error()}) {
        REQUIRE(each.code() == rpc::status::failed_precondition);
        REQUIRE(each.text() == folder.path("list") + ":2: an address is missing behind the name");
    }
    REQUIRE(corrected.has_value());
}

CO_TEST_CASE("a list that is spoilt or removed later says what it said before",
             "[rpc][matchmaker]") {
    if (!has_files()) co_return test::skip("no files in simulation");
    const test::temp_dir folder;
    write(folder.path("list"), "demo.x unix:/a\n");
    list_source source(folder.path("list"), current_context());
    auto there = co_await source.until_reached();
    write(folder.path("list"), "nonsense\n");
    co_await test::settle();
    std::remove(folder.path("list").c_str());
    co_await test::settle();
    auto same = co_await source.reach();
    auto found = co_await try_find(source, "demo.x");
    write(folder.path("list"), "demo.z unix:/z\n");
    auto back = co_await try_find(source, "demo.z");
    REQUIRE(same == there);
    REQUIRE(found->instances.size() == 1);
    REQUIRE(back->instances.size() == 1);
}

CO_TEST_CASE("a list that everybody may write is refused", "[rpc][matchmaker]") {
    if (!has_files()) co_return test::skip("no files in simulation");
    const test::temp_dir folder;
    write(folder.path("list"), "demo.x unix:/a\n");
    ::chmod(folder.path("list").c_str(), 0666);
    list_source source(folder.path("list"), current_context());
    auto refused = co_await try_reach(source);
    ::chmod(folder.path("list").c_str(), 0644);
    auto taken = co_await try_find(source, "demo.x");
    REQUIRE(refused.error().code() == rpc::status::failed_precondition);
    REQUIRE(refused.error().text() ==
            "'file:" + folder.path("list") + "': everybody may write it (mode 0666)");
    REQUIRE(taken->instances.size() == 1);
}

CO_TEST_CASE("a list that is too long is refused", "[rpc][matchmaker]") {
    if (!has_files()) co_return test::skip("no files in simulation");
    const test::temp_dir folder;
    write(folder.path("list"), std::string(1024 * 1024 + 1, '\n'));
    list_source source(folder.path("list"), current_context());
    auto refused = co_await try_reach(source);
    REQUIRE(refused.error().text() ==
            "'file:" + folder.path("list") + "': it is longer than 1048576 bytes");
}

CO_TEST_CASE("a list in a text is there at once", "[rpc][matchmaker]") {
    auto source = list_source::of_text("demo.x unix:/a; demo.y unix:/b", current_context());
    auto there = co_await source->reach();
    const rpc::instance_query query = test::query_of("demo.y");
    auto found = co_await there->object().lookup(query);
    source->shut();
    auto closed = co_await try_reach(*source);
    REQUIRE(found.instances.size() == 1);
    REQUIRE(source->name() == "'list:'");
    REQUIRE(there->lost().is_set());
    REQUIRE(closed.error().text() == "the matchmaker's client is closed");
}

CO_TEST_CASE("a client of a list is closed while it waits", "[rpc][matchmaker]") {
    if (!has_files()) co_return test::skip("no files in simulation");
    const test::temp_dir folder;
    list_source source(folder.path("list"), current_context());
    auto waiting = scope.spawn(try_wait(source));
    co_await test::settle();
    source.shut();
    auto over = co_await waiting;
    REQUIRE(over.error().text() == "the matchmaker's client is closed");
}
