// SPDX-License-Identifier: BSL-1.0
//
// The half of the seam that is done at once: making, naming, binding and closing handles, paths and
// locks, processes and signals, the clock and randomness. What must be waited for is backend.hpp's.
// The two are the only way from conduit to the kernel, so that a simulation can replace both.
//
//     auto ends = here.make_pipe();
//     if (!ends) return ends.error();

#pragma once

#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/io_message.hpp>
#include <conduit/runtime/io_operation.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/socket_address.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace conduit {

enum class handle_kind : std::uint8_t {
    pipe,  // with or without a name
    stream_socket,
    datagram_socket,
    file,
    process,
    other
};

/// In which directions a handle was opened.
struct handle_access {
    bool reads = false;
    bool writes = false;
};

/// What a read from a pipe would find now.
enum class pipe_content : std::uint8_t { bytes, nothing_yet, the_end };

/// Whether a call may wait for a disk.
enum class disk_wait : std::uint8_t { allowed, refused };

/// What a path or a handle refers to. Two that have device and inode in common are one object.
struct file_status {
    enum class type : std::uint8_t { file, directory, fifo, socket, symbolic_link, other };

    type what = type::other;
    std::uint32_t owner = 0;  // user id
    std::uint32_t mode = 0;   // the permission bits, 07777
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
};

/// Together with its number it tells a process from every other one that this host ever ran.
struct process_identity {
    std::array<std::uint8_t, 16> boot{};  // of /proc/sys/kernel/random/boot_id
    std::uint64_t start_time = 0;         // clock ticks since boot, field 22 of /proc/PID/stat
};

enum class socket_family { unix_domain, ipv4, ipv6 };
enum class socket_kind { stream, datagram };

enum class socket_option {
    reuse_address,
    reuse_port,
    no_delay,
    keep_alive,
    pass_credentials,
    pass_handles,  // Unix sockets: on unless it is turned off, which older kernels cannot
    send_buffer_bytes,
    receive_buffer_bytes,
    v6_only,
    keep_alive_idle_seconds,
    keep_alive_interval_seconds,
    keep_alive_probes,
    user_timeout_milliseconds,
};

/// A program to start. Only the handles and files listed are open in it, numbered as given, and of
/// 0, 1 and 2 those that are not listed are this process's own.
struct spawn_request {
    struct file {
        std::string path;  // opened by this process, without waiting, and handed over blocking
        enum class use : std::uint8_t { read, write_new, append } use = use::read;
        int number = 0;
    };

    /// Without a slash it is searched in the PATH of `environment`, passing over entries that are
    /// not absolute; with one, a relative path starts in the working folder.
    std::string path;
    std::vector<std::string> arguments;        // the name first
    std::vector<std::string> environment;      // "NAME=value"
    std::vector<std::pair<int, int>> handles;  // (handle of this process, number in the child)
    std::vector<file> files;
    bool errors_to_output = false;   // 2 is what 1 is
    std::string working_folder;      // empty: this process's
    bool leads_group = false;        // a process group of its own, with its own number
    bool no_new_privileges = false;  // PR_SET_NO_NEW_PRIVS
};

/// What of a spawn_request failed.
struct spawn_failure {
    enum class part : std::uint8_t { program, working_folder, file, handle };

    part what = part::program;
    int number = 0;  // of the file or handle in the child
};

struct spawned_process {
    std::int32_t pid = 0;
    unique_fd handle;  // readable once the process has ended
};

/// A handle that whoever started this process left open for it, and what they call it.
struct inherited_handle {
    std::string name;
    unique_fd handle;
};

/// All handles it makes are non-blocking and close-on-exec. What a kernel cannot do fails with
/// std::errc::not_supported. One object may serve several schedulers and threads.
class kernel {
public:
    virtual ~kernel() = default;

    // Clock and randomness.
    virtual clock::time_point now() noexcept = 0;
    virtual void random(std::span<std::byte> into) noexcept = 0;

    // Handles.
    virtual void close(int handle) noexcept = 0;
    virtual result<int> native(int handle) const = 0;
    virtual result<handle_kind> kind_of(const unique_fd& handle) = 0;
    virtual result<handle_access> access_of(const unique_fd& handle) = 0;
    virtual result<file_status> status_of(const unique_fd& handle) = 0;
    virtual result<std::pair<unique_fd, unique_fd>> make_pipe() = 0;  // reading end first
    virtual result<std::pair<unique_fd, unique_fd>> make_socket_pair(socket_kind kind) = 0;
    virtual result<unique_fd> make_socket(socket_family family, socket_kind kind) = 0;
    virtual result<unique_fd> duplicate(const unique_fd& handle) = 0;

    // Files.
    /// A duplicate of a descriptor that others opened, such as the standard input. The two share
    /// their flags and their position.
    virtual result<unique_fd> duplicate_native(int descriptor) = 0;
    /// Reads a file from its position on. Where that would wait for a disk although it must not,
    /// or where this cannot be known, fails with resource_unavailable_try_again.
    virtual result<std::size_t> read_file(int handle, std::span<std::byte> into,
                                          disk_wait wait) = 0;

    /// Blocks until what was written to a file, or the names in a folder, are on the disk.
    virtual result<void> make_durable(const std::string& path) = 0;

    // Names and options of sockets.
    virtual result<void> bind(const unique_fd& socket, const socket_address& address) = 0;
    virtual result<void> listen(const unique_fd& socket, int backlog_max) = 0;
    virtual result<socket_address> local_address(const unique_fd& socket) = 0;
    virtual result<socket_address> peer_address(const unique_fd& socket) = 0;
    virtual result<void> set_option(const unique_fd& socket, socket_option option, int value) = 0;
    virtual result<credentials> peer_credentials(const unique_fd& socket) = 0;
    /// The groups, beside its own, of the process that peer_credentials() tells of.
    virtual result<std::vector<std::uint32_t>> peer_groups(const unique_fd& socket) = 0;

    // The other end of a Unix socket.
    /// The memory that holds what was written to a stream socket and its peer has not read, which
    /// is never less than those bytes; nothing once the peer has closed, also when this end is shut
    /// down.
    virtual result<std::size_t> unread_by_peer(const unique_fd& socket) = 0;
    /// Who sent the bytes that come next, which stay where they are; nothing at the end of the
    /// stream and where the socket does not have pass_credentials set.
    virtual result<std::optional<credentials>> next_sender(const unique_fd& socket) = 0;
    /// The process that peer_credentials() tells of, connected at the time `seen` or before. Fails
    /// with no_such_process once it has ended and the kernel cannot say which it was.
    virtual result<unique_fd> peer_process(const unique_fd& socket, clock::time_point seen) = 0;

    // Paths and locks.
    virtual result<void> make_directory(const std::string& path, unsigned mode) = 0;
    /// With this mode, whatever the umask; never with a wider one.
    virtual result<void> make_fifo(const std::string& path, unsigned mode) = 0;
    /// Opens what is there for reading or writing, without waiting and without following a symbolic
    /// link. Fails with no_such_device_or_address for a FIFO to write to that nobody reads.
    virtual result<unique_fd> open_fifo(const std::string& path, handle_access access) = 0;
    /// Takes nothing out. A pipe that nobody writes to is at its end, so a FIFO that no writer has
    /// opened yet is there as well.
    virtual result<pipe_content> look_into(const unique_fd& reader) = 0;
    /// From now on what one write puts into a pipe is taken out by one read, which loses the rest
    /// where its buffer is smaller; each takes a page of the pipe's room.
    virtual result<void> keep_writes_apart(const unique_fd& writer) = 0;
    /// Of the link itself where the path is one.
    virtual result<file_status> status_of(const std::string& path) = 0;
    /// A handle on what is there, which is neither read nor written and no link at its end: its
    /// address within /proc stands for a path of any length.
    virtual result<unique_fd> open_place(const std::string& path) = 0;
    /// A handle from which bytes can be read whenever something in a folder was written and closed,
    /// made, renamed or removed. What they say is the kernel's: look at what there is instead.
    virtual result<unique_fd> watch_folder(const std::string& path) = 0;
    virtual result<void> change_mode(const std::string& path, unsigned mode) = 0;
    /// Of a socket before it is bound: what its path will have, whatever the umask.
    virtual result<void> change_mode(const unique_fd& handle, unsigned mode) = 0;
    virtual result<void> remove(const std::string& path) = 0;
    virtual result<void> rename(const std::string& from, const std::string& to) = 0;
    /// Locks a file, made with mode 0600 if needed, for as long as the handle is open. Fails with
    /// resource_unavailable_try_again when another holds it.
    virtual result<unique_fd> lock_file(const std::string& path) = 0;

    // Processes and signals.
    /// Starts a program, with clean signals. That it cannot be executed is this call's failure; no
    /// shell is tried. `why` is set on failure.
    virtual result<spawned_process> spawn(const spawn_request& program, spawn_failure& why) = 0;
    result<spawned_process> spawn(const spawn_request& program) {
        spawn_failure why;
        return spawn(program, why);
    }
    virtual std::uint32_t effective_user() = 0;
    /// What the LISTEN_FDS of sd_listen_fds(3) tells of; empty when it is not for this process.
    /// Fails with device_or_resource_busy when they were taken before.
    virtual result<std::vector<inherited_handle>> take_inherited() = 0;
    virtual result<unique_fd> open_process(std::int32_t pid) = 0;
    /// Of the one that had this number at the time `seen`. Fails with no_such_process once it has
    /// ended.
    virtual result<unique_fd> open_process(std::int32_t pid, clock::time_point seen) = 0;
    virtual result<void> signal_process(const unique_fd& process, int signal) = 0;
    /// The same for all of the process group that a child was started to lead. Once the child was
    /// waited for, kernels before 6.9 fail with no_such_process.
    virtual result<void> signal_group(const spawned_process& leader, int signal) = 0;
    /// Blocks the thread until a child that was killed has ended, and takes its status, so that it
    /// is no zombie. For when nothing can be awaited any more.
    virtual void reap(const unique_fd& process) noexcept = 0;
    /// Fails with no_such_process where there is none; of process 0 there is the boot only.
    virtual result<process_identity> identity_of(std::int32_t pid) = 0;
    /// Of a process that is no child, once its handle is readable; `pid` is its number. Fails where
    /// the kernel does not say: to another user, or to all (before Linux 6.15) once its parent has
    /// waited for it.
    virtual result<exit_status> how_ended(const unique_fd& process, std::int32_t pid) = 0;
    /// Of the user database, which may block for as long as a network takes. They fail with
    /// invalid_argument where there is no such name. Members are also those whose first group it
    /// is.
    virtual result<std::uint32_t> user_named(const std::string& name) = 0;
    virtual result<std::vector<std::uint32_t>> members_of(const std::string& group) = 0;
    /// A variable of the environment, unless this program has rights that who started it has not
    /// (AT_SECURE): then there is none.
    virtual std::optional<std::string> trusted_variable(const std::string& name) = 0;
    /// This process's own, as "NAME=value".
    virtual std::vector<std::string> environment() = 0;
    /// Clears the flag that all handles made here have: for a program that does not expect it.
    virtual result<void> make_blocking(const unique_fd& handle) = 0;
    /// A file without a name that holds `bytes`, to be read from its start.
    virtual result<unique_fd> make_memory_file(std::span<const std::byte> bytes) = 0;
    /// A handle from which each of `signals` that the process gets is read as one byte. One
    /// watcher per signal: fails with device_or_resource_busy beyond. Closing it restores what the
    /// signals did before.
    virtual result<unique_fd> watch_signals(std::span<const int> signals) = 0;
};

/// The real one. It has no state of its own.
kernel& linux_kernel() noexcept;

/// The kernel of the scheduler that runs on this thread.
kernel& current_kernel() noexcept;

}  // namespace conduit
