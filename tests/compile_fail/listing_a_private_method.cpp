// SPDX-License-Identifier: BSL-1.0
// refused: misspelt, private, or overloaded
#include <conduit/rpc/interface.hpp>

class calculator {
public:
    virtual ~calculator() = default;
#ifndef FIXED
private:
#endif
    virtual conduit::task<double> add(double lhs, double rhs) = 0;
};
CONDUIT_INTERFACE(calculator, "demo.calculator.v1", add)
