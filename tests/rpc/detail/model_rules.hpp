// SPDX-License-Identifier: BSL-1.0
//
// What the model of the matchmaker's table (registry_model.hpp) goes by.

#pragma once

#include <conduit/rpc/detail/instance_index.hpp>
#include <conduit/rpc/detail/instance_rules.hpp>
#include <conduit/rpc/fault.hpp>

#include <algorithm>
#include <optional>
#include <string>

namespace conduit::rpc::detail {

/// What a model_refusal must say: its code, and words that are in its text.
struct model_refusal {
    rpc::status code{};
    std::string words;
};
using verdict = std::optional<model_refusal>;

inline index_key key_of(const instance& one) { return {one.offer.name, one.id}; }
inline bool includes(const name_pattern& pattern, const std::string& name) {
    return pattern.is_prefix ? name.substr(0, pattern.text.size()) == pattern.text
                             : name == pattern.text;
}
inline bool suits(const instance_query& query, const instance& one) {
    if (one.offer.name != query.name) return false;
    if (query.version && (one.offer.version.major != query.version->major ||
                          one.offer.version.minor < query.version->minor)) {
        return false;
    }
    const auto& tags = one.offer.tags;
    return std::all_of(query.tags.begin(), query.tags.end(), [&](const std::string& tag) {
        return std::find(tags.begin(), tags.end(), tag) != tags.end();
    });
}

}  // namespace conduit::rpc::detail
