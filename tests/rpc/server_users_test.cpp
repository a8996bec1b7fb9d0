// SPDX-License-Identifier: BSL-1.0
//
// Whom a server lets in over Unix sockets: by user, by group and by what its owner says of them;
// and what it says of those that it does not. The others are real processes of other users.
#include "../skip.hpp"
#include "../support/child.hpp"
#include "../support/co_test.hpp"
#include "../support/rpc_subject.hpp"
#include "../support/settle.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/unix_stream.hpp>
#include <conduit/rpc/connect_options.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/scheduler.hpp>

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace conduit;
using namespace conduit::test;

namespace {

constexpr std::uint32_t nobody = 65'534;
constexpr std::uint32_t somebody = 65'533;
constexpr std::uint32_t friends = 4'242;

constexpr int was_served = 0;
constexpr int was_refused = 3;
constexpr int is_still_root = 4;

/// From now on another user, of one group of its own and at most one more.
bool become(std::uint32_t user, std::uint32_t group, std::uint32_t also_in) {
    const gid_t more = also_in;
    return ::setgroups(also_in != 0 ? 1 : 0, &more) == 0 && ::setresgid(group, group, group) == 0 &&
           ::setresuid(user, user, user) == 0;
}

std::uint32_t number_in(const std::string& text) {
    return static_cast<std::uint32_t>(std::stoul(text));
}

task<int> call_once(std::string where) {
    auto there = co_await connect_subject(std::move(where));
    auto sum = co_await rpc::try_call(there->add(1, 2));
    co_return sum && *sum == 3 ? was_served : was_refused;
}

constexpr const char* caller_name = "calls a server as a user and a group";

const helper caller(caller_name, [](const helper_arguments& given) {
    if (!become(number_in(given.at(1)), number_in(given.at(2)), number_in(given.at(3)))) {
        return is_still_root;
    }
    return run(call_once(given.at(0)));
});

constexpr const char* crowd_name = "connects often as somebody else";

const helper crowd(crowd_name, [](const helper_arguments& given) {
    if (!become(nobody, nobody, 0)) return is_still_root;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, given.at(0).c_str(), given.at(0).size() + 1);
    const auto* const raw = reinterpret_cast<const sockaddr*>(&address);
    for (int left = std::stoi(given.at(1)); left > 0; --left) {
        const unique_fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (::connect(socket.handle(), raw, sizeof address) != 0) return was_refused;
    }
    return was_served;
});

/// A server at a socket that the kernel keeps nobody from.
struct open_door {
    explicit open_door(const allowed_users& clients)
        : there(rpc::server_options().socket_mode(0666).clients(clients)) {
        ::chmod(folder.path().c_str(), 0755);
    }

    task<> open() { co_await there.server.listen(where); }
    std::uint64_t refused() const { return there.server.counters().refused; }

    const temp_dir folder;
    const std::string where = "unix:" + folder.path("s");
    subject_server there;
};

/// What becomes of a process of that user, in that group and one more.
task<int> knock(open_door& at, std::uint32_t user, std::uint32_t group, std::uint32_t also_in) {
    const std::vector<std::string> arguments{at.where, std::to_string(user), std::to_string(group),
                                             std::to_string(also_in)};
    child_process visitor = child_process::helper(caller_name, arguments);
    while (!visitor.has_ended()) co_await come_round();
    co_return visitor.wait().code;
}

bool is_root() { return ::geteuid() == 0; }

constexpr const char* not_root = "only root has other users at hand";

}  // namespace

CO_TEST_CASE("a server lets in who is in a group, as its own or as another of its groups",
             "[rpc][server][users]") {
    needs_processes();
    if (!is_root()) co_return skip(not_root);
    open_door at(allowed_users().allow_gid(friends));
    co_await at.open();
    const int by_own = co_await knock(at, nobody, friends, 0);
    const int by_other = co_await knock(at, nobody, nobody, friends);
    const std::uint64_t before = at.refused();
    const int by_none = co_await knock(at, nobody, nobody, somebody);
    REQUIRE(by_own == was_served);
    REQUIRE(by_other == was_served);
    REQUIRE(before == 0);
    REQUIRE(by_none == was_refused);
    REQUIRE(at.refused() == 1);
}

CO_TEST_CASE("a server lets in whom it is told to by user, and whom its owner's predicate allows",
             "[rpc][server][users]") {
    needs_processes();
    if (!is_root()) co_return skip(not_root);
    std::vector<std::uint32_t> asked;
    const auto is_somebody = [&asked](const credentials& who) {
        asked.push_back(who.uid);
        return who.uid == somebody && who.gid == friends && who.pid > 0;
    };
    open_door at(allowed_users().allow_uid(nobody).allow_if(is_somebody));
    co_await at.open();
    const int by_uid = co_await knock(at, nobody, nobody, 0);
    const std::size_t asked_before = asked.size();
    const int by_predicate = co_await knock(at, somebody, friends, 0);
    const int by_neither = co_await knock(at, somebody, somebody, 0);
    REQUIRE(by_uid == was_served);
    REQUIRE(asked_before == 0);
    REQUIRE(by_predicate == was_served);
    REQUIRE(by_neither == was_refused);
    REQUIRE(asked.size() == 3);  // of who is let in, of whoever sends as well
    REQUIRE(at.refused() == 1);
}

namespace {

task<> refuse_a_crowd(int size, std::vector<std::string>& lines, std::uint64_t& refused) {
    open_door at{allowed_users()};
    co_await at.open();
    child_process one = child_process::helper(crowd_name, {at.folder.path("s"), "1"});
    // Nobody else comes: it is counted and logged all the same.
    while (at.refused() == 0) co_await come_round();
    const std::size_t of_one = lines.size();
    child_process many =
        child_process::helper(crowd_name, {at.folder.path("s"), std::to_string(size)});
    while (at.refused() < static_cast<std::uint64_t>(size) + 1) co_await come_round();
    const int end_of_one = one.wait().code;
    const int end_of_many = many.wait().code;
    refused = at.refused();
    REQUIRE(of_one == 1);
    REQUIRE(end_of_one == was_served);
    REQUIRE(end_of_many == was_served);
    REQUIRE(lines.front() == at.where + ": user 65534 may not call here");
    REQUIRE(at.there.server.counters().accepted == refused);
}

}  // namespace

TEST_CASE("who may not call is logged at once, ten lines a second and no more",
          "[rpc][server][users]") {
    if (!is_root()) return skip(not_root);
    constexpr int size = 300;  // of which all would be logged within half a minute at the soonest
    for (const backend_kind kind : kernel_backends()) {
        std::vector<std::string> lines;
        std::uint64_t refused = 0;
        const auto log = [&](log_level, std::string_view line) {
            if (line.find(" may not call here") != line.npos) lines.emplace_back(line);
        };
        scheduler sched(scheduler_options().backend(kind).log(log));
        sched.run(refuse_a_crowd(size, lines, refused));
        CAPTURE(lines.size());
        CHECK(refused == size + 1);
        CHECK(lines.size() < size);
        ran();
    }
}
