// SPDX-License-Identifier: BSL-1.0
//
// The three questions one asks of a channel, answered at compile time by each type of this layer:
// one-way or two-way? Half or full duplex? Who can be at the other end?
//
//     static_assert(conduit::pipe_reader::traits.ways == conduit::channel_ways::one_way);
//     static_assert(conduit::unix_stream::traits.relation == conduit::channel_relation::same_host);

#pragma once

#include <concepts>

namespace conduit {

/// Whether bytes go in one direction, or in both through one object.
enum class channel_ways { one_way, two_way };

/// Whether both directions are in use at the same time. One-way channels are half duplex.
enum class channel_duplex { half, full };

/// Who can be at the two ends: tasks of one process; processes of which one started the other or
/// that have a common ancestor; any on this host; any on any host.
enum class channel_relation { same_process, related, same_host, any_host };

struct channel_traits {
    channel_ways ways;
    channel_duplex duplex;
    channel_relation relation;
};

/// Has answers: `static constexpr channel_traits traits`.
template <class T>
concept channel = requires {
    { T::traits } -> std::same_as<const channel_traits&>;
};

}  // namespace conduit
