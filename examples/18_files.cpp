// SPDX-License-Identifier: BSL-1.0
//
// Numbers the lines of its standard input (a file, a terminal, a pipe, whatever the shell made it)
// into a file, adds a line to that, and copies it to its standard output.

#include <conduit/channels/copy.hpp>
#include <conduit/channels/file.hpp>
#include <conduit/channels/line_reader.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/runtime/run.hpp>

#include <cstdio>
#include <string>

using namespace conduit;

namespace {

task<> number_lines(file_reader& in, file_writer& out) {
    line_reader lines(in);
    int number = 0;
    while (auto line = co_await lines.next()) {
        const std::string numbered = std::to_string(++number) + " " + *line + "\n";
        auto written = co_await write_all(out, bytes_of(numbered));
        written.value();
    }
}

task<> program() {
    auto in = standard_input();
    auto report = co_await file_writer::open("report");
    co_await number_lines(in.value(), report.value());
    report->close();

    auto more = co_await file_writer::open("report", open_mode::append);
    auto added = co_await write_all(more.value(), bytes_of("that was all\n"));
    added.value();
    more->close();

    auto out = standard_output();
    auto back = co_await file_reader::open("report");
    auto copied = co_await copy(back.value(), out.value());
    const std::string summary = std::to_string(copied.value()) + " bytes\n";
    auto told = co_await write_all(*out, bytes_of(summary));
    told.value();

    std::string why;
    auto missing = co_await file_reader::open("no/such/file", &why);
    if (!missing) std::printf("%s\n", why.c_str());
}

}  // namespace

int main() { conduit::run(program()); }
