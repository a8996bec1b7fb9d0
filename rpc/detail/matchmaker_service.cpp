// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/matchmaker_service.hpp>

#include <conduit/channels/detail/quoted.hpp>
#include <conduit/rpc/call_info.hpp>
#include <conduit/rpc/detail/announced_address.hpp>
#include <conduit/rpc/detail/file_rights.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/scheduler.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace conduit::rpc::detail {
namespace {

using std::chrono::milliseconds;

/// Over TCP nobody knows who calls: all of them are one user, whom no host has.
constexpr std::uint32_t user_over_tcp = 0xffff'fffe;
constexpr std::uint32_t page_most = 256;
constexpr std::uint32_t waits_most = 1024;
constexpr std::size_t watch_page = 64;
/// Of instances in one answer, so that it fits into what clients take by default.
constexpr std::size_t answer_bytes_max = std::size_t{2} * 1024 * 1024;
/// A thousand come back within a second.
constexpr std::chrono::microseconds spread_per_instance{1000};
constexpr milliseconds spread_max{30'000};

fault over() { return fault(status::unavailable, "the matchmaker is ending"); }

fault ended(std::error_code why, const std::string& name) {
    const status code = why == errc::timed_out ? status::deadline_exceeded : status::cancelled;
    return fault(code, fmt::format("'{}' was not offered: {}", name, why.message()));
}

milliseconds milliseconds_since(clock::time_point then) {
    return std::chrono::duration_cast<milliseconds>(clock::now() - then);
}

watch_event_kind kind_of(watch_item_kind kind) noexcept {
    switch (kind) {
        case watch_item_kind::resync: return watch_event_kind::resync;
        case watch_item_kind::present: return watch_event_kind::present;
        case watch_item_kind::complete: return watch_event_kind::complete;
        case watch_item_kind::change: break;
    }
    return watch_event_kind::change;
}

watch_event event_of(watch_item item) {
    watch_event told;
    told.kind = kind_of(item.kind);
    told.at = item.at;
    if (item.change.what == nullptr) return told;
    told.what = *item.change.what;
    if (item.kind != watch_item_kind::change) return told;
    told.change = item.change.kind;
    told.reason = item.change.reason;
    told.detail = std::move(item.change.detail);
    return told;
}

bool is_at_unix_socket(const instance_ptr& one) { return one->offer.address.starts_with("unix:"); }

}  // namespace

/// A call that waits until something is offered.
class matchmaker_service::wait_place {
public:
    wait_place(matchmaker_service& in, waiter_id id, waiting_client who)
        : in_(in), id_(id), who_(std::move(who)), since_(clock::now()) {
        in_.waiting_.emplace(id, this);
    }
    wait_place(const wait_place&) = delete;
    ~wait_place() {
        in_.waiting_.erase(id_);
        in_.table_.stop_waiting(id_);
    }

    waiting_client told() const {
        waiting_client now = who_;
        now.number = id_;
        now.since = milliseconds_since(since_);
        return now;
    }
    event served;

private:
    matchmaker_service& in_;
    waiter_id id_;
    waiting_client who_;
    clock::time_point since_;
};

/// A stream of changes that is open.
class matchmaker_service::watch_place {
public:
    watch_place(matchmaker_service& in, watch_id opened) : id(opened), in_(in) {
        in_.watching_.emplace(id, this);
    }
    watch_place(const watch_place&) = delete;
    ~watch_place() {
        in_.watching_.erase(id);
        in_.table_.unwatch(id);
    }

    const watch_id id;
    event readable;

private:
    matchmaker_service& in_;
};

matchmaker_service::matchmaker_service(const matchmaker_options& options, std::uint64_t epoch,
                                       const announce_policy& policy)
    : accept_within_(options.accept_within()),
      confirm_within_(options.confirm_within()),
      since_(clock::now()),
      own_uid_(current_kernel().effective_user()),
      table_(epoch, own_uid_, options.limits(), policy),
      handles_(options.limits()),
      dice_(seed_from_kernel()),
      reach_(options.ping_every(), options.gone_after()),
      announcers_(*this,
                  patience{options.ping_every(), options.suspect_after(), options.gone_after()}),
      tasks_(scheduler::current().guests().group_context()) {}

matchmaker_service::caller_known matchmaker_service::caller_of(const call_info& call) {
    caller_known who{user_over_tcp, 0, call.link()};
    if (call.peer()) {
        who.uid = call.peer()->uid;
        who.pid = call.peer()->pid;
    }
    return who;
}

void matchmaker_service::check_running() const {
    if (stopped_) throw over();
}

announcer& matchmaker_service::announcer_of(const caller_known& who) {
    announcer* const known = announcers_.find(*who.link);
    if (known != nullptr) return *known;
    throw fault(status::not_found, "nothing was announced over this connection");
}

// --- offers -------------------------------------------------------------------------------------

task<announcement> matchmaker_service::announce(instance_offer offer) {
    instance_offer own = std::move(offer);
    const call_info& call = co_await this_call();
    const caller_known who = caller_of(call);
    check_running();
    const instance_owner asks = announcers_.owner_behind(*who.link);
    auto checked = table_.check(asks, own);
    if (!checked) throw checked.error();
    auto room = table_.check_room(asks, own);
    if (!room) throw room.error();
    const auto place = handles_.take(asks.uid);
    if (!place) throw place.error();
    auto is_own =
        co_await check_announced(address::parse(own.address).value(), asks.uid, accept_within_);
    if (!is_own) throw is_own.error();
    check_running();
    if (who.link->is_down()) throw fault(status::unavailable, who.link->why_down());
    // Others may have announced meanwhile; and nobody is watched for what is refused.
    room = table_.check_room(asks, own);
    if (!room) throw room.error();
    announcer& by = announcers_.of(who.link);
    const instance_owner owner = by.owner;
    const std::string instance_name = own.name;
    const std::string where = own.address;
    auto announced = table_.announce(owner, std::move(own));
    if (!announced) throw announced.error();
    if (announced->replaced) {
        announcers_.remove(*announced->replaced);
        reach_.forget(*announced->replaced);
    }
    announcers_.add(by, announced->id);
    reached(announced->id);  // also under the number that it had with a predecessor
    settle();
    announcement answer;
    answer.at = announced->at;
    answer.id = announced->id;
    answer.spread = spread();
    lines_.write(log_level::info,
                 fmt::format("{} {} of user {}, process {}, is at {}", instance_name,
                             to_string(announced->id), owner.uid, owner.pid, quoted(where)));
    co_return answer;
}

/// Grows with how many there are, so that so many at a time come back.
milliseconds matchmaker_service::spread() const {
    const auto all = static_cast<std::int64_t>(table_.counters().instances);
    return std::min(std::chrono::duration_cast<milliseconds>(all * spread_per_instance),
                    spread_max);
}

task<table_position> matchmaker_service::update(instance_id id, instance_update update) {
    instance_update own = std::move(update);
    const call_info& call = co_await this_call();
    const caller_known who = caller_of(call);
    check_running();
    auto done = table_.update(announcer_of(who).owner, id, std::move(own));
    settle();
    co_return done.value();
}

task<table_position> matchmaker_service::withdraw(instance_id id) {
    const call_info& call = co_await this_call();
    const caller_known who = caller_of(call);
    check_running();
    auto done = table_.withdraw(announcer_of(who).owner, id);
    settle();
    co_return done.value();
}

// --- questions ----------------------------------------------------------------------------------

found_instances matchmaker_service::answer(const found_in_table& found) const {
    found_instances told;
    told.at = found.at;
    told.source = found.is_warming ? answer_source::warming : answer_source::live;
    std::size_t bytes = 0;
    for (const instance_ptr& one : found.instances) {
        bytes += bytes_of(one->offer);
        if (bytes > answer_bytes_max) break;
        told.instances.push_back(*one);
    }
    told.left_out = static_cast<std::uint32_t>(found.instances.size() - told.instances.size());
    return told;
}

task<found_instances> matchmaker_service::lookup(instance_query query) {
    auto found = table_.lookup(std::move(query));
    if (!found) throw found.error();
    co_return answer(*found);
}

task<found_instances> matchmaker_service::list(name_pattern pattern, std::optional<index_key> after,
                                               std::uint32_t most) {
    if (most == 0 || most > page_most) {
        throw fault(status::invalid_argument,
                    fmt::format("a page has 1 to {} instances, this one has {}", page_most, most));
    }
    auto found = table_.list(pattern, after, most);
    if (!found) throw found.error();
    co_return answer(*found);
}

task<void> matchmaker_service::until_offered(caller_known who, instance_query query) {
    check_running();
    waiting_client described;
    described.name = query.name;
    described.pid = who.pid;
    described.uid = who.uid;
    auto id = table_.wait(who.uid, std::move(query));
    if (!id) throw id.error();
    wait_place place(*this, *id, std::move(described));
    settle();
    const auto stopped = co_await place.served.wait();
    if (stopped) throw ended(stopped, place.told().name);
    check_running();
}

task<found_instances> matchmaker_service::find(instance_query query) {
    const instance_query own = std::move(query);
    const call_info& call = co_await this_call();
    const caller_known who = caller_of(call);
    for (;;) {
        co_await until_offered(who, own);
        auto found = table_.lookup(own);
        if (!found) throw found.error();
        // Who was there a moment ago may have died since.
        if (!found->instances.empty()) co_return answer(*found);
    }
}

/// One that is alive, the more often the greater its weight. Null where there is none.
instance_ptr matchmaker_service::choose(const std::vector<instance_ptr>& from) {
    std::uint64_t all = 0;
    for (const instance_ptr& one : from) all += one->offer.weight;
    if (all == 0) return from.empty() ? nullptr : from[dice_.below(from.size())];
    std::uint64_t drawn = dice_.below(all);
    for (const instance_ptr& one : from) {
        if (drawn < one->offer.weight) return one;
        drawn -= one->offer.weight;
    }
    return nullptr;
}

task<std::optional<unix_stream>> matchmaker_service::try_connect(instance_ptr to) {
    const instance_ptr own = std::move(to);
    auto stream = co_await connect_to_announced(address_of(*own), own->owner.uid, accept_within_);
    if (stream) {
        reached(own->id);
        co_return std::move(*stream);
    }
    const fault why = stream.error();
    if (why.code() != status::unavailable && why.code() != status::permission_denied) throw why;
    not_reached(*own, why);
    co_return std::nullopt;
}

task<connected_instance> matchmaker_service::connect(instance_query query) {
    const instance_query own = std::move(query);
    const call_info& call = co_await this_call();
    const caller_known who = caller_of(call);
    if (!who.link->carries_handles()) {
        throw fault(status::failed_precondition,
                    "a connection is handed over to callers over a Unix socket only");
    }
    for (;;) {
        co_await until_offered(who, own);
        auto found = table_.lookup(own);
        if (!found) throw found.error();
        std::vector<instance_ptr>& there = found->instances;
        std::erase_if(there,
                      [](const instance_ptr& one) { return one->state != instance_state::alive; });
        const bool was_there = !there.empty();
        std::erase_if(there, [](const instance_ptr& one) { return !is_at_unix_socket(one); });
        if (was_there && there.empty()) {
            throw fault(status::failed_precondition,
                        fmt::format("'{}' is offered over TCP only", own.name));
        }
        while (const instance_ptr chosen = choose(there)) {
            auto place = handles_.take(who.uid);
            if (!place) throw place.error();
            auto stream = co_await try_connect(chosen);
            if (stream) {
                auto handle = stream->detach();
                if (!handle) throw fault(status::internal, handle.error().message());
                connected_instance made;
                made.at = table_.at();
                made.who = *chosen;
                made.stream = std::move(*handle);
                call.keep(std::make_shared<handle_ledger::place>(std::move(*place)));
                co_return made;
            }
            std::erase(there, chosen);
        }
    }
}

stream<watch_event> matchmaker_service::watch(name_pattern pattern,
                                              std::optional<table_position> from) {
    name_pattern own = std::move(pattern);
    const std::optional<table_position> position = from;
    const call_info& call = co_await this_call();
    const caller_known who = caller_of(call);
    check_running();
    auto opened = table_.watch(who.uid, std::move(own), position);
    if (!opened) throw opened.error();
    watch_place place(*this, opened->id);
    for (;;) {
        place.readable.reset();
        std::vector<watch_item> items = table_.take(place.id, watch_page);
        for (watch_item& item : items) {
            watch_event told = event_of(std::move(item));
            co_yield std::move(told);
        }
        if (items.size() == watch_page) continue;
        const auto stopped = co_await place.readable.wait();
        if (stopped) throw fault(status::cancelled, "the watch was ended");
        check_running();
    }
}

task<matchmaker_status> matchmaker_service::status() {
    const registry_counters now = table_.counters();
    matchmaker_status told;
    told.at = table_.at();
    told.source = table_.is_warming() ? answer_source::warming : answer_source::live;
    told.up = milliseconds_since(since_);
    told.counts = counts_;
    told.counts["names"] = now.names;
    told.counts["instances"] = now.instances;
    told.counts["watches"] = now.watches;
    told.counts["waits"] = now.waiters;
    told.counts["bytes"] = now.bytes;
    told.counts["users"] = now.users;
    told.counts["changes_queued"] = now.changes_queued;
    told.counts["changes_remembered"] = now.changes_remembered;
    told.counts["watch_overflows"] = now.watch_overflows;
    told.counts["refused"] = now.refused + handles_.refused();
    told.counts["handles"] = handles_.taken();
    told.counts["announcers"] = announcers_.size();
    told.counts["unreached"] = reach_.unreached();
    for (const auto& [reason, times] : gone_) {
        told.counts[fmt::format("gone_{}", to_string(reason))] = times;
    }
    co_return told;
}

task<std::vector<waiting_client>> matchmaker_service::waits(std::uint64_t after,
                                                            std::uint32_t most) {
    const std::uint64_t behind = after;
    const std::size_t room = most == 0 ? waits_most : most;
    if (room > waits_most) {
        throw fault(
            status::invalid_argument,
            fmt::format("a page has at most {} who wait, this one has {}", waits_most, most));
    }
    const call_info& call = co_await this_call();
    const caller_known who = caller_of(call);
    const bool sees_all = who.uid == root_user || who.uid == own_uid_;
    std::vector<waiting_client> told;
    for (auto at = waiting_.upper_bound(behind); at != waiting_.end(); ++at) {
        if (told.size() == room) break;
        waiting_client one = at->second->told();
        if (sees_all || one.uid == who.uid) told.push_back(std::move(one));
    }
    co_return told;
}

// --- changes ------------------------------------------------------------------------------------

void matchmaker_service::settle() {
    for (const served_waiter& one : table_.take_served()) {
        const auto found = waiting_.find(one.id);
        if (found != waiting_.end()) found->second->served.set();
    }
    for (const watch_id id : table_.take_readable()) {
        const auto found = watching_.find(id);
        if (found != watching_.end()) found->second->readable.set();
    }
    changed_.set();
}

std::size_t matchmaker_service::use_policy(const announce_policy& policy) {
    const std::size_t removed = table_.use_policy(policy);
    gone_[gone_reason::policy] += removed;
    std::vector<instance_id> known;
    for (const auto& [id, who] : announcers_.instances()) known.push_back(id);
    for (const instance_id id : known) {
        if (table_.find(id) == nullptr) announcers_.remove(id);
    }
    forget_gone();
    settle();
    return removed;
}

void matchmaker_service::stop() noexcept {
    stopped_ = true;
    announcers_.stop();
    tasks_.request_stop();
    reach_.stop();
    for (const auto& [id, place] : waiting_) place->served.set();
    for (const auto& [id, place] : watching_) place->readable.set();
}

}  // namespace conduit::rpc::detail
