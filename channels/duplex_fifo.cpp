// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/detail/fifo_opening.hpp>
#include <conduit/channels/duplex_fifo.hpp>
#include <conduit/channels/fifo.hpp>

namespace conduit {
namespace {

std::string in_of(const std::string& path) { return path + ".in"; }
std::string out_of(const std::string& path) { return path + ".out"; }

result<void> remove_if_there(const std::string& path, std::string* why) {
    auto removed = remove_fifo(path, why);
    if (removed.error() == std::errc::no_such_file_or_directory) return {};
    return removed;
}

}  // namespace

task<result<duplex_fifo>> duplex_fifo::create(std::string path, fifo_options options,
                                              std::string* why) {
    const std::string own_path = std::move(path);
    options.when_missing(fifo_missing::is_made);
    co_return co_await meet(in_of(own_path), out_of(own_path), options, why);
}

task<result<duplex_fifo>> duplex_fifo::open(std::string path, fifo_options options,
                                            std::string* why) {
    const std::string own_path = std::move(path);
    co_return co_await meet(out_of(own_path), in_of(own_path), options, why);
}

// Both sides open their reading ends before they wait for anybody, so each finds its reader; only
// then does either look for the writer, which the other side has opened by that time or soon will.
task<result<duplex_fifo>> duplex_fifo::meet(std::string read_from, std::string write_to,
                                            fifo_options options, std::string* why) {
    std::string from = std::move(read_from);
    std::string to = std::move(write_to);
    options.stay_open(false);
    auto reading = co_await open_without_writer(from, options, why);
    if (!reading) co_return reading.error();
    auto writer = co_await fifo_writer::open(to, options, why);
    if (!writer) co_return writer.error();
    auto met = co_await wait_for_writer(from, options, *reading, why);
    if (!met) co_return met.error();
    fifo_reader reader(std::move(*reading), std::move(from), options);
    co_return duplex_fifo(std::move(reader), std::move(*writer));
}

result<void> duplex_fifo::remove(const std::string& path, std::string* why) {
    auto in = remove_if_there(in_of(path), why);
    auto out = remove_if_there(out_of(path), why);
    return in ? out : in;
}

}  // namespace conduit
