// SPDX-License-Identifier: BSL-1.0

#include <conduit/rpc/detail/text_time.hpp>

#include <fmt/format.h>

#include <chrono>
#include <cstddef>
#include <limits>

namespace conduit::rpc::detail {
namespace {

constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t day = 86'400 * second;

// Takes digits off the front of the text; negative unless there are that many.
int take_number(std::string_view& text, std::size_t digits) {
    if (text.size() < digits) return -1;
    int number = 0;
    for (std::size_t i = 0; i < digits; ++i) {
        if (text[i] < '0' || text[i] > '9') return -1;
        number = number * 10 + (text[i] - '0');
    }
    text.remove_prefix(digits);
    return number;
}

bool take(std::string_view& text, char expected) {
    if (text.empty() || text[0] != expected) return false;
    text.remove_prefix(1);
    return true;
}

// One to nine digits behind a point, or none without one.
std::optional<std::int64_t> take_fraction(std::string_view& text) {
    if (!take(text, '.')) return 0;
    std::int64_t fraction = 0;
    std::int64_t unit = second;
    for (int digit = take_number(text, 1); digit >= 0; digit = take_number(text, 1)) {
        if (unit == 1) return std::nullopt;
        unit /= 10;
        fraction += digit * unit;
    }
    if (unit == second) return std::nullopt;
    return fraction;
}

}  // namespace

std::string to_time_text(std::int64_t nanoseconds) {
    std::int64_t days = nanoseconds / day;
    std::int64_t rest = nanoseconds % day;
    if (rest < 0) {
        rest += day;
        --days;
    }
    using std::chrono::year_month_day;
    const year_month_day date{std::chrono::sys_days(std::chrono::days(days))};
    std::string text =
        fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                    static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                    rest / (3600 * second), rest / (60 * second) % 60, rest / second % 60);
    if (rest % second != 0) {
        text += fmt::format(".{:09}", rest % second);
        while (text.back() == '0') text.pop_back();
    }
    return text + "Z";
}

std::optional<std::int64_t> from_time_text(std::string_view text) {
    const int year = take_number(text, 4);
    if (year < 0 || !take(text, '-')) return std::nullopt;
    const int month = take_number(text, 2);
    if (month < 0 || !take(text, '-')) return std::nullopt;
    const int day_of_month = take_number(text, 2);
    if (day_of_month < 0 || !take(text, 'T')) return std::nullopt;
    const int hours = take_number(text, 2);
    if (hours < 0 || hours > 23 || !take(text, ':')) return std::nullopt;
    const int minutes = take_number(text, 2);
    if (minutes < 0 || minutes > 59 || !take(text, ':')) return std::nullopt;
    const int seconds = take_number(text, 2);
    if (seconds < 0 || seconds > 59) return std::nullopt;
    const auto fraction = take_fraction(text);
    if (!fraction || text != "Z") return std::nullopt;

    using namespace std::chrono;
    const year_month_day date{std::chrono::year(year),
                              std::chrono::month(static_cast<unsigned>(month)),
                              std::chrono::day(static_cast<unsigned>(day_of_month))};
    if (!date.ok()) return std::nullopt;
    __extension__ using wide = __int128;
    const wide days = sys_days(date).time_since_epoch().count();
    const wide total =
        days * day + (hours * 3600 + minutes * 60 + seconds) * wide{second} + *fraction;
    if (total > std::numeric_limits<std::int64_t>::max()) return std::nullopt;
    if (total < std::numeric_limits<std::int64_t>::min()) return std::nullopt;
    return static_cast<std::int64_t>(total);
}

}  // namespace conduit::rpc::detail
