// SPDX-License-Identifier: BSL-1.0
//
// The matchmaker's table against a simple model (registry_model.hpp): thousands of random
// operations, each answer and each event compared. A flawed table, one for each kind of flaw, must
// be told from the model as well: otherwise the comparison would be worth nothing.

#include "registry_model.hpp"

#include "../../support/sanitized.hpp"
#include "flawed_registry.hpp"
#include "instances.hpp"
#include "watch_follower.hpp"

#include <conduit/rpc/detail/registry.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace conduit;
using namespace conduit::rpc;
using namespace conduit::rpc::detail;
using namespace conduit::test;
using namespace std::chrono_literals;

namespace {

constexpr int seeds = is_sanitized ? 150 : 300;
constexpr int operations = 400;  // of each seed
constexpr std::uint32_t own_uid = 4;

// "b" is shared by users 2 and 3, and user 3 may not announce what begins with `forbidden`.
class some_policy final : public announce_policy {
public:
    explicit some_policy(std::string_view forbidden) : forbidden_(forbidden) {}
    announce_right may_announce(std::uint32_t uid, std::string_view name) const override {
        if (uid == 3 && name.starts_with(forbidden_)) return announce_right::refused;
        return name == "b" && uid >= 2 ? announce_right::shared : announce_right::while_free;
    }

private:
    std::string_view forbidden_;
};

const some_policy usual("a.y");
const some_policy strict("b");

// Small enough for each of them to be reached.
registry_limits limits_of(std::uint32_t seed) {
    registry_limits limits;
    limits.instances_per_name_max(4).history_changes_max(20).watch_changes_max(5);
    limits.most(registry_resource::watches, {4, 14}).most(registry_resource::waiters, {3, 9});
    if (seed % 2 == 0) limits.most(registry_resource::names, {3, 12});
    if (seed % 3 == 0) limits.most(registry_resource::bytes, {14'000, 40'000});
    if (seed % 7 == 0) limits.most(registry_resource::bytes, {6000, 100'000});
    if (seed % 4 == 0) limits.most(registry_resource::instances, {4, 15});
    if (seed % 5 == 0) limits.watch_bytes_max(2000).history_bytes_max(8000);
    return limits;
}

bool same(const watch_item& a, const watch_item& b) {
    if (a.kind != b.kind || a.at != b.at) return false;
    if (a.kind == watch_item_kind::resync || a.kind == watch_item_kind::complete) return true;
    return a.change.kind == b.change.kind && a.change.reason == b.change.reason &&
           a.change.revision == b.change.revision && *a.change.what == *b.change.what;
}

template <class Table>
class model_run {
public:
    // `reached` gets what happened, to see afterwards that all there is was reached.
    model_run(std::uint32_t seed, std::set<std::string>& reached)
        : seed_(seed),
          reached_(&reached),
          random_(seed),
          limits_(limits_of(seed)),
          table_(std::make_unique<Table>(epoch_, own_uid, limits_, usual)),
          model_(std::make_unique<registry_model>(epoch_, own_uid, limits_, usual)) {}

    // The first difference, or nothing.
    std::string run() {
        for (int i = 0; i < operations && difference_.empty(); ++i) {
            const char* name = step();
            compare_state();
            if (difference_.empty()) continue;
            return "seed " + std::to_string(seed_) + ", operation " + std::to_string(i) + " (" +
                   name + "): " + difference_;
        }
        return {};
    }

private:
    const char* step() {
        const std::uint32_t dice = below(1000);
        if (dice < 250) return announce();
        if (dice < 310) return update();
        if (dice < 350) return withdraw();
        if (dice < 400) return suspect();
        if (dice < 440) return recover();
        if (dice < 530) return remove();
        if (dice < 590) return lookup();
        if (dice < 620) return list();
        if (dice < 680) return wait();
        if (dice < 700) return stop_waiting();
        if (dice < 750) return watch();
        if (dice < 800) return resume();
        if (dice < 820) return unwatch();
        if (dice < 970) return take();
        if (dice < 985) return expire();
        if (dice < 992) return use_policy();
        return restart();
    }

    const char* announce() {
        const instance_owner owner = some_owner();
        const instance_offer offer = some_offer();
        announced_instance expected;
        const auto refused = model_->announce(owner, offer, expected);
        const auto got = table_->announce(owner, offer);
        if (compare_verdict(got, refused) && got) {
            expect(got->id == expected.id && got->at == expected.at, "the id or the position");
            expect(got->replaced == expected.replaced, "which one was replaced");
            expect(got->was_confirmed == expected.was_confirmed, "whether it was confirmed");
            if (got->was_confirmed) reached_->insert("confirmed");
            if (got->replaced) reached_->insert("replaced");
        }
        return "announce";
    }
    const char* update() {
        const instance some = some_instance();
        const instance_owner owner = one_in(8) ? some_owner() : some.owner;
        const instance_update change{below(3) * 50, some_tags()};
        const auto refused = model_->update(owner, some.id, change);
        compare_verdict(table_->update(owner, some.id, change), refused);
        return "update";
    }
    const char* withdraw() {
        const instance some = some_instance();
        const instance_owner owner = one_in(8) ? some_owner() : some.owner;
        const auto refused = model_->withdraw(owner, some.id);
        compare_verdict(table_->withdraw(owner, some.id), refused);
        return "withdraw";
    }
    const char* suspect() {
        const instance_id id = some_instance().id;
        expect(table_->suspect(id) == model_->suspect(id), "whether it is new");
        return "suspect";
    }
    const char* recover() {
        const instance_id id = some_instance().id;
        expect(table_->recover(id) == model_->recover(id), "whether it is new");
        return "recover";
    }
    const char* remove() {
        const instance_id id = some_instance().id;
        const auto reason = static_cast<gone_reason>(1 + below(4));
        expect(table_->remove(id, reason) == model_->remove(id, reason), "whether it was there");
        return "remove";
    }
    const char* lookup() {
        const instance_query query = some_query();
        const auto got = table_->lookup(query).value();
        expect(got.at == model_->at(), "the position");
        expect(got.is_warming == model_->is_warming(), "whether it is warming");
        expect(equal(got.instances, model_->lookup(query)), "the instances or their order");
        return "lookup";
    }
    const char* list() {
        const name_pattern pattern = some_pattern();
        std::vector<instance> expected = model_->list(pattern);
        std::vector<instance_ptr> got;
        std::optional<index_key> after;
        while (true) {
            const auto page = table_->list(pattern, after, 3).value().instances;
            got.insert(got.end(), page.begin(), page.end());
            if (page.size() < 3) break;
            after = index_key{page.back()->offer.name, page.back()->id};
        }
        expect(equal(got, expected), "the pages");
        return "list";
    }
    const char* wait() {
        const std::uint32_t uid = some_uid();
        const instance_query query = some_query();
        waiter_id expected = 0;
        const auto refused = model_->wait(uid, query, expected);
        const auto got = table_->wait(uid, query);
        if (compare_verdict(got, refused) && got) expect(*got == expected, "the id");
        last_waiter_ = std::max(last_waiter_, expected);
        return "wait";
    }
    const char* stop_waiting() {
        const waiter_id id = last_waiter_ - std::min<waiter_id>(last_waiter_, below(6));
        expect(table_->stop_waiting(id) == model_->stop_waiting(id), "whether it waited");
        return "stop_waiting";
    }
    const char* watch() {
        watch_follower who;
        who.uid = some_uid();
        who.pattern = some_pattern();
        open(std::move(who), std::nullopt);
        return "watch";
    }
    // Its connection was lost, and it comes back with what it knows: now, or after a restart.
    const char* resume() {
        if (lost_.empty()) return "resume";
        watch_follower who = std::move(lost_.back());
        lost_.pop_back();
        std::optional<table_position> from = who.position;
        if (from && one_in(10)) {
            from->revision += below(40);
            who.known.clear();  // a gap is its own fault
            who.position.reset();
            if (from->epoch == epoch_ && from->revision <= model_->at().revision) return "resume";
        }
        open(std::move(who), from);
        return "resume";
    }
    void open(watch_follower who, std::optional<table_position> from) {
        watch_opened expected;
        const auto refused = model_->watch(who.uid, who.pattern, from, expected);
        const auto got = table_->watch(who.uid, who.pattern, from);
        if (!compare_verdict(got, refused) || !got) return;
        expect(got->id == expected.id && got->at == expected.at, "the id or the position");
        expect(got->is_resumed == expected.is_resumed, "whether it is resumed");
        if (got->is_resumed) reached_->insert("resumed");
        if (from && !got->is_resumed) reached_->insert("not resumed");
        if (std::exchange(who.epoch, epoch_) != epoch_) who.last_revision = 0;
        who.is_syncing = !got->is_resumed;
        followers_.emplace(got->id, std::move(who));
    }
    const char* unwatch() {
        const watch_id id = some_watch();
        expect(table_->unwatch(id) == model_->unwatch(id), "whether it was there");
        if (const auto at = followers_.find(id); at != followers_.end()) {
            if (lost_.size() < 4) lost_.push_back(std::move(at->second));
            followers_.erase(at);
        }
        return "unwatch";
    }
    const char* take() {
        const watch_id id = some_watch();
        const std::size_t most = 1 + below(8);
        const auto expected = model_->take(id, most);
        const auto got = table_->take(id, most);
        expect(std::equal(got.begin(), got.end(), expected.begin(), expected.end(), same),
               "the items");
        const auto at = followers_.find(id);
        if (at == followers_.end()) return "take";
        watch_follower& who = at->second;
        for (const watch_item& item : got) {
            if (who.is_syncing && item.kind == watch_item_kind::change) {
                reached_->insert("change in a resync");
            }
            if (item.change.reason != gone_reason::none) {
                reached_->insert(std::string(to_string(item.change.reason)));
            }
            if (const char* wrong = who.apply(item)) expect(false, wrong);
        }
        if (got.size() < most) {
            const auto all = model_->list(who.pattern);
            expect(all.size() == who.known.size() &&
                       std::all_of(all.begin(), all.end(),
                                   [&](const instance& one) {
                                       const auto known = who.known.find(one.id);
                                       return known != who.known.end() && known->second == one;
                                   }),
                   "what the follower knows");
        }
        return "take";
    }
    const char* expire() {
        now_ += std::chrono::seconds(below(8));
        expect(table_->expire(now_) == model_->expire(now_), "how many");
        return "expire";
    }
    const char* use_policy() {
        const announce_policy& policy = one_in(2) ? strict : usual;
        expect(table_->use_policy(policy) == model_->use_policy(policy), "how many");
        return "use_policy";
    }
    const char* restart() {
        registry_snapshot known = table_->snapshot();
        const auto expected = model_->snapshot();
        expect(known.epoch == epoch_ && known.instances == expected, "the snapshot");
        ++epoch_;
        table_ = std::make_unique<Table>(epoch_, own_uid, limits_, usual);
        model_ = std::make_unique<registry_model>(epoch_, own_uid, limits_, usual);
        const boot_id boot = one_in(5) ? boot_id{9} : this_boot;
        const auto deadline = now_ + 10s;
        const auto adopted = table_->adopt(std::move(known), boot, deadline);
        expect(adopted.taken == model_->adopt(expected, boot, deadline), "how many");
        expect(adopted.taken + adopted.dropped == expected.size(), "how many were dropped");
        for (auto& [id, who] : followers_) {
            if (lost_.size() < 4) lost_.push_back(std::move(who));
        }
        followers_.clear();
        return "restart";
    }

    // --- what is true all the time --------------------------------------------------------------
    void compare_state() {
        const registry_counters got = table_->counters();
        const registry_counters expected = model_->counters();
        expect(table_->at() == model_->at(), "the position");
        expect(got.names == expected.names, "the number of names");
        expect(got.instances == expected.instances, "the number of instances");
        expect(got.watches == expected.watches, "the number of watches");
        expect(got.waiters == expected.waiters, "the number of waiters");
        expect(got.bytes == expected.bytes, "the number of bytes");
        expect(got.users == expected.users, "the number of users");
        expect(got.changes_queued == expected.changes_queued, "the changes that are queued");
        expect(got.changes_remembered == expected.changes_remembered, "the history");
        expect(got.watch_overflows == expected.watch_overflows, "the overflows");
        if (got.watch_overflows > 0) reached_->insert("overflow");
        if (one_in(2)) expect(table_->take_readable() == model_->take_readable(), "who can read");
        if (one_in(2)) return;
        const auto served = table_->take_served();
        const auto wanted = model_->take_served();
        expect(std::equal(served.begin(), served.end(), wanted.begin(), wanted.end(),
                          [](const served_waiter& a, const auto& b) {
                              return a.id == b.first && *a.found == b.second;
                          }),
               "who is served, and with what");
        if (served.size() > 1) reached_->insert("several served");
    }

    void expect(bool is_same, const char* what) {
        if (!is_same && difference_.empty()) difference_ = what;
    }
    // Whether they agree, and if both refuse, on the reason.
    template <class Result>
    bool compare_verdict(const Result& got, const verdict& refused) {
        const bool is_same =
            got ? !refused
                : refused && got.error().code() == refused->code &&
                      got.error().text().find(refused->words) != std::string_view::npos;
        if (!is_same) {
            expect(false, "the verdict");
            difference_ += got ? ": it did not refuse, but " + refused->words
                               : ": " + std::string(got.error().text());
        }
        if (!got) {
            // The limit stands in parentheses at the end.
            const std::string text(got.error().text());
            reached_->insert(text.ends_with(')') ? text.substr(text.rfind('('))
                                                 : std::string(to_string(got.error().code())));
        }
        return is_same;
    }
    static bool equal(const std::vector<instance_ptr>& got, const std::vector<instance>& wanted) {
        return std::equal(got.begin(), got.end(), wanted.begin(), wanted.end(),
                          [](const instance_ptr& a, const instance& b) { return *a == b; });
    }

    // --- something at random --------------------------------------------------------------------
    std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }
    bool one_in(std::uint32_t n) { return below(n) == 0; }
    std::uint32_t some_uid() { return below(5); }
    instance_owner some_owner() {
        const std::uint32_t uid = some_uid();
        return process_of(uid, static_cast<std::int32_t>(1 + below(2)));
    }
    std::string some_name() {
        static constexpr std::array names{"a", "b", "b", "a.x", "a.y", "ab", "conduit.z", "c"};
        return names[below(names.size())];
    }
    name_pattern some_pattern() {
        static constexpr std::array prefixes{"", "a", "a.", "b"};
        if (one_in(2)) return {some_name(), false};
        return {prefixes[below(prefixes.size())], true};
    }
    std::vector<std::string> some_tags() {
        std::vector<std::string> tags;
        if (one_in(2)) tags.emplace_back("eu");
        if (one_in(4)) tags.emplace_back("a-somewhat-longer-tag");
        return tags;
    }
    instance_offer some_offer() {
        const std::uint32_t where = below(12);
        std::string address = where == 11 ? "stdio:" : "unix:/" + std::to_string(where % 6);
        return {
            some_name(), std::move(address), {1 + below(2), below(3)}, below(3) * 50, some_tags()};
    }
    instance_query some_query() {
        instance_query query = query_of(some_name());
        if (one_in(3)) query.version = interface_version{1 + below(2), below(3)};
        if (one_in(3)) query.tags = {"eu"};
        return query;
    }
    instance some_instance() {
        const auto& all = model_->all();
        if (all.empty() || one_in(20)) return {{epoch_, below(50)}, some_owner(), {}, {}, 0};
        return all[below(static_cast<std::uint32_t>(all.size()))];
    }
    watch_id some_watch() {
        if (followers_.empty() || one_in(30)) return below(20);
        auto at = followers_.begin();
        std::advance(at, below(static_cast<std::uint32_t>(followers_.size())));
        return at->first;
    }

    std::uint32_t seed_;
    std::set<std::string>* reached_;
    std::mt19937 random_;
    std::uint64_t epoch_ = 1;
    registry_limits limits_;
    std::unique_ptr<Table> table_;
    std::unique_ptr<registry_model> model_;
    clock::time_point now_{};
    std::map<watch_id, watch_follower> followers_;
    std::vector<watch_follower> lost_;
    waiter_id last_waiter_ = 0;
    std::string difference_;
};

template <class Table>
std::string first_difference(std::set<std::string>& reached) {
    for (std::uint32_t seed = 1; seed <= seeds; ++seed) {
        if (std::string found = model_run<Table>(seed, reached).run(); !found.empty()) return found;
    }
    return {};
}

}  // namespace

TEST_CASE("the matchmaker's table does as its model does", "[matchmaker]") {
    std::set<std::string> reached;
    REQUIRE(first_difference<registry>(reached) == "");
    const std::set<std::string> all{"(bytes_max)",
                                    "(bytes_per_user_max)",
                                    "(instances_max)",
                                    "(instances_per_name_max)",
                                    "(instances_per_user_max)",
                                    "(names_max)",
                                    "(names_per_user_max)",
                                    "(waiters_max)",
                                    "(waiters_per_user_max)",
                                    "(watches_max)",
                                    "(watches_per_user_max)",
                                    "already_exists",
                                    "change in a resync",
                                    "confirmed",
                                    "connection_lost",
                                    "hung",
                                    "invalid_argument",
                                    "lost_in_restart",
                                    "not resumed",
                                    "not_found",
                                    "overflow",
                                    "permission_denied",
                                    "policy",
                                    "process_ended",
                                    "replaced",
                                    "resumed",
                                    "several served",
                                    "withdrawn"};
    REQUIRE(reached == all);
}

TEMPLATE_TEST_CASE("the model tells a flawed table from a right one", "[matchmaker]",
                   drops_a_change, resumes_with_a_gap, serves_the_last_first, forgets_who_can_read,
                   counts_one_too_many, forgets_why, removes_what_leaves) {
    std::set<std::string> reached;
    REQUIRE(first_difference<TestType>(reached) != "");
}
