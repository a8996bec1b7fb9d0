// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/service_table.hpp>
#include <conduit/runtime/assert.hpp>

namespace conduit::rpc {

void service_table::add(const interface_row& row, void* object) {
    CONDUIT_ASSERT(object != nullptr, "an interface is offered by an object");
    CONDUIT_ASSERT(!offers_interface(row.name), "an interface is offered once by a table");
    interfaces_.push_back(&row);
    for (const detail::method_row& method : row.methods) {
        methods_.emplace(method.full_name, bound_method{&method, object});
    }
}

const service_table::bound_method* service_table::find(std::string_view full_name) const noexcept {
    const auto found = methods_.find(full_name);
    return found == methods_.end() ? nullptr : &found->second;
}

bool service_table::offers_interface(std::string_view name) const noexcept {
    for (const interface_row* row : interfaces_) {
        if (row->name == name) return true;
    }
    return false;
}

}  // namespace conduit::rpc
