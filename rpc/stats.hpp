// SPDX-License-Identifier: BSL-1.0
//
// What a server has done so far, as numbers: calls, times, bytes and limits. Every server offers
// them as the interface `conduit.stats`, also as text for Prometheus; whether it is well is the
// business of health.hpp, and what it offers that of describe.hpp.
//
//     auto numbers = co_await rpc::connect<rpc::stats>("unix:/run/x/sock");
//     const rpc::server_stats said = co_await numbers->now();
//     for (const rpc::method_stats& each : said.methods) ...
//     each.latency_below(0.99);                           // 99 % took less than this
//
//     const std::string text = to_prometheus(server.stats());     // in the same process

#pragma once

#include <conduit/rpc/interface.hpp>
#include <conduit/runtime/task.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace conduit::rpc {

namespace detail {
class call_statistics;
}

/// Of one method. Counts only grow, while the server lives.
struct method_stats {
    std::string method;                              // "demo.calculator.v1/add"
    std::map<std::string, std::uint64_t> by_status;  // "ok": how many ended so, once begun
    std::uint64_t refused = 0;                       // not begun: a limit, or bad arguments
    std::uint64_t cut_off = 0;                       // the connection went before they ended
    std::chrono::nanoseconds queue_time{0};          // from arrival to begin, of all together
    std::chrono::nanoseconds run_time{0};            // from begin to end
    std::chrono::nanoseconds queue_time_most{0};     // of one
    std::chrono::nanoseconds run_time_most{0};
    std::uint64_t argument_bytes = 0;  // encoded; of items of a stream too
    std::uint64_t result_bytes = 0;
    /// How many took so long from arrival to end: see latency_bound(). Zeros at the end are left
    /// out.
    std::vector<std::uint64_t> latency;

    bool operator==(const method_stats&) const = default;

    /// How many ended, once begun.
    std::uint64_t ended() const noexcept;
    /// What so large a part of them took less than, up to a quarter too much; nothing where none
    /// has ended, or it took more than a minute. `part` is 0 to 1.
    std::optional<std::chrono::nanoseconds> latency_below(double part) const noexcept;
};

/// Bucket `bucket` of a latency counts what is below this and not in one before. There are four for
/// each power of two, from 1 us to 67.1 s; the last one, 100, has no bound and counts the rest.
std::optional<std::chrono::nanoseconds> latency_bound(std::size_t bucket) noexcept;

/// Of a server. It may be sent, and be added up with that of another one.
struct server_stats {
    std::vector<method_stats> methods;  // those that were called, by name
    std::uint64_t unknown_methods = 0;  // calls of what is not offered
    /// How often something was refused for each limit: "calls_max". All of them are there.
    std::map<std::string, std::uint64_t> limits;
    std::uint64_t connections_now = 0;
    std::uint64_t calls_now = 0;
    std::uint64_t accepted = 0;    // connections that came
    std::uint64_t refused = 0;     // of users who may not, or beyond a limit
    std::uint64_t pushed_out = 0;  // strangers that gave up their place to others
    std::uint64_t ended = 0;       // connections, for whatever reason
    std::uint64_t bytes_received = 0;
    std::uint64_t bytes_sent = 0;
    std::uint64_t handshakes_failed = 0;  // of TLS

    bool operator==(const server_stats&) const = default;

    /// Of servers that work together.
    void add(const server_stats& other);
};

/// As Prometheus reads it: text exposition format 0.0.4, in seconds and bytes. Names begin with
/// `conduit_`; the buckets of a histogram are the powers of two.
std::string to_prometheus(const server_stats& said);

/// What `conduit.stats` is. Whoever may call a server may ask it.
class stats {
public:
    virtual ~stats() = default;

    virtual task<server_stats> now() = 0;
    /// to_prometheus() of that.
    virtual task<std::string> prometheus() = 0;
};
CONDUIT_INTERFACE(stats, "conduit.stats", now, prometheus)

constexpr auto conduit_methods(contract<stats>) {
    return methods(
        method<&stats::now>().idempotent().text("What happened here so far."),
        method<&stats::prometheus>().idempotent().text("The same as text for Prometheus."));
}

/// Says what `now` says. A server has one; that of a group adds up those of all workers.
class stats_service final : public stats {
public:
    explicit stats_service(std::function<task<server_stats>()> current)
        : current_(std::move(current)) {}

    task<server_stats> now() override;
    task<std::string> prometheus() override;

private:
    std::function<task<server_stats>()> current_;
};

namespace detail {
/// What was recorded of methods and limits.
server_stats stats_of(const call_statistics& recorded);
}  // namespace detail

}  // namespace conduit::rpc
