// SPDX-License-Identifier: BSL-1.0
// refused: override
#include <conduit/rpc/interface.hpp>

class calculator {
public:
    virtual ~calculator() = default;
#ifdef FIXED
    virtual conduit::task<double> total() = 0;
#else
    conduit::task<double> total();
#endif
};
CONDUIT_INTERFACE(calculator, "demo.calculator.v1", total)
