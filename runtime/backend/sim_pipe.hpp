// SPDX-License-Identifier: BSL-1.0
//
// Simulated pipes, with and without a name: pipe(7) and fifo(7).
//
//     auto pipe = std::make_shared<sim_pipe>(world);
//     auto end = std::make_shared<sim_pipe_end>(world, inode, pipe, handle_access{true, false});

#pragma once

#include <conduit/runtime/backend/sim_open.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

namespace conduit {

/// The bytes, and how many ends are open in each direction.
class sim_pipe : public sim_source {
public:
    static constexpr std::size_t atomic_write_max = 4096;  // PIPE_BUF

    explicit sim_pipe(sim_world& world) noexcept : capacity(draw_capacity(world.random)) {}

    std::size_t space() const noexcept { return capacity - bytes.size(); }

    const std::size_t capacity;
    std::deque<std::byte> bytes;
    int readers = 0;
    int writers = 0;
    std::uint64_t writers_so_far = 0;

private:
    static std::size_t draw_capacity(sim_random& random) noexcept {
        constexpr std::size_t page = 4096;
        return random.chance(25) ? page : 16 * page;  // one page: a user with many pipes
    }
};

class sim_pipe_end final : public sim_open {
public:
    sim_pipe_end(sim_world& world, std::shared_ptr<sim_inode> what, std::shared_ptr<sim_pipe> pipe,
                 handle_access allowed) noexcept;
    ~sim_pipe_end() override;

    const sim_source* source() const noexcept override { return pipe_.get(); }
    bool hung_up() const noexcept override;
    bool readable() const noexcept override;
    bool writable() const noexcept override;

    /// What fits into PIPE_BUF goes in one piece or waits.
    std::int32_t write(std::span<const std::byte> bytes) override;
    std::int32_t bytes_there() override;
    std::int32_t room() override;
    void take(std::span<std::byte> into) override;
    void give(std::span<const std::byte> bytes) override;

private:
    std::shared_ptr<sim_pipe> pipe_;
    std::uint64_t writers_before_ = 0;  // with whose going the stream has not ended for this end
};

}  // namespace conduit
