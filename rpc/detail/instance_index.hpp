// SPDX-License-Identifier: BSL-1.0
//
// The instances by name and by id, and to whom each name belongs. No rules: those are in
// registry.hpp, which changes it.

#pragma once

#include <conduit/rpc/detail/instance_rules.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace conduit::rpc::detail {

class instance_index {
public:
    /// The user to whom a name belongs: the first one, for as long as it has an instance of it.
    std::optional<std::uint32_t> holder(std::string_view name) const;

    /// In the order of their ids.
    std::span<const instance_ptr> of_name(std::string_view name) const;
    instance_ptr find(instance_id id) const;

    /// The first one after `after`, or from the beginning, whose name is in the pattern; null at
    /// the end.
    instance_ptr next(const name_pattern& pattern, const std::optional<index_key>& after) const;

    /// Its id is greater than those of the name's others, or the one it takes the place of.
    void insert(instance_ptr added);
    /// Puts a newer state in place of the one with its id.
    void update(instance_ptr newer);
    /// Puts another instance of the same user and name in the place of one that goes.
    void replace(instance_id gone, instance_ptr added);
    void erase(instance_id gone);

    std::size_t names() const noexcept { return names_.size(); }
    std::size_t instances() const noexcept { return by_id_.size(); }
    /// In the order of ids.
    const std::map<instance_id, instance_ptr>& all() const noexcept { return by_id_; }

private:
    struct entry {
        std::uint32_t holder = 0;
        std::vector<instance_ptr> instances;
    };
    using name_map = std::map<std::string, entry, std::less<>>;

    static std::vector<instance_ptr>::iterator at_id(entry& of, instance_id id);

    name_map names_;
    std::map<instance_id, instance_ptr> by_id_;
};

}  // namespace conduit::rpc::detail
