// SPDX-License-Identifier: BSL-1.0
//
// TLS over any byte stream: what goes over it is secret, cannot be changed on the way, and who is
// at the other end has proved his name. Certificates are in tls_context.hpp; on one host a Unix
// socket is as safe, faster, and knows its peer (unix_stream.hpp).
//
//     auto socket = co_await conduit::tcp_stream::connect("example.org", "853");
//     conduit::any_stream over(std::move(*socket));
//     auto peer = co_await conduit::tls_stream::connect(std::move(over), context, "example.org");
//     if (!peer) co_return peer.error();               // tls_errc::certificate_expired, ...
//     auto sent = co_await conduit::write_all(*peer, conduit::bytes_of("hello"));
//     auto closed = co_await peer->close_writing();    // the peer knows that nothing was cut off

#pragma once

#include <conduit/channels/any_stream.hpp>
#include <conduit/channels/channel_traits.hpp>
#include <conduit/channels/tls_context.hpp>
#include <conduit/runtime/lent_buffer.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/task.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace conduit {

class tls_session;

/// What a certificate says of whom it was given to. The words are the authority's: any bytes.
struct tls_certificate {
    std::string common_name;  // empty where it has none
    std::string subject;      // all of it, as in RFC 2253: "CN=alice,O=example"
    std::vector<std::string> dns_names;
    std::vector<std::string> addresses;  // "192.0.2.1", "2001:db8::1"
    std::vector<std::string> uris;
};

/// One end of a connection that has shaken hands. Destroying it closes both directions.
///
/// One read and one write may be in flight at a time, of two tasks or one; a second of either is a
/// bug in the caller and asserts. Buffers must outlive their operation. The stream may be moved at
/// any time.
///
/// A cancelled read has lost nothing. A cancelled write has taken nothing; what one has taken, it
/// reports, and that goes out by itself also when the task is stopped while it waits for the
/// transport. A writing task that is destroyed there may have sent half a record: writing fails
/// from then on.
///
/// The end of the stream is what the peer has said: a transport that ends without that is an error,
/// errc::truncated. What breaks the rules of TLS fails with a tls_errc, here and at the peer, and
/// this end is of no use then. Errors of the transport come through as they are.
///
/// Between two operations it keeps no buffers. It carries no handles, and knows no credentials:
/// ask a Unix socket for those before.
class tls_stream {
public:
    static constexpr channel_traits traits{channel_ways::two_way, channel_duplex::full,
                                           channel_relation::any_host};

    /// Waits for the handshake as a client of `server_name`, a host's name or number that must be
    /// in the server's certificate, unless the context takes any. The context is used at once, not
    /// by the task.
    ///
    /// Fails with a tls_errc, with errc::truncated where the peer leaves in the middle, and with
    /// what the transport says. One line about it goes into `*why`, where given. That the server
    /// does not take this side's certificate shows later, with the first read.
    [[nodiscard]] static task<result<tls_stream>> connect(any_stream over,
                                                          const tls_context& context,
                                                          std::string_view server_name,
                                                          std::string* why = nullptr);

    /// Waits for the handshake as a server. A client that is refused is told why; that may take a
    /// second more.
    [[nodiscard]] static task<result<tls_stream>> accept(any_stream over,
                                                         const tls_context& context,
                                                         std::string* why = nullptr);

    tls_stream(tls_stream&&) noexcept = default;
    tls_stream& operator=(tls_stream&& other) noexcept {
        std::swap(session_, other.session_);
        return *this;
    }
    ~tls_stream() { close(); }

    /// Waits until at least one byte is there, then yields how many were read; 0 once the peer has
    /// ended its direction. `buffer` must not be empty.
    task<result<std::size_t>> read_some(std::span<std::byte> buffer);

    /// As read_some(), into a buffer that is made once something came.
    task<result<lent_buffer>> receive_lent();

    /// Waits until the transport has taken at least the beginning of `bytes`, then yields how many
    /// were taken.
    task<result<std::size_t>> write_some(std::span<const std::byte> bytes);

    /// Ends this direction, and that of the transport: the peer reads the end of the stream behind
    /// what was written. Reading goes on.
    task<result<void>> close_writing();

    /// Closes both directions now rather than in the destructor. The peer reads the end of the
    /// stream where that can still be said: a task of the scheduler's does, within a second.
    void close() noexcept;
    bool is_open() const noexcept;

    /// What the peer's certificate says, which was verified; nothing where it showed none.
    std::optional<tls_certificate> peer_certificate() const;
    /// The name in it: its subject's common name, or else the first of its other names. Empty
    /// where it showed none.
    std::string peer_name() const;

    /// Why it is of no use any more, in a line; empty where TLS has not failed.
    std::string failure_text() const;

private:
    friend class tls_session;
    explicit tls_stream(std::shared_ptr<tls_session> session) noexcept
        : session_(std::move(session)) {}

    std::shared_ptr<tls_session> session_;
};

}  // namespace conduit
