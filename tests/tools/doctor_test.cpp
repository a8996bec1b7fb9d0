// SPDX-License-Identifier: BSL-1.0
#include "../skip.hpp"
#include "../support/child.hpp"
#include "../support/co_test.hpp"
#include "conduit_program.hpp"
#include "told_matchmaker.hpp"

#include "../../tools/conduit/calibration.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <chrono>
#include <regex>
#include <string>
#include <utility>

using namespace conduit;
using namespace std::chrono_literals;

CO_TEST_CASE("conduit doctor tells of backend, host and matchmaker", "[tools][doctor]") {
    test::told_matchmaker there;
    co_await there.listen();
    const auto said = co_await test::run_conduit("doctor", "--matchmaker", there.where);
    const auto json = co_await test::run_conduit("doctor", "--json", "--matchmaker", there.where);
    const std::string backend(scheduler::current().backend_name());
    CHECK(said.code == 0);
    CHECK(said.err.empty());
    CHECK_THAT(said.out, Catch::StartsWith("backend\nchosen       " + backend + "\n") &&
                             Catch::Contains("asked for    CONDUIT_BACKEND is " + backend + "\n") &&
                             Catch::Contains("matchmaker   '" + there.where +
                                             "'\n             live, up 120 s, epoch 7\n"));
    CHECK(std::regex_search(said.out, std::regex("one Unix socket +epoll +[0-9.]+ [un]s")));
    CHECK(json.code == 0);
    CHECK_THAT(json.out, Catch::StartsWith(R"({"backend": ")" + backend + "\"") &&
                             Catch::Contains(R"("cost_of_epoll": {"one_at_a_time_ns": )"));
}

CO_TEST_CASE("conduit doctor says of a wish that cannot be granted why", "[tools][doctor]") {
    command program = test::conduit_command("doctor", "--matchmaker", "unix:/nowhere/m");
    program.environment("CONDUIT_BACKEND", "kqueue");
    program.error_output(redirect::capture());
    const auto said = co_await test::run_to_end(std::move(program));
    CHECK(said.code == 1);
    CHECK_THAT(said.out, Catch::StartsWith("backend\nchosen       none\nbecause      "
                                           "CONDUIT_BACKEND is \"kqueue\"; it may be auto, uring "
                                           "or epoll"));
    CHECK_THAT(said.out, Catch::Contains("cannot connect to 'unix:/nowhere/m'"));
}

TEST_CASE("a calibration measures something", "[tools][doctor]") {
    const tool::calibration measured = tool::calibrate(backend_kind::epoll, 2ms);
    CHECK(measured.one_at_a_time > 0ns);
    CHECK(measured.many_at_once > 0ns);
}

namespace {

constexpr std::array refusals{
    std::pair("EPERM", "a seccomp filter stands around this process"),
    std::pair("ENOSYS", "a seccomp filter says that there is none"),
    std::pair("ENOMEM", "KiB of memory may be locked"),
    std::pair("EINVAL", "lacks what makes it worth it"),
};

}  // namespace

CO_TEST_CASE("conduit doctor tells what forbids io_uring", "[tools][doctor][fault]") {
    test::needs_processes();
    for (const auto& [error, cause] : refusals) {
        command program(CONDUIT_WITHOUT_IO_URING, error, "--", CONDUIT_COMMAND, "doctor",
                        "--matchmaker", "unix:/nowhere/m");
        program.without("CONDUIT_BACKEND");
        program.error_output(redirect::capture());
        const auto said = co_await test::run_to_end(std::move(program));
        if (said.code == 77) {
            test::skip(said.out);
            co_return;
        }
        CHECK(said.code == 0);
        CHECK_THAT(said.out, Catch::StartsWith("backend\nchosen       epoll\nbecause      backend "
                                               "epoll: io_uring cannot be had: ") &&
                                 Catch::Contains("\nio_uring     cannot be had: ") &&
                                 Catch::Contains("\nwhy          ") && Catch::Contains(cause) &&
                                 Catch::Contains("io_uring        -\n"));
    }
}
