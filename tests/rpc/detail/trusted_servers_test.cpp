// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/trusted_servers.hpp>

#include "../../skip.hpp"
#include "../../support/co_test.hpp"
#include "../../support/temp_dir.hpp"

#include <conduit/runtime/scheduler.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <string>

using namespace conduit;

namespace {

constexpr std::uint32_t other = 4242;
constexpr std::uint32_t own = 1;

bool trusts(const std::string& where, std::uint32_t user, const allowed_users& given = {}) {
    return rpc::detail::trusted_at(address::parse(where).value(), given).includes(user, own);
}

/// A folder that root gave to another user; removed with this.
class given_folder {
public:
    explicit given_folder(unsigned mode)
        : path("/run/conduit-test-" + std::to_string(::getpid()) + "-" + std::to_string(mode)) {
        made = ::mkdir(path.c_str(), 0755) == 0 && ::chown(path.c_str(), other, 0) == 0 &&
               ::chmod(path.c_str(), mode) == 0;
    }
    given_folder(const given_folder&) = delete;
    ~given_folder() { ::rmdir(path.c_str()); }

    std::string path;
    bool made = false;
};

}  // namespace

CO_TEST_CASE("servers may be of whom root gave the folder of their socket", "[rpc][matchmaker]") {
    if (scheduler::current().backend_name() == "sim") {
        co_return test::skip("there are no other users in simulation");
    }
    if (::geteuid() != 0) co_return test::skip("only root can give folders away");
    const given_folder held(0755);
    const given_folder open(0777);
    const test::temp_dir loose;  // in a folder where everybody may write
    const bool loose_given = ::chown(loose.path().c_str(), other, 0) == 0;
    const bool in_held = trusts("unix:" + held.path + "/s", other);
    const bool in_open = trusts("unix:" + open.path + "/s", other);
    const bool in_loose = trusts("unix:" + loose.path("s"), other);
    const bool below = trusts("unix:" + held.path + "/more/s", other);
    REQUIRE(held.made);
    REQUIRE(open.made);
    REQUIRE(loose_given);
    REQUIRE(in_held);
    REQUIRE_FALSE(in_open);
    REQUIRE_FALSE(in_loose);
    REQUIRE_FALSE(below);
}

CO_TEST_CASE("elsewhere servers are of those who were given", "[rpc][matchmaker]") {
    const bool port = trusts("tcp:127.0.0.1:80", other);
    const bool relative = trusts("unix:s", other);
    const bool missing = trusts("unix:/run/conduit-test-nothing/s", other);
    const bool named =
        trusts("unix:/run/conduit-test-nothing/s", other, allowed_users().allow_uid(other));
    REQUIRE_FALSE(port);
    REQUIRE_FALSE(relative);
    REQUIRE_FALSE(missing);
    REQUIRE(named);
    co_return;
}
