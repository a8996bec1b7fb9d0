// SPDX-License-Identifier: BSL-1.0
// refused: a static method belongs to no object
#include <conduit/rpc/interface.hpp>

class calculator {
public:
    virtual ~calculator() = default;
#ifdef FIXED
    virtual conduit::task<double> total() = 0;
#else
    static conduit::task<double> total();
#endif
};
CONDUIT_INTERFACE(calculator, "demo.calculator.v1", total)
