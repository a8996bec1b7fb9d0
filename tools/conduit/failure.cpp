// SPDX-License-Identifier: BSL-1.0
#include "failure.hpp"

#include <fmt/format.h>

namespace conduit::tool {

exit_code exit_code_of(const rpc::fault& why) noexcept {
    if (why.code() == rpc::status::deadline_exceeded) return exit_code::timed_out;
    if (why.may_have_run()) return exit_code::failed;
    switch (why.code()) {
        case rpc::status::invalid_argument: return exit_code::usage;
        case rpc::status::unavailable:
        case rpc::status::unimplemented:
        case rpc::status::not_found: return exit_code::not_found;
        default: return exit_code::failed;
    }
}

failure failure::of(const rpc::fault& why, std::string_view what, std::string_view where) {
    const auto is_missing = [&](std::string_view part) {  // most faults name the method already
        return !part.empty() && why.text().find(part) == std::string_view::npos;
    };
    std::string text(why.text());
    if (is_missing(what)) text = fmt::format("{}: {}", what, text);
    if (is_missing(where)) text += fmt::format(" (at {})", where);
    failure made(exit_code_of(why), text);
    made.status_ = why.type().empty() ? to_string(why.code()) : why.type();
    return made;
}

}  // namespace conduit::tool
