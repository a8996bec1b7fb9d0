// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/detail/fifo_opening.hpp>
#include <conduit/channels/fifo_writer.hpp>

namespace conduit {

fifo_writer::fifo_writer(fifo_end end, std::string path, fifo_options options)
    : handle_(std::move(end.handle)),
      identity_(end.identity),
      path_(std::move(path)),
      options_(options) {}

task<result<fifo_writer>> fifo_writer::open(std::string path, fifo_options options,
                                            std::string* why) {
    std::string own_path = std::move(path);
    auto end = co_await open_for_writing(own_path, options, why);
    if (!end) co_return end.error();
    co_return fifo_writer(std::move(*end), std::move(own_path), options);
}

result<fifo_writer> fifo_writer::adopt(unique_fd fd, std::string path, fifo_options options) {
    auto end = adopt_fifo(std::move(fd), true);
    if (!end) return end.error();
    return fifo_writer(std::move(*end), std::move(path), options);
}

task<result<void>> fifo_writer::reopen(std::string* why) {
    auto end = co_await open_for_writing(path_, options_, why);
    if (!end) co_return end.error();
    handle_ = std::move(end->handle);
    identity_ = end->identity;
    co_return result<void>();
}

}  // namespace conduit
