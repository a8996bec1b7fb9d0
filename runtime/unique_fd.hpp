// SPDX-License-Identifier: BSL-1.0
//
// The owner of a handle: a file descriptor on a real kernel, a row of a table in a simulated one.
// Plain ownership, tied to no scheduler; to wait on a handle attach it with io_handle.hpp.
//
//     conduit::unique_fd log(::open("log", O_WRONLY | O_CLOEXEC));
//     int fd = log.native().value();

#pragma once

#include <conduit/runtime/result.hpp>

#include <utility>

namespace conduit {

class kernel;

/// Owns one handle and closes it. Empty when default-made or moved from.
class unique_fd {
public:
    unique_fd() noexcept = default;

    /// Takes over a file descriptor of this process. Negative: empty.
    explicit unique_fd(int native) noexcept;

    /// Takes over a handle of `owner`, which must outlive it.
    unique_fd(kernel& owner, int handle) noexcept : kernel_(&owner), handle_(handle) {}

    unique_fd(unique_fd&& other) noexcept
        : kernel_(other.kernel_), handle_(std::exchange(other.handle_, -1)) {}
    unique_fd& operator=(unique_fd&& other) noexcept {
        std::swap(kernel_, other.kernel_);
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~unique_fd() { reset(); }

    bool is_open() const noexcept { return handle_ >= 0; }
    explicit operator bool() const noexcept { return is_open(); }

    /// The file descriptor. Fails with std::errc::bad_file_descriptor when empty, and with
    /// std::errc::not_supported for a handle of a simulated kernel.
    result<int> native() const;

    /// Closes now rather than in the destructor.
    void reset() noexcept;

    /// Gives the handle up without closing it; -1 when empty.
    [[nodiscard]] int release() noexcept { return std::exchange(handle_, -1); }

    /// The number its kernel knows it by; -1 when empty. For the library's own layers.
    int handle() const noexcept { return handle_; }
    kernel* owner() const noexcept { return kernel_; }

private:
    kernel* kernel_ = nullptr;
    int handle_ = -1;
};

}  // namespace conduit
