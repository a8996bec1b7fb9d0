// SPDX-License-Identifier: BSL-1.0
// refused: a pointer means nothing in another process
#include <conduit/rpc/interface.hpp>

class calculator {
public:
    virtual ~calculator() = default;
#ifdef FIXED
    virtual conduit::task<void> note(char letter) = 0;
#else
    virtual conduit::task<void> note(const char* line) = 0;
#endif
};
CONDUIT_INTERFACE(calculator, "demo.calculator.v1", note)
