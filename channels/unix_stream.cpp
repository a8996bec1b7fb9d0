// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/unix_stream.hpp>

#include <conduit/channels/detail/back_off.hpp>
#include <conduit/channels/detail/socket_path.hpp>
#include <conduit/channels/unix_error.hpp>
#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/when_any.hpp>

#include <chrono>

namespace conduit {
namespace {

using namespace std::chrono_literals;

/// A second handle on a connection, to wait on beside the first. Closing an attached socket would
/// end the connection, so it is detached first.
class second_handle {
public:
    explicit second_handle(io_handle handle) noexcept : handle_(std::move(handle)) {}
    second_handle(const second_handle&) = delete;
    ~second_handle() { static_cast<void>(handle_.detach()); }

    io_handle& operator*() noexcept { return handle_; }

private:
    io_handle handle_;
};

/// Where the kernel cannot refuse handles for us, the policy does when they come.
void refuse_handles(kernel& here, const unique_fd& socket, const handle_policy& policy) {
    if (policy.per_message_max() > 0) return;
    static_cast<void>(here.set_option(socket, socket_option::pass_handles, 0));
}

/// Who refused. While a server takes over from another, the kernel may find the name of the one and
/// then refuse because that one has just gone: then somebody else has the path, and is asked.
class refusals {
public:
    explicit refusals(const std::string& path) noexcept : path_(path) {}

    /// To be asked after each; false where it is the same one again, or none.
    bool was_by_another() {
        auto now = current_kernel().status_of(path_);
        if (!now) return false;
        const bool same = seen_ && device_ == now->device && inode_ == now->inode;
        seen_ = true;
        device_ = now->device;
        inode_ = now->inode;
        return !same;
    }

private:
    const std::string& path_;
    bool seen_ = false;
    std::uint64_t device_ = 0;
    std::uint64_t inode_ = 0;
};

task<result<io_handle>> connect_to(const std::string& path, const handle_policy& policy) {
    kernel& here = current_kernel();
    auto socket = here.make_socket(socket_family::unix_domain, socket_kind::stream);
    if (!socket) co_return socket.error();
    refuse_handles(here, *socket, policy);
    auto handle = io_handle::attach(std::move(*socket));
    if (!handle) co_return handle.error();
    // The kernel does not tell when there is room in a backlog: on the contrary, it says at once
    // that the socket is ready.
    back_off pause(1ms, 50ms);
    refusals refused(path);
    for (;;) {
        auto place = socket_place::of(path);
        if (!place) co_return place.error();
        auto connected = co_await handle->connect(place->address());
        if (connected) co_return std::move(*handle);
        if (connected.error() == std::errc::connection_refused && refused.was_by_another()) {
            continue;
        }
        if (connected.error() != std::errc::resource_unavailable_try_again) {
            co_return connected.error();
        }
        const std::error_code ended = co_await sleep_for(pause.next());
        if (ended) co_return ended;
    }
}

task<result<void>> wait_for_end(const unique_fd& socket, result<unique_fd> process) {
    result<unique_fd> own = std::move(process);
    auto copy = current_kernel().duplicate(socket);
    if (!copy) co_return copy.error();
    auto handle = io_handle::attach(std::move(*copy));
    if (!handle) co_return handle.error();
    second_handle watched(std::move(*handle));
    if (!own) co_return co_await (*watched).hung_up();
    auto ending = io_handle::attach(std::move(*own));
    if (!ending) co_return ending.error();
    auto first = co_await when_any((*watched).hung_up(), ending->readable());
    if (first.index == 0) co_return std::get<0>(first.value);
    co_return std::get<1>(first.value);
}

}  // namespace

unix_stream::unix_stream(io_handle handle, handle_policy policy, telling credentials) noexcept
    : handle_(std::move(handle)), gate_(policy), telling_(credentials), since_(clock::now()) {}

result<unix_stream> unix_stream::attach(unique_fd fd, handle_policy policy, telling credentials) {
    auto handle = io_handle::attach(std::move(fd));
    if (!handle) return handle.error();
    return unix_stream(std::move(*handle), policy, credentials);
}

result<unix_stream::in_transit> unix_stream::depart() {
    auto fd = handle_.detach();
    if (!fd) return fd.error();
    return in_transit(std::move(*fd), *this);
}

result<unix_stream> unix_stream::arrive(in_transit moving) {
    auto arrived = attach(std::move(moving.fd_), moving.policy_, moving.telling_);
    if (!arrived) return arrived;
    arrived->sender_ = moving.sender_;
    arrived->since_ = moving.since_;
    arrived->sender_seen_ = moving.sender_seen_;
    return arrived;
}

result<unix_pair> make_unix_pair(handle_policy policy) {
    kernel& here = current_kernel();
    auto made = here.make_socket_pair(socket_kind::stream);
    if (!made) return made.error();
    refuse_handles(here, made->first, policy);
    refuse_handles(here, made->second, policy);
    auto first = unix_stream::attach(std::move(made->first), policy, unix_stream::telling::none);
    if (!first) return first.error();
    auto second = unix_stream::attach(std::move(made->second), policy, unix_stream::telling::none);
    if (!second) return second.error();
    return unix_pair{std::move(*first), std::move(*second)};
}

task<result<unix_stream>> unix_stream::connect(std::string path) {
    return connect(std::move(path), allowed_users(), handle_policy());
}

task<result<unix_stream>> unix_stream::connect(std::string path, allowed_users servers) {
    return connect(std::move(path), std::move(servers), handle_policy());
}

task<result<unix_stream>> unix_stream::connect(std::string path, allowed_users servers,
                                               handle_policy policy) {
    const std::string own_path = std::move(path);
    const allowed_users allowed = std::move(servers);
    const path_trouble trouble = trouble_with_name(own_path);
    if (trouble.code) co_return trouble.code;
    auto handle = co_await connect_to(own_path, policy);
    if (!handle) co_return handle.error();
    unix_stream made(std::move(*handle), policy, telling::none);
    auto server = made.connected_by();
    if (!server) co_return server.error();
    const auto groups = allowed.has_groups() ? made.peer_groups() : std::vector<std::uint32_t>();
    if (!allowed.includes(*server, groups, current_kernel().effective_user())) {
        co_return make_error_code(unix_errc::wrong_peer);
    }
    co_return made;
}

result<unix_stream> unix_stream::adopt(unique_fd fd, handle_policy policy) {
    kernel& here = current_kernel();
    auto kind = here.kind_of(fd);
    if (!kind) return kind.error();
    const auto wrong = std::make_error_code(std::errc::invalid_argument);
    if (*kind != handle_kind::stream_socket) return wrong;
    auto address = here.local_address(fd);
    if (!address) return address.error();
    const auto family = address->get_family();
    const bool is_inet =
        family == socket_address::family::ipv4 || family == socket_address::family::ipv6;
    if (is_inet || !here.peer_address(fd)) return wrong;
    refuse_handles(here, fd, policy);
    return attach(std::move(fd), policy, telling::none);
}

send_operation unix_stream::send(const outgoing_message& message) noexcept {
    CONDUIT_ASSERT(!message.bytes().empty(), "handles travel with a byte, so there must be one");
    return handle_.send(message);
}

result<std::vector<received_handle>> unix_stream::let_in(ancillary_data& came) {
    auto handles = gate_.let_in(came);
    if (!handles) close();
    return handles;
}

task<result<received_message>> unix_stream::receive(std::span<std::byte> buffer) {
    incoming_message message(buffer);
    auto got = co_await handle_.receive(message);
    if (!got) co_return got.error();
    auto handles = let_in(message);
    if (!handles) co_return handles.error();
    received_message arrived;
    arrived.bytes = *got;
    arrived.handles = std::move(*handles);
    arrived.sender = message.sender;
    co_return arrived;
}

result<credentials> unix_stream::connected_by() const {
    return current_kernel().peer_credentials(handle_.owned());
}

std::vector<std::uint32_t> unix_stream::peer_groups() const {
    kernel& here = current_kernel();
    if (sender_) {
        // Nobody knows those of a process that the socket was handed on to.
        const auto connected = here.peer_credentials(handle_.owned());
        const bool is_same = connected && connected->pid == sender_->pid &&
                             connected->uid == sender_->uid && connected->gid == sender_->gid;
        if (!is_same) return {};
    }
    auto groups = here.peer_groups(handle_.owned());
    return groups ? std::move(*groups) : std::vector<std::uint32_t>();
}

task<result<credentials>> unix_stream::peer_credentials() {
    if (sender_) co_return *sender_;
    if (telling_ == telling::none) co_return connected_by();
    auto sender = co_await first_sender();
    if (!sender) co_return sender.error();
    sender_ = *sender;
    sender_seen_ = clock::now();
    // From now on they would cost each receive memory of its own.
    if (telling_ == telling::first) {
        telling_ = telling::none;
        auto ended =
            current_kernel().set_option(handle_.owned(), socket_option::pass_credentials, 0);
        if (!ended) co_return ended.error();
    }
    co_return *sender_;
}

task<result<credentials>> unix_stream::first_sender() {
    auto ready = co_await handle_.readable();
    if (!ready) co_return ready.error();
    auto sender = current_kernel().next_sender(handle_.owned());
    if (!sender) {
        const bool taken = sender.error() == std::errc::resource_unavailable_try_again;
        co_return taken ? std::make_error_code(std::errc::device_or_resource_busy) : sender.error();
    }
    if (!*sender) co_return make_error_code(errc::end_of_stream);
    co_return **sender;
}

result<void> unix_stream::credentials_with_each() {
    auto set = current_kernel().set_option(handle_.owned(), socket_option::pass_credentials, 1);
    if (set) telling_ = telling::each;
    return set;
}

result<unique_fd> unix_stream::peer_process() const {
    kernel& here = current_kernel();
    if (sender_) {
        // The socket may have been handed on since it was connected.
        auto connected = connected_by();
        if (connected && connected->pid != sender_->pid) {
            return here.open_process(sender_->pid, sender_seen_);
        }
    }
    return here.peer_process(handle_.owned(), since_);
}

task<result<void>> unix_stream::peer_gone() {
    if (!is_open()) co_return std::make_error_code(std::errc::bad_file_descriptor);
    auto process = peer_process();
    if (process.error() == std::errc::no_such_process) co_return result<void>();
    co_return co_await wait_for_end(handle_.owned(), std::move(process));
}

}  // namespace conduit
