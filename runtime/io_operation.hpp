// SPDX-License-Identifier: BSL-1.0
//
// The operations on a handle, as awaitables. io_handle.hpp makes them.
//
//     conduit::read_operation read = handle.read_some(buffer);
//     auto got = co_await std::move(read);                // result<std::size_t>

#pragma once

#include <conduit/runtime/lent_buffer.hpp>
#include <conduit/runtime/operation.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace conduit {

class backend;
struct registration;

enum class io_code : std::uint8_t {
    read,
    write,
    send,
    receive,
    receive_lent,
    accept,
    accept_many,
    connect,
    open,
    poll_readable,
    poll_writable,
    poll_hang_up,
    wait_process,
    splice,
    shutdown,
    close,
};

/// How open_file() opens (io_handle.hpp).
enum class open_mode : std::uint8_t { read, write_new, append };

/// What an operation works on: memory it fills, or something it only reads. The code says which and
/// of what type: a buffer, a message, an address, a path, another registration.
class io_data {
public:
    io_data(std::nullptr_t) noexcept : into_(nullptr) {}
    io_data(void* into) noexcept : into_(into) {}
    io_data(const void* from) noexcept : from_(from) {}

    void* into() const noexcept { return into_; }
    const void* from() const noexcept { return from_; }

private:
    union {
        void* into_;
        const void* from_;
    };
};

/// What every operation on a handle shares: what to do, on what, with which memory. The backend
/// completes it; destroying it while it waits takes it back before the destructor returns. The
/// handle may be closed before it starts: then it fails with std::errc::bad_file_descriptor.
class io_operation : public operation {
public:
    const char* name() const noexcept override;
    void cancel() noexcept override;

    io_code code() const noexcept { return code_; }
    registration* target() const noexcept { return target_; }
    /// The handle that a splice moves to; null for others.
    registration* second_target() const noexcept {
        return code_ == io_code::splice ? static_cast<registration*>(data_.into()) : nullptr;
    }
    io_data data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }

    /// The memory that a read fills, or that a write sends.
    std::span<std::byte> buffer() const noexcept {
        return {static_cast<std::byte*>(data_.into()), size_};
    }
    std::span<const std::byte> bytes() const noexcept {
        return {static_cast<const std::byte*>(data_.from()), size_};
    }

    // For backends: what an operation that is done at once ended with.
    using operation::cancelled_outcome;
    using operation::is_waiting;
    using operation::progress;
    using operation::set_outcome;

protected:
    io_operation(io_code code, registration* target, io_data data, std::size_t size) noexcept;
    io_operation(io_operation&& other) noexcept;
    ~io_operation();

private:
    static constexpr std::int32_t closed_outcome = -9;  // -EBADF

    static bool is_closed(const registration* target) noexcept;
    void expect_free_side(const backend& here) const noexcept;
    progress start() override;
    void withdraw() noexcept;

    io_code code_;
    registration* target_;
    io_data data_;
    std::size_t size_;
};

/// Yields how many bytes were moved.
class count_operation final : public io_operation {
public:
    count_operation(io_code code, registration* target, io_data data, std::size_t size) noexcept
        : io_operation(code, target, data, size) {}

    result<std::size_t> await_resume() const {
        if (failed()) return error();
        return static_cast<std::size_t>(outcome());
    }
};

/// Yields nothing but success.
class status_operation final : public io_operation {
public:
    status_operation(io_code code, registration* target, io_data data, std::size_t size) noexcept
        : io_operation(code, target, data, size) {}

    result<void> await_resume() const {
        if (failed()) return error();
        return {};
    }
};

/// Yields a new handle. One that arrives while its task is being destroyed is closed.
class handle_operation final : public io_operation {
public:
    handle_operation(io_code code, registration* target, io_data data, std::size_t size) noexcept
        : io_operation(code, target, data, size) {}
    handle_operation(handle_operation&&) noexcept = default;
    ~handle_operation();

    result<unique_fd> await_resume();
};

/// Yields a buffer of the scheduler's with what arrived in it; an empty one at the end of stream.
class lent_operation final : public io_operation {
public:
    explicit lent_operation(registration* target) noexcept
        : io_operation(io_code::receive_lent, target, nullptr, 0) {}

    void lend(lent_buffer arrived) noexcept { arrived_ = std::move(arrived); }
    result<lent_buffer> await_resume() {
        if (failed()) return error();
        return std::move(arrived_);
    }

private:
    lent_buffer arrived_;
};

/// How a process ended: with an exit code, or by a signal (then `code` is 0).
struct exit_status {
    int code = 0;
    int signal = 0;
};

class exit_operation final : public io_operation {
public:
    explicit exit_operation(registration* target) noexcept
        : io_operation(io_code::wait_process, target, nullptr, 0) {}

    result<exit_status> await_resume() const;

    /// One number for both: the code, or 256 and the signal.
    static constexpr std::int32_t signalled = 256;
};

using read_operation = count_operation;
using write_operation = count_operation;
using send_operation = count_operation;
using receive_operation = count_operation;
using splice_operation = count_operation;
using accept_operation = handle_operation;
using open_operation = handle_operation;
using connect_operation = status_operation;
using poll_operation = status_operation;
using shutdown_operation = status_operation;
using close_operation = status_operation;

}  // namespace conduit
