// SPDX-License-Identifier: BSL-1.0
#include "../../tools/conduit/host_facts.hpp"

#include "../support/temp_dir.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

using namespace conduit;
using namespace conduit::tool;

namespace {

std::string why(std::errc refused, const host_facts& here) {
    return why_no_io_uring(std::make_error_code(refused), here);
}

void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << text;
}

}  // namespace

TEST_CASE("facts of the host are read where they are", "[tools][doctor]") {
    const test::temp_dir proc;
    write(proc.path("sys/kernel/osrelease"), "6.8.0-test\n");
    write(proc.path("sys/kernel/io_uring_disabled"), "1\n");
    write(proc.path("self/status"), "Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t3\n");
    const host_facts here = read_host_facts(proc.path());
    CHECK(here.kernel == "6.8.0-test");
    CHECK(here.io_uring_disabled == 1);
    CHECK(here.seccomp == 2);
}

TEST_CASE("what a host does not tell is left out", "[tools][doctor]") {
    const test::temp_dir proc;
    write(proc.path("self/status"), "Seccomp:\tmany\n");
    const host_facts here = read_host_facts(proc.path());
    CHECK(here.kernel.empty());
    CHECK_FALSE(here.io_uring_disabled);
    CHECK_FALSE(here.seccomp);
}

TEST_CASE("a refusal of io_uring is explained by all that is true here", "[tools][doctor]") {
    host_facts plain;
    plain.kernel = "5.10.0";
    host_facts filtered = plain;
    filtered.seccomp = 2;
    host_facts off = filtered;
    off.io_uring_disabled = 2;
    host_facts privileged = plain;
    privileged.io_uring_disabled = 1;
    host_facts tight = plain;
    tight.locked_bytes = 65'536;

    CHECK(why(std::errc::operation_not_permitted, plain) == "a security module forbids it");
    CHECK(why(std::errc::operation_not_permitted, filtered).starts_with("a seccomp filter"));
    CHECK(why(std::errc::operation_not_permitted, off)
              .starts_with("kernel.io_uring_disabled is 2: it is switched off for everybody; a "
                           "seccomp filter"));
    CHECK(why(std::errc::operation_not_permitted, privileged) ==
          "kernel.io_uring_disabled is 1: it is for CAP_SYS_ADMIN and the group in "
          "kernel.io_uring_group");
    CHECK(why(std::errc::function_not_supported, plain) ==
          "this kernel was built without it (CONFIG_IO_URING)");
    CHECK(why(std::errc::function_not_supported, filtered)
              .starts_with("a seccomp filter says that there is none"));
    CHECK(why(std::errc::not_enough_memory, tight) ==
          "only 64 KiB of memory may be locked (ulimit -l, RLIMIT_MEMLOCK)");
    CHECK(why(std::errc::not_enough_memory, plain) == "the kernel has no memory for it");
    CHECK(why(std::errc::not_supported, plain) ==
          "kernel 5.10.0 lacks what makes it worth it; Linux 6.1 has all of it");
    CHECK(why(std::errc::io_error, plain) == "it is none of the common reasons");
}
