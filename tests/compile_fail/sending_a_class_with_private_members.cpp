// SPDX-License-Identifier: BSL-1.0
// refused: the codec does not know this type
#include <conduit/rpc/codec.hpp>

class money {
#ifdef FIXED
public:
#endif
    long cents = 0;
};

std::size_t size(const money& it) { return conduit::rpc::encoded_size(it); }
