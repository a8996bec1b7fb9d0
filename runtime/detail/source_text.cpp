// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/detail/source_text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string_view>

namespace conduit {
namespace {

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

void remove_all(std::string& from, std::string_view part) {
    for (std::size_t at = 0; (at = from.find(part, at)) != from.npos;) from.erase(at, part.size());
}

// g++ 12 says "conduit::task<> {anonymous}::f(int)::_Z1fi.Frame*" or the like; clang 19
// "task<> (anonymous namespace)::f(int)". Wanted: "f".
std::string function_name(std::string pretty) {
    remove_all(pretty, "{anonymous}::");
    remove_all(pretty, "(anonymous namespace)::");
    pretty.resize(std::min(pretty.find('('), pretty.size()));
    return pretty.substr(pretty.rfind(' ') + 1);
}

}  // namespace

std::string site_text(const std::source_location& at) {
    return fmt::format("{} ({}:{})", function_name(at.function_name()), base_name(at.file_name()),
                       at.line());
}

std::string time_text(clock::duration d) {
    const double seconds = std::chrono::duration<double>(d).count();
    if (seconds >= 1) return fmt::format("{:.1f} s", seconds);
    if (seconds >= 1e-3) return fmt::format("{:.1f} ms", seconds * 1e3);
    return fmt::format("{:.0f} us", seconds * 1e6);
}

}  // namespace conduit
