// SPDX-License-Identifier: BSL-1.0
//
// Two connected ends inside one process, without the kernel: for tests, whose every step is then
// the same on each run, and for services that live beside their clients. Between processes use
// unix_stream.hpp; to hand over values rather than bytes use runtime/queue.hpp.
//
//     auto [ours, theirs] = conduit::make_memory_stream_pair(16);     // bytes in each direction
//     auto sent = co_await ours.write_some(conduit::bytes_of("hello"));
//     auto got = co_await theirs.read_some(buffer);                   // 5

#pragma once

#include <conduit/channels/channel_traits.hpp>
#include <conduit/runtime/lent_buffer.hpp>
#include <conduit/runtime/operation.hpp>
#include <conduit/runtime/result.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

namespace conduit {

class memory_pipe;
class memory_read_operation;
class memory_write_operation;
class memory_lent_operation;
class memory_close_operation;
struct memory_stream_ends;

/// Makes two ends with room for `capacity` bytes on the way in each direction, at least one.
[[nodiscard]] memory_stream_ends make_memory_stream_pair(std::size_t capacity = std::size_t{64} *
                                                                                1024);

/// One end. Both belong to the scheduler of their first use; use from another one asserts.
///
/// One read and one write may be in flight at a time; a further one asserts. Bytes and buffers must
/// outlive their operation. A cancelled operation has moved nothing. The end may be moved at any
/// time. Closing it, also by destroying it, completes its own operations with errc::cancelled.
class memory_stream {
public:
    static constexpr channel_traits traits{channel_ways::two_way, channel_duplex::full,
                                           channel_relation::same_process};

    memory_stream(memory_stream&&) noexcept = default;
    memory_stream& operator=(memory_stream&& other) noexcept {
        std::swap(in_, other.in_);
        std::swap(out_, other.out_);
        return *this;
    }
    ~memory_stream() { close(); }

    /// Waits until at least one byte is there, then yields how many were read: 0 once the other end
    /// has closed and all it wrote was read. `buffer` must not be empty.
    memory_read_operation read_some(std::span<std::byte> buffer) noexcept;

    /// As read_some(); the buffer is a copy that was allocated once there was something to copy.
    memory_lent_operation receive_lent() noexcept;

    /// Waits until there is room, then yields how many bytes were taken. Fails with
    /// std::errc::broken_pipe once the other end is closed, or after close_writing().
    memory_write_operation write_some(std::span<const std::byte> bytes) noexcept;

    /// The other end sees the end of the stream after what was written; reading goes on.
    memory_close_operation close_writing() noexcept;

    /// Closes both directions now rather than in the destructor. Afterwards all operations here
    /// fail with std::errc::bad_file_descriptor.
    void close() noexcept;

    bool is_open() const noexcept { return in_ != nullptr; }

private:
    friend memory_stream_ends make_memory_stream_pair(std::size_t capacity);
    memory_stream(std::shared_ptr<memory_pipe> in, std::shared_ptr<memory_pipe> out) noexcept
        : in_(std::move(in)), out_(std::move(out)) {}

    std::shared_ptr<memory_pipe> in_;
    std::shared_ptr<memory_pipe> out_;
};

/// What is written at the one can be read at the other.
struct memory_stream_ends {
    memory_stream first;
    memory_stream second;
};

/// Waits for its side of a memory_pipe, which completes it. The end may be closed before it starts:
/// then a read fails with std::errc::bad_file_descriptor, a write with std::errc::broken_pipe.
class memory_operation : public operation {
public:
    void cancel() noexcept override { complete(cancelled_outcome); }

protected:
    friend class memory_pipe;
    explicit memory_operation(std::shared_ptr<memory_pipe> on) noexcept : pipe_(std::move(on)) {}
    memory_operation(memory_operation&&) noexcept = default;
    ~memory_operation() = default;

    /// One try: a count, a negative errno, or memory_pipe::would_wait.
    virtual std::int32_t attempt() noexcept = 0;

    std::shared_ptr<memory_pipe> pipe_;  // null: the end was closed
};

class memory_read_operation final : public memory_operation {
public:
    memory_read_operation(std::shared_ptr<memory_pipe> on, std::span<std::byte> buffer) noexcept
        : memory_operation(std::move(on)), buffer_(buffer) {}

    const char* name() const noexcept override { return "memory read"; }
    result<std::size_t> await_resume() const {
        if (failed()) return error();
        return static_cast<std::size_t>(outcome());
    }

private:
    progress start() override;
    std::int32_t attempt() noexcept override;

    std::span<std::byte> buffer_;
};

class memory_write_operation final : public memory_operation {
public:
    memory_write_operation(std::shared_ptr<memory_pipe> on,
                           std::span<const std::byte> bytes) noexcept
        : memory_operation(std::move(on)), bytes_(bytes) {}

    const char* name() const noexcept override { return "memory write"; }
    result<std::size_t> await_resume() const {
        if (failed()) return error();
        return static_cast<std::size_t>(outcome());
    }

private:
    progress start() override;
    std::int32_t attempt() noexcept override;

    std::span<const std::byte> bytes_;
};

class memory_lent_operation final : public memory_operation {
public:
    explicit memory_lent_operation(std::shared_ptr<memory_pipe> on) noexcept
        : memory_operation(std::move(on)) {}

    const char* name() const noexcept override { return "memory receive"; }
    result<lent_buffer> await_resume() {
        if (failed()) return error();
        return std::move(arrived_);
    }

private:
    progress start() override;
    std::int32_t attempt() noexcept override;

    lent_buffer arrived_;
};

/// Never waits, and is done also where a stop was requested.
class memory_close_operation final : public operation {
public:
    explicit memory_close_operation(std::shared_ptr<memory_pipe> on) noexcept
        : operation(kind::unstoppable), pipe_(std::move(on)) {}

    const char* name() const noexcept override { return "memory close"; }
    void cancel() noexcept override {}
    result<void> await_resume() const {
        if (failed()) return error();
        return {};
    }

private:
    progress start() override;

    std::shared_ptr<memory_pipe> pipe_;
};

}  // namespace conduit
