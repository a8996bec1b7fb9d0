// SPDX-License-Identifier: BSL-1.0
// refused: a pointer means nothing in another process
#include <conduit/rpc/interface.hpp>

#include <string>

struct no_space {
#ifdef FIXED
    std::string where;
#else
    const char* where = nullptr;
#endif
};

class calculator {
public:
    virtual ~calculator() = default;
    virtual conduit::task<double> add(double lhs, double rhs) = 0;
};
CONDUIT_INTERFACE(calculator, "demo.calculator.v1", add)

constexpr auto conduit_methods(conduit::rpc::contract<calculator>) {
    return conduit::rpc::method<&calculator::add>().throws<no_space>();
}

void offer(conduit::rpc::service_table& offers, calculator& object) {
    offers.add<calculator>(object);
}
