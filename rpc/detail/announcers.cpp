// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/announcers.hpp>

#include <conduit/rpc/detail/chance.hpp>
#include <conduit/rpc/detail/own_shortage.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/when_any.hpp>
#include <conduit/runtime/within.hpp>

#include <fmt/format.h>

#include <chrono>
#include <utility>
#include <vector>

namespace conduit::rpc::detail {
namespace {

using namespace std::chrono_literals;

/// A process that dies closes its connection before it has ended.
constexpr clock::duration dying_time = 20ms;

[[noreturn]] void refuse_unwatched(std::error_code why) {
    throw fault(is_own_shortage(why) ? status::resource_exhausted : status::unavailable,
                "the process that announces cannot be watched: " + why.message());
}

result<unique_fd> no_process() { return std::make_error_code(std::errc::not_supported); }

}  // namespace

std::string how_ended(const unique_fd& process, std::int32_t pid) {
    auto ended = current_kernel().how_ended(process, pid);
    if (!ended) return {};
    if (ended->signal != 0) return fmt::format("killed by signal {}", ended->signal);
    return fmt::format("exited with code {}", ended->code);
}

announcers::announcers(announcer_watcher& watcher, patience bears)
    : watcher_(watcher), bears_(bears), watches_(scheduler::current().guests().group_context()) {}

announcer* announcers::find(const peer_link& link) noexcept {
    const auto found = by_link_.find(&link);
    return found != by_link_.end() ? found->second.get() : nullptr;
}

instance_owner announcers::owner_behind(const peer_link& link) const {
    const auto known = by_link_.find(&link);
    if (known != by_link_.end()) return known->second->owner;
    if (!link.peer()) {
        throw fault(status::permission_denied,
                    "who announces is known over Unix sockets only: connect to the matchmaker's");
    }
    instance_owner owner;
    owner.uid = link.peer()->uid;
    owner.pid = link.peer()->pid;
    auto identity = current_kernel().identity_of(owner.pid);
    if (!identity) refuse_unwatched(identity.error());
    owner.boot = identity->boot;
    owner.start_time = has_number(owner) ? identity->start_time : seed_from_kernel();
    return owner;
}

announcer& announcers::of(const std::shared_ptr<peer_link>& link) {
    if (announcer* known = find(*link)) return *known;
    const instance_owner owner = owner_behind(*link);
    auto process = has_number(owner) ? link->peer_process() : no_process();
    const bool cannot_say = process.error() == std::errc::not_supported;
    if (!process && !cannot_say) refuse_unwatched(process.error());
    auto made = std::make_unique<announcer>();
    made->link = link;
    made->owner = owner;
    announcer& who = *made;
    by_link_.emplace(link.get(), std::move(made));
    watches_.spawn(watch(&who, process ? std::move(*process) : unique_fd()), "matchmaker watch");
    if (!std::exchange(pings_, true)) watches_.spawn(ping(), "matchmaker pings");
    return who;
}

void announcers::add(announcer& who, instance_id id) {
    remove(id);
    who.instances.insert(id);
    by_instance_[id] = &who;
}

void announcers::remove(instance_id id) {
    const auto found = by_instance_.find(id);
    if (found == by_instance_.end()) return;
    found->second->instances.erase(id);
    by_instance_.erase(found);
}

bool announcers::is_heard(instance_id id) const noexcept {
    const auto found = by_instance_.find(id);
    return found != by_instance_.end() && found->second->missed < bears_.suspect_after;
}

void announcers::stop() noexcept { watches_.request_stop(); }

void announcers::forget(announcer& who, gone_reason reason, std::string detail) {
    const auto found = by_link_.find(who.link.get());
    const std::unique_ptr<announcer> gone = std::move(found->second);
    by_link_.erase(found);
    for (const instance_id id : gone->instances) by_instance_.erase(id);
    watcher_.has_gone(*gone, reason, std::move(detail));
}

task<void> announcers::watch(announcer* who, unique_fd process) {
    const std::shared_ptr<peer_link> link = who->link;
    const std::int32_t pid = who->owner.pid;
    bool has_ended = false;
    std::string detail;
    auto watched = process ? io_handle::attach(std::move(process)) : result<io_handle>(io_handle());
    if (watched && watched->is_open()) {
        auto first = co_await when_any(link->until_down(), watched->readable());
        has_ended = first.index == 1 && std::get<1>(first.value).has_value();
        if (!has_ended) co_await link->until_down();  // also where the kernel cannot wait for it
        if (!has_ended && !stop_requested()) {
            auto late = co_await within(dying_time, watched->readable());
            has_ended = late.has_value();
        }
        if (has_ended) detail = how_ended(watched->owned(), pid);
    } else {
        co_await link->until_down();
    }
    if (stop_requested() || find(*link) != who) co_return;  // it was forgotten for its silence
    if (has_ended) {
        forget(*who, gone_reason::process_ended, std::move(detail));
        link->end("the process that announced over this connection has ended");
    } else {
        forget(*who, gone_reason::connection_lost, link->why_down());
    }
}

task<void> announcers::ping() {
    for (;;) {
        const auto stopped = co_await sleep_for(bears_.ping_every);
        if (stopped) co_return;
        std::vector<std::shared_ptr<peer_link>> everybody;
        for (const auto& [link, who] : by_link_) everybody.push_back(who->link);
        for (const auto& link : everybody) {
            if (announcer* who = find(*link)) ping(*who);
        }
    }
}

void announcers::ping(announcer& who) {
    const std::uint64_t bytes = who.link->bytes_received();
    if (bytes != std::exchange(who.bytes_seen, bytes)) {
        const bool was_silent = std::exchange(who.missed, 0) >= bears_.suspect_after;
        if (was_silent) watcher_.is_back(who);
    } else if (++who.missed == bears_.suspect_after) {
        watcher_.is_silent(who);
    }
    if (who.missed < bears_.gone_after) return who.link->ping();
    const std::shared_ptr<peer_link> link = who.link;
    std::string why = fmt::format("it has answered none of {} pings", who.missed);
    forget(who, gone_reason::hung, why);
    link->end(std::move(why));  // so that it announces anew, if it ever can
}

}  // namespace conduit::rpc::detail
