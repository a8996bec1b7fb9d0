// SPDX-License-Identifier: BSL-1.0
//
// Simulated Unix sockets, unix(7): streams, listeners and datagrams, with what they carry besides
// bytes. How they are found by name is sim_kernel's.
//
//     auto one = std::make_shared<sim_socket>(world, socket_kind::stream);
//     sim_socket::join(*one, *other);
//     const std::int32_t sent = one->send(bytes, {});

#pragma once

#include <conduit/runtime/backend/sim_open.hpp>
#include <conduit/runtime/io_handle.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

namespace conduit {

/// What a message has besides its bytes. The handles stay open while it is on its way.
struct sim_cargo {
    std::vector<std::shared_ptr<sim_open>> handles;
    std::optional<credentials> sender;
    socket_address from;
    bool truncated = false;
};

/// Its peer, and who looks its path up, refer to it weakly: the last handle on it closes it.
class sim_socket final : public sim_open,
                         public sim_source,
                         public std::enable_shared_from_this<sim_socket> {
public:
    sim_socket(sim_world& world, socket_kind how);
    ~sim_socket() override;

    /// Makes each the other's peer.
    static void join(sim_socket& one, sim_socket& other);

    const sim_source* source() const noexcept override { return this; }
    bool hung_up() const noexcept override;
    bool readable() const noexcept override;
    bool writable() const noexcept override;
    std::int32_t read(std::span<std::byte> into) override;
    std::int32_t write(std::span<const std::byte> bytes) override { return send(bytes, {}); }
    std::int32_t bytes_there() override;
    std::int32_t room() override;
    void take(std::span<std::byte> into) override;
    void give(std::span<const std::byte> bytes) override { put(*peer_.lock(), bytes, {}); }

    /// What fits into one packet goes whole or waits. `with` goes along with the first byte.
    std::int32_t send(std::span<const std::byte> bytes, sim_cargo with);
    /// A datagram to another than the peer. -EAGAIN where that one has no room.
    std::int32_t send_to(sim_socket& to, std::span<const std::byte> bytes, sim_cargo with);
    /// Of a stream, up to the end of the bytes that one sender sent, or that something came with.
    std::int32_t receive(std::span<std::byte> into, sim_cargo& came);

    std::int32_t listen(int backlog_max);
    std::int32_t connect(sim_socket& listener);
    std::int32_t accept(std::shared_ptr<sim_socket>& made);
    std::int32_t shutdown(io_handle::direction which);
    /// Tells the peer of a stream that it is over, whoever else has this socket open.
    void end_connection();

    bool has_peer() const noexcept { return peer_name_ != nullptr; }
    bool is_listening() const noexcept { return backlog_max_.has_value(); }
    bool is_named() const noexcept { return !name().path().empty(); }
    const socket_address& name() const noexcept { return *name_; }
    const socket_address& peer_name() const noexcept { return *peer_name_; }
    void set_name(const socket_address& name) { *name_ = name; }
    void pass_credentials(bool passes) noexcept { passes_credentials_ = passes; }
    void pass_handles(bool passes) noexcept { passes_handles_ = passes; }
    void send_buffer(int bytes) noexcept;

    /// In the memory that a kernel takes for it.
    std::size_t unread_by_peer() const noexcept { return charged_; }

    /// Of the bytes that come next; nothing where none are there or nobody asked.
    std::optional<credentials> next_sender() const {
        if (queue_.empty() || !passes_credentials_) return std::nullopt;
        return queue_.front().with.sender;
    }

    static credentials own_credentials() noexcept;

private:
    struct packet {
        std::vector<std::byte> bytes;
        std::size_t taken = 0;
        sim_cargo with;
        std::weak_ptr<sim_socket> sender;

        std::size_t left() const noexcept { return bytes.size() - taken; }
    };

    static std::size_t cost_of(const packet& sent) noexcept;
    std::size_t packet_max() const noexcept { return capacity_ / 2 - 64; }
    bool is_stream() const noexcept { return kind == handle_kind::stream_socket; }
    std::int32_t nothing_there() noexcept;
    void put(sim_socket& to, std::span<const std::byte> bytes, sim_cargo with);
    void take(std::span<std::byte> into, sim_cargo& came);
    void drop_first();
    std::int32_t send_datagram(std::span<const std::byte> bytes, sim_cargo with);
    std::int32_t receive_datagram(std::span<std::byte> into, sim_cargo& came);

    std::shared_ptr<socket_address> name_;       // shared with the peer, who may ask for it later
    std::shared_ptr<socket_address> peer_name_;  // null until connected
    std::weak_ptr<sim_socket> peer_;
    std::deque<packet> queue_;                        // what was sent to this one
    std::vector<std::weak_ptr<sim_socket>> refused_;  // who found the queue full
    std::size_t capacity_;
    std::size_t charged_ = 0;  // for what this one sent and nobody has taken
    bool shut_reading_ = false;
    bool shut_writing_ = false;
    int error_ = 0;  // said once
    bool passes_credentials_ = false;
    bool passes_handles_ = true;
    bool awaits_accept_ = false;
    std::optional<std::size_t> backlog_max_;
    std::deque<std::shared_ptr<sim_socket>> backlog_;
};

}  // namespace conduit
