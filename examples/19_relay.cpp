// SPDX-License-Identifier: BSL-1.0
//
// Connects two addresses and passes on what comes from either, as socat does:
//     relay stdio: tcp:localhost:80        relay unix:/run/x "exec:ssh host serve"

#include <conduit/channels/connect.hpp>
#include <conduit/channels/copy.hpp>
#include <conduit/channels/process.hpp>
#include <conduit/runtime/run.hpp>

#include <cstdio>
#include <string>
#include <system_error>
#include <vector>

using namespace conduit;

namespace {

/// A program is kept in `programs`: it is to end by itself, also where it has closed its output.
task<any_stream> reach(const char* text, std::vector<process>& programs) {
    std::string why;
    auto to = address::parse(text, &why);
    if (!to) throw std::runtime_error(why);
    if (to->kind() != address_kind::exec) {
        auto peer = co_await connect(*to, &why);
        if (!peer) throw std::runtime_error(why);
        co_return std::move(*peer);
    }
    command program(to->words().front());
    for (std::size_t i = 1; i < to->words().size(); ++i) program.argument(to->words()[i]);
    start_failure reason;
    auto started = start(std::move(program), &reason);
    if (!started) throw std::runtime_error(reason.text());
    process& child = programs.emplace_back(std::move(*started));
    co_return any_stream(child.take_output().value(), child.take_input().value());
}

task<> relay(const char* one, const char* other) {
    std::vector<process> programs;
    any_stream first = co_await reach(one, programs);
    any_stream second = co_await reach(other, programs);
    const relayed done = co_await copy_both_ways(first, second);
    if (done.error) throw std::system_error(done.error);
    for (process& each : programs) {
        auto ended = co_await each.exited();
        ended.value();
    }
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc != 3) throw std::runtime_error("it takes two addresses");
    conduit::run(relay(argv[1], argv[2]));
} catch (const std::exception& error) {
    std::fprintf(stderr, "relay: %s\n", error.what());
    return 1;
}
