// SPDX-License-Identifier: BSL-1.0
//
// The enums that the types of a method consist of, with their enumerators: what a schema does not
// say, since a value is sent as its number. For schema_lock.hpp.
//
//     enum_list all;
//     collect_enums<std::vector<entry>>(all);             // those inside of entry

#pragma once

#include <conduit/rpc/detail/enumerators.hpp>
#include <conduit/rpc/detail/rows.hpp>
#include <conduit/rpc/schema.hpp>

#include <algorithm>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace conduit::rpc::detail {

class enum_list {
public:
    struct entry {
        std::string_view name;  // without namespaces
        node_kind sent_as = node_kind::u8;
        std::vector<enumerator> values;
    };

    /// False where the type was there before.
    bool enter(const type_row& type) {
        if (std::find(seen_.begin(), seen_.end(), &type) != seen_.end()) return false;
        seen_.push_back(&type);
        return true;
    }
    void add(entry found) { entries_.push_back(std::move(found)); }
    const std::vector<entry>& entries() const noexcept { return entries_; }

private:
    std::vector<const type_row*> seen_;
    std::vector<entry> entries_;
};

template <class T>
void collect_enums(enum_list& into);

template <class... P>
void collect_enums_of(enum_list& into, type_list<P...> /*parts*/) {
    (collect_enums<P>(into), ...);
}

template <class T>
void collect_enums(enum_list& into) {
    if constexpr (!std::is_void_v<T>) {
        using sent = typename sent_as<T>::type;
        if (!into.enter(type_row_for<sent>::row)) return;
        if constexpr (scannable_enum<sent>) {
            std::vector<enumerator> values = enumerators_of<sent>();
            if (values.empty()) return;  // std::byte
            into.add({name_of_type<sent>(), scalar_kind<sent>(), std::move(values)});
        } else {
            collect_enums_of(into, parts_of<sent>());
        }
    }
}

/// Of parameters, result and listed errors.
template <class R, class C, class... A, class... E>
struct enums_in<R (C::*)(A...), errors_of<E...>> {
    static void collect(enum_list& into) {
        (collect_enums<typename carried_by<A>::type>(into), ...);
        collect_enums<typename returned<R>::value>(into);
        collect_enums<typename returned<R>::item>(into);
        (collect_enums<E>(into), ...);
    }
};

}  // namespace conduit::rpc::detail
