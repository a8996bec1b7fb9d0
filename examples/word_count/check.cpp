// SPDX-License-Identifier: BSL-1.0
#include "check.hpp"

#include "crew.hpp"
#include "texts.hpp"

#include <conduit/channels/line_reader.hpp>
#include <conduit/channels/pipeline.hpp>

#include <array>
#include <charconv>
#include <exception>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

namespace word_count {
namespace {

using conduit::command;
using conduit::task;

constexpr std::size_t examples_max = 3;
constexpr std::size_t argument_bytes_max = std::size_t{512} * 1024;  // of 2 MiB at least
constexpr std::array<const char*, 6> stage_names = {"cat", "tr", "tr", "sort", "uniq", "sort"};

/// "./-n": no name is an option.
std::string plain(const std::string& path) { return path.front() == '/' ? path : "./" + path; }

/// What prints all files: cat, or xargs with cat where the names do not fit on a command line.
command printer_of(const std::vector<std::string>& paths) {
    std::size_t bytes = 0;
    for (const std::string& path : paths) bytes += plain(path).size() + 1 + sizeof(char*);
    if (bytes <= argument_bytes_max) {
        command cat("cat");
        cat.input(conduit::redirect::null());
        for (const std::string& path : paths) cat.argument(plain(path));
        return cat;
    }
    std::string names;
    for (const std::string& path : paths) names.append(plain(path)).push_back('\0');
    command cats("xargs", "-0", "cat");
    cats.input(conduit::redirect::text(std::move(names)));
    cats.own_group();  // so that to stop xargs is to stop what it has started
    return cats;
}

conduit::pipeline shell_count(const std::vector<std::string>& paths, const std::string& folder) {
    auto stages = printer_of(paths) | command("tr", "-cs", "A-Za-z", "\\n") |
                  command("tr", "A-Z", "a-z") | command("sort") | command("uniq", "-c") |
                  command("sort", "-rn");
    for (command& each : stages.stages()) {
        each.environment("LC_ALL", "C").environment("TMPDIR", folder);
    }
    return stages;
}

/// "     17 the". The text begins with a line for no word where its first byte is no letter.
counted_word parse(std::string_view line) {
    const std::size_t begin = line.find_first_not_of(' ');
    const std::size_t blank = line.find(' ', begin);
    if (begin == std::string_view::npos || blank == std::string_view::npos) {
        throw std::runtime_error("uniq has printed a line without a number");
    }
    counted_word found;
    std::from_chars(line.data() + begin, line.data() + blank, found.times);
    found.word = line.substr(blank + 1);
    return found;
}

void note(comparison& into, const std::string& word, std::uint64_t here, std::uint64_t there) {
    if (here == there) return;
    ++into.different;
    if (into.examples.size() >= examples_max) return;
    into.examples.push_back(word.substr(0, 40) + ": " + std::to_string(here) + " by the workers, " +
                            std::to_string(there) + " by the pipeline");
}

/// Every word of either table.
comparison differences(const word_table& here, const word_table& there) {
    comparison found;
    found.words = there.size();
    for (const auto& [word, times] : here.sorted()) note(found, word, times, there.times(word));
    for (const auto& [word, times] : there.sorted()) {
        if (here.times(word) == 0) note(found, word, 0, times);
    }
    return found;
}

task<word_table> read_table(conduit::running_pipeline& from) {
    conduit::line_reader lines(from, word_bytes_max * 2);
    word_table read;
    for (;;) {
        auto line = co_await lines.next();
        if (line.error() == conduit::errc::end_of_stream) break;
        const counted_word next = parse(line.value());
        if (!next.word.empty()) read.add(next);
    }
    co_return read;
}

}  // namespace

task<comparison> compare(const word_table& counted, std::vector<std::string> paths,
                         std::string folder) {
    auto stages = shell_count(paths, folder);
    const auto begun = conduit::clock::now();
    conduit::start_failure why;
    auto running = conduit::start(std::move(stages), &why);
    if (!running) throw std::runtime_error(why.text());
    word_table there;
    std::exception_ptr failed;
    try {
        there = co_await read_table(*running);
    } catch (...) {
        failed = std::current_exception();
    }
    if (failed) {  // none is left to make a file where there is soon no folder
        static_cast<void>(co_await running->stop(conduit::clock::duration::zero()));
        std::rethrow_exception(failed);
    }
    auto ended = co_await running->exited();
    const auto took = conduit::clock::now() - begun;
    for (std::size_t i = stage_names.size(); i-- > 0;) {  // those before it lose their reader
        const conduit::exit_status each = ended.value()[i];
        if (each.code == 0 && each.signal == 0) continue;
        throw std::runtime_error("the check could not be made: " + std::string(stage_names[i]) +
                                 " " + words_for(each));
    }
    comparison found = differences(counted, there);
    found.took = took;
    co_return found;
}

}  // namespace word_count
