// SPDX-License-Identifier: BSL-1.0
#include "output.hpp"

#include "json_of.hpp"
#include "printable.hpp"

#include <conduit/channels/stream.hpp>
#include <conduit/runtime/log.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace conduit::tool {
namespace {

constexpr std::string_view strong_on = "\033[1m";
constexpr std::string_view faint_on = "\033[2m";
constexpr std::string_view colours_off = "\033[0m";

std::string_view from_environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string_view() : std::string_view(value);
}

file_writer open_standard_output() {
    auto opened = standard_output();
    if (opened) return std::move(*opened);
    throw failure(exit_code::failed, "standard output: " + opened.error().message());
}

/// What is printed of a failure with --json.
struct shown_failure {
    int exit = 0;
    std::string text;
    std::optional<std::string> status;
};

}  // namespace

output_style output_style::of(const request& wanted) {
    output_style style;
    style.json = wanted.json;
    const bool is_welcome = ::isatty(STDOUT_FILENO) == 1 && from_environment("NO_COLOR").empty() &&
                            from_environment("TERM") != "dumb";
    style.has_colours = wanted.colour == "always" || (wanted.colour == "auto" && is_welcome);
    return style;
}

output::output(output_style style) : style_(style), to_(open_standard_output()) {}

task<void> output::write(std::string text) {
    const std::string own = std::move(text);
    auto written = co_await write_all(to_, bytes_of(own));
    if (written) co_return;
    if (written.error() == std::errc::broken_pipe) throw reader_left();
    const std::string why = "standard output: " + written.error().message();
    if (written.error() == errc::cancelled) throw rpc::fault(rpc::status::cancelled, why);
    throw failure(written.error() == errc::timed_out ? exit_code::timed_out : exit_code::failed,
                  why);
}

task<void> output::line(std::string text) { return write(std::move(text) + '\n'); }

std::string output::strong(std::string_view text) const {
    if (!style_.has_colours) return std::string(text);
    return fmt::format("{}{}{}", strong_on, text, colours_off);
}

std::string output::faint(std::string_view text) const {
    if (!style_.has_colours) return std::string(text);
    return fmt::format("{}{}{}", faint_on, text, colours_off);
}

void complain(const failure& why, bool as_json) {
    if (!as_json) {
        const std::string status = why.status().empty() ? "" : printable(why.status()) + ": ";
        const std::string details =
            why.details().empty() ? "" : " " + printable_json(why.details());
        write_to_stderr(fmt::format("conduit: {}{}{}\n", status, printable(why.what()), details));
        return;
    }
    shown_failure shown{static_cast<int>(why.code()), why.what(), std::nullopt};
    if (!why.status().empty()) shown.status = why.status();
    std::string text = json_of(shown);
    if (!why.details().empty()) {
        text.pop_back();
        text += ", \"details\": " + printable_json(why.details()) + "}";
    }
    write_to_stderr(fmt::format("{{\"error\": {}}}\n", text));
}

std::string to_text(const table& what, const output& style) {
    std::vector<std::size_t> widths;
    for (const std::string& cell : what.header) widths.push_back(width_of(cell));
    for (const auto& row : what.rows) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], width_of(row[i]));
        }
    }
    const auto in_columns = [&](const std::vector<std::string>& cells) {
        std::string line;
        for (std::size_t i = 0; i < cells.size(); ++i) {
            line += cells[i];
            line.append(widths[i] - width_of(cells[i]) + 2, ' ');
        }
        line.erase(line.find_last_not_of(' ') + 1);
        return line;
    };
    std::string text = style.strong(in_columns(what.header)) + '\n';
    for (const auto& row : what.rows) text += in_columns(row) + '\n';
    return text;
}

}  // namespace conduit::tool
