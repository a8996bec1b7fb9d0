// SPDX-License-Identifier: BSL-1.0
//
// Lines, and other things that end with a delimiter, from any byte source. For messages that say
// their length use message.hpp; for a parser of your own buffered_reader.hpp.
//
//     conduit::line_reader lines(in);
//     while (auto line = co_await lines.next()) use(*line);    // a std::string, without its "\n"

#pragma once

#include <conduit/channels/buffered_reader.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/runtime/assert.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace conduit {

/// Reads ahead from a source that must outlive it, and that nobody else reads meanwhile.
///
/// One operation at a time. A cancelled one has lost nothing: the next one goes on without a gap.
/// While it waits with nothing read ahead it holds no memory of its own; see buffered_reader.
///
/// A line ends with "\n", which is not part of it; a "\r" before it is, since it may be data. A
/// protocol whose lines end with "\r\n" reads them with read_until("\r\n", limit).
template <byte_source Source>
class line_reader {
public:
    static constexpr std::size_t usual_line_max = std::size_t{64} * 1024;

    explicit line_reader(Source& from, std::size_t line_max = usual_line_max) noexcept
        : ahead_(from), line_max_(line_max) {}

    /// Waits for a line; the last one may lack its "\n". Fails with errc::end_of_stream when there
    /// is none, and with errc::too_long when one has more than line_max() bytes: nothing of it is
    /// taken, so that the next call says the same, and read_some() yields it.
    task<result<std::string>> next() {
        auto line = co_await read_until("\n", line_max_);
        if (line.error() != errc::truncated) co_return std::move(line);
        const std::string_view rest = text();
        std::string last(rest);
        ahead_.consume(rest.size());
        co_return std::move(last);
    }

    /// Waits until `delimiter` has come; yields what stands before it and takes both. The delimiter
    /// must not be empty, and must outlive the task.
    ///
    /// Fails with errc::end_of_stream at the end of the stream, with errc::truncated when that
    /// comes behind bytes without a delimiter, and with errc::too_long when more than `bytes_max`
    /// stand before it. Takes nothing then.
    task<result<std::string>> read_until(std::string_view delimiter, std::size_t bytes_max) {
        CONDUIT_ASSERT(!delimiter.empty(), "a delimiter has at least one byte");
        std::size_t searched = 0;
        for (;;) {
            const std::string_view all = text();
            const std::size_t at = all.find(delimiter, searched);
            const std::size_t size = at != std::string_view::npos ? at : all.size();
            if (at != std::string_view::npos && size <= bytes_max) {
                std::string found(all.substr(0, at));
                ahead_.consume(at + delimiter.size());
                co_return std::move(found);
            }
            // Without a delimiter the last bytes may be its beginning.
            const std::size_t undecided =
                at != std::string_view::npos ? 0 : std::min(size, delimiter.size() - 1);
            if (size - undecided > bytes_max) co_return make_error_code(errc::too_long);
            searched = size - undecided;
            auto got = co_await ahead_.more();
            if (!got) co_return got.error();
            if (*got != 0) continue;
            if (size > bytes_max) co_return make_error_code(errc::too_long);
            co_return make_error_code(size == 0 ? errc::end_of_stream : errc::truncated);
        }
    }

    /// As buffered_reader's: what was read ahead comes first, and failing takes nothing.
    task<result<void>> read_exact(std::span<std::byte> buffer) { return ahead_.read_exact(buffer); }
    task<result<std::size_t>> read_some(std::span<std::byte> buffer) {
        return ahead_.read_some(buffer);
    }

    /// What was read ahead of the lines taken so far.
    std::span<const std::byte> buffered() const noexcept { return ahead_.bytes(); }

    std::size_t line_max() const noexcept { return line_max_; }

private:
    std::string_view text() const noexcept {
        const auto bytes = ahead_.bytes();
        return {std::bit_cast<const char*>(bytes.data()), bytes.size()};
    }

    buffered_reader<Source> ahead_;
    std::size_t line_max_;
};

}  // namespace conduit
