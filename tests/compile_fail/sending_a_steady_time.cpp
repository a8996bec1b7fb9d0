// SPDX-License-Identifier: BSL-1.0
// refused: this clock means nothing in another process
#include <conduit/rpc/codec.hpp>

#include <chrono>

#ifdef FIXED
using clock_type = std::chrono::system_clock;
#else
using clock_type = std::chrono::steady_clock;
#endif

std::size_t size(clock_type::time_point it) { return conduit::rpc::encoded_size(it); }
