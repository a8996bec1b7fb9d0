// SPDX-License-Identifier: BSL-1.0
//
// The limits of a connection; what the peer may cost is bounded by them. See connection.hpp.
//
//     rpc::connection_options().calls_max(1024).message_max(16 * 1024 * 1024)

#pragma once

#include <conduit/channels/received_handle.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace conduit::rpc {

class calling_interceptor;
class serving_interceptor;

/// How a connection is made. Each setter returns the options, to be chained. Sizes are bytes.
class connection_options {
public:
    /// How many calls the peer may have under way here, 128 to 65,536.
    connection_options& calls_max(std::uint32_t n) noexcept { return set(calls_max_, n); }
    /// The longest message taken, 64 KiB to 64 MiB; 4 MiB unless set.
    connection_options& message_max(std::uint32_t n) noexcept { return set(message_max_, n); }
    /// What one stream of messages may send ahead of its consumer, 64 KiB to 16 MiB.
    connection_options& window(std::uint32_t n) noexcept { return set(window_, n); }
    /// What arguments, unread messages and half messages of the peer may take in all; 8 MiB.
    connection_options& memory_max(std::size_t n) noexcept { return set(memory_max_, n); }
    /// What may wait to be sent before senders wait; 1 MiB.
    connection_options& output_max(std::size_t n) noexcept { return set(output_max_, n); }
    /// Handles taken with one message, at most 16. Unix sockets only; 16 there unless set.
    connection_options& handles_max(std::uint32_t n) noexcept { return set(handles_max_, n); }
    /// Handles that may be held for the peer: with arguments of calls under way and in messages
    /// that are not read; 64. What comes beyond is refused with its call.
    connection_options& handles_held_max(std::uint32_t n) noexcept {
        return set(handles_held_max_, n);
    }
    /// Handles with results for the peer that it has not received, of which it may not even have
    /// read the bytes; 64. Results that bring more wait, for at most `progress_within`.
    connection_options& handles_given_max(std::uint32_t n) noexcept {
        return set(handles_given_max_, n);
    }
    /// What kinds of handles are let in; a peer that sends another one loses the connection.
    connection_options& handles(handle_policy policy) noexcept { return set(handles_, policy); }
    /// How often to hear something of the peer; zero, the default: need not.
    connection_options& keep_alive(std::chrono::milliseconds every) noexcept {
        return set(keep_alive_, every);
    }
    /// How long the peer may read nothing of what waits for it, and how long a frame of it may be
    /// on its way; 30 s.
    connection_options& progress_within(std::chrono::milliseconds time) noexcept {
        return set(progress_within_, time);
    }
    /// How long the peer may take to say who it is; 5 s.
    connection_options& greeting_within(std::chrono::milliseconds time) noexcept {
        return set(greeting_within_, time);
    }

    /// What it is called where a fault speaks of it, such as its address; a connection, else.
    connection_options& name(std::string words) { return set(name_, std::move(words)); }

    /// Lets an interceptor see the calls that the peer makes, or that are made to it
    /// (interceptor.hpp), behind those that were given before.
    connection_options& serving(std::shared_ptr<serving_interceptor> also) {
        serving_.push_back(std::move(also));
        return *this;
    }
    connection_options& calling(std::shared_ptr<calling_interceptor> also) {
        calling_.push_back(std::move(also));
        return *this;
    }

    std::uint32_t calls_max() const noexcept { return calls_max_; }
    std::uint32_t message_max() const noexcept { return message_max_; }
    std::uint32_t window() const noexcept { return window_; }
    std::size_t memory_max() const noexcept { return memory_max_; }
    std::size_t output_max() const noexcept { return output_max_; }
    std::uint32_t handles_max() const noexcept { return handles_max_; }
    std::uint32_t handles_held_max() const noexcept { return handles_held_max_; }
    std::uint32_t handles_given_max() const noexcept { return handles_given_max_; }
    const handle_policy& handles() const noexcept { return handles_; }
    std::chrono::milliseconds keep_alive() const noexcept { return keep_alive_; }
    std::chrono::milliseconds progress_within() const noexcept { return progress_within_; }
    std::chrono::milliseconds greeting_within() const noexcept { return greeting_within_; }
    const std::string& name() const noexcept { return name_; }
    const std::vector<std::shared_ptr<serving_interceptor>>& serving() const noexcept {
        return serving_;
    }
    const std::vector<std::shared_ptr<calling_interceptor>>& calling() const noexcept {
        return calling_;
    }

private:
    template <class T>
    connection_options& set(T& field, T value) noexcept {
        field = std::move(value);
        return *this;
    }

    std::uint32_t calls_max_ = 128;
    std::uint32_t message_max_ = 4 * 1024 * 1024;
    std::uint32_t window_ = 64 * 1024;
    std::size_t memory_max_ = std::size_t{8} * 1024 * 1024;
    std::size_t output_max_ = std::size_t{1024} * 1024;
    std::uint32_t handles_max_ = 16;
    std::uint32_t handles_held_max_ = 64;
    std::uint32_t handles_given_max_ = 64;
    handle_policy handles_;
    std::chrono::milliseconds keep_alive_{0};
    std::chrono::milliseconds progress_within_{30'000};
    std::chrono::milliseconds greeting_within_{5000};
    std::string name_;
    std::vector<std::shared_ptr<serving_interceptor>> serving_;
    std::vector<std::shared_ptr<calling_interceptor>> calling_;
};

}  // namespace conduit::rpc
