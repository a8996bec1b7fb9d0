// SPDX-License-Identifier: BSL-1.0
//
// Has 08_calculator_server calculate, as if that were an object of this program:
//
//     08_calculator_client [ADDRESS]                   also exec:08_calculator_server stdio:
//
// The server may be started a little later: the client waits for it for 10 seconds.

#include "08_calculator.hpp"

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

task<rpc::client<calculator>> connect_when_it_is_there(std::string where) {
    const std::string address = std::move(where);
    for (;;) {
        auto made = co_await rpc::try_call(rpc::connect<calculator>(address));
        if (made) co_return std::move(*made);
        if (made.error().code() != rpc::status::unavailable) throw made.error();
        co_await sleep_for(10ms);
    }
}

stream<double> samples() {
    for (const double each : {1.0, 2.0, 6.0}) co_yield double(each);
}

/// Takes any calculator: this one is in another process.
task<> calculate(calculator& with) {
    const double sum = co_await with.add(1, 2);
    std::printf("1 + 2 = %g\n", sum);
    std::printf("primes:");
    auto primes = with.primes(30);
    while (auto prime = co_await primes.next()) {
        std::printf(" %llu", static_cast<unsigned long long>(*prime));
    }
    const double mean = co_await with.mean(samples());
    std::printf("\nmean: %g\n", mean);
    auto quotient = co_await rpc::try_call(with.divide(1, 0));
    if (!quotient) std::printf("1 / 0: %s\n", quotient.error().what());
}

task<int> talk(std::string where) {
    const std::string address = std::move(where);
    try {
        auto there = co_await within(10s, connect_when_it_is_there(address));
        co_await calculate(*there);
        co_await there.close();
        co_return 0;
    } catch (const rpc::fault& why) {
        std::fprintf(stderr, "%s\n", why.what());
        co_return 1;
    }
}

}  // namespace

int main(int argc, char** argv) { return run(talk(argc > 1 ? argv[1] : "unix:calculator.socket")); }
