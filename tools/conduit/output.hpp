// SPDX-License-Identifier: BSL-1.0
//
// Where a command writes: standard output for what was asked for, standard error for why there is
// none of it.
//
//     output out(output_style::of(wanted));
//     co_await out.write("3.0\n");
//     out.complain(failure(exit_code::not_found, "nobody offers x"));

#pragma once

#include "failure.hpp"
#include "request.hpp"

#include <conduit/channels/file.hpp>
#include <conduit/runtime/task.hpp>

#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace conduit::tool {

/// Thrown where nobody reads standard output any more: an end like any other.
class reader_left : public std::exception {
public:
    const char* what() const noexcept override { return "standard output was closed"; }
};

struct output_style {
    bool json = false;
    bool has_colours = false;  // on standard output

    /// Colours are for terminals; not where NO_COLOR is set, or TERM is "dumb".
    static output_style of(const request& wanted);
};

/// Belongs to the scheduler it was made on. One write at a time.
class output {
public:
    /// Throws failure where there is no standard output.
    explicit output(output_style style);

    bool json() const noexcept { return style_.json; }

    /// Writes all of a text. Throws reader_left, or failure for what else the kernel says.
    task<void> write(std::string text);
    /// The same with a line end behind it, which is how one item of a stream is printed.
    task<void> line(std::string text);

    /// Between what makes it stand out on a terminal and what ends that.
    std::string strong(std::string_view text) const;
    std::string faint(std::string_view text) const;

private:
    output_style style_;
    file_writer to_;
};

/// Says on standard error why there is no result: a line, or with --json an object.
void complain(const failure& why, bool as_json);

/// Rows below a header, in columns. Cells must be printable.
struct table {
    std::vector<std::string> header;
    std::vector<std::vector<std::string>> rows;
};
std::string to_text(const table& what, const output& style);

}  // namespace conduit::tool
