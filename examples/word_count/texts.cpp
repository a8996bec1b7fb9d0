// SPDX-License-Identifier: BSL-1.0
#include "texts.hpp"

#include "printable.hpp"
#include "words.hpp"

#include <conduit/channels/file.hpp>
#include <conduit/runtime/blocking.hpp>

#include <algorithm>
#include <filesystem>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

namespace word_count {
namespace {

namespace fs = std::filesystem;
using conduit::stream;
using conduit::task;

constexpr std::size_t read_bytes = std::size_t{64} * 1024;
constexpr std::size_t looked_at_bytes = std::size_t{8} * 1024;

struct candidate {
    std::string path;
    bool is_named = false;
};

no_text cannot_read(const std::string& path, const std::error_code& why) {
    return no_text("cannot read " + printable(path) + ": " + why.message());
}

/// The files below a folder, by name.
void list_folder(const std::string& folder, std::vector<candidate>& into) {
    std::vector<std::string> found;
    std::error_code why;
    std::string last = folder;
    fs::recursive_directory_iterator each(folder, why);
    while (!why && each != fs::recursive_directory_iterator()) {
        last = each->path().string();
        const fs::file_status status = each->symlink_status(why);
        if (why) break;
        if (fs::is_regular_file(status)) found.push_back(last);
        each.increment(why);
    }
    if (why) throw cannot_read(last, why);
    std::sort(found.begin(), found.end());
    for (std::string& path : found) into.push_back({std::move(path), false});
}

std::vector<candidate> list(const std::vector<std::string>& places) {
    std::vector<candidate> all;
    for (const std::string& place : places) {
        std::error_code why;
        const fs::file_status status = fs::status(place, why);
        if (!fs::exists(status)) {
            if (!why) why = std::make_error_code(std::errc::no_such_file_or_directory);
            throw cannot_read(place, why);
        }
        if (fs::is_directory(status)) {
            list_folder(place, all);
        } else if (fs::is_regular_file(status)) {
            all.push_back({place, true});
        } else {
            throw no_text(printable(place) + " is neither a file nor a folder");
        }
    }
    return all;
}

task<conduit::file_reader> open(std::string path) {
    std::string why;
    auto opened = co_await conduit::file_reader::open(std::move(path), &why);
    if (!opened) throw no_text(why);
    co_return std::move(*opened);
}

/// Adds what comes next of a file; false at its end.
task<bool> read_more(conduit::file_reader& from, const std::string& path, std::string& into,
                     std::size_t most) {
    const std::size_t before = into.size();
    into.resize(before + most);
    const auto room = std::as_writable_bytes(std::span(into).subspan(before));
    auto got = co_await from.read_some(room);
    if (!got) throw cannot_read(path, got.error());
    into.resize(before + *got);
    co_return *got > 0;
}

task<bool> is_binary(const std::string& path) {
    auto file = co_await open(path);
    std::string begin;
    static_cast<void>(co_await read_more(file, path, begin, looked_at_bytes));
    co_return begin.find('\0') != std::string::npos;
}

/// How much of `text` is one batch: 0 where there is not enough of it yet.
std::size_t batch_in(std::string_view text, std::size_t bytes) {
    if (text.size() <= bytes) return 0;
    const std::size_t line_end = text.substr(0, bytes).rfind('\n');
    if (line_end != std::string_view::npos) return line_end + 1;
    for (std::size_t at = bytes; at > 0; --at) {
        if (!is_letter(text[at - 1])) return at;
    }
    const auto* const end = std::find_if_not(text.begin() + bytes, text.end(), is_letter);
    if (end != text.end()) return static_cast<std::size_t>(end - text.begin()) + 1;
    return 0;
}

}  // namespace

task<texts> find_texts(std::vector<std::string> places) {
    auto look = [named = std::move(places)] { return list(named); };
    auto listed = co_await conduit::blocking(std::move(look));
    texts found;
    for (const candidate& each : listed.value()) {
        const bool binary = co_await is_binary(each.path);
        if (binary && each.is_named) {
            throw no_text(printable(each.path) + " is binary: there is a byte 0 in it");
        }
        if (binary) {
            ++found.binary_files;
            continue;
        }
        std::error_code why;
        const std::uint64_t bytes = fs::file_size(each.path, why);
        if (why) throw cannot_read(each.path, why);
        found.paths.push_back(each.path);
        found.bytes += bytes;
    }
    if (found.paths.empty() && found.binary_files > 0) {
        const std::string files = std::to_string(found.binary_files);
        throw no_text(
            "there is no text to count: " +
            (found.binary_files == 1 ? "the only file is" : "all " + files + " files are") +
            " binary");
    }
    if (found.bytes == 0)
        throw no_text("there is no text to count: not one byte in what was given");
    co_return found;
}

stream<std::string> read_batches(std::vector<std::string> paths, std::size_t bytes) {
    const std::vector<std::string> own = std::move(paths);
    std::string ahead;
    for (const std::string& path : own) {
        auto file = co_await open(path);
        for (;;) {
            const bool more = co_await read_more(file, path, ahead, read_bytes);
            if (!more) break;
            std::size_t begin = 0;
            for (;;) {
                const std::size_t size = batch_in(std::string_view(ahead).substr(begin), bytes);
                if (size == 0) break;
                co_yield ahead.substr(begin, size);
                begin += size;
            }
            ahead.erase(0, begin);
            if (ahead.size() > word_bytes_max + bytes) {
                throw no_text(printable(path) + " is no text: a word of more than " +
                              std::to_string(word_bytes_max) + " letters is in it");
            }
        }
    }
    if (!ahead.empty()) co_yield std::move(ahead);
}

}  // namespace word_count
