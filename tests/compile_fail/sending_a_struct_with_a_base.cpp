// SPDX-License-Identifier: BSL-1.0
// refused: a struct with a base class is not sent
#include <conduit/rpc/codec.hpp>

struct base {
    int x = 0;
};

#ifdef FIXED
struct derived {
    base inherited;
#else
struct derived : base {
#endif
    int y = 0;
};

std::size_t size(const derived& it) { return conduit::rpc::encoded_size(it); }
