// SPDX-License-Identifier: BSL-1.0
//
// One process's offer of one interface, as the matchmaker tells of it: who, where, in which
// version, and how it fares. Plain structs that can be sent. What one asks for is below; how, is in
// matchmaker.hpp.
//
//     rpc::instance_offer offer{"demo.calculator.v1", "unix:/run/x", {1, 2}, 100, {"zone=eu"}};
//     rpc::instance_query query{"demo.calculator.v1", rpc::interface_version{1, 2}, {"zone=eu"}};

#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace conduit::rpc {

inline constexpr std::uint32_t weight_max = 10'000;
inline constexpr std::size_t tags_max = 16;
inline constexpr std::size_t tag_bytes_max = 64;

/// Never used again: numbers are unique within an epoch, and each start of a matchmaker is one.
struct instance_id {
    std::uint64_t epoch = 0;
    std::uint64_t number = 0;
    auto operator<=>(const instance_id&) const = default;
};

/// "7-12": epoch and number.
std::string to_string(instance_id id);

/// Of the interface. A minor version adds to those before; another major one is another interface.
struct interface_version {
    std::uint32_t major = 1;
    std::uint32_t minor = 0;
    auto operator<=>(const interface_version&) const = default;
};

/// Whether who wants `wanted` can use `offered`: the same major version, and no smaller minor one.
bool serves(interface_version offered, interface_version wanted) noexcept;

/// The 16 bytes of /proc/sys/kernel/random/boot_id.
using boot_id = std::array<std::uint8_t, 16>;

/// A process, told from every other one that this host ever ran.
struct instance_owner {
    std::uint32_t uid = 0;
    std::int32_t pid = 0;
    boot_id boot{};
    std::uint64_t start_time = 0;  // clock ticks since boot, field 22 of /proc/PID/stat
    bool operator==(const instance_owner&) const = default;
};

/// What a process says when it announces.
struct instance_offer {
    std::string name;
    std::string address;
    interface_version version;
    std::uint32_t weight = 100;     // relative to others of the name; 0: only if there is no other
    std::vector<std::string> tags;  // sorted, each once
    bool operator==(const instance_offer&) const = default;
};

enum class instance_state : std::uint8_t {
    alive,
    unconfirmed,  // known from before a restart of the matchmaker, and not heard of since
    suspect,      // does not answer
    leaving,      // withdrawn: finishes what it has begun, and is not found any more
};

/// Why an instance is not there any more.
enum class gone_reason : std::uint8_t {
    none,
    withdrawn,
    process_ended,
    connection_lost,
    hung,
    replaced,         // announced again, by the same process or its successor
    policy,           // the policy allows it no more
    lost_in_restart,  // unconfirmed until the time for that was over
};

/// "process_ended"; "unknown" for a number that is none of them.
std::string_view to_string(gone_reason reason) noexcept;
std::string_view to_string(instance_state state) noexcept;

struct instance {
    instance_id id;
    instance_owner owner;
    instance_offer offer;
    instance_state state = instance_state::alive;
    std::uint64_t revision = 0;  // of its last change
    bool operator==(const instance&) const = default;
};

/// What may be changed of an instance that is there.
struct instance_update {
    std::uint32_t weight = 100;
    std::vector<std::string> tags;
};

/// What somebody looks for.
struct instance_query {
    std::string name;
    std::optional<interface_version> version;  // at least, see serves()
    std::vector<std::string> tags;             // all of them
};

/// Which names somebody watches or lists.
struct name_pattern {
    std::string text;
    bool is_prefix = false;  // of names, otherwise the name itself

    bool includes(std::string_view name) const noexcept {
        return is_prefix ? name.starts_with(text) : name == text;
    }
};

/// Where an instance stands in the order of all: by name, then by id.
struct index_key {
    std::string name;
    instance_id id;
    auto operator<=>(const index_key&) const = default;
};

/// What happened to an instance.
enum class change_kind : std::uint8_t { announced, changed, gone };

/// A state of the table. Revisions of different epochs have nothing to do with each other.
struct table_position {
    std::uint64_t epoch = 0;
    std::uint64_t revision = 0;
    bool operator==(const table_position&) const = default;
};

}  // namespace conduit::rpc
