// SPDX-License-Identifier: BSL-1.0
//
// The order in which a client tries instances, drawn by chance, so that many clients spread over
// all of them as their weights say.

#pragma once

#include <conduit/rpc/detail/chance.hpp>
#include <conduit/rpc/instance.hpp>

#include <vector>

namespace conduit::rpc::detail {

/// Better states come first, and within one each instance is the next with a chance that is its
/// share of the weights that are left. Those of weight 0 come behind all others of their state.
void draw_order(std::vector<instance>& instances, chance& dice);

}  // namespace conduit::rpc::detail
