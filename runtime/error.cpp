// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/error.hpp>

#include <cerrno>
#include <string>

namespace conduit {
namespace {

// ERESTARTSYS is the kernel's own; it leaks out of cancelled io_uring workers (seen on 6.18).
constexpr int restart_leaked_by_kernel = 512;

class conduit_category final : public std::error_category {
public:
    const char* name() const noexcept override { return "conduit"; }

    std::string message(int code) const override {
        switch (static_cast<errc>(code)) {
            case errc::cancelled: return "cancelled";
            case errc::timed_out: return "deadline passed";
            case errc::end_of_stream: return "end of stream";
            case errc::closed: return "closed";
            case errc::truncated: return "ended inside a message";
            case errc::too_long: return "longer than the limit";
        }
        return "unknown conduit error";
    }

    std::error_condition default_error_condition(int code) const noexcept override {
        switch (static_cast<errc>(code)) {
            case errc::cancelled: return std::errc::operation_canceled;
            case errc::timed_out: return std::errc::timed_out;
            default: return {code, *this};
        }
    }
};

}  // namespace

const std::error_category& error_category() noexcept {
    static const conduit_category category;
    return category;
}

std::error_code make_error_code(errc code) noexcept {
    return {static_cast<int>(code), error_category()};
}

std::error_code error_from_kernel(int number) noexcept {
    if (number == ECANCELED || number == restart_leaked_by_kernel) return errc::cancelled;
    return {number, std::system_category()};
}

}  // namespace conduit
