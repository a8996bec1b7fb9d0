// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/unique_fd.hpp>

namespace conduit {

unique_fd::unique_fd(int native) noexcept : kernel_(&linux_kernel()), handle_(native) {}

result<int> unique_fd::native() const {
    if (!is_open()) return std::make_error_code(std::errc::bad_file_descriptor);
    return kernel_->native(handle_);
}

void unique_fd::reset() noexcept {
    if (is_open()) kernel_->close(std::exchange(handle_, -1));
}

}  // namespace conduit
