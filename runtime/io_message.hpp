// SPDX-License-Identifier: BSL-1.0
//
// One message through a socket, with what only Unix sockets carry: handles and credentials.
//
//     conduit::outgoing_message out(conduit::bytes_of("take this"));
//     out.attach(log_file);
//     auto sent = co_await handle.send(out);

#pragma once

#include <conduit/runtime/result.hpp>
#include <conduit/runtime/socket_address.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace conduit {

/// The bytes of a text.
inline std::span<const std::byte> bytes_of(std::string_view text) noexcept {
    return std::as_bytes(std::span(text));
}

/// Handles that one message may carry; more are refused, here and on arrival.
inline constexpr std::size_t handles_per_message_max = 16;

/// Who a peer was when it sent.
struct credentials {
    std::int32_t pid = 0;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
};

/// What to send. Refers to the bytes and handles, which must outlive the operation.
class outgoing_message {
public:
    explicit outgoing_message(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}

    /// Sends a duplicate of `handle` along. Fails with std::errc::argument_list_too_long beyond
    /// handles_per_message_max.
    result<void> attach(const unique_fd& handle);

    /// Sends the process's own credentials along.
    outgoing_message& with_credentials() noexcept {
        with_credentials_ = true;
        return *this;
    }
    /// Sends to an address rather than to the connected peer.
    outgoing_message& to(const socket_address& address) noexcept {
        to_ = &address;
        return *this;
    }

    std::span<const std::byte> bytes() const noexcept { return bytes_; }
    std::span<const int> handles() const noexcept { return std::span(handles_).first(count_); }
    bool sends_credentials() const noexcept { return with_credentials_; }
    const socket_address* destination() const noexcept { return to_; }

private:
    std::span<const std::byte> bytes_;
    std::array<int, handles_per_message_max> handles_{};
    std::size_t count_ = 0;
    const socket_address* to_ = nullptr;
    bool with_credentials_ = false;
};

/// What comes along with bytes.
struct ancillary_data {
    std::vector<unique_fd> handles;     // close-on-exec
    std::optional<credentials> sender;  // where the socket has pass_credentials set
    bool truncated = false;             // bytes or handles were cut off: end the connection
};

/// What arrived. The bytes are in the buffer given here; their number is the operation's result.
struct incoming_message : ancillary_data {
    explicit incoming_message(std::span<std::byte> room) noexcept : buffer(room) {}

    std::span<std::byte> buffer;
    socket_address from;  // of a datagram
};

}  // namespace conduit
