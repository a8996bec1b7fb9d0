// SPDX-License-Identifier: BSL-1.0
//
// Streams numbers to 09_streaming_server and reads the stream that it makes of them:
//
//     09_streaming_client [ADDRESS]
//
// The server may be started a little later: the client waits for it for 10 seconds.

#include "09_streaming.hpp"

#include <conduit/rpc/connect.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <chrono>
#include <cstdio>
#include <string>
#include <utility>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

task<rpc::client<statistics>> connect_when_it_is_there(std::string where) {
    const std::string address = std::move(where);
    for (;;) {
        auto made = co_await rpc::try_call(rpc::connect<statistics>(address));
        if (made) co_return std::move(*made);
        if (made.error().code() != rpc::status::unavailable) throw made.error();
        co_await sleep_for(10ms);
    }
}

stream<double> some_samples() {
    for (const double each : {2.0, 4.0, 6.0, 20.0}) co_yield double(each);
}

/// It has no end: numbers are made as the server takes them, and no more when it is destroyed.
stream<double> all_numbers() {
    for (double number = 1;; ++number) co_yield double(number);
}

task<> use(statistics& there) {
    auto means = there.moving_mean(some_samples(), 2);
    while (auto mean = co_await means.next()) std::printf("%g ", *mean);
    std::printf("and the end\n");

    {
        auto endless = there.moving_mean(all_numbers(), 3);
        while (auto mean = co_await endless.next()) {
            if (*mean < 1000) continue;
            std::printf("%g reached\n", *mean);
            break;
        }
    }  // here the call is cancelled, and the server's part of it ends as well

    auto refused = there.moving_mean(some_samples(), 0);
    auto none = co_await rpc::try_call(refused.next());
    if (!none) std::printf("refused: %s\n", none.error().what());
}

task<int> talk(std::string where) {
    const std::string address = std::move(where);
    try {
        auto there = co_await within(10s, connect_when_it_is_there(address));
        co_await use(*there);
        co_await there.close();
        co_return 0;
    } catch (const rpc::fault& why) {
        std::fprintf(stderr, "%s\n", why.what());
        co_return 1;
    }
}

}  // namespace

int main(int argc, char** argv) { return run(talk(argc > 1 ? argv[1] : "unix:statistics.socket")); }
