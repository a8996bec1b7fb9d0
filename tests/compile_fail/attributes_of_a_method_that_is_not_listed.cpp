// SPDX-License-Identifier: BSL-1.0
// refused: conduit_methods speaks of a method
#include <conduit/rpc/interface.hpp>

class calculator {
public:
    virtual ~calculator() = default;
    virtual conduit::task<double> total() { co_return 0; }
    virtual conduit::task<double> add(double lhs, double rhs) = 0;
};
#ifdef FIXED
CONDUIT_INTERFACE(calculator, "demo.calculator.v1", add, total)
#else
CONDUIT_INTERFACE(calculator, "demo.calculator.v1", add)
#endif

constexpr auto conduit_methods(conduit::rpc::contract<calculator>) {
    return conduit::rpc::method<&calculator::total>().idempotent();
}

void offer(conduit::rpc::service_table& offers, calculator& object) {
    offers.add<calculator>(object);
}
