// SPDX-License-Identifier: BSL-1.0
//
// Messages over any byte stream: each goes with its length in front, so that its boundaries arrive.
// For text that ends with a delimiter use line_reader.hpp; for datagrams, which keep their own
// boundaries, unix_datagram.hpp.
//
//     conduit::message_writer out(stream);
//     conduit::message_reader in(stream, 64 * 1024);
//     auto sent = co_await out.write(conduit::bytes_of("hello"));
//     while (auto message = co_await in.next()) use(*message);    // a std::vector<std::byte>

#pragma once

#include <conduit/channels/buffered_reader.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/runtime/mutex.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace conduit {

/// In front of each message stands its length in bytes: a little-endian u32.
using message_header = std::array<std::byte, 4>;

/// Unless said otherwise a message has at most so many bytes.
inline constexpr std::size_t usual_message_max = std::size_t{4} * 1024 * 1024;

message_header make_message_header(std::uint32_t length) noexcept;
std::uint32_t message_length(std::span<const std::byte, 4> header) noexcept;

/// Says in words why a length was refused: "a message of 70000 bytes, where at most 65536 are
/// allowed".
std::string message_refusal(std::size_t length, std::size_t message_max);

/// Reads messages from a source that must outlive it, and that nobody else reads meanwhile.
///
/// One next() at a time. A cancelled one has lost nothing: the next one goes on where it stood, in
/// the middle of a message too. While it waits between two messages it holds no memory of its own;
/// see buffered_reader.
template <byte_source Source>
class message_reader {
public:
    explicit message_reader(Source& from, std::size_t message_max = usual_message_max) noexcept
        : from_(&from), ahead_(from), message_max_(message_max) {}

    /// Waits for a message, which may be empty.
    ///
    /// Fails with errc::end_of_stream when the stream ends between two messages, and with
    /// errc::truncated when it ends inside one. Fails with errc::too_long when a longer one than
    /// message_max() comes: no memory was allocated for it; refusal() says how long it is. There is
    /// no way past it, so that all further calls fail as well.
    task<result<std::vector<std::byte>>> next() {
        auto begun = co_await begin();
        if (!begun) co_return begun.error();
        while (filled_ < length_) {
            if (filled_ == body_.size()) make_room();
            auto got = co_await from_->read_some(std::span(body_).subspan(filled_));
            if (!got) co_return got.error();
            if (*got == 0) co_return make_error_code(errc::truncated);
            filled_ += *got;
        }
        in_body_ = false;
        co_return std::exchange(body_, {});
    }

    /// Why next() says errc::too_long, in words; empty while it does not.
    std::string refusal() const {
        return refused_ > message_max_ ? message_refusal(refused_, message_max_) : std::string();
    }

    std::size_t message_max() const noexcept { return message_max_; }

private:
    /// Waits for the header, then takes of the body what has come with it.
    task<result<void>> begin() {
        if (in_body_) co_return result<void>();
        while (ahead_.bytes().size() < message_header().size()) {
            auto got = co_await ahead_.more();
            if (!got) co_return got.error();
            if (*got != 0) continue;
            const bool inside = !ahead_.bytes().empty();
            co_return make_error_code(inside ? errc::truncated : errc::end_of_stream);
        }
        length_ = message_length(ahead_.bytes().template first<4>());
        if (length_ > message_max_) {
            refused_ = length_;
            co_return make_error_code(errc::too_long);
        }
        ahead_.consume(message_header().size());
        filled_ = std::min(length_, ahead_.bytes().size());
        body_.resize(filled_);
        std::copy_n(ahead_.bytes().begin(), filled_, body_.begin());
        ahead_.consume(filled_);
        in_body_ = true;
        co_return result<void>();
    }

    /// A length alone gets no memory for all of it: half of what there is has come.
    void make_room() { body_.resize(std::min(length_, std::max(first_room, 2 * filled_))); }

    static constexpr std::size_t first_room = std::size_t{64} * 1024;

    Source* from_;
    buffered_reader<Source> ahead_;
    std::size_t message_max_;
    std::vector<std::byte> body_;
    std::size_t length_ = 0;
    std::size_t filled_ = 0;
    std::size_t refused_ = 0;
    bool in_body_ = false;
};

/// Writes messages to a sink that must outlive it, and that nobody else writes to meanwhile.
///
/// Any number of tasks may write: a message goes out whole before the next one begins, in the order
/// of the calls. Where a write ends in the middle of a message (cancelled, its deadline passed, the
/// peer gone) nobody could tell what follows, so all later ones fail with errc::truncated. One that
/// was ended before its first byte has written nothing and does no harm.
template <byte_sink Sink>
class message_writer {
public:
    explicit message_writer(Sink& to, std::size_t message_max = usual_message_max) noexcept
        : to_(&to), message_max_(std::min<std::size_t>(message_max, UINT32_MAX)) {}

    /// Waits until the whole message was taken. Fails with errc::too_long when it has more than
    /// message_max() bytes, and has then written nothing. `body` must outlive the task.
    task<result<void>> write(std::span<const std::byte> body) {
        if (body.size() > message_max_) co_return make_error_code(errc::too_long);
        auto held = co_await writing_.lock();
        if (!held) co_return held.error();
        if (cut_off_) co_return make_error_code(errc::truncated);
        const message_header header = make_message_header(static_cast<std::uint32_t>(body.size()));
        const std::array<std::span<const std::byte>, 2> parts{std::span(header), body};
        cut_off_ = true;  // if the task is destroyed while it waits
        std::size_t written = 0;
        auto done = co_await write_all(*to_, std::span(parts), written);
        cut_off_ = !done && written != 0;
        co_return done;
    }

    std::size_t message_max() const noexcept { return message_max_; }

private:
    Sink* to_;
    std::size_t message_max_;
    mutex writing_;
    bool cut_off_ = false;
};

}  // namespace conduit
