// SPDX-License-Identifier: BSL-1.0

#include <conduit/rpc/decode_result.hpp>

#include <fmt/format.h>

namespace conduit::rpc {
namespace {

std::string sentence(const decode_failure& it) {
    switch (it.code) {
        case decode_errc::none: break;
        case decode_errc::truncated:
            return fmt::format("{} takes {} bytes, but only {} follow", it.what, it.wanted,
                               it.limit);
        case decode_errc::bad_flag:
            return fmt::format("{} is {}, neither 0 nor 1", it.what, it.wanted);
        case decode_errc::bad_alternative:
            return fmt::format("{} says alternative {}, but there are {}", it.what, it.wanted,
                               it.limit);
        case decode_errc::bad_key:
            return fmt::format("{} at position {} of {} is there already, or is NaN", it.what,
                               it.wanted, it.limit);
        case decode_errc::colliding_keys:
            return fmt::format(
                "{} compares its keys {} times, more than the {} of keys not made "
                "for it",
                it.what, it.wanted, it.limit);
        case decode_errc::bad_value: return fmt::format("{} does not take this value", it.what);
        case decode_errc::bad_handle:
            return fmt::format("{} has number {}, but {} came, each to be used once", it.what,
                               it.wanted, it.limit);
        case decode_errc::surplus_handles:
            return fmt::format("{} handles came, but the fields took {}", it.wanted, it.limit);
        case decode_errc::too_much_output:
            return fmt::format("{} brings the output to {} bytes, but the limit is {}", it.what,
                               it.wanted, it.limit);
        case decode_errc::too_many_elements:
            return fmt::format("{} brings the elements to {}, but the limit is {}", it.what,
                               it.wanted, it.limit);
        case decode_errc::too_deep:
            return fmt::format("{} lies {} deep, but the limit is {}", it.what, it.wanted,
                               it.limit);
    }
    return {};
}

}  // namespace

std::string decode_result::text() const {
    if (!failure_) return {};
    return fmt::format("{}{}{} (at byte {})", failure_->path, failure_->path.empty() ? "" : ": ",
                       sentence(*failure_), failure_->offset);
}

}  // namespace conduit::rpc
