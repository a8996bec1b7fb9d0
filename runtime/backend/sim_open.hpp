// SPDX-License-Identifier: BSL-1.0
//
// What a handle of the simulated kernel refers to: the base of pipe ends, sockets and files, shared
// by a handle's duplicates and by messages that carry it. The last one to let go closes it.
//
//     sim_open& end = *kernel.open_of(handle);
//     const std::int32_t outcome = end.read(buffer);  // sim_would_wait: try again after a change

#pragma once

#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/backend/sim_random.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

namespace conduit {

class sim_pipe;
class sim_socket;
class sim_open;

/// The outcome of a transfer that found nothing to do.
inline constexpr std::int32_t sim_would_wait = INT32_MIN;

/// Whose changes operations wait for. Its address says which one it is.
class sim_source {
public:
    sim_source() noexcept = default;
    sim_source(const sim_source&) = delete;
    sim_source& operator=(const sim_source&) = delete;

protected:
    ~sim_source() = default;
};

/// One object of a file system, with a name or without. Its number is never used again.
struct sim_inode {
    file_status about;
    std::weak_ptr<sim_pipe> pipe;     // of a FIFO, while someone has it open
    std::weak_ptr<sim_socket> bound;  // of a socket's path; a stale one has none
    std::weak_ptr<sim_open> lock;     // of a file: who holds its lock
};

/// What all objects of one simulated kernel share: its choices, and who hears of changes.
class sim_world {
public:
    /// The one process there is, in the eyes of peers and of files.
    static constexpr std::int32_t pid = 100;
    static constexpr std::uint32_t uid = 1000;
    static constexpr std::uint32_t gid = 1000;
    static constexpr unsigned umask = 022;

    enum class device : std::uint64_t { names = 1, pipes, sockets };

    sim_world(std::uint64_t seed, std::function<void(const sim_source&)> on_change)
        : random(seed), changed(std::move(on_change)) {}

    /// A transfer is short in one case of four, as a kernel's is when a signal or a page gets
    /// between.
    std::size_t maybe_short(std::size_t bytes) noexcept {
        return bytes > 1 && random.chance(25) ? 1 + random.below(bytes) : bytes;
    }

    std::shared_ptr<sim_inode> make_inode(file_status::type what, device where, unsigned mode) {
        auto made = std::make_shared<sim_inode>();
        made->about.what = what;
        made->about.owner = uid;
        made->about.mode = mode & 07777U;
        made->about.device = static_cast<std::uint64_t>(where);
        made->about.inode = ++inodes_made_;
        return made;
    }

    /// By the bits for the owner, who the one process always is.
    static bool may_use(const sim_inode& there, handle_access access) noexcept {
        const unsigned wanted = (access.reads ? 0400U : 0U) | (access.writes ? 0200U : 0U);
        return (there.about.mode & wanted) == wanted;
    }

    sim_random random;
    std::function<void(const sim_source&)> changed;

private:
    std::uint64_t inodes_made_ = 0;
};

/// Transfers do not wait: they yield a count, a negative errno, or sim_would_wait.
class sim_open {
public:
    sim_open(sim_world& world, std::shared_ptr<sim_inode> what, handle_kind how,
             handle_access allowed) noexcept
        : inode(std::move(what)), kind(how), access(allowed), world_(world) {}
    sim_open(const sim_open&) = delete;
    sim_open& operator=(const sim_open&) = delete;
    virtual ~sim_open() = default;

    virtual const sim_source* source() const noexcept = 0;
    // What poll(2) calls an error or a hang-up counts as ready in either direction.
    virtual bool hung_up() const noexcept = 0;
    virtual bool readable() const noexcept = 0;
    virtual bool writable() const noexcept = 0;

    virtual std::int32_t read(std::span<std::byte> into) {
        const std::int32_t there = bytes_there();
        if (there <= 0) return there;
        const std::size_t n =
            world_.maybe_short(std::min(into.size(), static_cast<std::size_t>(there)));
        take(into.first(n));
        return static_cast<std::int32_t>(n);
    }
    virtual std::int32_t write(std::span<const std::byte> bytes) = 0;

    // What reads, writes and splices are made of.

    /// How many bytes one read may take, 0 at the end of the stream.
    virtual std::int32_t bytes_there() = 0;
    /// For how many bytes of a splice there is room.
    virtual std::int32_t room() = 0;
    /// No more than bytes_there(), or room().
    virtual void take(std::span<std::byte> into) = 0;
    virtual void give(std::span<const std::byte> bytes) = 0;

    const std::shared_ptr<sim_inode> inode;
    const handle_kind kind;
    const handle_access access;

protected:
    sim_world& world_;
};

}  // namespace conduit
