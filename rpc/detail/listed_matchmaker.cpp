// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/detail/quoted.hpp>
#include <conduit/rpc/detail/instance_rules.hpp>
#include <conduit/rpc/detail/listed_matchmaker.hpp>
#include <conduit/rpc/detail/registry_name.hpp>
#include <conduit/runtime/context.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

namespace conduit::rpc::detail {
namespace {

constexpr std::uint32_t page_max = 256;

fault ended_by(std::error_code ended) {
    const status code = ended == errc::timed_out ? status::deadline_exceeded : status::cancelled;
    return fault(code, "the list has not changed").ran(false, true);
}

watch_event event_of(watch_event_kind kind, table_position at) {
    watch_event made;
    made.kind = kind;
    made.at = at;
    return made;
}

}  // namespace

listed_matchmaker::listed_matchmaker(std::string called)
    : called_(std::move(called)), made_at_(clock::now()), read_at_(made_at_) {}

void listed_matchmaker::use(const std::vector<instance_offer>& offers, clock::time_point read_at) {
    read_at_ = read_at;
    const std::uint64_t next = at_.revision + 1;
    bool differs = offers.size() != all_.size();
    table now;
    for (const instance_offer& offer : offers) {
        const instance* known = at_address(offer);
        instance one;
        one.id = known != nullptr ? known->id : instance_id{at_.epoch, ++last_number_};
        one.offer = offer;
        one.revision = known != nullptr && known->offer == offer ? known->revision : next;
        differs = differs || one.revision == next;
        index_key key{offer.name, one.id};
        now.emplace(std::move(key), std::move(one));
    }
    if (!differs) return;
    all_ = std::move(now);
    at_.revision = next;
    changed_.set();
    changed_.reset();
}

void listed_matchmaker::shut() noexcept {
    shut_ = true;
    lost().set();
    changed_.set();
    changed_.reset();
}

const instance* listed_matchmaker::at_address(const instance_offer& offer) const {
    const index_key first{offer.name, {}};
    for (auto each = all_.lower_bound(first); each != all_.end() && each->first.name == offer.name;
         ++each) {
        if (each->second.offer.address == offer.address) return &each->second;
    }
    return nullptr;
}

task<void> listed_matchmaker::until_changed() {
    const std::error_code ended = co_await changed_.wait();
    if (ended) throw ended_by(ended);
    if (shut_)
        throw fault(status::unavailable, "the matchmaker's client is closed").ran(false, true);
}

// --- offers -------------------------------------------------------------------------------------

task<announcement> listed_matchmaker::announce(instance_offer offer) {
    if (auto checked = check_offer(offer); !checked) throw fault(checked.error());
    const instance* known = at_address(offer);
    if (known == nullptr) {
        throw fault(status::failed_precondition,
                    fmt::format("{} is a list that somebody wrote, and does not have this: {} {}",
                                called_, offer.name, quoted(offer.address)));
    }
    announcement taken;
    taken.at = at_;
    taken.id = known->id;
    co_return taken;
}

task<table_position> listed_matchmaker::update(instance_id id, instance_update /*update*/) {
    const bool known = std::any_of(all_.begin(), all_.end(),
                                   [&](const auto& each) { return each.first.id == id; });
    if (!known) throw no_such(id);
    co_return at_;
}

task<table_position> listed_matchmaker::withdraw(instance_id /*id*/) { co_return at_; }

// --- questions ----------------------------------------------------------------------------------

found_instances listed_matchmaker::answer() const {
    found_instances found;
    found.at = at_;
    found.source = answer_source::file;
    found.age = std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - read_at_);
    return found;
}

task<found_instances> listed_matchmaker::lookup(instance_query query) {
    if (auto checked = check_query(query); !checked) throw fault(checked.error());
    found_instances found = answer();
    const index_key first{query.name, {}};
    for (auto each = all_.lower_bound(first); each != all_.end() && each->first.name == query.name;
         ++each) {
        if (matches(query, each->second)) found.instances.push_back(each->second);
    }
    std::sort(found.instances.begin(), found.instances.end(), comes_before);
    co_return found;
}

task<found_instances> listed_matchmaker::list(name_pattern pattern, std::optional<index_key> after,
                                              std::uint32_t most) {
    if (std::string why = prefix_problem(pattern.text); !why.empty()) {
        throw fault(status::invalid_argument, why);
    }
    if (most == 0 || most > page_max) {
        throw fault(status::invalid_argument,
                    fmt::format("a page has 1 to {}, not {}", page_max, most));
    }
    found_instances found = answer();
    auto each = after ? all_.upper_bound(*after) : all_.begin();
    for (; each != all_.end() && found.instances.size() < most; ++each) {
        if (pattern.includes(each->first.name)) found.instances.push_back(each->second);
    }
    co_return found;
}

task<found_instances> listed_matchmaker::find(instance_query query) {
    for (;;) {
        auto found = co_await lookup(query);
        if (!found.instances.empty()) co_return found;
        co_await until_changed();
    }
}

task<connected_instance> listed_matchmaker::connect(instance_query /*query*/) {
    throw fault(status::failed_precondition, "a list makes no connections");
    co_return connected_instance();
}

task<void> listed_matchmaker::report_unreachable(instance_id /*id*/) { co_return; }

task<matchmaker_status> listed_matchmaker::status() {
    matchmaker_status said;
    said.at = at_;
    said.source = answer_source::file;
    said.up = std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - made_at_);
    said.counts["instances"] = all_.size();
    co_return said;
}

task<std::vector<waiting_client>> listed_matchmaker::waits(std::uint64_t /*after*/,
                                                           std::uint32_t /*most*/) {
    co_return std::vector<waiting_client>();
}

// --- changes ------------------------------------------------------------------------------------

listed_matchmaker::table listed_matchmaker::matching(const name_pattern& pattern) const {
    table found;
    for (const auto& each : all_) {
        if (pattern.includes(each.first.name)) found.insert(each);
    }
    return found;
}

std::vector<watch_event> listed_matchmaker::changes(const table& before, const table& now,
                                                    table_position at) {
    std::vector<watch_event> made;
    for (const auto& [key, old] : before) {
        if (now.find(key) != now.end()) continue;
        watch_event gone = event_of(watch_event_kind::change, at);
        gone.change = change_kind::gone;
        gone.reason = gone_reason::withdrawn;
        gone.detail = "it is not in the list any more";
        gone.what = old;
        made.push_back(std::move(gone));
    }
    for (const auto& [key, one] : now) {
        const auto old = before.find(key);
        if (old != before.end() && old->second == one) continue;
        watch_event newer = event_of(watch_event_kind::change, at);
        newer.change = old == before.end() ? change_kind::announced : change_kind::changed;
        newer.what = one;
        made.push_back(std::move(newer));
    }
    return made;
}

stream<watch_event> listed_matchmaker::watch(name_pattern pattern,
                                             std::optional<table_position> from) {
    if (std::string why = prefix_problem(pattern.text); !why.empty()) {
        throw fault(status::invalid_argument, why);
    }
    table seen = matching(pattern);
    table_position at = at_;
    if (from != at) {
        watch_event edge = event_of(watch_event_kind::resync, at);
        co_yield edge;
        for (const auto& [key, one] : seen) {
            watch_event there = event_of(watch_event_kind::present, at);
            there.what = one;
            co_yield std::move(there);
        }
        edge.kind = watch_event_kind::complete;
        co_yield edge;
    }
    for (;;) {
        while (at == at_) co_await until_changed();
        table now = matching(pattern);
        at = at_;
        std::vector<watch_event> made = changes(seen, now, at);
        seen = std::move(now);
        for (watch_event& each : made) co_yield std::move(each);
    }
}

}  // namespace conduit::rpc::detail
