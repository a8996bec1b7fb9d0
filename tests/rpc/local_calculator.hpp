// SPDX-License-Identifier: BSL-1.0
//
// A calculator that does what its methods say, and what goes wrong in procedures, for the tests.

#pragma once

#include "calculator.hpp"

#include <conduit/rpc/fault.hpp>
#include <conduit/runtime/event.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace conduit::rpc::test {

class local_calculator final : public calculator {
public:
    task<double> add(double lhs, double rhs) override { co_return lhs + rhs; }

    task<double> divide(double dividend, double divisor) override {
        if (divisor == 0) throw division_by_zero{dividend, "a note that needs memory of its own"};
        co_return dividend / divisor;
    }

    task<std::string> repeat(std::string text, std::uint32_t times) override {
        std::string all;
        for (; times > 0; --times) all += text;
        co_return all;
    }

    task<void> clear() override {
        lines.clear();
        co_return;
    }

    task<one_way> note(std::string line) override {
        lines.push_back(std::move(line));
        noted.set();
        co_return one_way();
    }

    stream<std::uint64_t> count(std::uint64_t from, std::uint64_t to) override {
        if (to > 1'000'000) throw too_many{to, 1'000'000};
        for (; from < to; ++from) co_yield from;
    }

    task<double> mean(stream<double> samples) override {
        stream<double> in = std::move(samples);
        double sum = 0;
        double n = 0;
        while (auto sample = co_await in.next()) {
            sum += *sample;
            n += 1;
            last_sample = *sample;
            sampled.set();
        }
        if (n == 0) throw fault(status::invalid_argument, "the mean of nothing");
        co_return sum / n;
    }

    stream<double> running_sum(double start, stream<double> samples) override {
        stream<double> in = std::move(samples);
        while (auto sample = co_await in.next()) {
            start += *sample;
            co_yield start;
        }
    }

    /// Waits until `go`, and notes how the wait ended. "throw" then throws what the wait yielded.
    task<void> wait(std::string where) override {
        const guard here(*this);
        waiting.set();
        const std::error_code ended = co_await go.wait();
        how_ended = ended;
        if (ended && where == "throw") throw std::system_error(ended);
    }

    task<void> wait_briefly() override { return wait("throw"); }

    class guard {
    public:
        explicit guard(local_calculator& owner) noexcept : owner_(owner) { ++owner_.running; }
        guard(const guard&) = delete;
        ~guard() {
            if (--owner_.running == 0) owner_.idle.set();
        }

    private:
        local_calculator& owner_;
    };

    std::vector<std::string> lines;
    std::optional<double> last_sample;
    std::optional<std::error_code> how_ended;
    int running = 0;
    event noted;
    event sampled;
    event waiting;
    event idle;
    event go;
};

}  // namespace conduit::rpc::test
