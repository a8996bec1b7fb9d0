// SPDX-License-Identifier: BSL-1.0
//
// A simulated file or folder that is open. It has no contents: what counts is who holds its lock.
//
//     inode->lock = std::make_shared<sim_file>(world, inode, handle_access{true, true});

#pragma once

#include <conduit/runtime/backend/sim_open.hpp>

#include <cerrno>
#include <memory>

namespace conduit {

class sim_file final : public sim_open, public sim_source {
public:
    sim_file(sim_world& world, const std::shared_ptr<sim_inode>& file,
             handle_access allowed) noexcept
        : sim_open(
              world, file,
              file->about.what == file_status::type::file ? handle_kind::file : handle_kind::other,
              allowed) {}

    const sim_source* source() const noexcept override { return this; }
    bool hung_up() const noexcept override { return false; }
    bool readable() const noexcept override { return true; }
    bool writable() const noexcept override { return true; }

    std::int32_t write(std::span<const std::byte>) override { return room(); }
    std::int32_t bytes_there() override { return kind == handle_kind::file ? 0 : -EISDIR; }
    std::int32_t room() override { return access.writes ? -EOPNOTSUPP : -EBADF; }
    void take(std::span<std::byte>) override {}
    void give(std::span<const std::byte>) override {}
};

}  // namespace conduit
