// SPDX-License-Identifier: BSL-1.0
//
// The objects that a process offers to others, by the names of their interfaces. server.hpp owns
// one; a connection that is made by hand is given one.
//
//     rpc::service_table offers;
//     offers.add<calculator>(object);                     // which must outlive the connections

#pragma once

#include <conduit/rpc/detail/method_row.hpp>

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace conduit::rpc {

/// What CONDUIT_INTERFACE makes of an interface; static storage.
struct interface_row {
    std::string_view name;  // "demo.calculator.v1"
    std::span<const detail::method_row> methods;
};

template <class Interface>
const interface_row& row_of();  // interface.hpp

/// Refers to the objects. One interface is offered once: a second offer asserts. Connections look
/// into it while they live, so do not change it then.
class service_table {
public:
    struct bound_method {
        const detail::method_row* method;
        void* object;
    };

    template <class Interface>
    void add(Interface& object) {
        add(row_of<Interface>(), &object);
    }
    void add(const interface_row& row, void* object);

    /// By full name: "demo.calculator.v1/add"; null where there is none.
    const bound_method* find(std::string_view full_name) const noexcept;
    bool offers_interface(std::string_view name) const noexcept;

    const std::vector<const interface_row*>& interfaces() const noexcept { return interfaces_; }

private:
    std::map<std::string, bound_method, std::less<>> methods_;
    std::vector<const interface_row*> interfaces_;
};

}  // namespace conduit::rpc
