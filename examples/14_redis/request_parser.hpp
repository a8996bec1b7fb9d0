// SPDX-License-Identifier: BSL-1.0
//
// Requests of the Redis protocol (RESP2): arrays of bulk strings, as clients send them, and inline
// commands, as people type them. See https://redis.io/docs/reference/protocol-spec/.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// A number as Redis writes it itself: "+1", " 1" and "01" are none.
std::optional<std::int64_t> number_in(std::string_view text);

/// Takes requests from the front of a growing buffer, as they become complete.
///
/// It remembers how far it came, so that a request that arrives byte by byte costs no more than one
/// in a piece. After an error it is of no further use, and neither is the connection.
class request_parser {
public:
    // Redis takes 512 MiB and 1024 * 1024 words. What one client can make this server hold is a
    // request of its own and the replies to it, so both are less here.
    static constexpr std::size_t request_bytes_max = std::size_t{1024} * 1024;
    static constexpr std::size_t words_max = std::size_t{16} * 1024;
    static constexpr std::size_t line_bytes_max = std::size_t{64} * 1024;

    enum class state : std::uint8_t { complete, incomplete, broken };

    /// Looks for one request. `bytes` begins where the last one ended, with more behind it than the
    /// last time. An empty request is complete as well, and wants no reply.
    state parse(std::string_view bytes);

    /// Of a complete one: the command and its arguments. They refer to `bytes`, or to this.
    const std::vector<std::string_view>& words() const noexcept { return words_; }
    /// How many bytes it took.
    std::size_t size() const noexcept { return size_; }

    /// Of a broken one: what to tell the client.
    const std::string& complaint() const noexcept { return complaint_; }

private:
    state parse_array(std::string_view bytes);
    state parse_bulk(std::string_view bytes);
    state parse_inline(std::string_view bytes);
    state finish(std::string_view bytes);
    state broken(std::string why);

    bool in_array_ = false;
    std::size_t at_ = 0;              // what is parsed of the array so far
    std::size_t words_left_ = 0;      // of the array
    std::ptrdiff_t bulk_bytes_ = -1;  // of the word that is under way; -1: not known yet
    std::vector<std::pair<std::size_t, std::size_t>> places_;

    std::vector<std::string_view> words_;
    std::vector<std::string> unquoted_;  // what the words of an inline command refer to
    std::size_t size_ = 0;
    std::string complaint_;
};
