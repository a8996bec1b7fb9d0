// SPDX-License-Identifier: BSL-1.0
// refused: a reference cannot be sent to another process; send the value
#include <conduit/rpc/codec.hpp>

#ifdef FIXED
using number = int;
#else
using number = int&;
#endif

static_assert(conduit::rpc::require_codable<number>());
