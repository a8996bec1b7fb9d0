// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/memory_stream.hpp>

#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/wait_queue.hpp>

#include <algorithm>
#include <cerrno>
#include <new>
#include <vector>

namespace conduit {

/// One direction: a ring of bytes, who waits for some, and who waits for room.
class memory_pipe {
public:
    static constexpr std::int32_t would_wait = INT32_MIN;
    static constexpr std::size_t transfer_max = std::size_t{1} << 30;  // outcomes have 31 bits

    explicit memory_pipe(std::size_t capacity) : ring_(capacity) {}

    /// Tries at once, or waits on its side.
    memory_operation::progress start(memory_operation& op, wait_queue& side);

    // Tries: a count, a negative errno, or would_wait.
    std::int32_t read(std::span<std::byte> into) noexcept;
    std::int32_t write(std::span<const std::byte> bytes) noexcept;
    std::int32_t lend(lent_buffer& into) noexcept;

    void close_writer() noexcept {
        writer_closed_ = true;
        end(writers_);
        retry();
    }
    void close_reader() noexcept {
        reader_closed_ = true;
        end(readers_);
        retry();
    }

    wait_queue& readers() noexcept { return readers_; }
    wait_queue& writers() noexcept { return writers_; }

private:
    static constexpr std::size_t lent_bytes_max = 4096;

    static void end(wait_queue& side) noexcept {
        if (!side.empty()) side.complete_front(operation::cancelled_outcome);
    }
    static bool retry(wait_queue& side) noexcept;
    void retry() noexcept;

    std::vector<std::byte> ring_;
    std::size_t first_ = 0;  // where the oldest byte is
    std::size_t size_ = 0;
    bool writer_closed_ = false;
    bool reader_closed_ = false;
    wait_queue readers_;
    wait_queue writers_;
};

memory_operation::progress memory_pipe::start(memory_operation& op, wait_queue& side) {
    readers_.use();
    CONDUIT_ASSERT(side.empty(), "one read and one write of a memory stream at a time");
    const std::int32_t outcome = op.attempt();
    if (outcome == would_wait) {
        side.add(op);
        return memory_operation::progress::waiting;
    }
    op.set_outcome(outcome);
    retry();
    return memory_operation::progress::done;
}

std::int32_t memory_pipe::read(std::span<std::byte> into) noexcept {
    if (reader_closed_) return -EBADF;
    if (size_ == 0) return writer_closed_ ? 0 : would_wait;
    const std::size_t n = std::min({into.size(), size_, transfer_max});
    const std::size_t up_to_end = std::min(n, ring_.size() - first_);
    const auto oldest = ring_.begin() + static_cast<std::ptrdiff_t>(first_);
    const auto rest = std::copy_n(oldest, up_to_end, into.begin());
    std::copy_n(ring_.begin(), n - up_to_end, rest);
    first_ = (first_ + n) % ring_.size();
    size_ -= n;
    return static_cast<std::int32_t>(n);
}

std::int32_t memory_pipe::write(std::span<const std::byte> bytes) noexcept {
    if (writer_closed_ || reader_closed_) return -EPIPE;
    if (bytes.empty()) return 0;
    if (size_ == ring_.size()) return would_wait;
    const std::size_t n = std::min({bytes.size(), ring_.size() - size_, transfer_max});
    const std::size_t begin = (first_ + size_) % ring_.size();
    const std::size_t up_to_end = std::min(n, ring_.size() - begin);
    std::copy_n(bytes.begin(), up_to_end, ring_.begin() + static_cast<std::ptrdiff_t>(begin));
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(up_to_end), n - up_to_end,
                ring_.begin());
    size_ += n;
    return static_cast<std::int32_t>(n);
}

std::int32_t memory_pipe::lend(lent_buffer& into) noexcept {
    if (reader_closed_) return -EBADF;
    if (size_ == 0) return writer_closed_ ? 0 : would_wait;
    const std::size_t n = std::min(size_, lent_bytes_max);
    std::unique_ptr<std::byte[]> copy(new (std::nothrow) std::byte[n]);
    if (copy == nullptr) return -ENOMEM;
    const std::span<std::byte> bytes(copy.get(), n);
    read(bytes);
    into = lent_buffer(std::move(copy), bytes);
    return static_cast<std::int32_t>(n);
}

/// What one side has done may let the other go on, and that this one again.
void memory_pipe::retry() noexcept {
    while (retry(readers_) || retry(writers_)) {
    }
}

bool memory_pipe::retry(wait_queue& side) noexcept {
    if (side.empty()) return false;
    const std::int32_t outcome = static_cast<memory_operation&>(side.front()).attempt();
    if (outcome == would_wait) return false;
    side.complete_front(outcome);
    return true;
}

// --- the operations -----------------------------------------------------------------------------

memory_operation::progress memory_read_operation::start() {
    if (pipe_ != nullptr) return pipe_->start(*this, pipe_->readers());
    set_outcome(-EBADF);
    return progress::done;
}
std::int32_t memory_read_operation::attempt() noexcept { return pipe_->read(buffer_); }

memory_operation::progress memory_write_operation::start() {
    if (pipe_ != nullptr) return pipe_->start(*this, pipe_->writers());
    set_outcome(-EBADF);
    return progress::done;
}
std::int32_t memory_write_operation::attempt() noexcept { return pipe_->write(bytes_); }

memory_operation::progress memory_lent_operation::start() {
    if (pipe_ != nullptr) return pipe_->start(*this, pipe_->readers());
    set_outcome(-EBADF);
    return progress::done;
}
std::int32_t memory_lent_operation::attempt() noexcept { return pipe_->lend(arrived_); }

operation::progress memory_close_operation::start() {
    set_outcome(pipe_ == nullptr ? -EBADF : 0);
    if (pipe_ != nullptr) pipe_->close_writer();
    return progress::done;
}

// --- an end -------------------------------------------------------------------------------------

memory_read_operation memory_stream::read_some(std::span<std::byte> buffer) noexcept {
    CONDUIT_ASSERT(!buffer.empty(), "a read needs room for at least one byte");
    return {in_, buffer};
}

memory_lent_operation memory_stream::receive_lent() noexcept { return memory_lent_operation(in_); }

memory_write_operation memory_stream::write_some(std::span<const std::byte> bytes) noexcept {
    return {out_, bytes};
}

memory_close_operation memory_stream::close_writing() noexcept {
    return memory_close_operation(out_);
}

void memory_stream::close() noexcept {
    if (!is_open()) return;
    std::exchange(out_, nullptr)->close_writer();
    std::exchange(in_, nullptr)->close_reader();
}

memory_stream_ends make_memory_stream_pair(std::size_t capacity) {
    CONDUIT_ASSERT(capacity > 0, "a memory stream has room for at least one byte");
    auto there = std::make_shared<memory_pipe>(capacity);
    auto back = std::make_shared<memory_pipe>(capacity);
    return {memory_stream(back, there), memory_stream(there, back)};
}

}  // namespace conduit
