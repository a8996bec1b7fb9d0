// SPDX-License-Identifier: BSL-1.0
//
// Handles that came through a Unix socket, and what a receiver lets in. A peer can send anything
// that it can open, so a handle is looked at before it is used. unix_stream.hpp and
// unix_datagram.hpp receive them.
//
//     auto message = co_await peer.receive(buffer);
//     for (conduit::received_handle& each : message->handles) {
//         if (each.type() == conduit::handle_type::pipe && each.reads()) ...
//             auto in = conduit::pipe_reader::adopt(each.take());

#pragma once

#include <conduit/runtime/io_message.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace conduit {

enum class handle_type : std::uint8_t {
    pipe,         // with or without a name
    file,         // a regular one, or memory without a name
    inet_socket,  // of TCP or UDP
    unix_socket,  // can hold handles in its turn, even itself
    process,
    other,  // devices, folders, rings, and what was opened to be named only
};

/// What a receiver lets in: at most 16 handles in a message and 64 that wait to be taken, pipes,
/// files and network sockets. What goes beyond ends the connection.
class handle_policy {
public:
    handle_policy() noexcept = default;

    /// At most handles_per_message_max. 0: none; where the kernel can (Linux 6.16), who sends one
    /// gets std::errc::operation_not_permitted.
    handle_policy& per_message_max(std::size_t n) noexcept;
    /// How many may have been received and not yet been taken or dropped.
    handle_policy& waiting_max(std::size_t n) noexcept {
        waiting_max_ = n;
        return *this;
    }
    /// Lets in another type.
    handle_policy& allow(handle_type type) noexcept {
        types_ |= bit(type);
        return *this;
    }
    /// Lets in this type alone.
    handle_policy& only(handle_type type) noexcept {
        types_ = bit(type);
        return *this;
    }

    std::size_t per_message_max() const noexcept { return per_message_max_; }
    std::size_t waiting_max() const noexcept { return waiting_max_; }
    bool allows(handle_type type) const noexcept { return (types_ & bit(type)) != 0; }

private:
    static constexpr std::uint8_t bit(handle_type type) noexcept {
        return static_cast<std::uint8_t>(1U << static_cast<unsigned>(type));
    }

    std::size_t per_message_max_ = handles_per_message_max;
    std::size_t waiting_max_ = 64;
    std::uint8_t types_ =
        bit(handle_type::pipe) | bit(handle_type::file) | bit(handle_type::inet_socket);
};

/// One handle that came, close-on-exec, and what it turned out to be. It may well be a blocking
/// one, which the library's operations are prepared for and other calls are not.
class received_handle {
public:
    handle_type type() const noexcept { return type_; }
    /// Whether it was opened for reading, or for writing.
    bool reads() const noexcept { return reads_; }
    bool writes() const noexcept { return writes_; }

    /// The handle itself, once: afterwards this one is empty, and no longer waits.
    unique_fd take() noexcept {
        waiting_.reset();
        return std::move(handle_);
    }

private:
    friend class handle_gate;
    received_handle() noexcept = default;

    unique_fd handle_;
    std::shared_ptr<void> waiting_;  // counted for as long as it is held
    handle_type type_ = handle_type::other;
    bool reads_ = false;
    bool writes_ = false;
};

/// Looks at what came along and applies a policy. Each channel has one.
class handle_gate {
public:
    explicit handle_gate(handle_policy policy) noexcept : policy_(policy) {}

    /// Takes the handles out of `came`. Fails with a unix_errc, and then all of them are closed.
    result<std::vector<received_handle>> let_in(ancillary_data& came);

    const handle_policy& policy() const noexcept { return policy_; }

private:
    std::size_t waiting() const noexcept;
    result<received_handle> inspect(unique_fd handle);

    handle_policy policy_;
    std::shared_ptr<void> count_;  // one more holder for each handle that waits
};

/// What arrived in one piece.
struct received_message {
    std::size_t bytes = 0;  // at the front of the buffer; 0 at the end of a stream
    std::vector<received_handle> handles;
    std::optional<credentials> sender;  // where credentials_with_each() was asked for
};

}  // namespace conduit
