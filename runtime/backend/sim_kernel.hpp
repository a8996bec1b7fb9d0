// SPDX-License-Identifier: BSL-1.0
//
// A simulated kernel: a table of handles, a virtual clock, seeded randomness. sim_pipe.hpp has what
// pipes and FIFOs do, sim_socket.hpp Unix sockets, sim_names.hpp the paths. What is not simulated
// yet answers not_supported. sim.cpp makes operations wait on it; nothing here waits.
//
//     sim_kernel kernel(seed, [](const sim_source& changed) { ... });
//     auto ends = kernel.make_pipe();

#pragma once

#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/backend/sim_names.hpp>
#include <conduit/runtime/backend/sim_open.hpp>
#include <conduit/runtime/backend/sim_socket.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace conduit {

class sim_kernel final : public kernel {
public:
    /// `changed` is called when something changed in a way that others may wait for.
    sim_kernel(std::uint64_t seed, std::function<void(const sim_source&)> changed)
        : world_(seed, std::move(changed)) {}
    ~sim_kernel() override;

    // Transfers that do not wait: a count, a negative errno, or sim_would_wait.
    std::int32_t read(int handle, std::span<std::byte> into);
    std::int32_t write(int handle, std::span<const std::byte> bytes);
    std::int32_t splice(int from, int to, std::size_t bytes);
    std::int32_t send(int handle, const outgoing_message& message);
    std::int32_t receive(int handle, std::span<std::byte> into, ancillary_data& came,
                         socket_address& from);
    std::int32_t accept(int handle);
    std::int32_t connect(int handle, const socket_address& to);
    std::int32_t shutdown(int handle, io_handle::direction which);
    void end_connection(int handle);

    /// What a handle refers to; null when it is not open.
    sim_open* open_of(int handle) const noexcept;
    sim_random& choices() noexcept { return world_.random; }
    void advance_to(clock::time_point later) noexcept { now_ = std::max(now_, later); }

    clock::time_point now() noexcept override { return now_; }
    void random(std::span<std::byte> into) noexcept override;

    void close(int handle) noexcept override;
    result<int> native(int handle) const override;
    result<handle_kind> kind_of(const unique_fd& handle) override;
    result<handle_access> access_of(const unique_fd& handle) override;
    result<file_status> status_of(const unique_fd& handle) override;
    result<std::pair<unique_fd, unique_fd>> make_pipe() override;
    result<unique_fd> duplicate(const unique_fd& handle) override;
    result<unique_fd> duplicate_native(int descriptor) override;
    result<std::size_t> read_file(int handle, std::span<std::byte> into, disk_wait wait) override;
    result<void> make_durable(const std::string& path) override;

    result<std::pair<unique_fd, unique_fd>> make_socket_pair(socket_kind kind) override;
    result<unique_fd> make_socket(socket_family family, socket_kind kind) override;
    result<void> bind(const unique_fd& socket, const socket_address& address) override;
    result<void> listen(const unique_fd& socket, int backlog_max) override;
    result<socket_address> local_address(const unique_fd& socket) override;
    result<socket_address> peer_address(const unique_fd& socket) override;
    result<void> set_option(const unique_fd& socket, socket_option option, int value) override;
    result<credentials> peer_credentials(const unique_fd& socket) override;
    result<std::vector<std::uint32_t>> peer_groups(const unique_fd& socket) override;
    result<std::size_t> unread_by_peer(const unique_fd& socket) override;
    result<std::optional<credentials>> next_sender(const unique_fd& socket) override;
    result<unique_fd> peer_process(const unique_fd& socket, clock::time_point seen) override;
    result<unique_fd> open_place(const std::string& path) override;
    result<unique_fd> watch_folder(const std::string& path) override;
    result<void> change_mode(const std::string& path, unsigned mode) override;
    std::uint32_t effective_user() override { return sim_world::uid; }
    result<std::vector<inherited_handle>> take_inherited() override;
    result<void> make_directory(const std::string& path, unsigned mode) override;
    result<void> make_fifo(const std::string& path, unsigned mode) override;
    result<unique_fd> open_fifo(const std::string& path, handle_access access) override;
    result<pipe_content> look_into(const unique_fd& reader) override;
    result<void> keep_writes_apart(const unique_fd& writer) override;
    result<file_status> status_of(const std::string& path) override;
    result<void> change_mode(const unique_fd& handle, unsigned mode) override;
    result<void> remove(const std::string& path) override;
    result<void> rename(const std::string& from, const std::string& to) override;
    result<unique_fd> lock_file(const std::string& path) override;
    using kernel::spawn;
    result<spawned_process> spawn(const spawn_request& program, spawn_failure& why) override;
    result<unique_fd> open_process(std::int32_t pid) override;
    result<unique_fd> open_process(std::int32_t pid, clock::time_point seen) override;
    result<void> signal_process(const unique_fd& process, int signal) override;
    result<void> signal_group(const spawned_process& leader, int signal) override;
    void reap(const unique_fd&) noexcept override {}
    result<process_identity> identity_of(std::int32_t pid) override;
    result<exit_status> how_ended(const unique_fd& process, std::int32_t pid) override;
    result<std::uint32_t> user_named(const std::string& name) override;
    result<std::vector<std::uint32_t>> members_of(const std::string& group) override;
    std::optional<std::string> trusted_variable(const std::string&) override { return {}; }
    std::vector<std::string> environment() override { return {}; }
    result<void> make_blocking(const unique_fd& handle) override;
    result<unique_fd> make_memory_file(std::span<const std::byte> bytes) override;
    result<unique_fd> watch_signals(std::span<const int> signals) override;

private:
    static constexpr std::size_t handles_max = 4096;  // then EMFILE

    using sim_handle = std::shared_ptr<sim_open>;

    result<unique_fd> owned(sim_handle row);
    result<std::shared_ptr<sim_socket>> socket_of(int handle) const;
    result<std::shared_ptr<sim_socket>> bound_to(const socket_address& address) const;
    int add(sim_handle row);
    std::size_t free_rows() const noexcept { return handles_max - open_; }

    sim_world world_;
    sim_names names_{world_};
    clock::time_point now_{std::chrono::seconds(1)};
    std::vector<sim_handle> rows_;
    std::size_t open_ = 0;
};

}  // namespace conduit
