// SPDX-License-Identifier: BSL-1.0
// refused: the names of the parameters of add
#include <conduit/rpc/interface.hpp>

class calculator {
public:
    virtual ~calculator() = default;
    virtual conduit::task<double> add(double lhs, double rhs) = 0;
};
#ifdef FIXED
CONDUIT_INTERFACE(calculator, "demo.calculator.v1", (add, lhs, rhs))
#else
CONDUIT_INTERFACE(calculator, "demo.calculator.v1", (add, lhs))
#endif
