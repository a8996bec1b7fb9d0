// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/codec.hpp>
#include <conduit/rpc/detail/signature.hpp>
#include <conduit/rpc/metadata.hpp>
#include <conduit/runtime/assert.hpp>

#include <algorithm>

namespace conduit::rpc {
namespace {

constexpr std::size_t key_size_max = 128;

bool is_key(std::string_view key) noexcept {
    return key.size() <= key_size_max && detail::is_interface_name(key);
}

}  // namespace

metadata& metadata::set(std::string key, std::string value) {
    CONDUIT_ASSERT(is_key(key), "a key of metadata is 1 to 128 characters of a-z 0-9 . _ -");
    const auto found = std::ranges::find(pairs_, key, &pair::first);
    if (found != pairs_.end()) {
        found->second = std::move(value);
    } else {
        pairs_.emplace_back(std::move(key), std::move(value));
    }
    return *this;
}

void metadata::erase(std::string_view key) {
    std::erase_if(pairs_, [&](const pair& each) { return each.first == key; });
}

std::optional<std::string_view> metadata::find(std::string_view key) const noexcept {
    const auto found = std::ranges::find(pairs_, key, &pair::first);
    if (found == pairs_.end()) return std::nullopt;
    return found->second;
}

std::size_t metadata::encoded_size() const { return rpc::encoded_size(pairs_); }

void metadata::encode(std::byte* to) const { encode_fields(to, pairs_); }

bool metadata::decode(std::span<const std::byte> bytes, metadata& into, std::string& why) {
    std::vector<pair> pairs;
    const auto decoded = decode_fields(bytes, decode_limits::for_message(bytes.size()), {}, pairs);
    if (!decoded) {
        why = decoded.text();
        return false;
    }
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        const std::string& key = pairs[i].first;
        if (!is_key(key)) {
            why = "a key is 1 to 128 characters of a-z 0-9 . _ -";
            return false;
        }
        if (into.find(key)) {
            why = "the key " + key + " comes twice";
            return false;
        }
        into.pairs_.push_back(std::move(pairs[i]));
    }
    return true;
}

}  // namespace conduit::rpc
