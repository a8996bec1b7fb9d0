// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/backend/sim_kernel.hpp>

#include <algorithm>
#include <cerrno>

namespace conduit {
namespace {

std::error_code not_simulated() { return std::make_error_code(std::errc::not_supported); }

std::error_code bad_handle() { return std::make_error_code(std::errc::bad_file_descriptor); }

std::error_code not_a_socket() { return std::make_error_code(std::errc::not_a_socket); }

}  // namespace

sim_kernel::~sim_kernel() {
    CONDUIT_ASSERT(open_ == 0, "a handle of a simulated kernel outlived its scheduler");
}

sim_pipe* sim_kernel::pipe_of(int handle) const noexcept {
    const auto row = static_cast<std::size_t>(handle);
    return handle >= 0 && row < rows_.size() ? rows_[row].pipe.get() : nullptr;
}

/// A transfer is short in one case of four, as a kernel's is when a signal or a page gets between.
std::size_t sim_kernel::maybe_short(std::size_t bytes) noexcept {
    return bytes > 1 && random_.chance(25) ? 1 + random_.below(bytes) : bytes;
}

std::int32_t sim_kernel::read(int handle, std::span<std::byte> into) {
    sim_pipe* pipe = pipe_of(handle);
    if (pipe == nullptr || rows_[static_cast<std::size_t>(handle)].writes) return -EBADF;
    if (pipe->bytes.empty()) return pipe->writers == 0 ? 0 : sim_would_wait;
    const std::size_t n = maybe_short(std::min(into.size(), pipe->bytes.size()));
    const auto end = pipe->bytes.begin() + static_cast<std::ptrdiff_t>(n);
    std::copy(pipe->bytes.begin(), end, into.begin());
    pipe->bytes.erase(pipe->bytes.begin(), end);
    changed_(*pipe);
    return static_cast<std::int32_t>(n);
}

std::int32_t sim_kernel::write(int handle, std::span<const std::byte> bytes) {
    sim_pipe* pipe = pipe_of(handle);
    if (pipe == nullptr || !rows_[static_cast<std::size_t>(handle)].writes) return -EBADF;
    if (pipe->readers == 0) return -EPIPE;
    if (bytes.empty()) return 0;
    const bool atomic = bytes.size() <= sim_pipe::atomic_write_max;
    if (pipe->room() == 0 || (atomic && pipe->room() < bytes.size())) return sim_would_wait;
    const std::size_t n = atomic ? bytes.size() : maybe_short(std::min(bytes.size(), pipe->room()));
    pipe->bytes.insert(pipe->bytes.end(), bytes.begin(),
                       bytes.begin() + static_cast<std::ptrdiff_t>(n));
    changed_(*pipe);
    return static_cast<std::int32_t>(n);
}

std::int32_t sim_kernel::splice(int from, int to, std::size_t bytes) {
    sim_pipe* source = pipe_of(from);
    sim_pipe* sink = pipe_of(to);
    if (source == nullptr || sink == nullptr) return -EBADF;
    if (rows_[static_cast<std::size_t>(from)].writes) return -EBADF;
    if (!rows_[static_cast<std::size_t>(to)].writes) return -EBADF;
    if (source == sink) return -EINVAL;
    if (sink->readers == 0) return -EPIPE;
    if (source->bytes.empty()) return source->writers == 0 ? 0 : sim_would_wait;
    if (sink->room() == 0) return sim_would_wait;
    const std::size_t n = maybe_short(std::min({bytes, source->bytes.size(), sink->room()}));
    const auto end = source->bytes.begin() + static_cast<std::ptrdiff_t>(n);
    sink->bytes.insert(sink->bytes.end(), source->bytes.begin(), end);
    source->bytes.erase(source->bytes.begin(), end);
    changed_(*source);
    changed_(*sink);
    return static_cast<std::int32_t>(n);
}

// What poll(2) calls an error or a hang-up counts as ready, and is all that the other end's
// direction can get.
bool sim_kernel::readable(int handle) const {
    const sim_pipe& pipe = *pipe_of(handle);
    if (rows_[static_cast<std::size_t>(handle)].writes) return pipe.readers == 0;
    return !pipe.bytes.empty() || pipe.writers == 0;
}

bool sim_kernel::writable(int handle) const {
    const sim_pipe& pipe = *pipe_of(handle);
    if (!rows_[static_cast<std::size_t>(handle)].writes) return pipe.writers == 0;
    return pipe.room() >= std::min(pipe.capacity, sim_pipe::atomic_write_max) || pipe.readers == 0;
}

void sim_kernel::random(std::span<std::byte> into) noexcept {
    for (std::byte& each : into) each = static_cast<std::byte>(random_.below(256));
}

void sim_kernel::close(int handle) noexcept {
    CONDUIT_ASSERT(pipe_of(handle) != nullptr, "a simulated handle was closed twice");
    const sim_handle row = std::exchange(rows_[static_cast<std::size_t>(handle)], {});
    --open_;
    --(row.writes ? row.pipe->writers : row.pipe->readers);
    changed_(*row.pipe);
}

result<int> sim_kernel::native(int) const { return not_simulated(); }

result<handle_kind> sim_kernel::kind_of(const unique_fd& handle) {
    if (pipe_of(handle.handle()) == nullptr) return bad_handle();
    return handle_kind::pipe;
}

result<handle_access> sim_kernel::access_of(const unique_fd& handle) {
    if (pipe_of(handle.handle()) == nullptr) return bad_handle();
    handle_access access;
    access.writes = rows_[static_cast<std::size_t>(handle.handle())].writes;
    access.reads = !access.writes;
    return access;
}

std::size_t sim_kernel::free_rows() const noexcept { return handles_max - open_; }

/// Takes the lowest free number, as a kernel does.
int sim_kernel::add(sim_handle row) {
    const auto is_free = [](const sim_handle& each) { return each.pipe == nullptr; };
    auto place = std::find_if(rows_.begin(), rows_.end(), is_free);
    if (place == rows_.end()) place = rows_.emplace(rows_.end());
    ++(row.writes ? row.pipe->writers : row.pipe->readers);
    ++open_;
    const auto number = static_cast<int>(place - rows_.begin());
    *place = std::move(row);
    return number;
}

result<std::pair<unique_fd, unique_fd>> sim_kernel::make_pipe() {
    if (free_rows() < 2) return std::make_error_code(std::errc::too_many_files_open);
    const auto pipe = std::make_shared<sim_pipe>();
    pipe->id = ++pipes_made_;
    const std::size_t pages = random_.chance(25) ? 1 : 16;  // one page: a user with many pipes
    pipe->capacity = pages * 4096;
    sim_handle reading;
    reading.pipe = pipe;
    sim_handle writing;
    writing.pipe = pipe;
    writing.writes = true;
    unique_fd first(*this, add(std::move(reading)));
    unique_fd second(*this, add(std::move(writing)));
    return std::pair(std::move(first), std::move(second));
}

result<unique_fd> sim_kernel::duplicate(const unique_fd& handle) {
    if (pipe_of(handle.handle()) == nullptr) return bad_handle();
    if (free_rows() < 1) return std::make_error_code(std::errc::too_many_files_open);
    sim_handle row = rows_[static_cast<std::size_t>(handle.handle())];
    return unique_fd(*this, add(std::move(row)));
}

// --- sockets: pipes are the only handles so far -------------------------------------------------

result<std::pair<unique_fd, unique_fd>> sim_kernel::make_socket_pair(socket_kind) {
    return not_simulated();
}
result<unique_fd> sim_kernel::make_socket(socket_family, socket_kind) { return not_simulated(); }
result<void> sim_kernel::bind(const unique_fd&, const socket_address&) { return not_a_socket(); }
result<void> sim_kernel::listen(const unique_fd&, int) { return not_a_socket(); }
result<socket_address> sim_kernel::local_address(const unique_fd&) { return not_a_socket(); }
result<socket_address> sim_kernel::peer_address(const unique_fd&) { return not_a_socket(); }
result<void> sim_kernel::set_option(const unique_fd&, socket_option, int) { return not_a_socket(); }
result<credentials> sim_kernel::peer_credentials(const unique_fd&) { return not_a_socket(); }

// --- not simulated yet --------------------------------------------------------------------------

result<void> sim_kernel::make_directory(const std::string&, unsigned) { return not_simulated(); }
result<void> sim_kernel::make_fifo(const std::string&, unsigned) { return not_simulated(); }
result<unique_fd> sim_kernel::open_fifo(const std::string&, handle_access) {
    return not_simulated();
}
result<file_status> sim_kernel::status_of(const unique_fd&) { return not_simulated(); }
result<file_status> sim_kernel::status_of(const std::string&) { return not_simulated(); }
result<void> sim_kernel::change_mode(const unique_fd&, unsigned) { return not_simulated(); }
result<void> sim_kernel::remove(const std::string&) { return not_simulated(); }
result<void> sim_kernel::rename(const std::string&, const std::string&) { return not_simulated(); }
result<unique_fd> sim_kernel::lock_file(const std::string&) { return not_simulated(); }
result<spawned_process> sim_kernel::spawn(const spawn_request&) { return not_simulated(); }
result<unique_fd> sim_kernel::open_process(std::int32_t) { return not_simulated(); }
result<void> sim_kernel::signal_process(const unique_fd&, int) { return not_simulated(); }
result<unique_fd> sim_kernel::watch_signals(std::span<const int>) { return not_simulated(); }

}  // namespace conduit
