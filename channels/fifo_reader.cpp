// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/detail/fifo_opening.hpp>
#include <conduit/channels/fifo_reader.hpp>

namespace conduit {

fifo_reader::fifo_reader(fifo_end end, std::string path, fifo_options options)
    : handle_(std::move(end.handle)),
      identity_(end.identity),
      path_(std::move(path)),
      options_(options) {}

task<result<fifo_reader>> fifo_reader::open(std::string path, fifo_options options,
                                            std::string* why) {
    std::string own_path = std::move(path);
    auto end = co_await open_for_reading(own_path, options, why);
    if (!end) co_return end.error();
    co_return fifo_reader(std::move(*end), std::move(own_path), options);
}

result<fifo_reader> fifo_reader::adopt(unique_fd fd, std::string path, fifo_options options) {
    auto end = adopt_fifo(std::move(fd), false);
    if (!end) return end.error();
    return fifo_reader(std::move(*end), std::move(path), options);
}

// The old end stays open until the new one is, so that the pipe between them lives on.
task<result<void>> fifo_reader::reopen(std::string* why) {
    auto end = co_await open_without_writer(path_, options_, why);
    if (!end) co_return end.error();
    if (end->identity != identity_) close();
    if (!options_.stays_open()) {
        auto met = co_await wait_for_writer(path_, options_, *end, why);
        if (!met) co_return met.error();
    }
    handle_ = std::move(end->handle);
    identity_ = end->identity;
    co_return result<void>();
}

}  // namespace conduit
