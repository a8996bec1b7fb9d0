// SPDX-License-Identifier: BSL-1.0
//
// A log that many write and one reads, through a FIFO: each record arrives whole.
//
//     04_fifo_log read /run/user/1000/log &        prints what comes, from any number of writers
//     04_fifo_log write /run/user/1000/log "disk is full"
//
// Without arguments one reader and three writers run side by side, and the lines come out sorted.

#include <conduit/channels/fifo_record_reader.hpp>
#include <conduit/channels/fifo_record_writer.hpp>
#include <conduit/runtime/io_message.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/task_scope.hpp>

#include <cstdio>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <stdlib.h>

using namespace conduit;

namespace {

std::string text_of(std::span<const std::byte> record) {
    return {reinterpret_cast<const char*>(record.data()), record.size()};
}

/// The FIFO that a log goes through: there for readers and writers, whoever comes first.
fifo_options log_options() { return fifo_options().when_missing(fifo_missing::is_made); }

task<> write_log(std::string path, std::vector<std::string> lines) {
    const std::vector<std::string> own = std::move(lines);
    auto log = co_await fifo_record_writer::open(std::move(path), log_options());
    for (const std::string& line : own) {
        auto sent = co_await log.value().write_record(bytes_of(line));
        sent.value();
    }
}

/// Goes on with the next writer whenever the last one has left.
task<> print_log(std::string path) {
    const auto options = log_options().stay_open();
    std::string why;
    auto log = co_await fifo_record_reader::open(std::move(path), options, &why);
    if (!log) std::fprintf(stderr, "%s\n", why.c_str());
    while (auto record = co_await log.value().read_record()) {
        std::printf("%s\n", text_of(*record).c_str());
        std::fflush(stdout);
    }
}

task<> collect_log(std::string path, std::size_t count, std::set<std::string>& into) {
    const auto options = log_options().stay_open();
    auto log = co_await fifo_record_reader::open(std::move(path), options);
    while (into.size() < count) {
        auto record = co_await log.value().read_record();
        into.insert(text_of(record.value()));
    }
    std::printf("skipped: %llu\n", static_cast<unsigned long long>(log->skipped_bytes()));
}

task<> demonstrate(std::string folder) {
    const std::string path = folder + "/log";
    std::set<std::string> lines;
    task_scope scope;
    scope.spawn(collect_log(path, 6, lines));
    for (const std::string name : {"anna", "ben", "clara"}) {
        std::vector<std::string> said = {name + ": hello", name + ": goodbye"};
        scope.spawn(write_log(path, std::move(said)));
    }
    co_await scope.join();
    for (const std::string& line : lines) std::printf("%s\n", line.c_str());
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    if (arguments.size() == 2 && arguments[0] == "read") {
        conduit::run(print_log(arguments[1]));
    } else if (arguments.size() == 3 && arguments[0] == "write") {
        conduit::run(write_log(arguments[1], {arguments[2]}));
    } else {
        std::string folder = (std::filesystem::temp_directory_path() / "log-XXXXXX").string();
        if (::mkdtemp(folder.data()) == nullptr) return 1;
        conduit::run(demonstrate(folder));
        std::filesystem::remove_all(folder);
    }
}
