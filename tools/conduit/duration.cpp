// SPDX-License-Identifier: BSL-1.0
#include "duration.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <system_error>

namespace conduit::tool {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using outcome = rpc::converted<nanoseconds>;

constexpr double century = 100.0 * 365 * 24 * 3600 * 1e9;

struct named_unit {
    std::string_view name;
    nanoseconds length;
};
constexpr std::array units{named_unit{"ns", 1ns}, named_unit{"us", 1us},   named_unit{"ms", 1ms},
                           named_unit{"s", 1s},   named_unit{"min", 1min}, named_unit{"h", 1h}};

}  // namespace

rpc::converted<nanoseconds> parse_duration(std::string_view text, nanoseconds unit) {
    double number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view name(stop, static_cast<std::size_t>(end - stop));
    bool is_known = name.empty();
    for (const named_unit& each : units) {
        if (each.name != name) continue;
        unit = each.length;
        is_known = true;
    }
    const double count = number * static_cast<double>(unit.count());
    if (error != std::errc() || !is_known || !(count >= 0)) {
        return outcome::failed("expected a time such as 250ms, with ns, us, ms, s, min or h");
    }
    if (count > century) return outcome::failed("a time is at most 100 years");
    return outcome::made(nanoseconds(static_cast<std::int64_t>(count)));
}

std::string shown_duration(nanoseconds time) {
    const auto count = static_cast<double>(time.count());
    if (count < 1e3) return fmt::format("{} ns", time.count());
    const double scaled = count < 1e6 ? count / 1e3 : count < 1e9 ? count / 1e6 : count / 1e9;
    const std::string_view name = count < 1e6 ? "us" : count < 1e9 ? "ms" : "s";
    const int digits = scaled < 10 ? 2 : scaled < 100 ? 1 : 0;
    return fmt::format("{:.{}f} {}", scaled, digits, name);
}

}  // namespace conduit::tool
