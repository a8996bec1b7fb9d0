// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/registry_name.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace conduit::rpc::detail {
namespace {

// No std::isalnum: that one asks the locale.
bool may_stand_in_name(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

std::string bytes_problem(std::string_view what, std::string_view text) {
    if (text.size() > registry_name_bytes_max) {
        return fmt::format("a {} has at most {} bytes, this one has {}", what,
                           registry_name_bytes_max, text.size());
    }
    const auto bad = std::find_if_not(text.begin(), text.end(), may_stand_in_name);
    if (bad == text.end()) return {};
    return fmt::format("a {} consists of a-z, 0-9, '.', '_' and '-', and byte {} of it is 0x{:02x}",
                       what, bad - text.begin(), static_cast<unsigned char>(*bad));
}

}  // namespace

std::string name_problem(std::string_view name) {
    if (name.empty()) return "a name has at least 1 byte, this one has 0";
    return bytes_problem("name", name);
}

std::string prefix_problem(std::string_view prefix) { return bytes_problem("prefix", prefix); }

bool is_reserved_name(std::string_view name) noexcept { return name.starts_with("conduit."); }

}  // namespace conduit::rpc::detail
