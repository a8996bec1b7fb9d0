// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/matchmaker_address.hpp>

#include "../skip.hpp"
#include "../support/co_test.hpp"
#include "../support/queries.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/runtime/backend/kernel.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <string>

using namespace conduit;

namespace {

/// CONDUIT_MATCHMAKER while it lives; what it was before is put back.
class variable {
public:
    explicit variable(const char* value) {
        if (const char* was = std::getenv("CONDUIT_MATCHMAKER")) before_ = was;
        set(value);
    }
    variable(const variable&) = delete;
    ~variable() { set(before_ ? before_->c_str() : nullptr); }

private:
    static void set(const char* value) {
        if (value == nullptr) {
            ::unsetenv("CONDUIT_MATCHMAKER");
        } else {
            ::setenv("CONDUIT_MATCHMAKER", value, 1);
        }
    }

    std::optional<std::string> before_;
};

/// While it lives, this process has the rights of another user, whom nobody knows. Root only.
class other_user {
public:
    other_user() noexcept : changed_(::seteuid(id()) == 0) {}
    other_user(const other_user&) = delete;
    ~other_user() {
        if (changed_) changed_ = ::seteuid(0) != 0;
    }

    /// Of no other run of the tests either.
    static uid_t id() { return 400'000'000U + static_cast<uid_t>(::getpid()); }

private:
    bool changed_;
};

/// The folder of a user whom nobody knows, removed with all in it.
class users_folder {
public:
    users_folder() {
        const other_user somebody;
        const std::string socket = rpc::matchmaker_address::of_user().path();
        path = socket.substr(0, socket.rfind('/'));
    }
    users_folder(const users_folder&) = delete;
    ~users_folder() {
        ::unlink(path.c_str());
        ::rmdir(path.c_str());
    }

    std::string path;
};

std::string trouble_with(std::string_view text) {
    auto parsed = rpc::matchmaker_address::parse(text);
    return parsed ? std::string() : std::string(parsed.error().text());
}

}  // namespace

CO_TEST_CASE("a matchmaker is at a Unix socket, a port, or is a file", "[rpc][matchmaker]") {
    auto socket = rpc::matchmaker_address::parse("unix:/run/x").value();
    auto port = rpc::matchmaker_address::parse("tcp:127.0.0.1:7111").value();
    auto file = rpc::matchmaker_address::parse("file:/etc/list").value();
    auto system = rpc::matchmaker_address::parse("system").value();
    REQUIRE(socket.text() == "unix:/run/x");
    REQUIRE(socket.path() == "/run/x");
    REQUIRE(port.where().service() == "7111");
    REQUIRE(file.is_file());
    REQUIRE(file.path() == "/etc/list");
    REQUIRE(system == rpc::matchmaker_address::of_system());
    REQUIRE(system.text() == "unix:/run/conduit/matchmaker.sock");
    co_return;
}

CO_TEST_CASE("what is no place for a matchmaker is refused in words", "[rpc][matchmaker]") {
    REQUIRE(trouble_with("").find("unix:") != std::string::npos);
    REQUIRE(trouble_with("unix:x") == "'unix:x': the path of a matchmaker is absolute");
    REQUIRE(trouble_with("file:x") == "'file:x': the path of a file is absolute");
    REQUIRE(trouble_with("exec:/bin/sh") ==
            "'exec:/bin/sh': a matchmaker is at a unix: or tcp: address");
    REQUIRE(trouble_with("tcp:x:99999").find("byte 6") != std::string::npos);
    co_return;
}

CO_TEST_CASE("the variable says where, and what is wrong with it", "[rpc][matchmaker]") {
    if (!test::is_real()) co_return test::skip("a simulation has no environment");
    std::string named;
    std::string why;
    {
        const variable set("unix:/run/x");
        named = rpc::matchmaker_address::of_this_process().value().text();
    }
    {
        const variable set("nonsense");
        auto place = rpc::matchmaker_address::of_this_process();
        why = place.error().text();
    }
    const variable unset(nullptr);
    auto own = rpc::matchmaker_address::of_this_process();
    REQUIRE(named == "unix:/run/x");
    REQUIRE(why.starts_with("CONDUIT_MATCHMAKER: "));
    REQUIRE(own.value() == rpc::matchmaker_address::of_user());
}

CO_TEST_CASE("a user without /run/user has a folder in /tmp, real, own and closed to others",
             "[rpc][matchmaker]") {
    if (!test::is_real()) co_return test::skip("there are no other users in simulation");
    if (::geteuid() != 0) co_return test::skip("only root can be another user");
    const users_folder folder;
    std::string where;
    std::string before;
    std::string good;
    std::string open;
    bool was_made = false;
    {
        const other_user somebody;
        const auto place = rpc::matchmaker_address::of_user();
        where = place.text();
        before = place.folder_trouble();
        was_made = place.make_folder().has_value();
        good = place.folder_trouble();
        ::chmod(folder.path.c_str(), 0755);
        open = place.folder_trouble();
    }
    ::rmdir(folder.path.c_str());
    ::mkdir(folder.path.c_str(), 0700);  // root's
    std::string foreign;
    {
        const other_user somebody;
        foreign = rpc::matchmaker_address::of_user().folder_trouble();
    }
    ::rmdir(folder.path.c_str());
    REQUIRE(::symlink("/tmp", folder.path.c_str()) == 0);
    std::string link;
    std::string refused;
    {
        const other_user somebody;
        const auto place = rpc::matchmaker_address::of_user();
        link = place.folder_trouble();
        refused = place.make_folder().error().text();
    }
    REQUIRE(folder.path.ends_with("/conduit-" + std::to_string(other_user::id())));
    REQUIRE(where == "unix:" + folder.path + "/matchmaker.sock");
    REQUIRE(before.empty());
    REQUIRE(was_made);
    REQUIRE(good.empty());
    REQUIRE(open == "'" + folder.path + "' is open to others (mode 0755, where 0700 is wanted)");
    REQUIRE(foreign == "'" + folder.path + "' belongs to user 0, not to user " +
                           std::to_string(other_user::id()));
    REQUIRE(link == "'" + folder.path + "' is no folder of its own, or a symbolic link");
    REQUIRE(refused == link);
}

CO_TEST_CASE("a matchmaker may be of whom root gave the folder of its socket",
             "[rpc][matchmaker]") {
    if (!test::is_real()) co_return test::skip("there are no other users in simulation");
    if (::geteuid() != 0) co_return test::skip("only root can give folders away");
    const std::string held = "/run/conduit-test-" + std::to_string(::getpid());
    const test::temp_dir loose;  // in a folder where everybody may write
    REQUIRE(::mkdir(held.c_str(), 0755) == 0);
    const bool given = ::chown(held.c_str(), other_user::id(), 0) == 0 &&
                       ::chown(loose.path().c_str(), other_user::id(), 0) == 0;
    auto there = rpc::matchmaker_address::parse("unix:" + held + "/s").value();
    auto elsewhere = rpc::matchmaker_address::parse("unix:" + loose.path("s")).value();
    const bool in_held = there.servers().includes(other_user::id(), 1);
    const bool in_loose = elsewhere.servers().includes(other_user::id(), 1);
    const bool root_is = elsewhere.servers().includes(0, 1);
    ::rmdir(held.c_str());
    REQUIRE(given);
    REQUIRE(in_held);
    REQUIRE_FALSE(in_loose);
    REQUIRE(root_is);
}
