// SPDX-License-Identifier: BSL-1.0
// refused: a C array is not sent; use std::array
#include <conduit/rpc/codec.hpp>

#include <array>

struct point {
#ifdef FIXED
    std::array<double, 3> place;
#else
    double place[3];
#endif
};

std::size_t size(const point& it) { return conduit::rpc::encoded_size(it); }
