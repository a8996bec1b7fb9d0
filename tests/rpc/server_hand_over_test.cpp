// SPDX-License-Identifier: BSL-1.0
//
// Connections that one process makes and another one uses, as those that a matchmaker hands over.

#include "../skip.hpp"
#include "../support/child.hpp"
#include "../support/co_test.hpp"
#include "../support/rpc_subject.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/any_stream.hpp>
#include <conduit/channels/pipe.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/channels/unix_stream.hpp>
#include <conduit/rpc/connection.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/run.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <utility>

using namespace conduit;

namespace {

constexpr unsigned stranger = 65'534;

/// Says what came of its first call, and keeps the connection until it is killed.
task<int> call_over(unique_fd socket, unique_fd tells) {
    auto said = pipe_writer::adopt(std::move(tells)).value();
    auto stream = unix_stream::adopt(std::move(socket)).value();
    rpc::connection link(any_stream(std::move(stream)));
    rpc::stub<test::subject> there(link);
    auto touched = co_await rpc::try_call(there.touch());
    const std::string words = touched ? "done" : std::string(touched.error().text());
    auto written = co_await write_all(said, bytes_of(words));
    said.close();
    if (!written || !touched) co_return 1;
    co_await link.until_down();
    co_return 0;
}

const test::helper heir("calls over what it inherited, as another user",
                        [](const test::helper_arguments&) {
                            if (::setgid(stranger) != 0 || ::setuid(stranger) != 0) return 99;
                            return run(call_over(unique_fd(3), unique_fd(4)));
                        });

struct started {
    test::child_process child;
    std::string words;
};

/// Connects here, and has another user's process use that.
task<started> hand_over(std::string path) {
    auto made = co_await unix_stream::connect(std::move(path), allowed_users().allow_any());
    const unique_fd socket = made.value().detach().value();
    auto ends = make_pipe().value();
    unique_fd theirs = ends.writer.detach().value();
    auto child =
        test::child_process::helper("calls over what it inherited, as another user", {},
                                    {{socket.native().value(), 3}, {theirs.native().value(), 4}});
    theirs.reset();
    auto words = co_await read_all(ends.reader, 1024);
    started both{std::move(child), words.value()};
    co_return both;
}

}  // namespace

CO_TEST_CASE("a connection that was handed over is one of the user who uses it",
             "[rpc][server][limit]") {
    test::needs_processes();
    if (::geteuid() != 0) co_return test::skip("only root can be another user");
    const test::temp_dir folder;
    ::chmod(folder.path().c_str(), 0711);
    rpc::server_options options;
    options.clients(allowed_users().allow_any()).socket_mode(0666).connections_per_user_max(1);
    test::subject_server there(options);
    co_await there.server.listen("unix:" + folder.path("s"));
    auto first = co_await hand_over(folder.path("s"));
    auto own = co_await test::connect_subject("unix:" + folder.path("s"));
    co_await own->touch();
    co_await own.close();
    while (there.server.connections_now() > 1) co_await test::come_round();
    auto second = co_await hand_over(folder.path("s"));
    const int touched = there.object.touched;
    first.child.kill();
    REQUIRE(first.words == "done");
    REQUIRE(second.words.find("user 65534 has 1 connections, of at most 1 "
                              "(connections_per_user_max)") != std::string::npos);
    REQUIRE(touched == 2);
}
