// SPDX-License-Identifier: BSL-1.0
// refused: a unique_fd is moved out
#include <conduit/rpc/codec.hpp>

#include <conduit/runtime/unique_fd.hpp>

void write(std::byte* to, conduit::unique_fd& file, conduit::rpc::handle_list& handles) {
#ifdef FIXED
    conduit::rpc::encode_fields(to, handles, file);
#else
    static_cast<void>(handles);
    conduit::rpc::encode_fields(to, file);
#endif
}
