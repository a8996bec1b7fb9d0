// SPDX-License-Identifier: BSL-1.0
//
// The descriptors that the matchmaker has open for its users, each charged before it is opened: on
// the way to an address, and with an answer until that goes out; given_handles.hpp counts them from
// there.
//
//     auto place = ledger.take(uid);
//     if (!place) throw place.error();                    // "user 1000 has 1024 handles ..."
//     auto stream = co_await connect_to_announced(...);   // given back by its destruction

#pragma once

#include <conduit/rpc/detail/registry_limits.hpp>
#include <conduit/rpc/detail/user_shares.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/runtime/result.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace conduit::rpc::detail {

/// Must outlive its places.
class handle_ledger {
public:
    class place;

    explicit handle_ledger(const registry_limits& limits) : shares_(limits) {}
    handle_ledger(const handle_ledger&) = delete;
    handle_ledger& operator=(const handle_ledger&) = delete;
    ~handle_ledger() = default;

    /// Fails with resource_exhausted, and says of what there is how much.
    result<place, fault> take(std::uint32_t uid);

    /// How many there are now.
    std::size_t taken() const noexcept { return shares_.taken_by_all(registry_resource::handles); }
    std::uint64_t refused() const noexcept { return refused_; }

private:
    user_shares shares_;
    std::uint64_t refused_ = 0;
};

class handle_ledger::place {
public:
    place(handle_ledger& of, std::uint32_t uid) noexcept : of_(&of), uid_(uid) {}
    place(place&& other) noexcept : of_(std::exchange(other.of_, nullptr)), uid_(other.uid_) {}
    place& operator=(place&& other) noexcept {
        std::swap(of_, other.of_);
        std::swap(uid_, other.uid_);
        return *this;
    }
    ~place() {
        if (of_ != nullptr) of_->shares_.give_back(uid_, registry_resource::handles, 1);
    }

private:
    friend class handle_ledger;

    handle_ledger* of_;
    std::uint32_t uid_;
};

}  // namespace conduit::rpc::detail
