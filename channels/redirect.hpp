// SPDX-License-Identifier: BSL-1.0
//
// What a program that is started reads from or writes to: a file, a channel, a buffer, nothing.
// command.hpp says which of its streams.
//
//     auto sort = conduit::command("sort")
//                     .input(conduit::redirect::text("b\na\n"))
//                     .output(conduit::redirect::to_file("sorted"))
//                     .error_output(conduit::redirect::null());

#pragma once

#include <conduit/runtime/result.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace conduit {

/// Where one stream of a program goes or comes from. A value that owns what it was given; a
/// descriptor in it closes in this process once the program was started, or could not be.
///
/// Paths are opened when the program is started, by this process and from its working folder,
/// without waiting: a FIFO nobody reads fails with std::errc::no_such_device_or_address, and one
/// that nobody writes ends at once. Open those with fifo.hpp and pass the channel.
class redirect {
public:
    enum class kind : std::uint8_t {
        unset,  // what start() or run() takes then
        inherit,
        null,
        from_file,
        to_file,
        append_to,
        handle,
        channel,
        text,
        pipe,
        capture,
        to_output,
    };

    /// Bytes that capture() takes unless told otherwise.
    static constexpr std::size_t capture_bytes_max = std::size_t{16} * 1024 * 1024;

    redirect() noexcept = default;

    /// This process's own stream of that number.
    static redirect inherit() { return redirect(kind::inherit); }
    /// Nothing to read; what is written goes nowhere.
    static redirect null() { return redirect(kind::null); }
    static redirect from_file(std::string path) {
        return redirect(kind::from_file, std::move(path));
    }
    /// Creates the file with mode 0600, or empties it.
    static redirect to_file(std::string path) { return redirect(kind::to_file, std::move(path)); }
    static redirect append_to(std::string path) {
        return redirect(kind::append_to, std::move(path));
    }
    /// Any descriptor. Its flags are left alone, since others may share them: most programs expect
    /// one that blocks.
    static redirect handle(unique_fd fd) {
        redirect made(kind::handle);
        made.fd_ = std::move(fd);
        return made;
    }
    /// An idle end of a channel, such as a pipe_reader, which is made to block.
    template <class Channel>
    static redirect channel(Channel end) {
        redirect made(kind::channel);
        auto fd = end.detach();
        if (fd) {
            made.fd_ = std::move(*fd);
        } else {
            made.error_ = fd.error();
        }
        return made;
    }
    /// For input: these bytes, in a file without a name, so that nobody need feed them.
    static redirect text(std::string bytes) { return redirect(kind::text, std::move(bytes)); }
    /// A pipe whose other end the process object has (process.hpp).
    static redirect pipe() { return redirect(kind::pipe); }
    /// For output: as pipe(); run() collects it. More than `bytes_max` ends the program, and run()
    /// fails with std::errc::value_too_large.
    static redirect capture(std::size_t bytes_max = capture_bytes_max) {
        redirect made(kind::capture);
        made.bytes_max_ = bytes_max;
        return made;
    }
    /// For error output: to where the output goes, as 2>&1 in a shell.
    static redirect to_output() { return redirect(kind::to_output); }

    kind what() const noexcept { return what_; }
    const std::string& text_or_path() const noexcept { return text_; }
    std::size_t bytes_max() const noexcept { return bytes_max_; }
    unique_fd& fd() noexcept { return fd_; }
    /// Why the channel did not give its descriptor.
    std::error_code error() const noexcept { return error_; }

private:
    explicit redirect(kind what) noexcept : what_(what) {}
    redirect(kind what, std::string text) noexcept : what_(what), text_(std::move(text)) {}

    kind what_ = kind::unset;
    std::string text_;
    unique_fd fd_;
    std::size_t bytes_max_ = capture_bytes_max;
    std::error_code error_;
};

}  // namespace conduit
