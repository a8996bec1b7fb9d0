// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/io_message.hpp>

namespace conduit {

result<void> outgoing_message::attach(const unique_fd& handle) {
    if (!handle) return std::make_error_code(std::errc::bad_file_descriptor);
    if (count_ == handles_.size()) return std::make_error_code(std::errc::argument_list_too_long);
    handles_[count_++] = handle.handle();
    return {};
}

}  // namespace conduit
