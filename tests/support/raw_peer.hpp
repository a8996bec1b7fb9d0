// SPDX-License-Identifier: BSL-1.0
//
// The other side of a connection, made by hand: it sends whatever bytes a test wants, and keeps
// what comes back as frames. For connections that speak properly see rpc/probe.hpp.
//
//     test::raw_peer peer(any_stream(std::move(ends.second)));
//     auto sent = co_await peer.send(test::joined({test::greeting(), wrong}));
//     co_await peer.until_told_off();                         // the other side said its last word
//     REQUIRE(peer.goaway->reason == goaway_reason::protocol);

#pragma once

#include "wire_frames.hpp"

#include <conduit/channels/any_stream.hpp>
#include <conduit/rpc/detail/wire.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace conduit::test {

/// Reads from its construction on, unless it is deaf, until the other side has closed. It must
/// outlive the tasks that use it.
class raw_peer final : private rpc::detail::frame_events {
public:
    enum class hearing : std::uint8_t { hears, deaf };

    explicit raw_peer(any_stream over, hearing with = hearing::hears);
    raw_peer(const raw_peer&) = delete;
    raw_peer& operator=(const raw_peer&) = delete;

    /// False when the other side takes no more.
    task<bool> send(bytes what);
    /// In portions, each when the one before was taken and others had their turn.
    task<bool> send_in_portions(bytes what, std::size_t portion);
    /// The bytes, with handles going along with the first of them.
    task<bool> send_with(bytes what, std::vector<unique_fd> handles);
    /// Of these bytes and no other: the other side sees the end of the stream behind them.
    task<void> half_close();
    void hang_up() noexcept { stream_.close(); }

    /// Until the other side has closed, has greeted, or has answered so many calls.
    task<void> until_told_off();
    task<void> until_greeted();
    task<void> until_ends(std::size_t calls);

    struct open_seen {
        std::uint32_t stream;
        std::string name;
    };
    struct end_seen {
        std::uint32_t stream;
        std::uint32_t status;
        bool not_started;
        bytes message;
    };
    struct goaway_seen {
        rpc::detail::goaway_reason reason;
        std::uint32_t opens;
        std::string text;
    };

    std::optional<rpc::detail::wire_settings> settings;
    std::vector<open_seen> opens;
    std::vector<end_seen> ends;
    std::vector<std::uint64_t> pongs;
    std::optional<goaway_seen> goaway;  // the last one
    std::size_t pings = 0;
    bytes last_ping;
    std::size_t cancels = 0;
    std::size_t items = 0;
    std::size_t item_bytes = 0;
    std::uint64_t credit = 0;
    std::size_t argument_bytes = 0;  // of parameter lists and what follows them
    std::size_t longest = 0;         // message or piece in a frame, with what stands before it
    bool is_proper = true;           // what came is by the protocol

private:
    bool on_settings(const rpc::detail::wire_settings& theirs) override;
    bool on_open(const rpc::detail::open_event& event) override;
    bool on_data(const rpc::detail::data_event& event) override;
    bool on_end(const rpc::detail::end_event& event) override;
    bool on_cancel(std::uint32_t stream, std::uint32_t status) override;
    bool on_credit(std::uint32_t stream, bool ours, std::uint32_t given) override;
    bool on_ping(std::uint64_t value) override;
    bool on_pong(std::uint64_t value) override;
    bool on_goaway(const rpc::detail::goaway_event& event) override;
    bool on_ignored(const rpc::detail::frame_header& header) override;

    task<void> read();

    any_stream stream_;
    rpc::detail::frame_reader reader_;
    event ended_;
    event heard_;  // more than before
    task_group tasks_;
};

/// As frame(), which has the name of something else in conduit itself.
inline bytes raw_frame(rpc::detail::frame_header header, const bytes& payload = {}) {
    return frame(header, payload);
}

/// The one string of a fault's text or of a result, as it is encoded.
std::string first_string(const bytes& message);
/// A string as an argument or a result.
std::string encoded_text(std::string_view text);
std::string encoded_number(std::uint32_t number);

}  // namespace conduit::test
