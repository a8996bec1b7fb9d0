// SPDX-License-Identifier: BSL-1.0
// refused: there is no CONDUIT_INTERFACE beside this class
#include <conduit/rpc/interface.hpp>

class calculator {
public:
    virtual ~calculator() = default;
    virtual conduit::task<double> add(double lhs, double rhs) = 0;
};
CONDUIT_INTERFACE(calculator, "demo.calculator.v1", add)

class local final : public calculator {
public:
    conduit::task<double> add(double lhs, double rhs) override { co_return lhs + rhs; }
};

void offer(conduit::rpc::service_table& offers, local& object) {
#ifdef FIXED
    offers.add<calculator>(object);
#else
    offers.add(object);
#endif
}
