// SPDX-License-Identifier: BSL-1.0
//
// A contract with every shape of method, for the tests.

#pragma once

#include <conduit/rpc/interface.hpp>
#include <conduit/rpc/one_way.hpp>
#include <conduit/runtime/stream.hpp>
#include <conduit/runtime/task.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace conduit::rpc::test {

struct division_by_zero {
    double dividend = 0;
    std::string note;
};

struct too_many {
    std::uint64_t asked = 0;
    std::uint64_t limit = 0;
};

class calculator {
public:
    virtual ~calculator() = default;
    virtual task<double> add(double lhs, double rhs) = 0;
    virtual task<double> divide(double dividend, double divisor) = 0;
    virtual task<std::string> repeat(std::string text, std::uint32_t times) = 0;
    virtual task<void> clear() = 0;
    virtual task<one_way> note(std::string line) = 0;
    virtual stream<std::uint64_t> count(std::uint64_t from, std::uint64_t to) = 0;
    virtual task<double> mean(stream<double> samples) = 0;
    virtual stream<double> running_sum(double start, stream<double> samples) = 0;
    virtual task<void> wait(std::string where) = 0;
    virtual task<void> wait_briefly() = 0;
};
CONDUIT_INTERFACE(calculator, "test.calculator.v1", (add, lhs, rhs), divide, repeat, clear,
                  (note, line), (count, from, to), mean, (running_sum, start, samples), wait,
                  wait_briefly)

constexpr auto conduit_methods(contract<calculator>) {
    return methods(
        method<&calculator::add>().idempotent().text("The sum of two numbers.").since("1.0"),
        method<&calculator::divide>().throws<division_by_zero, too_many>(),
        method<&calculator::count>().throws<too_many>(),
        method<&calculator::repeat>().deadline(std::chrono::seconds(10)),
        method<&calculator::wait_briefly>().deadline(std::chrono::milliseconds(3)));
}

}  // namespace conduit::rpc::test
