// SPDX-License-Identifier: BSL-1.0
#include "small_matchmaker.hpp"

#include <cstddef>
#include <system_error>

namespace conduit::test {
namespace {

template <class T>
T value_of(result<T, rpc::fault> of) {
    if (!of) throw rpc::fault(of.error());
    return std::move(*of);
}

rpc::watch_event event_of(const rpc::detail::watch_item& item) {
    rpc::watch_event made;
    made.kind = static_cast<rpc::watch_event_kind>(item.kind);
    made.at = item.at;
    made.change = item.change.kind;
    made.reason = item.change.reason;
    if (item.change.what != nullptr) made.what = *item.change.what;
    return made;
}

rpc::found_instances answer_of(const rpc::detail::found_in_table& found) {
    rpc::found_instances answer;
    answer.at = found.at;
    if (found.is_warming) answer.source = rpc::answer_source::warming;
    for (const auto& each : found.instances) answer.instances.push_back(*each);
    return answer;
}

class counted {
public:
    explicit counted(int& count) noexcept : count_(count) { ++count_; }
    counted(const counted&) = delete;
    ~counted() { --count_; }

private:
    int& count_;
};

/// A watch of the table for as long as it lives.
class table_watch {
public:
    table_watch(rpc::detail::registry& table, rpc::detail::watch_id id) : table_(table), id_(id) {}
    table_watch(const table_watch&) = delete;
    ~table_watch() { table_.unwatch(id_); }

    std::vector<rpc::detail::watch_item> take() { return table_.take(id_, 16); }

private:
    rpc::detail::registry& table_;
    rpc::detail::watch_id id_;
};

}  // namespace

void table_matchmaker::tell() {
    static_cast<void>(table.take_served());
    static_cast<void>(table.take_readable());
    moved.set();
    moved.reset();
}

void table_matchmaker::remove(rpc::instance_id id, rpc::gone_reason reason) {
    table.remove(id, reason);
    tell();
}

task<rpc::announcement> table_matchmaker::announce(rpc::instance_offer offer) {
    announced_at.push_back(clock::now());
    if (refusal) throw rpc::fault(*refusal);
    auto made = value_of(table.announce(owner, std::move(offer)));
    tell();
    rpc::announcement taken;
    taken.at = made.at;
    taken.id = made.id;
    taken.spread = spread;
    co_await gate.wait();
    co_return taken;
}

task<rpc::table_position> table_matchmaker::update(rpc::instance_id id,
                                                   rpc::instance_update update) {
    auto at = value_of(table.update(owner, id, std::move(update)));
    tell();
    co_return at;
}

task<rpc::table_position> table_matchmaker::withdraw(rpc::instance_id id) {
    auto at = value_of(table.withdraw(owner, id));
    tell();
    co_return at;
}

task<rpc::found_instances> table_matchmaker::lookup(rpc::instance_query query) {
    co_return answer_of(value_of(table.lookup(std::move(query))));
}

task<rpc::found_instances> table_matchmaker::list(rpc::name_pattern pattern,
                                                  std::optional<rpc::index_key> after,
                                                  std::uint32_t most) {
    co_return answer_of(value_of(table.list(pattern, after, most)));
}

task<rpc::found_instances> table_matchmaker::find(rpc::instance_query query) {
    const counted here(finding);
    for (;;) {
        auto found = value_of(table.lookup(query));
        if (!found.instances.empty()) co_return answer_of(found);
        const std::error_code ended = co_await moved.wait();
        if (ended) throw rpc::fault(rpc::status::cancelled, "the caller has gone");
    }
}

task<rpc::connected_instance> table_matchmaker::connect(rpc::instance_query query) {
    ++connects_asked;
    if (!connects) {
        throw rpc::fault(rpc::status::failed_precondition, "this one makes no connections");
    }
    auto found = co_await find(query);
    rpc::connected_instance made;
    made.at = found.at;
    made.who = found.instances.front();
    made.stream = co_await connects(made.who);
    co_return made;
}

stream<rpc::watch_event> table_matchmaker::watch(rpc::name_pattern pattern,
                                                 std::optional<rpc::table_position> from) {
    if (refusal) throw rpc::fault(*refusal);
    const auto opened = value_of(table.watch(owner.uid, std::move(pattern), from));
    table_watch here(table, opened.id);
    const counted one(watching);
    ++watches;
    moved.set();
    moved.reset();
    int told_so_far = 0;
    for (;;) {
        auto items = here.take();
        for (const auto& item : items) {
            rpc::watch_event told = event_of(item);
            co_yield std::move(told);
            if (++told_so_far == watch_events_most) {
                throw rpc::fault(rpc::status::internal, "so many events and no more");
            }
        }
        if (!items.empty()) continue;
        const std::error_code ended = co_await moved.wait();
        if (ended) co_return;
    }
}

task<void> table_matchmaker::report_unreachable(rpc::instance_id id) {
    unreachable.push_back(id);
    moved.set();
    moved.reset();
    co_return;
}

task<rpc::matchmaker_status> table_matchmaker::status() {
    rpc::matchmaker_status said;
    said.at = table.at();
    said.counts["instances"] = table.counters().instances;
    co_return said;
}

task<std::vector<rpc::waiting_client>> table_matchmaker::waits(std::uint64_t after,
                                                               std::uint32_t most) {
    std::vector<rpc::waiting_client> all;
    for (std::uint64_t number = after + 1; number <= static_cast<std::uint64_t>(finding);
         ++number) {
        rpc::waiting_client one;
        one.name = "demo.x";
        one.number = number;
        if (most == 0 || all.size() < most) all.push_back(std::move(one));
    }
    co_return all;
}

table_matchmaker& small_matchmaker::start(const rpc::detail::registry_limits& limits) {
    stop();
    object_ = std::make_unique<table_matchmaker>(++epoch_, limits);
    object_->gate.set();
    resume();
    return *object_;
}

void small_matchmaker::stop() {
    server_.reset();
    object_.reset();
}

void small_matchmaker::cut() { server_.reset(); }

void small_matchmaker::resume() {
    server_ = std::make_unique<rpc::server>(served_with);
    server_->offer<rpc::matchmaker_interface>(*object_);
}

rpc::matchmaker_client_options small_matchmaker::options() {
    return rpc::matchmaker_client_options().at("daemon").opens_by(
        [this](std::string) { return open(this); });
}

task<any_stream> small_matchmaker::open(small_matchmaker* of) {
    of->attempts.push_back(clock::now());
    if (of->server_ == nullptr) {
        throw rpc::fault(rpc::status::unavailable, "cannot connect to 'daemon': not there")
            .ran(false, true);
    }
    auto ends = make_memory_stream_pair();
    of->server_->serve(any_stream(std::move(ends.second)));
    co_return any_stream(std::move(ends.first));
}

}  // namespace conduit::test
