// SPDX-License-Identifier: BSL-1.0
//
// Moves all that comes from one stream to another, inside the kernel where it can: what pipes,
// relays and redirections are made of. To send what comes to two places use tee.hpp; for one
// message at a time message.hpp.
//
//     auto moved = co_await conduit::copy(in, out);               // to the end of `in`
//     auto closed = co_await out.close_writing();
//     auto relayed = co_await conduit::copy_both_ways(client, server);

#pragma once

#include <conduit/channels/any_stream.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/task_scope.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <system_error>
#include <utility>

namespace conduit {

/// How far a copy has come. With it a copy that was cancelled goes on without a gap: what had been
/// read and not yet written is kept here, and written first by the next copy() that is given it.
class copy_state {
public:
    /// How many bytes the sink took.
    std::uint64_t moved() const noexcept { return moved_; }

    /// What the source gave and the sink did not take.
    std::span<const std::byte> unwritten() const noexcept {
        return {memory_.get() + begin_, end_ - begin_};
    }

    // For those who copy.

    /// Room for `bytes`; what was here before must have been written.
    std::span<std::byte> room(std::size_t bytes) {
        if (bytes > room_) {
            memory_ = std::make_unique_for_overwrite<std::byte[]>(bytes);
            room_ = bytes;
        }
        return {memory_.get(), room_};
    }
    /// The first bytes of the room were filled.
    void filled(std::size_t bytes) noexcept {
        begin_ = 0;
        end_ = bytes;
    }
    void wrote(std::size_t bytes) noexcept {
        begin_ += bytes;
        moved_ += bytes;
    }
    void moved_in_kernel(std::size_t bytes) noexcept { moved_ += bytes; }
    /// Holds no memory while nothing is unwritten.
    void release() noexcept {
        memory_.reset();
        begin_ = end_ = room_ = 0;
    }

private:
    std::unique_ptr<std::byte[]> memory_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::size_t room_ = 0;
    std::uint64_t moved_ = 0;
};

/// Moves from handle to handle in the kernel until the end. Fails with
/// std::errc::invalid_argument where neither is a pipe or the kernel cannot, and with
/// std::errc::device_or_resource_busy where bytes were received ahead. Moves nothing then.
task<result<void>> splice_all(io_handle& from, io_handle& to, copy_state& state);

/// Whether splice_all() says that bytes must take the way through memory.
bool must_not_splice(std::error_code why) noexcept;

template <byte_sink Sink>
task<result<void>> write_unwritten(Sink& to, copy_state& state) {
    while (!state.unwritten().empty()) {
        auto taken = co_await to.write_some(state.unwritten());
        if (!taken) co_return taken.error();
        state.wrote(*taken);
    }
    co_return result<void>();
}

/// Reads what is there, at first without memory for the wait, then 64 KiB at a time for as long as
/// so much comes.
template <byte_source Source>
class chunk_reader {
public:
    explicit chunk_reader(Source& from) noexcept : from_(&from) {}

    /// Waits for bytes; yields how many are in state.unwritten() now, 0 at the end of the stream.
    task<result<std::size_t>> next(copy_state& state) {
        if constexpr (lending_source<Source>) {
            if (!in_bulk_) {
                state.release();
                auto lent = co_await from_->receive_lent();
                if (lent) co_return keep(lent->bytes(), state);
                if (lent.error() != std::errc::not_supported) co_return lent.error();
                lends_ = false;
                in_bulk_ = true;
            }
        }
        const std::span<std::byte> room = state.room(bulk_bytes);
        auto got = co_await from_->read_some(room);
        if (!got) co_return got.error();
        state.filled(*got);
        if (lends_ && *got < bulk_bytes / 4) in_bulk_ = false;
        co_return *got;
    }

private:
    static constexpr std::size_t bulk_bytes = std::size_t{64} * 1024;
    static constexpr std::size_t much = 4096;

    std::size_t keep(std::span<const std::byte> bytes, copy_state& state) {
        if (bytes.empty()) return 0;
        const std::span<std::byte> room = state.room(bytes.size());
        std::copy_n(bytes.begin(), bytes.size(), room.begin());
        state.filled(bytes.size());
        in_bulk_ = bytes.size() >= much;
        return bytes.size();
    }

    Source* from_;
    bool lends_ = lending_source<Source>;
    bool in_bulk_ = !lending_source<Source>;
};

template <byte_source Source, byte_sink Sink>
task<result<void>> copy_through_memory(Source& from, Sink& to, copy_state& state) {
    chunk_reader<Source> chunks(from);
    for (;;) {
        auto got = co_await chunks.next(state);
        if (!got) co_return got.error();
        if (*got == 0) break;
        auto written = co_await write_unwritten(to, state);
        if (!written) co_return written.error();
    }
    state.release();
    co_return result<void>();
}

/// Copies from `from` to `to` until the end of the stream; yields how many bytes `to` took, and
/// leaves it open. Both must outlive the task.
///
/// Where both are pipes, or one is a pipe and the other a socket, the bytes never leave the kernel.
/// Otherwise a copy that waits for bytes holds no memory if the source lends any, and up to 64 KiB
/// while many come. Every step spends of the turn's budget, so that no copy keeps others from
/// theirs.
///
/// A failure, a stop or a passed deadline leaves in `state` how far it came; see copy_state.
template <byte_source Source, byte_sink Sink>
task<result<std::uint64_t>> copy(Source& from, Sink& to, copy_state& state) {
    auto written = co_await write_unwritten(to, state);
    if (!written) co_return written.error();
    io_handle* const source = source_handle_of(from);
    io_handle* const sink = sink_handle_of(to);
    bool splices = source != nullptr && sink != nullptr;
    while (splices) {
        auto spliced = co_await splice_all(*source, *sink, state);
        if (spliced) co_return state.moved();
        if (spliced.error() == std::errc::device_or_resource_busy) {
            chunk_reader<Source> ahead(from);
            auto got = co_await ahead.next(state);
            if (!got) co_return got.error();
            if (*got == 0) co_return state.moved();
            written = co_await write_unwritten(to, state);
            if (!written) co_return written.error();
        } else if (must_not_splice(spliced.error())) {
            splices = false;
        } else {
            co_return spliced.error();
        }
    }
    auto copied = co_await copy_through_memory(from, to, state);
    if (!copied) co_return copied.error();
    co_return state.moved();
}

/// As above. What was read and not yet written when it failed is lost; between pipes and sockets
/// in the kernel nothing ever is.
template <byte_source Source, byte_sink Sink>
task<result<std::uint64_t>> copy(Source& from, Sink& to) {
    copy_state state;
    co_return co_await copy(from, to, state);
}

/// What copy_both_ways() moved, and the first failure, if any.
struct relayed {
    relayed() noexcept = default;  // no aggregate: g++ 12 destroys those twice

    std::uint64_t to_second = 0;
    std::uint64_t to_first = 0;
    std::error_code error;
};

/// Copies one direction and passes its end on. The first failure of either stops the other.
template <byte_source Source, byte_sink Sink>
task<> relay_one_way(Source& from, Sink& to, copy_state& state, std::error_code& failure,
                     task_scope& both) {
    auto moved = co_await copy(from, to, state);
    std::error_code ended = moved.error();
    if (!ended) {
        auto closed = co_await to.close_writing();
        ended = closed.error();
    }
    if (!ended || failure) co_return;
    failure = ended;
    both.request_stop();
}

/// Relays between two streams until both directions have ended. The end of one is passed on by
/// close_writing(), and the other goes on. A failure, also a stop or a passed deadline, ends both.
/// Both streams must outlive the task.
template <byte_stream First, byte_stream Second>
task<relayed> copy_both_ways(First& first, Second& second) {
    copy_state there;
    copy_state back;
    relayed done;
    task_scope both;
    both.spawn(relay_one_way(first, second, there, done.error, both), "relay there");
    both.spawn(relay_one_way(second, first, back, done.error, both), "relay back");
    co_await both.join();
    done.to_second = there.moved();
    done.to_first = back.moved();
    co_return done;
}

}  // namespace conduit
