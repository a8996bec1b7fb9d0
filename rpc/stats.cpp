// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/call_statistics.hpp>
#include <conduit/rpc/stats.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>
#include <string_view>

namespace conduit::rpc {
namespace {

using detail::latency_histogram;
using std::chrono::microseconds;
using std::chrono::nanoseconds;

method_stats stats_of_method(std::string_view name, const detail::method_statistics& recorded) {
    method_stats said;
    said.method = name;
    for (std::size_t i = 0; i < recorded.by_status.size(); ++i) {
        if (recorded.by_status[i] == 0) continue;
        said.by_status[std::string(to_string(static_cast<status>(i)))] = recorded.by_status[i];
    }
    said.refused = recorded.refused;
    said.cut_off = recorded.cut_off;
    said.queue_time = microseconds(recorded.queue_us);
    said.run_time = microseconds(recorded.run_us);
    said.queue_time_most = microseconds(recorded.queue_us_most);
    said.run_time_most = microseconds(recorded.run_us_most);
    said.argument_bytes = recorded.argument_bytes;
    said.result_bytes = recorded.result_bytes;
    const auto& counts = recorded.latency.counts();
    const auto last = std::find_if(counts.rbegin(), counts.rend(), [](auto n) { return n != 0; });
    said.latency.assign(counts.begin(), last.base());
    return said;
}

void add_up(std::map<std::string, std::uint64_t>& sum,
            const std::map<std::string, std::uint64_t>& more) {
    for (const auto& [name, count] : more) sum[name] += count;
}

void add_up(method_stats& sum, const method_stats& more) {
    add_up(sum.by_status, more.by_status);
    sum.refused += more.refused;
    sum.cut_off += more.cut_off;
    sum.queue_time += more.queue_time;
    sum.run_time += more.run_time;
    sum.queue_time_most = std::max(sum.queue_time_most, more.queue_time_most);
    sum.run_time_most = std::max(sum.run_time_most, more.run_time_most);
    sum.argument_bytes += more.argument_bytes;
    sum.result_bytes += more.result_bytes;
    sum.latency.resize(std::max(sum.latency.size(), more.latency.size()));
    for (std::size_t i = 0; i < more.latency.size(); ++i) sum.latency[i] += more.latency[i];
}

// --- text for Prometheus ------------------------------------------------------------------------

std::string escaped_label(std::string_view value) {
    std::string text;
    for (const char c : value) {
        if (c == '\\' || c == '"') text += '\\';
        if (c == '\n') {
            text += "\\n";
        } else {
            text += c;
        }
    }
    return text;
}

/// Exact: 1500 us are "0.0015".
std::string seconds(nanoseconds time) {
    std::string text =
        fmt::format("{}.{:09}", time.count() / 1'000'000'000, time.count() % 1'000'000'000);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
    return text;
}

class exposition {
public:
    void family(std::string_view name, std::string_view type, std::string_view help) {
        name_ = name;
        fmt::format_to(std::back_inserter(text_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name,
                       type);
    }
    /// `suffix` is that of a histogram's series, `labels` are without braces.
    template <class Value>
    void sample(std::string_view suffix, std::string_view labels, const Value& value) {
        const auto out = std::back_inserter(text_);
        if (labels.empty()) {
            fmt::format_to(out, "{}{} {}\n", name_, suffix, value);
        } else {
            fmt::format_to(out, "{}{}{{{}}} {}\n", name_, suffix, labels, value);
        }
    }
    /// A family of one sample.
    void number(std::string_view name, std::string_view type, std::string_view help,
                std::uint64_t value) {
        family(name, type, help);
        sample("", "", value);
    }
    std::string take() { return std::move(text_); }

private:
    std::string_view name_;
    std::string text_;
};

/// The labels of a method, by its position.
std::vector<std::string> labels_of(const server_stats& said) {
    std::vector<std::string> labels;
    for (const method_stats& each : said.methods) {
        const std::string_view name = each.method;
        const std::size_t slash = std::min(name.find('/'), name.size());
        labels.push_back(fmt::format("interface=\"{}\",method=\"{}\"",
                                     escaped_label(name.substr(0, slash)),
                                     escaped_label(name.substr(std::min(slash + 1, name.size())))));
    }
    return labels;
}

void add_durations(exposition& out, const method_stats& method, const std::string& labels) {
    std::uint64_t below = 0;
    for (std::size_t i = 0; i + 1 < latency_histogram::buckets; ++i) {
        below += i < method.latency.size() ? method.latency[i] : 0;
        const std::uint64_t bound = *latency_histogram::bound_of(i);
        if (!std::has_single_bit(bound)) continue;
        out.sample("_bucket", fmt::format("{},le=\"{}\"", labels, seconds(microseconds(bound))),
                   below);
    }
    const std::uint64_t all =
        std::accumulate(method.latency.begin(), method.latency.end(), std::uint64_t{0});
    out.sample("_bucket", labels + ",le=\"+Inf\"", all);
    out.sample("_sum", labels, seconds(method.queue_time + method.run_time));
    out.sample("_count", labels, all);
}

template <class Value>
void add_for_each(exposition& out, const server_stats& said, const std::vector<std::string>& labels,
                  std::string_view name, std::string_view help, Value value_of) {
    out.family(name, "counter", help);
    for (std::size_t i = 0; i < said.methods.size(); ++i) {
        out.sample("", labels[i], value_of(said.methods[i]));
    }
}

void add_calls(exposition& out, const server_stats& said) {
    const std::vector<std::string> labels = labels_of(said);
    out.family("conduit_calls_total", "counter", "Calls that were begun and have ended.");
    for (std::size_t i = 0; i < said.methods.size(); ++i) {
        for (const auto& [code, count] : said.methods[i].by_status) {
            out.sample("", fmt::format("{},status=\"{}\"", labels[i], escaped_label(code)), count);
        }
    }
    out.family("conduit_call_duration_seconds", "histogram",
               "From the arrival of a call to its end, of those that were begun.");
    for (std::size_t i = 0; i < said.methods.size(); ++i) {
        add_durations(out, said.methods[i], labels[i]);
    }
    using each = const method_stats&;
    add_for_each(out, said, labels, "conduit_calls_refused_total", "Calls that were not begun.",
                 [](each m) { return m.refused; });
    add_for_each(out, said, labels, "conduit_calls_cut_off_total",
                 "Calls whose connection went before they had ended.",
                 [](each m) { return m.cut_off; });
    add_for_each(out, said, labels, "conduit_call_queue_seconds_total",
                 "From the arrival of calls to when they were begun.",
                 [](each m) { return seconds(m.queue_time); });
    add_for_each(out, said, labels, "conduit_call_run_seconds_total",
                 "From when calls were begun to their end.",
                 [](each m) { return seconds(m.run_time); });
    add_for_each(out, said, labels, "conduit_argument_bytes_total",
                 "Encoded arguments, and items of streams that callers sent.",
                 [](each m) { return m.argument_bytes; });
    add_for_each(out, said, labels, "conduit_result_bytes_total",
                 "Encoded results, and items of streams that were sent to callers.",
                 [](each m) { return m.result_bytes; });
}

}  // namespace

std::optional<nanoseconds> latency_bound(std::size_t bucket) noexcept {
    const auto bound = latency_histogram::bound_of(bucket);
    return bound ? std::optional<nanoseconds>(microseconds(*bound)) : std::nullopt;
}

std::uint64_t method_stats::ended() const noexcept {
    return std::accumulate(latency.begin(), latency.end(), std::uint64_t{0});
}

std::optional<nanoseconds> method_stats::latency_below(double part) const noexcept {
    const std::uint64_t all = ended();
    if (all == 0) return std::nullopt;
    const double wanted = std::clamp(part, 0.0, 1.0) * static_cast<double>(all);
    const auto least = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(wanted)));
    std::uint64_t below = 0;
    std::size_t bucket = 0;
    while (bucket < latency.size() && (below += latency[bucket]) < least) ++bucket;
    return latency_bound(bucket);
}

void server_stats::add(const server_stats& other) {
    for (const method_stats& more : other.methods) {
        const auto at = std::ranges::lower_bound(methods, more.method, {}, &method_stats::method);
        if (at != methods.end() && at->method == more.method) {
            add_up(*at, more);
        } else {
            methods.insert(at, more);
        }
    }
    add_up(limits, other.limits);
    unknown_methods += other.unknown_methods;
    connections_now += other.connections_now;
    calls_now += other.calls_now;
    accepted += other.accepted;
    refused += other.refused;
    pushed_out += other.pushed_out;
    ended += other.ended;
    bytes_received += other.bytes_received;
    bytes_sent += other.bytes_sent;
    handshakes_failed += other.handshakes_failed;
}

std::string to_prometheus(const server_stats& said) {
    exposition out;
    add_calls(out, said);
    out.number("conduit_unknown_methods_total", "counter", "Calls of methods that are not offered.",
               said.unknown_methods);
    out.family("conduit_limit_hits_total", "counter", "What was refused, by the limit.");
    for (const auto& [name, count] : said.limits) {
        out.sample("", fmt::format("limit=\"{}\"", escaped_label(name)), count);
    }
    out.number("conduit_calls_in_progress", "gauge", "Calls that have come and not ended.",
               said.calls_now);
    out.number("conduit_connections", "gauge", "Connections that are there.", said.connections_now);
    out.number("conduit_connections_accepted_total", "counter",
               "Connections that came, also those that were refused.", said.accepted);
    out.number("conduit_connections_refused_total", "counter",
               "Connections of users who may not, or beyond a limit.", said.refused);
    out.number("conduit_connections_pushed_out_total", "counter",
               "Connections that had not said who they are, and gave up their place.",
               said.pushed_out);
    out.number("conduit_connections_ended_total", "counter",
               "Connections that have ended, for whatever reason.", said.ended);
    out.number("conduit_tls_handshakes_failed_total", "counter",
               "Connections whose TLS handshake failed or took too long.", said.handshakes_failed);
    out.number("conduit_received_bytes_total", "counter", "Bytes that came.", said.bytes_received);
    out.number("conduit_sent_bytes_total", "counter", "Bytes that were sent.", said.bytes_sent);
    return out.take();
}

task<server_stats> stats_service::now() { return current_(); }

task<std::string> stats_service::prometheus() {
    const server_stats said = co_await current_();
    co_return to_prometheus(said);
}

namespace detail {

server_stats stats_of(const call_statistics& recorded) {
    server_stats said;
    for (const auto& [name, each] : recorded.methods()) {
        said.methods.push_back(stats_of_method(name, *each));
    }
    said.unknown_methods = recorded.of_unknown().refused;
    for (std::size_t i = 0; i < limit_count; ++i) {
        const auto which = static_cast<limit>(i);
        said.limits[std::string(to_string(which))] = recorded.hits(which);
    }
    return said;
}

}  // namespace detail
}  // namespace conduit::rpc
