// SPDX-License-Identifier: BSL-1.0
//
// What happened to the calls that a server was asked for, as numbers: fixed memory for each method,
// and a few additions for each call. Connections record, stats.hpp tells others.
//
//     call_statistics all;
//     method_statistics& adds = all.of(row);              // once for each connection and method
//     adds.ended(status::ok, queue_us, run_us);           // at END
//     all.hit(limit::calls_max);

#pragma once

#include <conduit/rpc/detail/enumerators.hpp>
#include <conduit/rpc/fault.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string_view>

namespace conduit::rpc::detail {

struct method_row;

/// What a server or a connection may refuse something for. A new one needs this line and a hit()
/// where it is refused: names and counters follow.
enum class limit : std::uint8_t {
    connections_max,           // of the server
    connections_per_user_max,  // likewise
    strangers_max,             // one gave up its place
    calls_max,                 // of the server, a user's share of it, or the connection
    queue_target,              // a call that waited too long, while all of them do
    memory_max,                // of the connection, the server, or a user's share
    handles_held_max,          // likewise
    handles_given_max,         // likewise
    message_max,               // arguments, an item, or a result that this side asked for
    decoded_max,               // arguments or an item: too large, deep or many when decoded
    output_max,                // what the peer does not read
    handles_max,               // with one frame, or waiting for theirs
    handles,                   // of a kind that is not let in, or that nobody asked for
    frame_max,                 // a frame, or a part of it, that is too long
    greeting_within,           // who said nothing in time
    progress_within,           // a frame that does not go on, or a peer that does not read
    cancels,                   // a second
    pings,                     // likewise
    glitches,                  // frames about no call, likewise
    keep_alive,                // nothing was heard of the peer
    unanswered,                // calls that were given up, and a PING after them
    linger,                    // a peer that was told to go and did not
    refusals,                  // connections that were not even told why they may not come
};

inline constexpr std::size_t limit_count = dense_enumerators<limit>;

/// "calls_max".
constexpr std::string_view to_string(limit which) noexcept {
    return dense_names<limit>[static_cast<std::size_t>(which)];
}

/// Log-linear: four buckets for each power of two, so that a bound is at most a quarter above what
/// it counts. Bucket 0 is below 1 us, the last but one below 67.1 s, and the last one takes the
/// rest.
class latency_histogram {
public:
    static constexpr std::size_t buckets = 101;

    void add(std::uint64_t microseconds) noexcept { ++counts_[bucket_of(microseconds)]; }
    const std::array<std::uint64_t, buckets>& counts() const noexcept { return counts_; }

    static constexpr std::size_t bucket_of(std::uint64_t microseconds) noexcept {
        if (microseconds < 4) return static_cast<std::size_t>(microseconds);
        const auto power = static_cast<std::size_t>(std::bit_width(microseconds)) - 1;
        const auto quarter = static_cast<std::size_t>(microseconds >> (power - 2)) & 3;
        return std::min((power - 1) * 4 + quarter, buckets - 1);
    }
    /// What it counts is less than so many microseconds; nothing for the last one.
    static constexpr std::optional<std::uint64_t> bound_of(std::size_t bucket) noexcept {
        if (bucket + 1 >= buckets) return std::nullopt;
        if (bucket < 4) return bucket + 1;
        return std::uint64_t{5 + bucket % 4} << (bucket / 4 - 1);
    }

private:
    std::array<std::uint64_t, buckets> counts_{};
};

/// Of one method. A call is ended, refused or cut off, once.
struct method_statistics {
    static constexpr std::size_t status_count = dense_enumerators<status>;

    std::array<std::uint64_t, status_count> by_status{};  // of those that were begun
    std::uint64_t refused = 0;                            // not begun
    std::uint64_t cut_off = 0;  // their connection went before they had ended
    std::uint64_t queue_us = 0;
    std::uint64_t run_us = 0;
    std::uint64_t queue_us_most = 0;
    std::uint64_t run_us_most = 0;
    std::uint64_t argument_bytes = 0;  // encoded, also of items
    std::uint64_t result_bytes = 0;    // likewise
    latency_histogram latency;         // from its arrival to END

    void ended(status code, std::uint32_t queued_us, std::uint32_t ran_us) noexcept {
        ++by_status[std::min<std::size_t>(static_cast<std::size_t>(code), status_count - 1)];
        queue_us += queued_us;
        run_us += ran_us;
        queue_us_most = std::max<std::uint64_t>(queue_us_most, queued_us);
        run_us_most = std::max<std::uint64_t>(run_us_most, ran_us);
        latency.add(std::uint64_t{queued_us} + ran_us);
    }
};

/// Of all connections that share it, on one scheduler.
class call_statistics {
public:
    /// What is recorded of a method; it stays where it is.
    method_statistics& of(const method_row& method);
    /// Calls of methods that there are not.
    method_statistics& of_unknown() noexcept { return unknown_; }
    const method_statistics& of_unknown() const noexcept { return unknown_; }

    void hit(limit which) noexcept { ++hits_[static_cast<std::size_t>(which)]; }
    std::uint64_t hits(limit which) const noexcept {
        return hits_[static_cast<std::size_t>(which)];
    }

    using method_map = std::map<std::string_view, std::unique_ptr<method_statistics>>;
    /// By full name: those that were called.
    const method_map& methods() const noexcept { return methods_; }

private:
    method_map methods_;
    method_statistics unknown_;
    std::array<std::uint64_t, limit_count> hits_{};
};

}  // namespace conduit::rpc::detail
