// SPDX-License-Identifier: BSL-1.0
//
// What one writes in a shell as `sort | uniq -c | sort -rn`, without the shell: programs joined by
// pipes, how each of them ended, and what happens when one is missing, fails, or takes too long.

#include <conduit/channels/pipeline.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/within.hpp>

#include <cstdio>
#include <exception>
#include <stdexcept>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

task<> count_words() {
    command sort("sort");
    sort.input(redirect::text("pear\nfig\npear\nplum\nfig\npear\n"));
    auto words = std::move(sort) | command("uniq", "-c") | command("sort", "-rn");
    start_failure why;
    auto done = co_await run(std::move(words), &why);
    if (!done) throw std::runtime_error(why.text());
    std::fputs(done.value().output.c_str(), stdout);
}

task<> see_each_status() {
    auto stages = command("sh", "-c", "exit 3") | command("sh", "-c", "kill -TERM $$");
    start_failure why;
    auto done = co_await run(std::move(stages), &why);
    if (!done) throw std::runtime_error(why.text());
    for (const completed::stage& each : done.value().stages) {
        std::printf("code %d, signal %d\n", each.status.code, each.status.signal);
    }
}

task<> start_what_is_missing() {
    start_failure why;
    auto done = co_await run(command("yes") | command("no-such-program"), &why);
    if (!done) std::printf("stage %zu: %s\n", why.stage, why.text().c_str());
}

task<> take_too_long() {
    auto done = co_await within(50ms, run(command("yes") | command("wc", "-l")));
    std::printf("in time: %s\n", done ? "yes" : "no, and both were stopped");
}

task<> program() {
    co_await count_words();
    co_await see_each_status();
    co_await start_what_is_missing();
    co_await take_too_long();
}

}  // namespace

int main() {
    try {
        conduit::run(program());
    } catch (const std::exception& why) {
        std::fprintf(stderr, "%s\n", why.what());
        return 1;
    }
}
