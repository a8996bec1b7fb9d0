// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/peer_link.hpp>

#include "../skip.hpp"
#include "../support/child.hpp"
#include "../support/co_test.hpp"
#include "../support/rpc_subject.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/memory_stream.hpp>
#include <conduit/rpc/call_info.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/run.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace conduit;

namespace {

/// Keeps the link of each call of touch().
class keeps_links final : public test::local_subject {
public:
    task<> touch() override {
        const rpc::call_info& call = co_await rpc::this_call();
        links.push_back(call.link());
    }

    std::vector<std::shared_ptr<rpc::peer_link>> links;
};

task<> call_until_killed(std::string where) {
    auto here = co_await test::connect_subject(std::move(where));
    co_await here->touch();
    co_await here->hold();
}

const test::helper calls_and_holds("calls and holds", [](const test::helper_arguments& given) {
    run(call_until_killed(given.at(0)));
    return 0;
});

}  // namespace

CO_TEST_CASE("a link tells of its connection when the call is over", "[rpc][peer_link]") {
    auto ends = make_memory_stream_pair();
    keeps_links object;
    rpc::server server;
    server.offer<test::subject>(object);
    server.serve(any_stream(std::move(ends.first)));
    test::subject_client here(any_stream(std::move(ends.second)));
    co_await here->touch();
    co_await here->touch();
    auto link = object.links.front();
    const bool is_one = object.links.back() == link;
    const bool early = link->is_down();
    const bool carries = link->carries_handles();
    auto no_process = link->peer_process();
    co_await here.close();
    co_await link->until_down();
    link->ping();
    link->end("nothing");
    auto too_late = link->peer_process();
    REQUIRE(is_one);
    REQUIRE_FALSE(early);
    REQUIRE_FALSE(carries);
    REQUIRE_FALSE(link->peer());
    REQUIRE(no_process.error() == std::errc::not_supported);
    REQUIRE(link->is_down());
    REQUIRE_FALSE(link->why_down().empty());
    REQUIRE(too_late.error() == std::errc::not_connected);
}

CO_TEST_CASE("a ping has the peer send something", "[rpc][peer_link]") {
    auto ends = make_memory_stream_pair();
    keeps_links object;
    rpc::server server;
    server.offer<test::subject>(object);
    server.serve(any_stream(std::move(ends.first)));
    test::subject_client here(any_stream(std::move(ends.second)));
    co_await here->touch();
    auto link = object.links.front();
    const auto before = link->bytes_received();
    link->ping();
    while (link->bytes_received() == before) co_await test::settle();
    REQUIRE(here.connection().counters().pings_received == 1);
}

CO_TEST_CASE("a connection is ended by its link, and the peer is told why", "[rpc][peer_link]") {
    auto ends = make_memory_stream_pair();
    keeps_links object;
    rpc::server server;
    server.offer<test::subject>(object);
    server.serve(any_stream(std::move(ends.first)));
    test::subject_client here(any_stream(std::move(ends.second)));
    co_await here->touch();
    object.links.front()->end("because of a test");
    co_await here.connection().until_down();
    REQUIRE(here.connection().why()->text.find("because of a test") != std::string::npos);
}

CO_TEST_CASE("the process behind a link is watched", "[rpc][peer_link]") {
    test::needs_processes();
    const test::temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    keeps_links object;
    rpc::server server;
    server.offer<test::subject>(object);
    co_await server.listen(where);
    auto child = test::child_process::helper("calls and holds", {where});
    co_await test::until_held(object, 1);
    auto link = object.links.front();
    auto process = io_handle::attach(link->peer_process().value()).value();
    const std::int32_t pid = link->peer()->pid;
    const std::int32_t expected = child.pid();
    child.kill();
    auto ended = co_await process.readable();
    co_await link->until_down();
    REQUIRE(pid == expected);
    REQUIRE(ended);
}
