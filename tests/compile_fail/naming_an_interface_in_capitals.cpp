// SPDX-License-Identifier: BSL-1.0
// refused: the name of calculator on the wire is 1 to 128 characters
#include <conduit/rpc/interface.hpp>

class calculator {
public:
    virtual ~calculator() = default;
    virtual conduit::task<double> add(double lhs, double rhs) = 0;
};
#ifdef FIXED
CONDUIT_INTERFACE(calculator, "demo.calculator.v1", add)
#else
CONDUIT_INTERFACE(calculator, "Demo.Calculator", add)
#endif
