// SPDX-License-Identifier: BSL-1.0
#include "wall_clock.hpp"

#include "child.hpp"

#include <conduit/runtime/unique_fd.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace conduit::test {
namespace {

using seconds_off = std::atomic<std::int64_t>;

void* mapped_file(const std::string& path) {
    const unique_fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    const bool has_room = file && ::ftruncate(file.handle(), sizeof(seconds_off)) == 0;
    if (!has_room) throw std::system_error(errno, std::system_category(), path);
    void* const there =
        ::mmap(nullptr, sizeof(seconds_off), PROT_READ | PROT_WRITE, MAP_SHARED, file.handle(), 0);
    if (there == MAP_FAILED) throw std::system_error(errno, std::system_category(), "mmap");
    return there;
}

}  // namespace

wall_clock::wall_clock() : off_(new(mapped_file(folder_.path("seconds"))) seconds_off(0)) {}

wall_clock::~wall_clock() { ::munmap(off_, sizeof *off_); }

std::vector<std::string> wall_clock::launcher() const {
    return {"/usr/bin/env", "LD_PRELOAD=" CONDUIT_PRELOADED_WALL_CLOCK,
            "CONDUIT_WALL_CLOCK=" + folder_.path("seconds")};
}

bool wall_clock::is_obeyed() const {
    std::vector<std::string> program = {
        "/bin/sh", "-c",
        R"(off=$(($("$@" date +%s) - $(date +%s) - $0)) && [ $off -gt -60 ] && [ $off -lt 60 ])",
        std::to_string(off_->load())};
    for (std::string& each : launcher()) program.push_back(std::move(each));
    return child_process(program).wait().code == 0;
}

}  // namespace conduit::test
