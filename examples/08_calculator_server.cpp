// SPDX-License-Identifier: BSL-1.0
//
// Calculates for other processes, until SIGINT or SIGTERM:
//
//     08_calculator_server [--once] [ADDRESS...]       with --once until the last client has left
//
// 08_calculator_client is the other side.

#include "08_calculator.hpp"

#include <conduit/rpc/fault.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/runtime/run.hpp>

#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace conduit;

namespace {

class calculates final : public calculator {
public:
    task<double> add(double lhs, double rhs) override { co_return lhs + rhs; }

    task<double> divide(double dividend, double divisor) override {
        if (divisor == 0) throw rpc::fault(rpc::status::invalid_argument, "there is no x / 0");
        co_return dividend / divisor;
    }

    stream<std::uint64_t> primes(std::uint64_t limit) override {
        for (std::uint64_t n = 2; n <= limit; ++n) {
            bool is_prime = true;
            for (std::uint64_t d = 2; d * d <= n && is_prime; ++d) is_prime = n % d != 0;
            if (is_prime) co_yield std::uint64_t(n);
        }
    }

    task<double> mean(stream<double> samples) override {
        stream<double> own = std::move(samples);
        double sum = 0;
        double count = 0;
        while (auto sample = co_await own.next()) {
            sum += *sample;
            ++count;
        }
        co_return count == 0 ? 0 : sum / count;
    }
};

task<int> serve(std::vector<std::string> addresses, bool once) {
    const std::vector<std::string> places = std::move(addresses);
    calculates object;
    rpc::server server;
    server.offer<calculator>(object);
    try {
        for (const std::string& where : places) co_await server.listen(where);
    } catch (const rpc::fault& why) {
        std::fprintf(stderr, "%s\n", why.what());
        co_return 1;
    }
    if (once) {
        co_await server.until_left();
        co_return 0;
    }
    const rpc::drain_outcome end = co_await server.run();
    co_return end.exit_status();
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::string> places(argv + 1, argv + argc);
    const bool once = !places.empty() && places.front() == "--once";
    if (once) places.erase(places.begin());
    if (places.empty()) places = {"unix:calculator.socket"};
    return run_until_signal(serve(std::move(places), once));
}
