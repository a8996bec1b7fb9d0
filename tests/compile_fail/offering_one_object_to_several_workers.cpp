// SPDX-License-Identifier: BSL-1.0
// refused: several threads would call one object: offer a factory instead
#include <conduit/rpc/server_group.hpp>

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

#ifdef FIXED
void offer(conduit::rpc::server_group& group) {
    group.offer<calculator>([] { return std::make_unique<local>(); });
}
#else
void offer(conduit::rpc::server_group& group, local& object) { group.offer<calculator>(object); }
#endif
