// SPDX-License-Identifier: BSL-1.0
// refused: not one accessible member of the *class: misspelt, private, or overloaded
#include <conduit/rpc/interface.hpp>

class calculator {
public:
    virtual ~calculator() = default;
#ifdef FIXED
    virtual conduit::task<double> add_to(double lhs) = 0;
#else
    virtual conduit::task<double> add(double lhs) = 0;
#endif
    virtual conduit::task<double> add(double lhs, double rhs) = 0;
};
#ifdef FIXED
CONDUIT_INTERFACE(calculator, "demo.calculator.v1", add, add_to)
#else
CONDUIT_INTERFACE(calculator, "demo.calculator.v1", add)
#endif
