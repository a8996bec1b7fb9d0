// SPDX-License-Identifier: BSL-1.0
// refused: a view owns nothing that could be received into
#include <conduit/rpc/codec.hpp>

#include <string>
#include <string_view>

struct greeting {
#ifdef FIXED
    std::string text;
#else
    std::string_view text;
#endif
};

std::size_t size(const greeting& it) { return conduit::rpc::encoded_size(it); }
