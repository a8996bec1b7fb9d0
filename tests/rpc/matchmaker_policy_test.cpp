// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/matchmaker_policy.hpp>

#include "../skip.hpp"
#include "../support/co_test.hpp"
#include "../support/queries.hpp"
#include "../support/temp_dir.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

using namespace conduit;
using rpc::detail::announce_right;

namespace {

constexpr std::uint32_t alice = 1001;
constexpr std::uint32_t bob = 1002;

/// What is wrong with rules that nobody should use.
std::string trouble_with(std::string_view rules) {
    auto read = rpc::matchmaker_policy::parse(rules, "rules");
    return read ? std::string() : std::string(read.error().text());
}

}  // namespace

CO_TEST_CASE("the longest rule that fits a name decides, and no other", "[rpc][matchmaker]") {
    const auto policy = rpc::matchmaker_policy::parse(R"(
# a comment, and an empty line before it

demo.*          anyone
shop.*          uid:1001 uid:1002    # another comment
shop.orders     uid:1001
shop.list.*     uid:1002 shared
)",
                                                      "rules")
                            .value();
    REQUIRE(policy.rules() == 4);
    REQUIRE(policy.may_announce(bob, "demo.echo") == announce_right::while_free);
    REQUIRE(policy.may_announce(bob, "demo") == announce_right::refused);
    REQUIRE(policy.may_announce(bob, "demonstration.x") == announce_right::refused);
    REQUIRE(policy.may_announce(bob, "shop.cart.v1") == announce_right::while_free);
    REQUIRE(policy.may_announce(0, "shop.cart.v1") == announce_right::refused);
    REQUIRE(policy.may_announce(alice, "shop.orders") == announce_right::while_free);
    REQUIRE(policy.may_announce(bob, "shop.orders") == announce_right::refused);
    REQUIRE(policy.may_announce(bob, "shop.orders.old") == announce_right::while_free);
    REQUIRE(policy.may_announce(bob, "shop.list.all") == announce_right::shared);
    REQUIRE(policy.may_announce(alice, "shop.list.all") == announce_right::refused);
    REQUIRE(policy.may_announce(alice, "other") == announce_right::refused);
    co_return;
}

CO_TEST_CASE("rules for all names, and none at all", "[rpc][matchmaker]") {
    const auto all = rpc::matchmaker_policy::parse("* uid:1001", "rules").value();
    const auto none = rpc::matchmaker_policy::parse("", "rules").value();
    REQUIRE(all.may_announce(alice, "anything") == announce_right::while_free);
    REQUIRE(all.may_announce(bob, "anything") == announce_right::refused);
    REQUIRE(none.may_announce(alice, "anything") == announce_right::refused);
    REQUIRE(rpc::matchmaker_policy().may_announce(0, "anything") == announce_right::refused);
    REQUIRE(rpc::matchmaker_policy::first_come().may_announce(bob, "anything") ==
            announce_right::while_free);
    co_return;
}

CO_TEST_CASE("users and groups are looked up, and those that are not there make all void",
             "[rpc][matchmaker]") {
    if (!test::is_real()) co_return test::skip("there are no users in simulation");
    const auto found = rpc::matchmaker_policy::parse("a user:root\nb group:root", "rules").value();
    REQUIRE(found.may_announce(0, "a") == announce_right::while_free);
    REQUIRE(found.may_announce(0, "b") == announce_right::while_free);
    REQUIRE(found.may_announce(alice, "a") == announce_right::refused);
    REQUIRE(trouble_with("a anyone\nb user:nosuchuser") ==
            "'rules', line 2: there is no user 'nosuchuser'");
    REQUIRE(trouble_with("b group:nosuchgroup") ==
            "'rules', line 1: there is no group 'nosuchgroup'");
}

CO_TEST_CASE("M10: a bad rule is refused with its line and the reason",
             "[rpc][matchmaker][fault]") {
    REQUIRE(trouble_with("demo.*").find("'rules', line 1: a rule says who") == 0);
    REQUIRE(trouble_with("\n\ndemo.* everyone").find("'rules', line 3: 'everyone' is none of") ==
            0);
    REQUIRE(trouble_with("demo.* shared anyone").find("as the last word") != std::string::npos);
    REQUIRE(trouble_with("demo.* uid:x") == "'rules', line 1: 'x' is no number of a user");
    REQUIRE(trouble_with("Demo anyone").find("a-z") != std::string::npos);
    REQUIRE(trouble_with("d*mo anyone").find("0x2a") != std::string::npos);
    REQUIRE(trouble_with("a anyone\na uid:1") == "'rules', line 2: there is another rule for 'a'");
    REQUIRE(trouble_with(std::string(200, 'a') + " anyone").find("128") != std::string::npos);
    REQUIRE(trouble_with("\x1b[31m anyone").find('\x1b') == std::string::npos);
    REQUIRE(trouble_with(std::string(rpc::matchmaker_policy::file_bytes_max + 1, '#'))
                .find("file_bytes_max") != std::string::npos);
    co_return;
}

CO_TEST_CASE("more rules than there may be are refused", "[rpc][matchmaker]") {
    std::string rules;
    for (std::size_t i = 0; i <= rpc::matchmaker_policy::rules_max; ++i) {
        rules += "a" + std::to_string(i) + " anyone\n";
    }
    REQUIRE(trouble_with(rules) ==
            "'rules', line 10001: there are more than 10000 rules (rules_max)");
    co_return;
}

CO_TEST_CASE("a file of rules is read unless others could have written it", "[rpc][matchmaker]") {
    if (!test::is_real()) co_return test::skip("files are not simulated");
    const test::temp_dir folder;
    const std::string path = folder.path("policy");
    std::ofstream(path) << "demo.* anyone\n";
    auto good = co_await rpc::matchmaker_policy::read(path);
    ::chmod(path.c_str(), 0666);
    auto open = co_await rpc::matchmaker_policy::read(path);
    auto missing = co_await rpc::matchmaker_policy::read(folder.path("none"));
    REQUIRE(good.value().rules() == 1);
    REQUIRE(open.error().code() == rpc::status::permission_denied);
    REQUIRE(open.error().text() == "'" + path + "' is writable by others (mode 0666)");
    REQUIRE(missing.error().code() == rpc::status::unavailable);
    REQUIRE(missing.error().text().find("No such file") != std::string_view::npos);
    if (::geteuid() != 0) co_return test::skip("only root can give files away");
    ::chmod(path.c_str(), 0644);
    const bool given = ::chown(path.c_str(), alice, 0) == 0;
    auto foreign = co_await rpc::matchmaker_policy::read(path);
    REQUIRE(given);
    REQUIRE(foreign.error().text().find("belongs to user 1001") != std::string_view::npos);
}
