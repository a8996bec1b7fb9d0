// SPDX-License-Identifier: BSL-1.0
// refused: a pure virtual method of calculator is not listed
#include <conduit/rpc/interface.hpp>

class calculator {
public:
    virtual ~calculator() = default;
    virtual conduit::task<double> total() = 0;
    virtual conduit::task<double> add(double lhs, double rhs) = 0;
};
#ifdef FIXED
CONDUIT_INTERFACE(calculator, "demo.calculator.v1", add, total)
#else
CONDUIT_INTERFACE(calculator, "demo.calculator.v1", total)
#endif
