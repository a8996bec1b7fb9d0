// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/backend/sim_pipe.hpp>

#include <cerrno>

namespace conduit {

sim_pipe_end::sim_pipe_end(sim_world& world, std::shared_ptr<sim_inode> what,
                           std::shared_ptr<sim_pipe> pipe, handle_access allowed) noexcept
    : sim_open(world, std::move(what), handle_kind::pipe, allowed), pipe_(std::move(pipe)) {
    // A FIFO opened before its first writer, or between two: a poll tells of no end yet, while a
    // read does (fs/pipe.c, fifo_open and pipe_poll of 6.18).
    if (access.reads && pipe_->writers == 0) writers_before_ = pipe_->writers_so_far;
    if (access.reads) ++pipe_->readers;
    if (!access.writes) return;
    ++pipe_->writers;
    ++pipe_->writers_so_far;
}

sim_pipe_end::~sim_pipe_end() {
    if (access.reads) --pipe_->readers;
    if (access.writes) --pipe_->writers;
    world_.changed(*pipe_);
}

bool sim_pipe_end::hung_up() const noexcept {
    const bool unread = access.writes && pipe_->readers == 0;
    const bool ended = pipe_->writers == 0 && pipe_->writers_so_far != writers_before_;
    return unread || (access.reads && ended);
}

bool sim_pipe_end::readable() const noexcept {
    return (access.reads && !pipe_->bytes.empty()) || hung_up();
}

bool sim_pipe_end::writable() const noexcept {
    const std::size_t wanted = std::min(pipe_->capacity, sim_pipe::atomic_write_max);
    return (access.writes && pipe_->space() >= wanted) || hung_up();
}

std::int32_t sim_pipe_end::bytes_there() {
    if (!access.reads) return -EBADF;
    if (pipe_->bytes.empty()) return pipe_->writers == 0 ? 0 : sim_would_wait;
    return static_cast<std::int32_t>(pipe_->bytes.size());
}

std::int32_t sim_pipe_end::room() {
    if (!access.writes) return -EBADF;
    if (pipe_->readers == 0) return -EPIPE;
    return pipe_->space() > 0 ? static_cast<std::int32_t>(pipe_->space()) : sim_would_wait;
}

void sim_pipe_end::take(std::span<std::byte> into) {
    const auto end = pipe_->bytes.begin() + static_cast<std::ptrdiff_t>(into.size());
    std::copy(pipe_->bytes.begin(), end, into.begin());
    pipe_->bytes.erase(pipe_->bytes.begin(), end);
    world_.changed(*pipe_);
}

void sim_pipe_end::give(std::span<const std::byte> bytes) {
    pipe_->bytes.insert(pipe_->bytes.end(), bytes.begin(), bytes.end());
    world_.changed(*pipe_);
}

std::int32_t sim_pipe_end::write(std::span<const std::byte> bytes) {
    const std::int32_t space = room();
    if (space < 0 && space != sim_would_wait) return space;
    if (bytes.empty()) return 0;
    const bool atomic = bytes.size() <= sim_pipe::atomic_write_max;
    if (space == sim_would_wait || (atomic && pipe_->space() < bytes.size())) return sim_would_wait;
    const std::size_t n =
        atomic ? bytes.size() : world_.maybe_short(std::min(bytes.size(), pipe_->space()));
    give(bytes.first(n));
    return static_cast<std::int32_t>(n);
}

}  // namespace conduit
