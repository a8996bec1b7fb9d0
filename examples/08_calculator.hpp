// SPDX-License-Identifier: BSL-1.0
//
// The contract between 08_calculator_server and 08_calculator_client.

#pragma once

#include <conduit/rpc/interface.hpp>
#include <conduit/runtime/stream.hpp>
#include <conduit/runtime/task.hpp>

#include <cstdint>

class calculator {
public:
    virtual ~calculator() = default;

    virtual conduit::task<double> add(double lhs, double rhs) = 0;
    virtual conduit::task<double> divide(double dividend, double divisor) = 0;
    virtual conduit::stream<std::uint64_t> primes(std::uint64_t limit) = 0;
    virtual conduit::task<double> mean(conduit::stream<double> samples) = 0;
};
CONDUIT_INTERFACE(calculator, "demo.calculator.v1", (add, lhs, rhs), (divide, dividend, divisor),
                  (primes, limit), (mean, samples))
