// SPDX-License-Identifier: BSL-1.0
// refused: without .*noexcept
#include <conduit/rpc/interface.hpp>

class calculator {
public:
    virtual ~calculator() = default;
#ifdef FIXED
    virtual conduit::task<double> total() = 0;
#else
    virtual conduit::task<double> total() noexcept = 0;
#endif
};
CONDUIT_INTERFACE(calculator, "demo.calculator.v1", total)
