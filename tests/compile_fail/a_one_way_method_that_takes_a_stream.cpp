// SPDX-License-Identifier: BSL-1.0
// refused: a one-way method takes no stream
#include <conduit/rpc/interface.hpp>

class calculator {
public:
    virtual ~calculator() = default;
#ifdef FIXED
    virtual conduit::task<void> note(conduit::stream<double> samples) = 0;
#else
    virtual conduit::task<conduit::rpc::one_way> note(conduit::stream<double> samples) = 0;
#endif
};
CONDUIT_INTERFACE(calculator, "demo.calculator.v1", note)
