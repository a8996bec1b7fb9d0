// SPDX-License-Identifier: BSL-1.0
//
// A program that runs as a child of this process: its streams, its signals and its end. To only
// have its output use run() of pipeline.hpp; to join several use that header as well.
//
//     auto child = conduit::start(conduit::command("sort", "-u")).value();
//     auto sent = co_await conduit::write_all(child, conduit::bytes_of("b\na\n"));
//     auto closed = co_await child.close_writing();       // sort sees the end of its input
//     auto got = co_await child.read_some(buffer);         // "a\nb\n"
//     auto status = co_await child.exited();               // status->code is 0

#pragma once

#include <conduit/channels/channel_traits.hpp>
#include <conduit/channels/command.hpp>
#include <conduit/channels/pipe.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/io_operation.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/task.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>

namespace conduit {

class process;
struct process_parts;

/// Why a program did not start: of what, where, and the reason, which is start()'s error as well.
struct start_failure {
    enum class part : std::uint8_t { program, argument, working_folder, redirection, handle };

    part what = part::program;
    std::string path;       // of the program, the folder or the file; empty for others
    int number = 0;         // of the stream or handle there
    std::size_t stage = 0;  // in a pipeline
    std::error_code reason;

    /// One line: "cannot start nosuch: No such file or directory".
    std::string text() const;
};

/// Starts a program on the current scheduler and returns once it executes. That it is missing, is
/// no program, or has too long arguments is the error of this call, and `why`, if given, tells of
/// what. A byte 0 in any word fails with std::errc::invalid_argument.
[[nodiscard]] result<process> start(command program, start_failure* why = nullptr);

/// A child process, as its owner sees it. With the pipes that start() makes by default it is one
/// byte stream: what is written is the program's input, what is read is its output.
///
/// Destroying it without having seen it exit kills it (SIGKILL; its whole group if it has its own)
/// and leaves no zombie: nothing goes on unseen, but what got other rights (set-user-id) and so may
/// not be killed. One read, one write and any number of waits for
/// its end may be in flight; the object must outlive them, and may be moved meanwhile.
///
/// Cancelling a wait for its end leaves it running.
class process {
public:
    static constexpr channel_traits traits{channel_ways::two_way, channel_duplex::full,
                                           channel_relation::related};
    static constexpr std::chrono::seconds grace_default{5};

    process(process&&) noexcept;
    process& operator=(process&&) noexcept;
    ~process();

    /// Its number, for people: act on the process through this object, which cannot hit another.
    std::int32_t pid() const noexcept;

    /// From its output. Fails with std::errc::bad_file_descriptor where that is no pipe to here.
    read_operation read_some(std::span<std::byte> buffer) noexcept {
        return output_.read_some(buffer);
    }
    lent_operation receive_lent() noexcept { return output_.receive_lent(); }

    /// To its input. Fails with std::errc::broken_pipe once it has closed that or ended.
    write_operation write_some(std::span<const std::byte> bytes) noexcept {
        return input_.write_some(bytes);
    }

    /// Ends its input.
    close_operation close_writing() noexcept { return input_.close_and_wait(); }

    /// Takes one of its pipes as a channel of its own. Fails with std::errc::bad_file_descriptor
    /// where there is none, or it was taken, and device_or_resource_busy while it is in use.
    [[nodiscard]] result<pipe_writer> take_input();
    [[nodiscard]] result<pipe_reader> take_output();
    [[nodiscard]] result<pipe_reader> take_error_output();

    /// Waits for its end; yields how it ended, again and again. Its output may go on: a program it
    /// started can hold the pipe. Fails with std::errc::no_child_process where SIGCHLD is ignored
    /// in this process, or other code of it waited for the child.
    task<result<exit_status>> exited();

    /// Whether its end was seen by exited() or stop().
    bool has_exited() const noexcept;

    /// Sends a signal, to its whole group if it has its own. Fails with std::errc::no_such_process
    /// once it has ended and that was seen.
    result<void> signal(int number);

    /// Asks it to end by SIGTERM, after `grace` by SIGKILL, and waits for that. A stop request does
    /// not shorten this, only the end of the scheduler does. Yields how it ended. Fails with
    /// std::errc::operation_not_permitted where it got other rights (set-user-id) and goes on.
    task<result<exit_status>> stop(clock::duration grace = grace_default);

    /// Closes the pipes, and kills it as the destructor does if its end was not seen.
    void close() noexcept;
    bool is_open() const noexcept { return state_ != nullptr; }

    /// The untyped handles underneath: its input, its output, its error output.
    io_handle& handle_of(int number) noexcept {
        return number == 0 ? input_ : number == 1 ? output_ : error_output_;
    }
    /// For copy(), which moves bytes inside the kernel where it can.
    io_handle* source_handle() noexcept { return &output_; }
    io_handle* sink_handle() noexcept { return &input_; }

private:
    friend class child_plan;
    explicit process(process_parts parts);

    class state;

    std::unique_ptr<state> state_;
    io_handle input_;
    io_handle output_;
    io_handle error_output_;
};

}  // namespace conduit
