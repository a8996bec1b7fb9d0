// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/detail/busy_mark.hpp>
#include <conduit/channels/detail/fifo_record.hpp>
#include <conduit/channels/fifo_record_reader.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/context.hpp>
#include <conduit/runtime/within.hpp>

#include <algorithm>

namespace conduit {
namespace {

constexpr std::size_t buffer_bytes = 65'536;  // what a pipe holds

// What is left over is less than a record, so a packet always fits behind it.
static_assert(buffer_bytes >= 2 * record_bytes_max);

}  // namespace

task<result<fifo_record_reader>> fifo_record_reader::open(std::string path, fifo_options options,
                                                          std::string* why) {
    auto from = co_await fifo_reader::open(std::move(path), options, why);
    if (!from) co_return from.error();
    co_return fifo_record_reader(std::move(*from));
}

task<result<std::span<const std::byte>>> fifo_record_reader::read_record() {
    const busy_mark mark(busy_, "one record at a time is read");
    const clock::duration check_every = from_.options().check_path_every();
    const bool checks = check_every > clock::duration::zero();
    const clock::duration wait_max = checks ? check_every : clock::duration::max();
    for (;;) {
        if (const auto record = take_record()) co_return *record;
        if (following_) {
            auto opened = co_await from_.reopen();
            if (!opened) co_return opened.error();
            following_ = false;
            ++times_followed_;
        }
        auto got = co_await within(wait_max, from_.read_some(make_room()));
        if (got) {
            if (*got == 0) co_return make_error_code(errc::end_of_stream);
            end_ += *got;
        } else if (checks && got.error() == errc::timed_out && !stop_requested()) {
            following_ = should_follow();
        } else {
            co_return got.error();
        }
    }
}

/// The next whole record of those in the buffer, if there is one.
std::optional<std::span<const std::byte>> fifo_record_reader::take_record() {
    while (begin_ < end_) {
        const auto front = look_at_front(std::span(buffer_).subspan(begin_, end_ - begin_));
        if (front.what == record_front::kind::whole) {
            begin_ += record_header_bytes + front.payload.size();
            return front.payload;
        }
        if (front.what == record_front::kind::incomplete && has_more_now()) return std::nullopt;
        skip();
    }
    return std::nullopt;
}

bool fifo_record_reader::has_more_now() const {
    const auto content = current_kernel().look_into(from_.handle().owned());
    return content && *content == pipe_content::bytes;
}

void fifo_record_reader::skip() {
    const auto rest = std::span<const std::byte>(buffer_).subspan(begin_, end_ - begin_);
    const std::size_t bytes = bytes_to_next_record(rest);
    begin_ += bytes;
    skipped_ += bytes;
}

std::span<std::byte> fifo_record_reader::make_room() {
    if (buffer_.empty()) buffer_.resize(buffer_bytes);
    const auto data = buffer_.begin();
    std::copy(data + static_cast<std::ptrdiff_t>(begin_), data + static_cast<std::ptrdiff_t>(end_),
              data);
    end_ -= std::exchange(begin_, 0);
    return std::span(buffer_).subspan(end_);
}

bool fifo_record_reader::should_follow() const {
    const auto path = from_.look_at_path();
    return path && *path == fifo_path::replaced && !has_more_now();
}

}  // namespace conduit
