// SPDX-License-Identifier: BSL-1.0
//
// What the matchmaker's table asks of an instance (rpc/instance.hpp): whether an offer can be
// right, whether it answers a query, and what it counts for. Which ones there are is in
// registry.hpp.
//
//     instance_offer offer{"demo.calculator.v1", "unix:/run/x", {1, 2}, 100, {"zone=eu"}};
//     auto checked = check_offer(offer);
//     if (!checked) return checked.error();

#pragma once

#include <conduit/channels/address.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/rpc/instance.hpp>
#include <conduit/runtime/result.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace conduit::rpc::detail {

/// A change makes a new one, so that who holds the old one keeps what was true at its revision.
using instance_ptr = std::shared_ptr<const instance>;

/// Checks what came from elsewhere, and brings it into one form: tags sorted and each once, the
/// address as address::parse() writes it. Only unix: with an absolute path and tcp: can be reached
/// by others, so only they pass.
result<void, fault> check_offer(instance_offer& offer);
result<void, fault> check_tags(std::vector<std::string>& tags);
result<void, fault> check_weight(std::uint32_t weight);
result<void, fault> check_query(instance_query& query);

/// Whether `found` answers `query`, its name and state aside. Both are checked.
bool matches(const instance_query& query, const instance& found) noexcept;

/// The order of answers: alive before unconfirmed before suspect, then the greater weight, then the
/// newer version, then the one that was announced first.
bool comes_before(const instance& a, const instance& b) noexcept;

/// Where it is; its offer is checked.
address address_of(const instance& of);

/// Of nobody's, or of none any more.
fault no_such(instance_id id);

/// What it counts for in a user's share of bytes: its texts, and what the tables take for it.
std::size_t bytes_of(const instance_offer& offer) noexcept;
std::size_t bytes_of(const instance_query& query) noexcept;

}  // namespace conduit::rpc::detail
