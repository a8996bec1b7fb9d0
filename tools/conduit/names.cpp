// SPDX-License-Identifier: BSL-1.0
//
// conduit list, lookup, find, watch and waits: what the matchmaker knows, or for the first three
// what one server offers.

#include "commands.hpp"
#include "duration.hpp"
#include "json_of.hpp"
#include "printable.hpp"
#include "reach.hpp"

#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>

namespace conduit::tool {

/// With --json. Has linkage since clang 19 wants that of what is in an optional.
struct shown_instance {
    std::string name;
    std::string address;
    std::string instance;  // "7-12"
    std::string version;   // "1.2"
    std::uint32_t weight = 0;
    std::vector<std::string> tags;
    std::string state;
    std::int32_t pid = 0;
    std::uint32_t uid = 0;
};

namespace {

constexpr std::uint32_t page = 256;

// --- how instances look -------------------------------------------------------------------------

struct shown_found {
    std::uint64_t epoch = 0;
    std::uint64_t revision = 0;
    std::string source;
    std::int64_t age_ms = 0;
    std::vector<shown_instance> instances;
    std::uint32_t left_out = 0;
};

std::string version_of(const rpc::instance& of) {
    return fmt::format("{}.{}", of.offer.version.major, of.offer.version.minor);
}

std::string tags_of(const rpc::instance& of) {
    std::string all;
    for (const std::string& tag : of.offer.tags) all += (all.empty() ? "" : " ") + printable(tag);
    return all;
}

shown_instance shown(const rpc::instance& of) {
    return {of.offer.name,
            of.offer.address,
            to_string(of.id),
            version_of(of),
            of.offer.weight,
            of.offer.tags,
            std::string(to_string(of.state)),
            of.owner.pid,
            of.owner.uid};
}

std::string text_of(const rpc::found_instances& found, const output& out) {
    if (out.json()) {
        shown_found all{found.at.epoch,
                        found.at.revision,
                        std::string(to_string(found.source)),
                        found.age.count(),
                        {},
                        found.left_out};
        for (const auto& each : found.instances) all.instances.push_back(shown(each));
        return json_of(all) + '\n';
    }
    table all{{"NAME", "INSTANCE", "STATE", "VERSION", "WEIGHT", "PID", "ADDRESS", "TAGS"}, {}};
    for (const auto& each : found.instances) {
        all.rows.push_back({printable(each.offer.name), to_string(each.id),
                            std::string(to_string(each.state)), version_of(each),
                            std::to_string(each.offer.weight), std::to_string(each.owner.pid),
                            printable(each.offer.address), tags_of(each)});
    }
    return to_text(all, out);
}

/// Tells people where the answer is not what is so now.
void warn_of(const rpc::found_instances& found, const output& out) {
    if (!out.json() && found.left_out > 0) {
        write_to_stderr(fmt::format(
            "conduit: {} more are not shown: an answer has no room for them\n", found.left_out));
    }
    if (out.json() || found.source == rpc::answer_source::live) return;
    if (found.source == rpc::answer_source::warming) {
        write_to_stderr(
            "conduit: the matchmaker has restarted a moment ago: what is missing may come back\n");
    } else if (found.source == rpc::answer_source::cache) {
        write_to_stderr(fmt::format("conduit: this was so {} ago\n", shown_duration(found.age)));
    }
}

// --- asking -------------------------------------------------------------------------------------

/// Empty where there is none.
std::string only_word(const request& wanted) {
    if (wanted.words.size() > 1) {
        throw failure(exit_code::usage, fmt::format("{}: one word, but there are {}", wanted.verb,
                                                    wanted.words.size()));
    }
    return wanted.words.empty() ? std::string() : wanted.words[0];
}

std::string needed_name(const request& wanted) {
    std::string name = only_word(wanted);
    if (name.empty()) {
        throw failure(exit_code::usage, fmt::format("{}: expected a NAME", wanted.verb));
    }
    return name;
}

rpc::name_pattern pattern_of(const request& wanted) {
    rpc::name_pattern pattern;
    pattern.text = only_word(wanted);
    pattern.is_prefix = true;
    return pattern;
}

/// All pages. What changes meanwhile may be in it or not.
task<rpc::found_instances> list_all(rpc::matchmaker& asked, rpc::name_pattern pattern) {
    const rpc::name_pattern own = std::move(pattern);
    rpc::found_instances all;
    std::optional<rpc::index_key> after;
    for (;;) {
        auto some = co_await rpc::try_call(asked.list(own, after, page));
        if (!some) throw_unanswered(some.error(), {});
        const bool is_cut = some->left_out > 0 && !some->instances.empty();
        const bool is_last = !is_cut && some->instances.size() < page;
        if (!is_last) {
            const rpc::instance& last = some->instances.back();
            after = rpc::index_key{last.offer.name, last.id};
        }
        std::move(some->instances.begin(), some->instances.end(),
                  std::back_inserter(all.instances));
        some->instances = std::move(all.instances);
        all = std::move(*some);
        if (is_last) co_return std::move(all);
    }
}

/// The names that one server offers, without a matchmaker.
task<std::vector<std::string>> offered_at(const request& wanted) {
    reached there = co_await reach_address(wanted, wanted.at);
    auto names = co_await rpc::try_call(there.peer->interfaces());
    if (!names) throw_unanswered(names.error(), there.where);
    co_return std::move(*names);
}

struct shown_offer {
    std::string name;
    std::string address;
};

std::string text_of_names(const std::vector<std::string>& names, const std::string& address,
                          const output& out) {
    table all{{"NAME", "ADDRESS"}, {}};
    std::string text;
    for (const std::string& name : names) {
        text += json_of(shown_offer{name, address}) + '\n';
        all.rows.push_back({printable(name), printable(address)});
    }
    return out.json() ? text : to_text(all, out);
}

std::string one_a_line(const std::set<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += printable(name) + '\n';
    return text;
}

task<exit_code> list_at(const request& wanted, output& out) {
    const std::string prefix = only_word(wanted);
    std::vector<std::string> names = co_await offered_at(wanted);
    std::erase_if(names, [&](const std::string& name) { return !name.starts_with(prefix); });
    std::string text = text_of_names(names, wanted.at, out);
    if (wanted.names_only) {
        const std::set<std::string> each(names.begin(), names.end());
        text = one_a_line(each);
    }
    co_await out.write(std::move(text));
    co_return exit_code::ok;
}

/// For lookup and find.
task<void> check_offered_at(const request& wanted, std::string name) {
    const std::string own = std::move(name);
    const std::vector<std::string> names = co_await offered_at(wanted);
    if (std::find(names.begin(), names.end(), own) != names.end()) co_return;
    throw failure(exit_code::not_found, fmt::format("{} does not offer {}", wanted.at, own));
}

}  // namespace

task<exit_code> list(const surroundings& given) {
    const request& wanted = given.wanted;
    output& out = given.out;
    if (!wanted.at.empty()) {
        co_return co_await list_at(wanted, out);
    }
    const rpc::name_pattern pattern = pattern_of(wanted);
    const rpc::found_instances all = co_await list_all(*given.matchmaker, pattern);
    warn_of(all, out);
    std::string text;
    if (wanted.names_only) {
        std::set<std::string> names;
        for (const auto& each : all.instances) names.insert(each.offer.name);
        text = one_a_line(names);
    } else {
        text = text_of(all, out);
    }
    co_await out.write(std::move(text));
    co_return exit_code::ok;
}

task<exit_code> lookup(const surroundings& given) {
    const request& wanted = given.wanted;
    output& out = given.out;
    const std::string name = needed_name(wanted);
    if (!wanted.at.empty()) {
        co_await check_offered_at(wanted, name);
        const std::vector<std::string> names{name};
        co_await out.write(text_of_names(names, wanted.at, out));
        co_return exit_code::ok;
    }
    const rpc::found_instances found = co_await find_instances(given, name);
    warn_of(found, out);
    co_await out.write(text_of(found, out));
    co_return exit_code::ok;
}

task<exit_code> find(const surroundings& given) {
    const request& wanted = given.wanted;
    output& out = given.out;
    const std::string name = needed_name(wanted);
    if (!wanted.at.empty()) {
        co_await check_offered_at(wanted, name);
        const shown_offer offer{name, wanted.at};
        std::string text = out.json() ? json_of(offer) : printable(wanted.at);
        co_await out.line(std::move(text));
        co_return exit_code::ok;
    }
    const rpc::found_instances found = co_await find_instances(given, name);
    warn_of(found, out);
    const rpc::instance& best = found.instances.front();
    std::string text = out.json() ? json_of(shown(best)) : printable(best.offer.address);
    co_await out.line(std::move(text));
    co_return exit_code::ok;
}

// --- changes ------------------------------------------------------------------------------------

namespace {

struct shown_event {
    std::string event;
    std::uint64_t epoch = 0;
    std::uint64_t revision = 0;
    std::optional<std::string> reason;
    std::optional<std::string> detail;
    std::optional<shown_instance> instance;
};

std::string name_of(const rpc::watch_event& event) {
    switch (event.kind) {
        case rpc::watch_event_kind::resync: return "resync";
        case rpc::watch_event_kind::present: return "present";
        case rpc::watch_event_kind::complete: return "complete";
        case rpc::watch_event_kind::change: break;
    }
    switch (event.change) {
        case rpc::change_kind::announced: return "announced";
        case rpc::change_kind::changed: return "changed";
        case rpc::change_kind::gone: break;
    }
    return "gone";
}

bool has_instance(const rpc::watch_event& event) {
    return event.kind == rpc::watch_event_kind::present ||
           event.kind == rpc::watch_event_kind::change;
}

std::string as_json(const rpc::watch_event& event) {
    shown_event all;
    all.event = name_of(event);
    all.epoch = event.at.epoch;
    all.revision = event.at.revision;
    if (event.reason != rpc::gone_reason::none) all.reason = to_string(event.reason);
    if (!event.detail.empty()) all.detail = event.detail;
    if (has_instance(event)) all.instance = shown(event.what);
    return json_of(all);
}

/// "gone       demo.calculator.v1 7-12 unix:/run/x: process_ended (killed by signal 9)"
std::string as_text(const rpc::watch_event& event) {
    const std::string position = fmt::format("{}-{}", event.at.epoch, event.at.revision);
    std::string text = fmt::format("{:<10} {:<8}", name_of(event), position);
    if (!has_instance(event)) return text.erase(text.find_last_not_of(' ') + 1);
    const rpc::instance& what = event.what;
    text += fmt::format(" {} {} {}", printable(what.offer.name), to_string(what.id),
                        printable(what.offer.address));
    if (event.reason != rpc::gone_reason::none) {
        text += fmt::format(": {}", to_string(event.reason));
        if (!event.detail.empty()) text += fmt::format(" ({})", printable(event.detail));
        return text;
    }
    text += fmt::format(" {} version {} weight {}", to_string(what.state), version_of(what),
                        what.offer.weight);
    const std::string tags = tags_of(what);
    return tags.empty() ? text : text + " " + tags;
}

struct shown_wait {
    std::string name;
    std::int32_t pid = 0;
    std::uint32_t uid = 0;
    std::int64_t since_ms = 0;
};

std::string text_of(const std::vector<rpc::waiting_client>& all, const output& out) {
    table shown{{"NAME", "PID", "USER", "SINCE"}, {}};
    std::string text;
    for (const rpc::waiting_client& each : all) {
        text += json_of(shown_wait{each.name, each.pid, each.uid, each.since.count()}) + '\n';
        shown.rows.push_back({printable(each.name), std::to_string(each.pid),
                              std::to_string(each.uid), shown_duration(each.since)});
    }
    return out.json() ? text : to_text(shown, out);
}

}  // namespace

task<exit_code> watch(const surroundings& given) {
    const request& wanted = given.wanted;
    output& out = given.out;
    if (!wanted.at.empty()) {
        throw failure(exit_code::usage,
                      "watch: the matchmaker is asked, so --at means nothing; a server's state is "
                      "watched by health --watch");
    }
    const rpc::name_pattern pattern = pattern_of(wanted);
    // Without a matchmaker a watch says nothing until there is one.
    auto there = co_await rpc::try_call(given.matchmaker->status());
    if (!there) throw_unanswered(there.error(), {});
    auto events = given.matchmaker->watch(pattern);
    for (;;) {
        auto next = co_await rpc::try_call(events.next());
        if (!next) throw_unanswered(next.error(), {});
        if (!*next) throw failure(exit_code::failed, "the matchmaker ended the watch");
        std::string text = out.json() ? as_json(**next) : as_text(**next);
        co_await out.line(std::move(text));
    }
}

task<exit_code> waits(const surroundings& given) {
    output& out = given.out;
    auto all = co_await rpc::try_call(given.matchmaker->waits());
    if (!all) throw_unanswered(all.error(), {});
    co_await out.write(text_of(*all, out));
    co_return exit_code::ok;
}

}  // namespace conduit::tool
