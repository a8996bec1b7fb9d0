// SPDX-License-Identifier: BSL-1.0
#include "report.hpp"

#include <conduit/runtime/timer.hpp>

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace word_count {
namespace {

using conduit::clock;
using namespace std::chrono_literals;

constexpr std::size_t words_shown = 10;
constexpr std::size_t bar_width = 46;
constexpr std::size_t word_width = 14;

/// "1,234,567".
std::string grouped(std::uint64_t number) {
    std::string text = std::to_string(number);
    for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
    return text;
}

std::string size_of(double bytes) {
    if (bytes < 10'000) return fmt::format("{:.0f} B", bytes);
    if (bytes < 1e6) return fmt::format("{:.0f} kB", bytes / 1e3);
    return bytes < 1e9 ? fmt::format("{:.1f} MB", bytes / 1e6)
                       : fmt::format("{:.2f} GB", bytes / 1e9);
}

std::string time_of(clock::duration took) {
    const auto us = static_cast<double>(took.count()) / 1e3;
    if (us < 1) return "< 1 us";
    if (us < 1000) return fmt::format("{:.0f} us", us);
    if (us < 10'000) return fmt::format("{:.1f} ms", us / 1e3);
    return us < 1e6 ? fmt::format("{:.0f} ms", us / 1e3) : fmt::format("{:.2f} s", us / 1e6);
}

double per_second(double amount, clock::duration took) {
    const std::chrono::duration<double> seconds = took;
    return seconds.count() > 0 ? amount / seconds.count() : 0;
}
std::string bytes_per_second(std::uint64_t bytes, clock::duration took) {
    return size_of(per_second(static_cast<double>(bytes), took)) + "/s";
}
std::string number_per_second(std::uint64_t n, clock::duration took) {
    return grouped(static_cast<std::uint64_t>(per_second(static_cast<double>(n), took))) + "/s";
}

std::string counted(std::uint64_t n, std::string_view one, std::string_view many) {
    return grouped(n) + " " + std::string(n == 1 ? one : many);
}

/// "worker 3" of the tag "worker=3".
std::string name_of(std::string tag) {
    std::replace(tag.begin(), tag.end(), '=', ' ');
    return tag;
}

struct row {
    std::string stage, what, took, rate, median, slowest;
};

std::string text_of(const row& r) {
    std::string line = fmt::format("  {:<7}{:<24}{:>9}{:>13}{:>12}{:>12}", r.stage, r.what, r.took,
                                   r.rate, r.median, r.slowest);
    line.erase(line.find_last_not_of(' ') + 1);
    return line;
}
void print(const row& r) { fmt::print("{}\n", text_of(r)); }

row row_of(std::string stage, std::string what, clock::duration took, std::string rate,
           const latencies& steps) {
    return {std::move(stage), std::move(what),        time_of(took),
            std::move(rate),  time_of(steps.at(0.5)), time_of(steps.at(0.99))};
}

std::string_view variable(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? std::string_view() : value;
}

}  // namespace

report::report() : is_terminal_(::isatty(STDOUT_FILENO) == 1) {
    is_terminal_ = is_terminal_ && variable("TERM") != "dumb";
    has_colours_ = is_terminal_ && variable("NO_COLOR").empty();
}

std::string report::coloured(std::string_view code, std::string_view text) const {
    return has_colours_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}
std::string report::strong(std::string_view text) const { return coloured("1", text); }
std::string report::faint(std::string_view text) const { return coloured("2", text); }

void report::begin(const texts& found, std::size_t workers, std::string_view backend) {
    fmt::print("{}\n\n", strong("Words, counted by several processes, one of which is killed"));
    fmt::print("  text       {}, {}\n", counted(found.paths.size(), "file", "files"),
               size_of(static_cast<double>(found.bytes)));
    if (found.binary_files > 0) {
        fmt::print("             {} left out\n",
                   counted(found.binary_files, "binary file", "binary files"));
    }
    fmt::print("  processes  conduitd, {}, a log collector, and this one\n",
               counted(workers, "worker", "workers"));
    fmt::print("  backend    {}\n\n", backend == "uring" ? "io_uring" : backend);
    flush();
}

void report::top_words(const word_table& table) {
    const std::vector<counted_word> all = table.sorted();
    const std::size_t shown = std::min(words_shown, all.size());
    for (std::size_t i = 0; i < shown; ++i) {
        const auto& [word, times] = all[i];
        const std::uint64_t most = all.front().times;
        const auto length = static_cast<std::size_t>(static_cast<double>(times) /
                                                     static_cast<double>(most) * bar_width);
        const std::string bar(std::max<std::size_t>(length, 1), '#');
        const std::string cut = word.size() <= word_width ? word : word.substr(0, 11) + "...";
        fmt::print("  {:<14} {:>13}  {}\n", cut, grouped(times), coloured("36", bar));
    }
    fmt::print("\n");
}

void report::stages(const texts& found, const coordinator& of, std::size_t processes,
                    const log_summary& log, const comparison& check) {
    std::uint64_t records = 0;
    for (const auto& [who, said] : log.records) records += said;
    const std::uint64_t answers = of.counting().steps.size();
    fmt::print("{}\n", faint(text_of({"stage", "", "time", "throughput", "median", "99 %"})));
    print({"start", counted(processes, "process", "processes"), time_of(of.starting().took()), "",
           "", ""});
    print(row_of("read", counted(of.book().batches(), "batch", "batches"), of.reading().took(),
                 bytes_per_second(found.bytes, of.reading().took()), of.reading().steps));
    print(row_of("count", counted(answers, "answer", "answers"), of.counting().took(),
                 bytes_per_second(found.bytes, of.counting().took()), of.counting().steps));
    print(row_of("merge", counted(answers, "answer", "answers"), of.merging().steps.sum(),
                 number_per_second(answers, of.merging().steps.sum()), of.merging().steps));
    print({"log", counted(records, "record", "records"), time_of(log.took),
           number_per_second(records, log.took), time_of(log.median), time_of(log.slowest)});
    print({"check", "cat | tr | sort | uniq", time_of(check.took),
           bytes_per_second(found.bytes, check.took), "", ""});
    fmt::print("\n");
    if (log.unwritten.empty()) return;
    fmt::print("  {}  not all of the log is in its file: {}\n\n", coloured("1;31", "log"),
               log.unwritten);
}

void report::kill(const coordinator& of, const std::string& how_it_ended) {
    const kill_report& k = of.killed();
    if (k.victim.empty()) {
        fmt::print("  {} nobody: the text ended before half of it was given out\n\n",
                   strong("killed"));
        return;
    }
    fmt::print("  {}  {}, half-way: it {}\n", strong("killed"), name_of(k.victim), how_it_ended);
    fmt::print("          after {:>7}  its connection was seen to break; {}, {},\n",
               time_of(k.noticed), counted(k.returned.batches, "batch", "batches"),
               size_of(static_cast<double>(k.returned.bytes)));
    fmt::print("                         that it had not answered went to others\n");
    if (!k.reason.empty()) {
        fmt::print("          after {:>7}  the matchmaker said: {}\n", time_of(k.told), k.reason);
    }
    if (!k.successor.empty()) {
        fmt::print("          after {:>7}  {}, its successor, was at work\n", time_of(k.replaced),
                   name_of(k.successor));
    }
    fmt::print("          {} read, {} counted; {} too many\n\n",
               counted(of.book().batches(), "batch", "batches"),
               grouped(of.counting().steps.size()),
               counted(of.book().answered_twice(), "answer", "answers"));
}

void report::verdict(const word_table& table, const comparison& check) {
    const std::string words = counted(table.size(), "different word", "different words") + ", " +
                              grouped(table.total()) + " in all";
    if (check.agrees()) {
        fmt::print("{}: {}, here and in a shell\n", coloured("1;32", "The counts agree"), words);
        return;
    }
    fmt::print("{}: {} of {} words have another count in a shell\n",
               coloured("1;31", "The counts disagree"), grouped(check.different),
               grouped(std::max(check.words, table.size())));
    for (const std::string& each : check.examples) fmt::print("  {}\n", each);
}

std::error_code report::where_next(bool agrees) {
    if (agrees) {
        fmt::print("\nNext: {}  how it is done\n", strong("examples/word_count/"));
        fmt::print("      {}             smaller programs, one thing each\n", strong("examples/"));
        fmt::print("      {}           which channel for what, servers that stop, ...\n",
                   strong("docs/guide/"));
    }
    flush();
    return unwritten_;
}

conduit::task<> report::show_progress(const coordinator& of, std::string_view what) {
    if (!is_terminal_) co_return;
    for (;;) {
        const auto width = static_cast<std::size_t>(of.progress() * 50);
        fmt::print("\r  {} [{:<50}] {:3.0f} %", what,
                   std::string(std::min<std::size_t>(width, 50), '='), of.progress() * 100);
        flush();
        line_is_there_ = true;
        const auto stopped = co_await conduit::sleep_for(50ms);
        if (stopped) co_return;
    }
}

void report::show_busy(std::string_view what) {
    if (!is_terminal_) return;
    fmt::print("\r  {} ...", what);
    flush();
    line_is_there_ = true;
}

void report::flush() {
    if (std::fflush(stdout) != 0 && !unwritten_) {
        unwritten_ = std::error_code(errno, std::generic_category());
    }
}

void report::clear_progress() {
    if (line_is_there_) fmt::print("\r\x1b[K");
    line_is_there_ = false;
    flush();
}

}  // namespace word_count
