// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/detail/busy_mark.hpp>
#include <conduit/channels/detail/fifo_record.hpp>
#include <conduit/channels/fifo_record_writer.hpp>
#include <conduit/runtime/backend/kernel.hpp>

#include <fmt/format.h>

namespace conduit {

static_assert(fifo_record_writer::payload_bytes_max == record_payload_max);

fifo_record_writer::fifo_record_writer(fifo_writer to)
    : to_(std::move(to)), record_(record_bytes_max) {
    keep_apart();
}

void fifo_record_writer::keep_apart() noexcept {
    apart_ = !to_.options().puts_records_together() &&
             current_kernel().keep_writes_apart(to_.handle().owned()).has_value();
}

task<result<fifo_record_writer>> fifo_record_writer::open(std::string path, fifo_options options,
                                                          std::string* why) {
    auto to = co_await fifo_writer::open(std::move(path), options, why);
    if (!to) co_return to.error();
    co_return fifo_record_writer(std::move(*to));
}

task<result<void>> fifo_record_writer::write_record(std::span<const std::byte> payload,
                                                    std::string* why) {
    if (payload.size() > payload_bytes_max) {
        if (why != nullptr) {
            *why =
                fmt::format("a record of {} bytes, with its header {}, is longer than {}",
                            payload.size(), payload.size() + record_header_bytes, record_bytes_max);
        }
        co_return std::make_error_code(std::errc::message_size);
    }
    const busy_mark mark(busy_, "one record at a time is written");
    const auto record = std::span(record_).first(encode_record(payload, record_));
    for (;;) {
        auto sent = co_await to_.write_some(record);
        if (sent) co_return result<void>();
        if (sent.error() != std::errc::broken_pipe || !should_follow()) co_return sent.error();
        auto opened = co_await reopen(why);
        if (!opened) co_return opened.error();
        ++times_followed_;
    }
}

bool fifo_record_writer::should_follow() const {
    const auto path = to_.look_at_path();
    if (!path) return false;
    const bool will_be_there = to_.options().when_missing() != fifo_missing::fails;
    return *path == fifo_path::replaced || (*path == fifo_path::missing && will_be_there);
}

task<result<void>> fifo_record_writer::reopen(std::string* why) {
    auto opened = co_await to_.reopen(why);
    if (!opened) co_return opened.error();
    keep_apart();
    co_return result<void>();
}

}  // namespace conduit
