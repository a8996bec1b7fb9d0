// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/backend/sim_socket.hpp>

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

namespace conduit {
namespace {

constexpr std::size_t default_capacity = 212'992;  // net.core.wmem_default
constexpr std::size_t small_capacity = 16'384;
constexpr std::size_t capacity_min = 4'608;    // SOCK_MIN_SNDBUF
constexpr std::size_t packet_overhead = 768;   // what one byte costs: 278 of them fill a socket
constexpr std::size_t backlog_limit = 4'096;   // net.core.somaxconn
constexpr std::size_t datagrams_max = 10;      // net.unix.max_dgram_qlen
constexpr std::uint32_t nobody_known = 65534;  // who sent what nobody asked credentials of

socket_address unnamed() noexcept {
    constexpr sa_family_t family = AF_UNIX;
    return socket_address::from_bytes(std::as_bytes(std::span(&family, 1)));
}

constexpr handle_access both_ways{true, true};

}  // namespace

sim_socket::sim_socket(sim_world& world, socket_kind how)
    : sim_open(
          world, world.make_inode(file_status::type::socket, sim_world::device::sockets, 0777),
          how == socket_kind::stream ? handle_kind::stream_socket : handle_kind::datagram_socket,
          both_ways),
      name_(std::make_shared<socket_address>(unnamed())),
      capacity_(world.random.chance(25) ? small_capacity : default_capacity) {}

sim_socket::~sim_socket() {
    for (const packet& unread : queue_) {
        if (const auto sender = unread.sender.lock()) sender->charged_ -= cost_of(unread);
    }
    const auto peer = peer_.lock();
    if (peer == nullptr) return;
    if (is_stream()) {
        peer->shut_reading_ = true;
        peer->shut_writing_ = true;
        if (!queue_.empty() || awaits_accept_) peer->error_ = ECONNRESET;
    }
    world_.changed(*peer);
}

void sim_socket::join(sim_socket& one, sim_socket& other) {
    one.peer_ = other.weak_from_this();
    other.peer_ = one.weak_from_this();
    one.peer_name_ = other.name_;
    other.peer_name_ = one.name_;
}

credentials sim_socket::own_credentials() noexcept {
    credentials own;
    own.pid = sim_world::pid;
    own.uid = sim_world::uid;
    own.gid = sim_world::gid;
    return own;
}

void sim_socket::send_buffer(int bytes) noexcept {
    const auto doubled = 2 * static_cast<std::size_t>(std::max(bytes, 0));  // socket(7)
    capacity_ = std::max(doubled, capacity_min);
}

// As unix_poll() of 6.18 has it.
bool sim_socket::hung_up() const noexcept {
    const bool unconnected = is_stream() && !has_peer() && !is_listening();
    return error_ != 0 || (shut_reading_ && shut_writing_) || unconnected;
}

bool sim_socket::readable() const noexcept {
    return !queue_.empty() || !backlog_.empty() || shut_reading_ || hung_up();
}

bool sim_socket::writable() const noexcept {
    return (!is_listening() && charged_ * 4 <= capacity_) || hung_up();
}

// --- transfers ---------------------------------------------------------------------------------

std::size_t sim_socket::cost_of(const packet& sent) noexcept {
    return packet_overhead + sent.bytes.size();
}

std::int32_t sim_socket::nothing_there() noexcept {
    if (is_stream() && !has_peer()) return -EINVAL;
    if (error_ != 0) return -std::exchange(error_, 0);
    return shut_reading_ ? 0 : sim_would_wait;
}

std::int32_t sim_socket::bytes_there() {
    if (queue_.empty()) return nothing_there();
    std::size_t there = 0;
    const auto& sender = queue_.front().with.sender;
    for (const packet& each : queue_) {
        const bool same = each.with.sender->uid == sender->uid;
        if (passes_credentials_ && !same) break;
        there += each.left();
        if (!each.with.handles.empty() || !is_stream()) break;
    }
    return static_cast<std::int32_t>(std::min<std::size_t>(there, INT32_MAX));
}

std::int32_t sim_socket::room() {
    if (!has_peer()) return -ENOTCONN;
    if (shut_writing_) return -EPIPE;
    return charged_ < capacity_ ? static_cast<std::int32_t>(packet_max()) : sim_would_wait;
}

void sim_socket::put(sim_socket& to, std::span<const std::byte> bytes, sim_cargo with) {
    const bool asked = passes_credentials_ || to.passes_credentials_ || to.awaits_accept_;
    if (!with.sender) {
        with.sender = own_credentials();
        if (!asked) with.sender->pid = 0;
        if (!asked) with.sender->uid = with.sender->gid = nobody_known;
    }
    with.from = name();
    packet sent;
    sent.bytes.assign(bytes.begin(), bytes.end());
    sent.with = std::move(with);
    sent.sender = weak_from_this();
    charged_ += cost_of(sent);
    to.queue_.push_back(std::move(sent));
    world_.changed(to);
}

void sim_socket::drop_first() {
    const packet taken = std::move(queue_.front());
    queue_.pop_front();
    if (const auto sender = taken.sender.lock()) {
        sender->charged_ -= cost_of(taken);
        world_.changed(*sender);
    }
    for (const auto& each : std::exchange(refused_, {})) {
        if (const auto waiting = each.lock()) world_.changed(*waiting);
    }
}

void sim_socket::take(std::span<std::byte> into) {
    sim_cargo dropped;
    take(into, dropped);
}

void sim_socket::take(std::span<std::byte> into, sim_cargo& came) {
    came.sender = queue_.front().with.sender;
    came.from = queue_.front().with.from;
    while (!into.empty()) {
        packet& first = queue_.front();
        const std::size_t n = std::min(into.size(), first.left());
        const auto start = first.bytes.begin() + static_cast<std::ptrdiff_t>(first.taken);
        std::copy_n(start, n, into.begin());
        first.taken += n;
        into = into.subspan(n);
        for (auto& each : first.with.handles) came.handles.push_back(std::move(each));
        first.with.handles.clear();
        if (first.left() == 0) drop_first();
    }
    if (!passes_credentials_) came.sender.reset();
}

std::int32_t sim_socket::read(std::span<std::byte> into) {
    sim_cargo dropped;
    return receive(into, dropped);
}

std::int32_t sim_socket::receive(std::span<std::byte> into, sim_cargo& came) {
    if (!is_stream()) return receive_datagram(into, came);
    const std::int32_t there = bytes_there();
    if (there <= 0) return there;
    const std::size_t n =
        world_.maybe_short(std::min(into.size(), static_cast<std::size_t>(there)));
    take(into.first(n), came);
    return static_cast<std::int32_t>(n);
}

std::int32_t sim_socket::send(std::span<const std::byte> bytes, sim_cargo with) {
    if (!is_stream()) return send_datagram(bytes, std::move(with));
    const std::int32_t space = room();
    if (space < 0 && space != sim_would_wait) return space;
    if (bytes.empty()) return 0;
    if (!with.handles.empty() && !peer_.lock()->passes_handles_) return -EPERM;
    if (space == sim_would_wait) return space;
    const bool whole = bytes.size() <= packet_max();
    const std::size_t wanted = whole ? bytes.size() : world_.maybe_short(bytes.size());
    std::size_t sent = 0;
    while (sent < wanted && charged_ < capacity_) {
        const std::size_t n = std::min(wanted - sent, packet_max());
        sim_cargo rest;
        rest.sender = with.sender;
        put(*peer_.lock(), bytes.subspan(sent, n), std::exchange(with, std::move(rest)));
        sent += n;
    }
    return static_cast<std::int32_t>(sent);
}

// --- datagrams: one packet, one message --------------------------------------------------------

std::int32_t sim_socket::send_datagram(std::span<const std::byte> bytes, sim_cargo with) {
    if (!has_peer()) return -ENOTCONN;
    const auto peer = peer_.lock();
    if (peer == nullptr) {
        peer_name_ = nullptr;
        return -ECONNREFUSED;
    }
    const std::int32_t sent = send_to(*peer, bytes, std::move(with));
    if (sent != -EAGAIN) return sent;
    peer->refused_.push_back(weak_from_this());
    return sim_would_wait;
}

std::int32_t sim_socket::send_to(sim_socket& to, std::span<const std::byte> bytes, sim_cargo with) {
    if (is_stream()) return has_peer() ? -EISCONN : -EOPNOTSUPP;
    if (to.kind != kind) return -EPROTOTYPE;
    if (bytes.size() > capacity_ - 32) return -EMSGSIZE;
    if (shut_writing_ || to.shut_reading_) return -EPIPE;
    if (to.has_peer() && to.peer_.lock().get() != this) return -EPERM;
    if (!with.handles.empty() && !to.passes_handles_) return -EPERM;
    if (charged_ >= capacity_) return sim_would_wait;
    if (to.queue_.size() > datagrams_max) return -EAGAIN;
    put(to, bytes, std::move(with));
    return static_cast<std::int32_t>(bytes.size());
}

std::int32_t sim_socket::receive_datagram(std::span<std::byte> into, sim_cargo& came) {
    if (queue_.empty()) return nothing_there();
    packet& first = queue_.front();
    const std::size_t n = std::min(into.size(), first.bytes.size());
    std::copy_n(first.bytes.begin(), n, into.begin());
    came = std::move(first.with);
    came.truncated = n < first.bytes.size();
    if (!passes_credentials_) came.sender.reset();
    drop_first();
    return static_cast<std::int32_t>(n);
}

// --- connections -------------------------------------------------------------------------------

std::int32_t sim_socket::listen(int backlog_max) {
    if (!is_stream()) return -EOPNOTSUPP;
    if (!is_named() || has_peer()) return -EINVAL;
    const auto wanted = static_cast<std::size_t>(static_cast<unsigned>(backlog_max));
    backlog_max_ = std::min(wanted, backlog_limit);
    return 0;
}

std::int32_t sim_socket::connect(sim_socket& listener) {
    if (kind != listener.kind) return -EPROTOTYPE;
    if (!is_stream()) {
        peer_ = listener.weak_from_this();
        peer_name_ = listener.name_;
        return 0;
    }
    if (is_listening()) return -EINVAL;
    if (has_peer()) return -EISCONN;
    if (!listener.is_listening() || listener.shut_reading_) return -ECONNREFUSED;
    if (listener.backlog_.size() > *listener.backlog_max_) return -EAGAIN;
    auto made = std::make_shared<sim_socket>(world_, socket_kind::stream);
    made->name_ = listener.name_;
    made->passes_credentials_ = listener.passes_credentials_;
    made->passes_handles_ = listener.passes_handles_;
    made->awaits_accept_ = true;
    join(*this, *made);
    listener.backlog_.push_back(std::move(made));
    world_.changed(listener);
    return 0;
}

std::int32_t sim_socket::accept(std::shared_ptr<sim_socket>& made) {
    if (!is_stream()) return -EOPNOTSUPP;
    if (!is_listening()) return -EINVAL;
    if (backlog_.empty()) return shut_reading_ ? -EINVAL : sim_would_wait;
    made = std::move(backlog_.front());
    backlog_.pop_front();
    made->awaits_accept_ = false;
    return 0;
}

std::int32_t sim_socket::shutdown(io_handle::direction which) {
    const bool reading = which != io_handle::direction::writing;
    const bool writing = which != io_handle::direction::reading;
    shut_reading_ = shut_reading_ || reading;
    shut_writing_ = shut_writing_ || writing;
    world_.changed(*this);
    const auto peer = peer_.lock();
    if (peer == nullptr || !is_stream()) return 0;
    peer->shut_writing_ = peer->shut_writing_ || reading;
    peer->shut_reading_ = peer->shut_reading_ || writing;
    world_.changed(*peer);
    return 0;
}

void sim_socket::end_connection() {
    if (is_stream() && !is_listening()) shutdown(io_handle::direction::both);
}

}  // namespace conduit
