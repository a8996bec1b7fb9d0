// SPDX-License-Identifier: BSL-1.0
//
// What byte streams have in common, as concepts, and what is done with any of them until it is
// complete. For a stream whose type is chosen at run time use any_stream.hpp; to keep message
// boundaries use message.hpp; to move everything from one to another use copy.hpp.
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
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/task.hpp>

#include <concepts>
#include <cstddef>
#include <span>
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

}  // namespace conduit
