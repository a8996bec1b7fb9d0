// SPDX-License-Identifier: BSL-1.0
//
// Pairs of strings that travel with a call beside its arguments: a token, the id of a trace. What
// belongs to the contract is a parameter (interface.hpp); who wants to see every call writes an
// interceptor (interceptor.hpp).
//
//     rpc::metadata with;
//     with.set("trace-id", id);
//     co_await rpc::with_metadata(with, store.put(key, value));    // and all calls below
//
//     const rpc::call_info& call = co_await rpc::this_call();      // in the procedure
//     auto id = call.metadata().find("trace-id");

#pragma once

#include <conduit/runtime/within.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace conduit::rpc {

/// Few and short: all of it goes with every call, and has at most 8 KiB on the wire. What came from
/// a peer is as true as the peer is.
class metadata {
public:
    using pair = std::pair<std::string, std::string>;

    metadata() = default;

    /// Replaces what is there under the key, which is 1 to 128 characters of a-z 0-9 . _ -
    /// (asserted). The value is any bytes.
    metadata& set(std::string key, std::string value);
    void erase(std::string_view key);

    /// The value under a key, if there is one.
    std::optional<std::string_view> find(std::string_view key) const noexcept;

    bool empty() const noexcept { return pairs_.empty(); }
    std::size_t size() const noexcept { return pairs_.size(); }
    /// In the order in which they were set.
    std::vector<pair>::const_iterator begin() const noexcept { return pairs_.begin(); }
    std::vector<pair>::const_iterator end() const noexcept { return pairs_.end(); }

    // For the connection.
    std::size_t encoded_size() const;
    void encode(std::byte* to) const;
    /// False, with the reason in `why`, where it is none: what is no list of pairs of strings, a
    /// key that cannot be set, or one that comes twice.
    [[nodiscard]] static bool decode(std::span<const std::byte> bytes, metadata& into,
                                     std::string& why);

private:
    std::vector<pair> pairs_;
};

inline constexpr trace_key<metadata> metadata_key{};

/// Awaits `work`; all calls that are made in it carry `with`, unless they have others nearer to
/// them. It is not handed on by the procedures that are called: they choose for themselves.
template <class Awaitable>
context_awaiter<value_setup<metadata>, Awaitable> with_metadata(metadata with, Awaitable&& work) {
    return with_value(metadata_key, std::move(with), std::forward<Awaitable>(work));
}

}  // namespace conduit::rpc
