// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/backend/sim_file.hpp>
#include <conduit/runtime/backend/sim_kernel.hpp>
#include <conduit/runtime/backend/sim_pipe.hpp>

#include <algorithm>
#include <cerrno>

namespace conduit {
namespace {

std::error_code not_simulated() { return std::make_error_code(std::errc::not_supported); }

std::error_code bad_handle() { return std::make_error_code(std::errc::bad_file_descriptor); }

}  // namespace

sim_kernel::~sim_kernel() {
    CONDUIT_ASSERT(open_ == 0, "a handle of a simulated kernel outlived its scheduler");
}

sim_open* sim_kernel::open_of(int handle) const noexcept {
    const auto row = static_cast<std::size_t>(handle);
    return handle >= 0 && row < rows_.size() ? rows_[row].get() : nullptr;
}

std::int32_t sim_kernel::read(int handle, std::span<std::byte> into) {
    sim_open* const from = open_of(handle);
    return from != nullptr ? from->read(into) : -EBADF;
}

std::int32_t sim_kernel::write(int handle, std::span<const std::byte> bytes) {
    sim_open* const to = open_of(handle);
    return to != nullptr ? to->write(bytes) : -EBADF;
}

std::int32_t sim_kernel::splice(int from, int to, std::size_t bytes) {
    sim_open* const source = open_of(from);
    sim_open* const sink = open_of(to);
    if (source == nullptr || sink == nullptr) return -EBADF;
    if (!source->access.reads || !sink->access.writes) return -EBADF;
    if (source->kind != handle_kind::pipe && sink->kind != handle_kind::pipe) return -EINVAL;
    if (source->source() == sink->source()) return -EINVAL;
    const std::int32_t room = sink->room();
    if (room < 0 && room != sim_would_wait) return room;
    const std::int32_t there = source->bytes_there();
    if (there <= 0) return there;
    if (room == sim_would_wait) return room;
    const auto most = static_cast<std::size_t>(std::min(there, room));
    std::vector<std::byte> moved(world_.maybe_short(std::min(bytes, most)));
    source->take(moved);
    sink->give(moved);
    return static_cast<std::int32_t>(moved.size());
}

void sim_kernel::random(std::span<std::byte> into) noexcept {
    for (std::byte& each : into) each = static_cast<std::byte>(world_.random.below(256));
}

void sim_kernel::close(int handle) noexcept {
    CONDUIT_ASSERT(open_of(handle) != nullptr, "a simulated handle was closed twice");
    const sim_handle last = std::exchange(rows_[static_cast<std::size_t>(handle)], nullptr);
    --open_;
}

result<int> sim_kernel::native(int) const { return not_simulated(); }

result<handle_kind> sim_kernel::kind_of(const unique_fd& handle) {
    const sim_open* const found = open_of(handle.handle());
    if (found == nullptr) return bad_handle();
    return found->kind;
}

result<handle_access> sim_kernel::access_of(const unique_fd& handle) {
    const sim_open* const found = open_of(handle.handle());
    if (found == nullptr) return bad_handle();
    return found->access;
}

result<file_status> sim_kernel::status_of(const unique_fd& handle) {
    const sim_open* const found = open_of(handle.handle());
    if (found == nullptr) return bad_handle();
    return found->inode->about;
}

result<void> sim_kernel::change_mode(const unique_fd& handle, unsigned mode) {
    const sim_open* const found = open_of(handle.handle());
    if (found == nullptr) return bad_handle();
    found->inode->about.mode = mode & 07777U;
    return {};
}

result<pipe_content> sim_kernel::look_into(const unique_fd& reader) {
    sim_open* const found = open_of(reader.handle());
    if (found == nullptr) return bad_handle();
    const std::int32_t bytes = found->bytes_there();
    if (bytes == sim_would_wait) return pipe_content::nothing_yet;
    if (bytes < 0) return error_from_kernel(-bytes);
    return bytes > 0 ? pipe_content::bytes : pipe_content::the_end;
}

/// Takes the lowest free number, as a kernel does.
int sim_kernel::add(sim_handle row) {
    auto place = std::find(rows_.begin(), rows_.end(), nullptr);
    if (place == rows_.end()) place = rows_.emplace(rows_.end());
    ++open_;
    *place = std::move(row);
    return static_cast<int>(place - rows_.begin());
}

result<unique_fd> sim_kernel::owned(sim_handle row) {
    if (free_rows() < 1) return std::make_error_code(std::errc::too_many_files_open);
    return unique_fd(*this, add(std::move(row)));
}

result<std::pair<unique_fd, unique_fd>> sim_kernel::make_pipe() {
    if (free_rows() < 2) return std::make_error_code(std::errc::too_many_files_open);
    const auto pipe = std::make_shared<sim_pipe>(world_);
    const auto inode = world_.make_inode(file_status::type::fifo, sim_world::device::pipes, 0600);
    constexpr handle_access reading{true, false};
    constexpr handle_access writing{false, true};
    unique_fd first(*this, add(std::make_shared<sim_pipe_end>(world_, inode, pipe, reading)));
    unique_fd second(*this, add(std::make_shared<sim_pipe_end>(world_, inode, pipe, writing)));
    return std::pair(std::move(first), std::move(second));
}

result<unique_fd> sim_kernel::duplicate(const unique_fd& handle) {
    if (open_of(handle.handle()) == nullptr) return bad_handle();
    return owned(rows_[static_cast<std::size_t>(handle.handle())]);
}

// --- paths -------------------------------------------------------------------------------------

result<void> sim_kernel::make_directory(const std::string& path, unsigned mode) {
    const auto made = names_.make(path, file_status::type::directory, mode);
    if (!made) return made.error();
    return {};
}

result<void> sim_kernel::make_fifo(const std::string& path, unsigned mode) {
    const auto made = names_.make(path, file_status::type::fifo, mode);
    if (!made) return made.error();
    (*made)->about.mode = mode & 07777U;
    return {};
}

result<unique_fd> sim_kernel::open_fifo(const std::string& path, handle_access access) {
    const auto found = names_.find(path);
    if (!found) return found.error();
    sim_inode& there = **found;
    if (there.about.what == file_status::type::socket) return error_from_kernel(ENXIO);
    if (!sim_world::may_use(there, access)) return error_from_kernel(EACCES);
    if (there.about.what != file_status::type::fifo) {
        const bool folder = there.about.what == file_status::type::directory;
        if (folder && access.writes) return error_from_kernel(EISDIR);
        return owned(std::make_shared<sim_file>(world_, *found, access));
    }
    auto pipe = there.pipe.lock();
    const bool is_read = pipe != nullptr && pipe->readers > 0;
    if (access.writes && !access.reads && !is_read) return error_from_kernel(ENXIO);
    if (free_rows() < 1) return std::make_error_code(std::errc::too_many_files_open);
    if (pipe == nullptr) pipe = std::make_shared<sim_pipe>(world_);
    there.pipe = pipe;
    return owned(std::make_shared<sim_pipe_end>(world_, *found, std::move(pipe), access));
}

result<file_status> sim_kernel::status_of(const std::string& path) {
    const auto found = names_.find(path);
    if (!found) return found.error();
    return (*found)->about;
}

result<void> sim_kernel::change_mode(const std::string& path, unsigned mode) {
    const auto found = names_.find(path);
    if (!found) return found.error();
    (*found)->about.mode = mode & 07777U;
    return {};
}

result<void> sim_kernel::remove(const std::string& path) { return names_.remove(path); }

result<void> sim_kernel::rename(const std::string& from, const std::string& to) {
    return names_.rename(from, to);
}

result<unique_fd> sim_kernel::lock_file(const std::string& path) {
    auto found = names_.find(path);
    if (found.error() == std::errc::no_such_file_or_directory) {
        found = names_.make(path, file_status::type::file, 0600);
    }
    if (!found) return found.error();
    sim_inode& there = **found;
    if (there.about.what == file_status::type::directory) return error_from_kernel(EISDIR);
    if (there.about.what == file_status::type::socket) return error_from_kernel(ENXIO);
    if (!there.lock.expired()) return error_from_kernel(EAGAIN);
    const auto opened = std::make_shared<sim_file>(world_, *found, handle_access{true, true});
    there.lock = opened;
    return owned(opened);
}

// --- not simulated yet --------------------------------------------------------------------------

result<unique_fd> sim_kernel::peer_process(const unique_fd&, clock::time_point) {
    return not_simulated();
}
result<unique_fd> sim_kernel::open_place(const std::string&) { return not_simulated(); }
result<std::vector<inherited_handle>> sim_kernel::take_inherited() {
    return std::vector<inherited_handle>();
}
result<unique_fd> sim_kernel::duplicate_native(int) { return not_simulated(); }
result<std::size_t> sim_kernel::read_file(int, std::span<std::byte>, disk_wait) {
    return not_simulated();
}
result<spawned_process> sim_kernel::spawn(const spawn_request&, spawn_failure&) {
    return not_simulated();
}
result<void> sim_kernel::keep_writes_apart(const unique_fd&) { return not_simulated(); }
result<void> sim_kernel::make_durable(const std::string&) { return not_simulated(); }
result<process_identity> sim_kernel::identity_of(std::int32_t) { return process_identity{}; }
result<exit_status> sim_kernel::how_ended(const unique_fd&, std::int32_t) {
    return not_simulated();
}
result<std::uint32_t> sim_kernel::user_named(const std::string&) { return not_simulated(); }
result<std::vector<std::uint32_t>> sim_kernel::members_of(const std::string&) {
    return not_simulated();
}
result<unique_fd> sim_kernel::open_process(std::int32_t) { return not_simulated(); }
result<unique_fd> sim_kernel::open_process(std::int32_t, clock::time_point) {
    return not_simulated();
}
result<void> sim_kernel::signal_process(const unique_fd&, int) { return not_simulated(); }
result<void> sim_kernel::signal_group(const spawned_process&, int) { return not_simulated(); }
result<void> sim_kernel::make_blocking(const unique_fd&) { return not_simulated(); }
result<unique_fd> sim_kernel::make_memory_file(std::span<const std::byte>) {
    return not_simulated();
}
result<unique_fd> sim_kernel::watch_folder(const std::string&) { return not_simulated(); }
result<unique_fd> sim_kernel::watch_signals(std::span<const int>) { return not_simulated(); }

}  // namespace conduit
