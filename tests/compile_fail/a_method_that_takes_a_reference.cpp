// SPDX-License-Identifier: BSL-1.0
// refused: a parameter of a method is a value
#include <conduit/rpc/interface.hpp>

#include <string>

class calculator {
public:
    virtual ~calculator() = default;
#ifdef FIXED
    virtual conduit::task<void> note(std::string line) = 0;
#else
    virtual conduit::task<void> note(const std::string& line) = 0;
#endif
};
CONDUIT_INTERFACE(calculator, "demo.calculator.v1", (note, line))
