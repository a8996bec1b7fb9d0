// SPDX-License-Identifier: BSL-1.0
// refused: is a data member, not a method
#include <conduit/rpc/interface.hpp>

class calculator {
public:
    virtual ~calculator() = default;
#ifdef FIXED
    virtual conduit::task<double> total() = 0;
#else
    double total = 0;
#endif
};
CONDUIT_INTERFACE(calculator, "demo.calculator.v1", total)
