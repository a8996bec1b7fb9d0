// SPDX-License-Identifier: BSL-1.0
// refused: a pointer means nothing in another process
#include <conduit/rpc/codec.hpp>

#include <optional>

struct node {
    int value = 0;
#ifdef FIXED
    std::optional<int> next;
#else
    int* next = nullptr;
#endif
};

std::size_t size(const node& it) { return conduit::rpc::encoded_size(it); }
