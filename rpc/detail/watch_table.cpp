// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/watch_table.hpp>

#include <conduit/rpc/detail/registry_name.hpp>

#include <algorithm>
#include <utility>

namespace conduit::rpc::detail {
namespace {

constexpr std::size_t watch_bytes_fixed = 1024;  // the nodes, and a deque's first block

}  // namespace

std::size_t bytes_of(const name_pattern& pattern) noexcept {
    return watch_bytes_fixed + 2 * pattern.text.size();
}

result<watch_opened, fault> watch_table::open(std::uint32_t uid, name_pattern pattern,
                                              std::optional<table_position> from,
                                              const change_history& history, table_position now) {
    const std::string problem =
        pattern.is_prefix ? prefix_problem(pattern.text) : name_problem(pattern.text);
    if (!problem.empty()) return fault(status::invalid_argument, problem);
    const std::size_t bytes = bytes_of(pattern);
    std::string why = shares_->take(uid, registry_resource::watches, 1);
    if (!why.empty()) return fault(status::resource_exhausted, why);
    why = shares_->take(uid, registry_resource::bytes, bytes);
    if (!why.empty()) {
        shares_->give_back(uid, registry_resource::watches, 1);
        return fault(status::resource_exhausted, why);
    }

    const watch_id id = ++last_id_;
    ids_like(pattern)[pattern.text].push_back(id);
    watcher& opened = watchers_[id];
    opened.uid = uid;
    opened.pattern = std::move(pattern);
    if (from && from->epoch == now.epoch && history.reaches(from->revision)) {
        opened.is = phase::live;
        history.after(from->revision, [&](const registry_change& change) {
            if (opened.pattern.includes(change.what->offer.name)) {
                enqueue(id, opened, change, now.epoch);
            }
            return opened.is == phase::live;
        });
    } else {
        set_readable(id, opened);
    }
    return watch_opened{id, now, opened.is == phase::live};
}

bool watch_table::close(watch_id id) {
    const auto at = watchers_.find(id);
    if (at == watchers_.end()) return false;
    watcher& closed = at->second;
    drop_queue(closed);
    shares_->give_back(closed.uid, registry_resource::bytes, bytes_of(closed.pattern));
    shares_->give_back(closed.uid, registry_resource::watches, 1);
    auto& like = ids_like(closed.pattern);
    const auto ids = like.find(closed.pattern.text);
    std::erase(ids->second, id);
    if (ids->second.empty()) like.erase(ids);
    if (closed.is_readable) std::erase(readable_, id);
    watchers_.erase(at);
    return true;
}

// By their ids, so that who came first is told first.
std::vector<watch_id> watch_table::concerned(const std::string& name) const {
    std::vector<watch_id> ids;
    const auto add = [&](const auto& like, std::string_view text) {
        if (const auto at = like.find(text); at != like.end()) {
            ids.insert(ids.end(), at->second.begin(), at->second.end());
        }
    };
    add(by_name_, name);
    if (!by_prefix_.empty()) {
        for (std::size_t n = 0; n <= name.size(); ++n) {
            add(by_prefix_, std::string_view(name).substr(0, n));
        }
    }
    std::sort(ids.begin(), ids.end());
    return ids;
}

void watch_table::publish(const registry_change& change, std::uint64_t epoch) {
    for (const watch_id id : concerned(change.what->offer.name)) {
        enqueue(id, watchers_.at(id), change, epoch);
    }
}

void watch_table::enqueue(watch_id id, watcher& to, const registry_change& change,
                          std::uint64_t epoch) {
    if (to.is == phase::resync_due) return;  // will be told as it is then
    if (to.is == phase::telling_present) {
        const index_key key{change.what->offer.name, change.what->id};
        if (!to.told || *to.told < key) return;
    }
    const std::size_t bytes = bytes_of(change);
    if (to.queue.size() >= changes_max_ || bytes > bytes_max_ - to.bytes ||
        !shares_->take(to.uid, registry_resource::bytes, bytes).empty()) {
        ++overflows_;
        begin_anew(to);
    } else {
        to.bytes += bytes;
        ++queued_;
        to.queue.push_back({watch_item_kind::change, {epoch, change.revision}, change});
    }
    set_readable(id, to);
}

void watch_table::begin_anew(watcher& who) {
    drop_queue(who);
    who.told.reset();
    who.is = phase::resync_due;
}

void watch_table::drop_queue(watcher& who) {
    shares_->give_back(who.uid, registry_resource::bytes, who.bytes);
    queued_ -= who.queue.size();
    who.bytes = 0;
    who.queue.clear();
}

void watch_table::set_readable(watch_id id, watcher& who) {
    if (who.is_readable) return;
    who.is_readable = true;
    readable_.push_back(id);
}

watch_item watch_table::pop(watcher& from) {
    watch_item item = std::move(from.queue.front());
    from.queue.pop_front();
    --queued_;
    const std::size_t bytes = bytes_of(item.change);
    from.bytes -= bytes;
    shares_->give_back(from.uid, registry_resource::bytes, bytes);
    return item;
}

bool watch_table::take_one(watcher& from, const instance_index& index, table_position now,
                           std::vector<watch_item>& items) {
    if (from.is == phase::resync_due) {
        from.is = phase::telling_present;
        items.push_back({watch_item_kind::resync, now, {}});
        return true;
    }
    if (from.is == phase::telling_present) {
        if (instance_ptr found = index.next(from.pattern, from.told); found != nullptr) {
            from.told = index_key{found->offer.name, found->id};
            registry_change present;
            present.what = std::move(found);
            items.push_back({watch_item_kind::present, now, std::move(present)});
            return true;
        }
        from.is = phase::completing;
        from.told.reset();
    }
    if (!from.queue.empty()) {
        items.push_back(pop(from));
        return true;
    }
    if (from.is != phase::completing) return false;
    from.is = phase::live;
    items.push_back({watch_item_kind::complete, now, {}});
    return true;
}

std::vector<watch_item> watch_table::take(watch_id id, std::size_t most,
                                          const instance_index& index, table_position now) {
    std::vector<watch_item> items;
    const auto at = watchers_.find(id);
    if (at == watchers_.end()) return items;
    watcher& from = at->second;
    while (items.size() < most && take_one(from, index, now, items)) {
    }
    if (from.is == phase::live && from.queue.empty() && from.is_readable) {
        from.is_readable = false;
        std::erase(readable_, id);
    }
    return items;
}

std::vector<watch_id> watch_table::take_readable() { return std::exchange(readable_, {}); }

}  // namespace conduit::rpc::detail
