// SPDX-License-Identifier: BSL-1.0
// refused: a method takes at most one stream
#include <conduit/rpc/interface.hpp>

class calculator {
public:
    virtual ~calculator() = default;
#ifdef FIXED
    virtual conduit::task<double> zip(conduit::stream<double> a, double b) = 0;
#else
    virtual conduit::task<double> zip(conduit::stream<double> a, conduit::stream<double> b) = 0;
#endif
};
CONDUIT_INTERFACE(calculator, "demo.calculator.v1", zip)
