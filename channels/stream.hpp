// SPDX-License-Identifier: BSL-1.0
//
// What byte streams have in common, as concepts, and what is done with any of them until it is
// complete. For a stream whose type is chosen at run time use any_stream.hpp; for lines
// line_reader.hpp; to keep message boundaries message.hpp; to move everything from one to another
// copy.hpp.
//
//     auto sent = co_await conduit::write_all(out, conduit::bytes_of("hello"));
//     auto got = co_await conduit::read_exact(in, std::span(header));
//     if (got.error() == conduit::errc::end_of_stream) ...    // it ended before that many came
//
// Not to be confused with runtime/stream.hpp, whose stream<T> is a sequence of values.

#pragma once

#include <conduit/runtime/as_task.hpp>
#include <conduit/runtime/error.hpp>
#include <conduit/runtime/io_message.hpp>
#include <conduit/runtime/lent_buffer.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/task.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace conduit {

/// Can be read from. `read_some` waits until at least one byte is there and yields how many were
/// read, or 0 at the end of the stream; `buffer` must not be empty.
template <class T>
concept byte_source = requires(T& from, std::span<std::byte> buffer) {
    { from.read_some(buffer) } -> awaitable;
    requires std::same_as<awaited_value<decltype(from.read_some(buffer))>, result<std::size_t>>;
};

/// Can be written to. `write_some` waits until there is room and yields how many bytes were taken,
/// at least one unless there were none. `close_writing` waits until the other side will see the end
/// of the stream behind what was written; nothing can be written after it.
template <class T>
concept byte_sink = requires(T& to, std::span<const std::byte> bytes) {
    { to.write_some(bytes) } -> awaitable;
    { to.close_writing() } -> awaitable;
    requires std::same_as<awaited_value<decltype(to.write_some(bytes))>, result<std::size_t>>;
    requires std::same_as<awaited_value<decltype(to.close_writing())>, result<void>>;
};

/// Both, independently: one task may read while another writes.
template <class T>
concept byte_stream = byte_source<T> && byte_sink<T>;

/// A source that also reads into memory of the scheduler's, so that waiting needs none; see
/// lent_buffer.hpp. `receive_lent` yields an empty buffer at the end of the stream, or
/// std::errc::not_supported where that shows only at run time.
template <class T>
concept lending_source = byte_source<T> && requires(T& from) {
    { from.receive_lent() } -> awaitable;
    requires std::same_as<awaited_value<decltype(from.receive_lent())>, result<lent_buffer>>;
};

/// Fills the whole of `buffer`. Fails with errc::end_of_stream when the stream ends before that,
/// also before the first byte; what had come by then is at the front of `buffer`, also after a stop
/// or a passed deadline. To go on after those without a gap use a line_reader or message_reader.
template <byte_source Source>
task<result<void>> read_exact(Source& from, std::span<std::byte> buffer) {
    while (!buffer.empty()) {
        auto got = co_await from.read_some(buffer);
        if (!got) co_return got.error();
        if (*got == 0) co_return make_error_code(errc::end_of_stream);
        buffer = buffer.subspan(*got);
    }
    co_return result<void>();
}

/// Writes all of `bytes`. After a failure an unknown part of them was written, so the stream is of
/// no further use; that holds for a stop or a passed deadline as well.
template <byte_sink Sink>
task<result<void>> write_all(Sink& to, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        auto taken = co_await to.write_some(bytes);
        if (!taken) co_return taken.error();
        bytes = bytes.subspan(*taken);
    }
    co_return result<void>();
}

/// Up to so many bytes of several parts go out in one write, which on a pipe then is not mixed with
/// those of other writers (PIPE_BUF).
inline constexpr std::size_t gathered_bytes_max = 4096;

/// What is left of several parts. For write_all().
class part_list {
public:
    explicit part_list(std::span<const std::span<const std::byte>> parts) noexcept : rest_(parts) {
        next();
    }

    bool empty() const noexcept { return first_.empty(); }

    /// What is left of the first part that is not empty.
    std::span<const std::byte> first() const noexcept { return first_; }

    /// Whether nothing follows the first part.
    bool is_last() const noexcept {
        return std::all_of(rest_.begin(), rest_.end(), [](auto& part) { return part.empty(); });
    }

    void drop(std::size_t bytes) noexcept {
        first_ = first_.subspan(bytes);
        if (first_.empty()) next();
    }

    /// Moves to `room` as much as fits; yields how much that was.
    std::size_t take(std::span<std::byte> room) noexcept {
        std::size_t taken = 0;
        while (!empty() && taken < room.size()) {
            const std::size_t n = std::min(first_.size(), room.size() - taken);
            std::copy_n(first_.begin(), n, room.begin() + static_cast<std::ptrdiff_t>(taken));
            taken += n;
            drop(n);
        }
        return taken;
    }

    /// The bytes of all parts, as far as `enough`.
    std::size_t size_up_to(std::size_t enough) const noexcept {
        std::size_t sum = first_.size();
        for (auto part = rest_.begin(); part != rest_.end() && sum < enough; ++part) {
            sum += part->size();
        }
        return std::min(sum, enough);
    }

private:
    void next() noexcept {
        while (first_.empty() && !rest_.empty()) {
            first_ = rest_.front();
            rest_ = rest_.subspan(1);
        }
    }

    std::span<const std::byte> first_;
    std::span<const std::span<const std::byte>> rest_;
};

/// As write_all() of several parts below; `written` grows with what the sink took, also when it
/// fails then.
template <byte_sink Sink>
task<result<void>> write_all(Sink& to, std::span<const std::span<const std::byte>> parts,
                             std::size_t& written) {
    part_list left(parts);
    std::unique_ptr<std::byte[]> gathered;
    std::size_t room = 0;
    while (!left.empty()) {
        std::span<const std::byte> bytes = left.first();
        if (bytes.size() < gathered_bytes_max && !left.is_last()) {
            if (!gathered) {
                room = left.size_up_to(gathered_bytes_max);
                gathered = std::make_unique_for_overwrite<std::byte[]>(room);
            }
            bytes = std::span(gathered.get(), left.take(std::span(gathered.get(), room)));
        } else {
            left.drop(bytes.size());
        }
        while (!bytes.empty()) {
            auto taken = co_await to.write_some(bytes);
            if (!taken) co_return taken.error();
            written += *taken;
            bytes = bytes.subspan(*taken);
        }
    }
    co_return result<void>();
}

/// Writes all of several parts, in order: small ones together, so that a header and its body cost
/// one write, large ones from where they are. The list of parts must outlive the task as well.
template <byte_sink Sink>
task<result<void>> write_all(Sink& to, std::span<const std::span<const std::byte>> parts) {
    std::size_t written = 0;
    co_return co_await write_all(to, parts, written);
}

/// Reads to the end of the stream. Fails with errc::too_long when more than `bytes_max` come; what
/// was read until then, or until another failure, is lost.
template <byte_source Source>
task<result<std::string>> read_all(Source& from, std::size_t bytes_max) {
    constexpr std::size_t first_room = 4096;
    std::string all;
    std::size_t size = 0;
    for (;;) {
        if (size == all.size()) all.resize(std::max(first_room, 2 * size));
        const auto room = std::as_writable_bytes(std::span(all)).subspan(size);
        auto got = co_await from.read_some(room);
        if (!got) co_return got.error();
        if (*got == 0) break;
        size += *got;
        if (size > bytes_max) co_return make_error_code(errc::too_long);
    }
    all.resize(size);
    co_return std::move(all);
}

}  // namespace conduit
