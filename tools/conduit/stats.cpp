// SPDX-License-Identifier: BSL-1.0
//
// conduit stats: what a server has done so far.

#include "commands.hpp"
#include "duration.hpp"
#include "json_of.hpp"
#include "printable.hpp"
#include "reach.hpp"

#include <conduit/rpc/stats.hpp>
#include <conduit/rpc/try_call.hpp>

#include <fmt/format.h>

#include <utility>

namespace conduit::tool {
namespace {

std::string quantile(const rpc::method_stats& of, double part) {
    const auto time = of.latency_below(part);
    if (time) return "< " + shown_duration(*time);
    return of.ended() == 0 ? "-" : "more";
}

std::string mean_run_time(const rpc::method_stats& of) {
    if (of.ended() == 0) return "-";
    return shown_duration(of.run_time / static_cast<std::int64_t>(of.ended()));
}

table methods_of(const rpc::server_stats& said) {
    table shown{{"METHOD", "CALLS", "FAILED", "REFUSED", "CUT OFF", "MEAN", "P50", "P99"}, {}};
    for (const rpc::method_stats& each : said.methods) {
        const auto ok = each.by_status.find("ok");
        const std::uint64_t good = ok == each.by_status.end() ? 0 : ok->second;
        shown.rows.push_back({printable(each.method), std::to_string(each.ended()),
                              std::to_string(each.ended() - good), std::to_string(each.refused),
                              std::to_string(each.cut_off), mean_run_time(each),
                              quantile(each, 0.5), quantile(each, 0.99)});
    }
    return shown;
}

std::string text_of(const rpc::server_stats& said, const output& out) {
    std::string text = fmt::format(
        "connections: {} now, {} accepted, {} refused, {} ended\n"
        "calls now: {}; of unknown methods: {}\n"
        "bytes: {} received, {} sent\n",
        said.connections_now, said.accepted, said.refused, said.ended, said.calls_now,
        said.unknown_methods, said.bytes_received, said.bytes_sent);
    for (const auto& [limit, hits] : said.limits) {
        if (hits != 0) text += fmt::format("limit {}: hit {} times\n", printable(limit), hits);
    }
    if (!said.methods.empty()) text += '\n' + to_text(methods_of(said), out);
    return text;
}

}  // namespace

task<exit_code> stats(const surroundings& given) {
    const request& wanted = given.wanted;
    output& out = given.out;
    target meant = target_of(wanted, "a NAME, or an ADDRESS");
    if (!meant.words.empty()) {
        throw failure(exit_code::usage, "stats: nothing follows the NAME or ADDRESS");
    }
    reached there = co_await reach(given, std::move(meant));
    rpc::stub<rpc::stats> of(there.peer.connection());
    if (wanted.prometheus) {
        auto text = co_await rpc::try_call(of.prometheus());
        if (!text) throw_unanswered(text.error(), there.where);
        co_await out.write(printable_lines(*text));
        co_return exit_code::ok;
    }
    auto said = co_await rpc::try_call(of.now());
    if (!said) throw_unanswered(said.error(), there.where);
    std::string text = out.json() ? json_of(*said) + '\n' : text_of(*said, out);
    co_await out.write(std::move(text));
    co_return exit_code::ok;
}

}  // namespace conduit::tool
