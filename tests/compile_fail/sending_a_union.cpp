// SPDX-License-Identifier: BSL-1.0
// refused: nobody can tell which member of a union is alive
#include <conduit/rpc/codec.hpp>

#include <variant>

struct either {
#ifdef FIXED
    std::variant<int, float> held;
#else
    union {
        int number;
        float fraction;
    } held = {0};
#endif
};

std::size_t size(const either& it) { return conduit::rpc::encoded_size(it); }
