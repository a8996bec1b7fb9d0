// SPDX-License-Identifier: BSL-1.0
//
// Frames of the wire protocol, right or wrong ones, and what a frame_reader makes of them.
//
//     const auto stream = test::joined({test::greeting(), test::end_frame(7, 0, "result")});
//     test::frame_log log;
//     test::read(stream, 1, log);             // a byte at a time
//     REQUIRE(log.text == "settings ...\nend 7 status 0 ... message 'result'\nbetween frames\n");

#pragma once

#include <conduit/rpc/detail/wire.hpp>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace conduit::test {

using bytes = std::vector<std::byte>;

bytes joined(std::initializer_list<bytes> parts);
bytes to_bytes(std::string_view text);

/// A header with the payload's length, and the payload.
bytes frame(rpc::detail::frame_header header, const bytes& payload = {});

/// Preface and SETTINGS with the values before SETTINGS, and handles where they are wanted.
bytes greeting(std::uint32_t handles_max = 0);

/// The parts of an OPEN's payload, each where it is set.
struct open_parts {
    std::uint64_t deadline_us = 0;
    std::string_view name = {};
    std::string_view metadata = {};
    std::uint32_t size = 0;  // of the whole message; then the message is a first piece
    std::string_view message = {};
    bool fin = true;
};
bytes open_frame(std::uint32_t stream, std::uint32_t alias, const open_parts& parts,
                 std::uint16_t handles = 0);
bytes end_frame(std::uint32_t stream, std::uint32_t status, std::string_view message);
bytes data_frame(std::uint32_t stream, std::uint8_t flags, std::string_view message);

/// One frame of each kind and of each combination of flags, behind a greeting: a peer at its best.
std::vector<bytes> samples();

/// Each event as a line of text.
class frame_log : public rpc::detail::frame_events {
public:
    bool on_settings(const rpc::detail::wire_settings& theirs) override;
    bool on_open(const rpc::detail::open_event& event) override;
    bool on_data(const rpc::detail::data_event& event) override;
    bool on_end(const rpc::detail::end_event& event) override;
    bool on_cancel(std::uint32_t stream, std::uint32_t status) override;
    bool on_credit(std::uint32_t stream, bool ours, std::uint32_t bytes) override;
    bool on_ping(std::uint64_t value) override;
    bool on_pong(std::uint64_t value) override;
    bool on_goaway(const rpc::detail::goaway_event& event) override;
    bool on_ignored(const rpc::detail::frame_header& header) override;

    /// Adds how it ended: broken and why, or whether between frames.
    void close(const rpc::detail::frame_reader& reader);

    std::string text;
    std::size_t events = 0;
    std::size_t events_max = static_cast<std::size_t>(-1);  // then it has had enough

private:
    bool line();
    void add(std::string_view word, std::uint64_t number);
    void add(std::string_view word, std::span<const std::byte> held);
    void add(const rpc::detail::message_piece& piece);
};

/// What a side announces that takes everything in samples().
rpc::detail::wire_settings reader_settings();

/// The inputs that fuzz_frame starts from, by their names: the samples, lengths and beginnings that
/// have broken other parsers, and a whole conversation.
std::map<std::string, bytes> frame_seeds();

/// Feeds `stream` in portions of `portion` bytes; how it ended is the last line of the log.
void read(std::span<const std::byte> stream, std::size_t portion, frame_log& log);

}  // namespace conduit::test
