// SPDX-License-Identifier: BSL-1.0
// refused: there is no CONDUIT_INTERFACE beside this class
#include <conduit/rpc/interface.hpp>

class calculator {
public:
    virtual ~calculator() = default;
    virtual conduit::task<double> add(double lhs, double rhs) = 0;
};
#ifdef FIXED
CONDUIT_INTERFACE(calculator, "demo.calculator.v1", add)
#endif

conduit::task<double> three(conduit::rpc::caller& through) {
    conduit::rpc::stub<calculator> there(through);
    const double sum = co_await there.add(1, 2);
    co_return sum;
}
