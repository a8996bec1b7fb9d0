// SPDX-License-Identifier: BSL-1.0
// refused: a method returns conduit::task<T> or conduit::stream<T>
#include <conduit/rpc/interface.hpp>

class calculator {
public:
    virtual ~calculator() = default;
#ifdef FIXED
    virtual conduit::task<double> total() = 0;
#else
    virtual double total() = 0;
#endif
};
CONDUIT_INTERFACE(calculator, "demo.calculator.v1", total)
