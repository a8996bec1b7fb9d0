// SPDX-License-Identifier: BSL-1.0
//
// A byte stream whose type is chosen at run time: by an address, or because one server speaks over
// sockets, processes and pipes alike. Code that knows the type is better a template over the
// concepts of stream.hpp.
//
//     conduit::any_stream peer(std::move(socket));
//     conduit::any_stream child(std::move(its_output), std::move(its_input));   // two one-way ends
//     auto sent = co_await conduit::write_all(peer, conduit::bytes_of("hello"));

#pragma once

#include <conduit/channels/channel_traits.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace conduit {

/// What any_stream calls. One that is written by hand overrides the first six; what the others do
/// here is what a stream without that capability does.
class stream_interface {
public:
    virtual ~stream_interface() = default;

    virtual task<result<std::size_t>> read_some(std::span<std::byte> buffer) = 0;
    virtual task<result<std::size_t>> write_some(std::span<const std::byte> bytes) = 0;
    virtual task<result<void>> close_writing() = 0;
    virtual void close() noexcept = 0;
    virtual bool is_open() const noexcept = 0;
    virtual channel_traits traits() const noexcept = 0;

    virtual task<result<lent_buffer>> receive_lent();
    virtual task<result<std::size_t>> send(const outgoing_message& message);
    virtual task<result<std::size_t>> receive(incoming_message& message);
    virtual task<result<credentials>> peer_credentials();
    virtual result<unique_fd> peer_process() const;
    /// The groups beside its own of whom peer_credentials() tells of; empty where nobody knows.
    virtual std::vector<std::uint32_t> peer_groups() const { return {}; }
    /// The name that the peer has proved to have; empty where it proved none.
    virtual std::string peer_name() const { return {}; }
    /// Why it fails, where it knows more than its errors say; empty else.
    virtual std::string failure_text() const { return {}; }
    /// Whether send() takes handles along.
    virtual bool carries_handles() const noexcept { return false; }
    virtual io_handle* source_handle() noexcept { return nullptr; }
    virtual io_handle* sink_handle() noexcept { return nullptr; }
};

template <class Source, class Sink>
class stream_of_two;

/// Owns a stream of any type, or a source and a sink that belong together.
///
/// Overlap, lifetime of buffers and cancellation are those of what is inside; what an operation
/// costs more is one call of a coroutine. Empty when moved from; an empty one has no operations
/// (asserted).
class any_stream {
public:
    /// Of what is inside, one knows at run time only: see inside().
    static constexpr channel_traits traits{channel_ways::two_way, channel_duplex::full,
                                           channel_relation::any_host};

    any_stream() noexcept = default;

    template <class Stream>
        requires(!std::same_as<std::remove_cvref_t<Stream>, any_stream> &&
                 !std::is_lvalue_reference_v<Stream> && byte_stream<Stream>)
    any_stream(Stream&& stream);

    /// Reads from the one and writes to the other: a process's output and input, two FIFOs.
    template <byte_source Source, byte_sink Sink>
    any_stream(Source source, Sink sink)
        : inside_(
              std::make_unique<stream_of_two<Source, Sink>>(std::move(source), std::move(sink))) {}

    explicit any_stream(std::unique_ptr<stream_interface> inside) noexcept
        : inside_(std::move(inside)) {}

    task<result<std::size_t>> read_some(std::span<std::byte> buffer) {
        return inside().read_some(buffer);
    }
    task<result<std::size_t>> write_some(std::span<const std::byte> bytes) {
        return inside().write_some(bytes);
    }
    task<result<void>> close_writing() { return inside().close_writing(); }

    /// These fail with std::errc::not_supported where what is inside has no such thing.
    task<result<lent_buffer>> receive_lent() { return inside().receive_lent(); }
    task<result<std::size_t>> send(const outgoing_message& message) {
        return inside().send(message);
    }
    task<result<std::size_t>> receive(incoming_message& message) {
        return inside().receive(message);
    }
    task<result<credentials>> peer_credentials() { return inside().peer_credentials(); }
    result<unique_fd> peer_process() { return inside().peer_process(); }
    /// The groups beside its own of whom peer_credentials() tells of; empty where nobody knows.
    std::vector<std::uint32_t> peer_groups() { return inside().peer_groups(); }

    /// The name that the peer has proved to have, by a certificate (tls_stream.hpp); empty where
    /// it proved none.
    std::string peer_name() { return inside().peer_name(); }

    /// Why it fails, in a line, where it knows more than its errors say, as TLS does; empty else.
    std::string failure_text() { return inside().failure_text(); }

    /// Closes both directions now rather than in the destructor.
    void close() noexcept {
        if (inside_ != nullptr) inside_->close();
    }
    bool is_open() const noexcept { return inside_ != nullptr && inside_->is_open(); }

    /// What is inside, with its traits and, where it has some, its handles.
    stream_interface& inside() noexcept {
        CONDUIT_ASSERT(inside_ != nullptr, "an empty any_stream was used");
        return *inside_;
    }

private:
    std::unique_ptr<stream_interface> inside_;
};

/// A type that has handle() and says `moves_in_kernel = false`: its bytes are to be left alone.
template <class T>
concept kept_from_kernel = requires { requires !T::moves_in_kernel; };

/// The handle by which `end` reads or writes, where that is all there is to it: its bytes may be
/// moved inside the kernel. That is handle() where the type has one, reads and writes by a plain
/// operation on it, and is not kept_from_kernel; or what a source_handle() or
/// sink_handle() of its own yields. Null for others.
template <byte_source Source>
io_handle* source_handle_of(Source& end) noexcept {
    using reading = decltype(end.read_some(std::span<std::byte>()));
    if constexpr (requires { end.inside().source_handle(); }) {
        return end.inside().source_handle();
    } else if constexpr (requires { end.source_handle(); }) {
        return end.source_handle();
    } else if constexpr (!kept_from_kernel<Source> && requires {
                             requires std::same_as<decltype(end.handle()), io_handle&>;
                         } && std::same_as<reading, read_operation>) {
        return &end.handle();
    } else {
        return nullptr;
    }
}
template <byte_sink Sink>
io_handle* sink_handle_of(Sink& end) noexcept {
    using writing = decltype(end.write_some(std::span<const std::byte>()));
    if constexpr (requires { end.inside().sink_handle(); }) {
        return end.inside().sink_handle();
    } else if constexpr (requires { end.sink_handle(); }) {
        return end.sink_handle();
    } else if constexpr (!kept_from_kernel<Sink> && requires {
                             requires std::same_as<decltype(end.handle()), io_handle&>;
                         } && std::same_as<writing, write_operation>) {
        return &end.handle();
    } else {
        return nullptr;
    }
}

/// A source and a sink as one stream.
template <class Source, class Sink>
class stream_of_two final : public stream_interface {
public:
    stream_of_two(Source source, Sink sink) : source_(std::move(source)), sink_(std::move(sink)) {}

    task<result<std::size_t>> read_some(std::span<std::byte> buffer) override {
        co_return co_await source_.read_some(buffer);
    }
    task<result<std::size_t>> write_some(std::span<const std::byte> bytes) override {
        co_return co_await sink_.write_some(bytes);
    }
    task<result<void>> close_writing() override { co_return co_await sink_.close_writing(); }
    task<result<lent_buffer>> receive_lent() override {
        if constexpr (lending_source<Source>) {
            return as_task(source_.receive_lent());
        } else {
            return stream_interface::receive_lent();
        }
    }

    void close() noexcept override {
        sink_.close();
        source_.close();
    }
    bool is_open() const noexcept override { return source_.is_open() || sink_.is_open(); }
    channel_traits traits() const noexcept override {
        channel_traits both = Source::traits;
        both.ways = channel_ways::two_way;
        both.duplex = channel_duplex::full;
        both.relation = std::min(Source::traits.relation, Sink::traits.relation);
        return both;
    }
    io_handle* source_handle() noexcept override { return source_handle_of(source_); }
    io_handle* sink_handle() noexcept override { return sink_handle_of(sink_); }

private:
    Source source_;
    Sink sink_;
};

/// One object that reads and writes.
template <class Stream>
class stream_of_one final : public stream_interface {
public:
    explicit stream_of_one(Stream stream) : stream_(std::move(stream)) {}

    task<result<std::size_t>> read_some(std::span<std::byte> buffer) override {
        co_return co_await stream_.read_some(buffer);
    }
    task<result<std::size_t>> write_some(std::span<const std::byte> bytes) override {
        co_return co_await stream_.write_some(bytes);
    }
    task<result<void>> close_writing() override { co_return co_await stream_.close_writing(); }
    task<result<lent_buffer>> receive_lent() override {
        if constexpr (lending_source<Stream>) {
            return as_task(stream_.receive_lent());
        } else {
            return stream_interface::receive_lent();
        }
    }
    task<result<std::size_t>> send(const outgoing_message& message) override {
        if constexpr (requires { stream_.send(message); }) {
            return as_task(stream_.send(message));
        } else {
            return stream_interface::send(message);
        }
    }
    bool carries_handles() const noexcept override {
        return requires(Stream& stream, const outgoing_message& message) { stream.send(message); };
    }
    task<result<std::size_t>> receive(incoming_message& message) override {
        if constexpr (requires { stream_.receive(message); }) {
            return as_task(stream_.receive(message));
        } else {
            return stream_interface::receive(message);
        }
    }
    task<result<credentials>> peer_credentials() override {
        if constexpr (requires {
                          { stream_.peer_credentials() } -> awaitable;
                      }) {
            return as_task(stream_.peer_credentials());
        } else if constexpr (requires { stream_.peer_credentials(); }) {
            return known_credentials(stream_.peer_credentials());
        } else {
            return stream_interface::peer_credentials();
        }
    }
    result<unique_fd> peer_process() const override {
        if constexpr (requires { stream_.peer_process(); }) {
            return stream_.peer_process();
        } else {
            return stream_interface::peer_process();
        }
    }
    std::vector<std::uint32_t> peer_groups() const override {
        if constexpr (requires { stream_.peer_groups(); }) {
            return stream_.peer_groups();
        } else {
            return {};
        }
    }

    std::string peer_name() const override {
        if constexpr (requires { stream_.peer_name(); }) {
            return stream_.peer_name();
        } else {
            return {};
        }
    }

    std::string failure_text() const override {
        if constexpr (requires { stream_.failure_text(); }) {
            return stream_.failure_text();
        } else {
            return {};
        }
    }

    void close() noexcept override { stream_.close(); }
    bool is_open() const noexcept override { return stream_.is_open(); }
    channel_traits traits() const noexcept override { return Stream::traits; }
    io_handle* source_handle() noexcept override { return source_handle_of(stream_); }
    io_handle* sink_handle() noexcept override { return sink_handle_of(stream_); }

private:
    static task<result<credentials>> known_credentials(result<credentials> known) {
        co_return known;
    }

    Stream stream_;
};

template <class Stream>
    requires(!std::same_as<std::remove_cvref_t<Stream>, any_stream> &&
             !std::is_lvalue_reference_v<Stream> && byte_stream<Stream>)
any_stream::any_stream(Stream&& stream)
    : inside_(std::make_unique<stream_of_one<Stream>>(std::forward<Stream>(stream))) {}

}  // namespace conduit
