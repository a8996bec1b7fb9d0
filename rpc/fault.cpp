// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/fault.hpp>

#include <array>
#include <utility>

namespace conduit::rpc {
namespace {

constexpr std::array<std::string_view, 17> names{
    "ok",
    "cancelled",
    "unknown",
    "invalid_argument",
    "deadline_exceeded",
    "not_found",
    "already_exists",
    "permission_denied",
    "resource_exhausted",
    "failed_precondition",
    "aborted",
    "out_of_range",
    "unimplemented",
    "internal",
    "unavailable",
    "data_loss",
    "unauthenticated",
};

}  // namespace

std::string_view to_string(status code) noexcept {
    const auto number = static_cast<std::size_t>(code);
    return number < names.size() ? names[number] : "unknown";
}

fault& fault::with_details(std::string type, std::vector<std::byte> bytes) {
    details_ = std::make_shared<const typed_error>(typed_error{std::move(type), std::move(bytes)});
    return *this;
}

const std::vector<std::byte>& fault::details() const noexcept {
    static const std::vector<std::byte> none;
    return details_ ? details_->bytes : none;
}

}  // namespace conduit::rpc
