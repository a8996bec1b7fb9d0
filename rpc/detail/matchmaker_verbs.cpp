// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/address.hpp>
#include <conduit/channels/detail/quoted.hpp>
#include <conduit/channels/unix_stream.hpp>
#include <conduit/rpc/connect.hpp>
#include <conduit/rpc/detail/daemon_source.hpp>
#include <conduit/rpc/detail/draw_order.hpp>
#include <conduit/rpc/detail/list_source.hpp>
#include <conduit/rpc/detail/matchmaker_verbs.hpp>
#include <conduit/rpc/detail/trusted_servers.hpp>
#include <conduit/rpc/matchmaker_address.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <string_view>
#include <utility>

namespace conduit::rpc::detail {
namespace {

using ptr = std::shared_ptr<matchmaker_verbs>;

bool has_ended() noexcept { return current_context().stop_requested(); }

/// Of a wait that the caller's context ended: says for what.
fault waited_for(const std::string& name, const fault& ended, const std::string& at,
                 const std::string& why) {
    std::string text =
        why.empty() ? "nobody offers " + quoted(name) : "cannot reach " + quoted(name);
    text += ", says matchmaker " + at;
    if (!why.empty()) text += "; last: " + why;
    fault said(ended.code(), text);
    said.ran(false, true);
    return said;
}

/// Only these are taken from a matchmaker or a list: others would run programs, or talk to whoever
/// started this one.
address parse_found(const std::string& text) {
    std::string why;
    auto parsed = address::parse(text, &why);
    if (!parsed) throw fault(status::invalid_argument, "cannot connect: " + why).ran(false, true);
    if (parsed->kind() == address_kind::unix_socket || parsed->kind() == address_kind::tcp) {
        return std::move(*parsed);
    }
    throw fault(status::permission_denied,
                quoted(text) + " came from a matchmaker: only unix: and tcp: are taken from there")
        .ran(false, true);
}

task<void> report(matchmaker_link_ptr link, instance_id id) {
    const matchmaker_link_ptr there = std::move(link);
    static_cast<void>(co_await try_call(there->object().report_unreachable(id)));
}

task<void> leave(matchmaker_link_ptr link, instance_id id) {
    const matchmaker_link_ptr there = std::move(link);
    static_cast<void>(co_await try_call(there->object().withdraw(id)));
}

/// Waits for a change of what has that name, or for so long.
task<void> until_changed(matchmaker_link_ptr link, std::string name, table_position at,
                         clock::duration longest) {
    const matchmaker_link_ptr there = std::move(link);
    const name_pattern pattern{std::move(name), false};
    const std::optional<table_position> from = at;
    auto changes = there->object().watch(pattern, from);
    const clock::time_point due = clock::now() + longest;
    auto changed = co_await try_call(within(due, changes.next()));
    if (!changed || !*changed) co_await sleep_until(due);
}

std::unique_ptr<matchmaker_source> source_of(const matchmaker_client_options& options,
                                             context& under) {
    if (options.opens_by()) {
        return std::make_unique<daemon_source>(std::nullopt, options, under);
    }
    auto place = options.at().empty() ? matchmaker_address::of_this_process()
                                      : matchmaker_address::parse(options.at());
    if (!place) throw fault(place.error());
    if (place->is_file()) return std::make_unique<list_source>(place->path(), under);
    if (!place->is_list()) return std::make_unique<daemon_source>(*place, options, under);
    const std::string_view text = place->text();
    return list_source::of_text(text.substr(text.find(':') + 1), under);
}

}  // namespace

bool is_lost(const fault& why) noexcept {
    return why.code() == rpc::status::unavailable && !has_ended();
}

matchmaker_verbs::matchmaker_verbs(matchmaker_client_options options)
    : options_(std::move(options)),
      dice_(seed_from_kernel()),
      source_(source_of(options_, tasks_.group_context())) {}

void matchmaker_verbs::shut() noexcept { source_->shut(); }

// --- questions ----------------------------------------------------------------------------------

// A matchmaker that is lost under a question is asked once more: it may have been replaced.

task<found_instances> matchmaker_verbs::lookup(ptr of, instance_query query) {
    const ptr self = std::move(of);
    for (bool again = false;; again = true) {
        const matchmaker_link_ptr there = co_await self->source_->reach();
        auto found = co_await try_call(there->object().lookup(query));
        if (found) co_return std::move(*found);
        if (again || !is_lost(found.error())) throw fault(found.error());
    }
}

task<found_instances> matchmaker_verbs::list(ptr of, name_pattern pattern,
                                             std::optional<index_key> after, std::uint32_t most) {
    const ptr self = std::move(of);
    for (bool again = false;; again = true) {
        const matchmaker_link_ptr there = co_await self->source_->reach();
        auto found = co_await try_call(there->object().list(pattern, after, most));
        if (found) co_return std::move(*found);
        if (again || !is_lost(found.error())) throw fault(found.error());
    }
}

task<matchmaker_status> matchmaker_verbs::ask_status(ptr of) {
    const ptr self = std::move(of);
    const matchmaker_link_ptr there = co_await self->source_->reach();
    co_return co_await there->object().status();
}

task<std::vector<waiting_client>> matchmaker_verbs::ask_waits(ptr of) {
    const ptr self = std::move(of);
    const matchmaker_link_ptr there = co_await self->source_->reach();
    std::vector<waiting_client> all;
    std::uint64_t last = 0;
    for (;;) {
        std::vector<waiting_client> some = co_await there->object().waits(last, 0);
        if (some.empty()) co_return all;
        all.insert(all.end(), some.begin(), some.end());
        // One that knows no pages says all at once, and numbers nobody.
        if (some.back().number <= last) co_return all;
        last = some.back().number;
    }
}

task<found_instances> matchmaker_verbs::find(ptr of, instance_query query) {
    const ptr self = std::move(of);
    growing_wait pause = self->new_pause();
    for (;;) {
        const matchmaker_link_ptr there = co_await self->source_->until_reached();
        auto found = co_await try_call(there->object().find(query));
        if (found) co_return std::move(*found);
        if (has_ended()) throw waited_for(query.name, found.error(), self->source_->name(), {});
        if (!is_lost(found.error())) throw fault(found.error());
        co_await sleep_for(pause.next(self->dice_));
    }
}

// --- connections --------------------------------------------------------------------------------

task<any_stream> matchmaker_verbs::open(std::string where, connect_options* options) {
    const std::string text = std::move(where);
    const address parsed = parse_found(text);
    connect_options own = *options;
    own.servers(trusted_at(parsed, own.servers()));
    any_stream stream = co_await open_stream(text, &own);
    options->connection(own.connection());
    co_return std::move(stream);
}

/// The daemon connects and hands the connection over. SO_PEERCRED of this end tells of who listens,
/// whoever connected.
task<any_stream> matchmaker_verbs::connect_by_hand(matchmaker_link_ptr link, instance_query query,
                                                   connect_options* options) {
    const matchmaker_link_ptr there = std::move(link);
    connected_instance got = co_await there->object().connect(query);
    const std::string text = got.who.offer.address;
    const address where = parse_found(text);
    auto stream = unix_stream::adopt(std::move(got.stream));
    if (!stream) {
        throw fault(status::internal,
                    "the matchmaker handed over something else than a "
                    "connection to " +
                        quoted(text))
            .ran(false, true);
    }
    const auto server = stream->connected_by();
    const auto own = current_kernel().effective_user();
    if (!server || !trusted_at(where, options->servers()).includes(server->uid, own)) {
        const std::string who = server ? "user " + std::to_string(server->uid) : "nobody known";
        throw fault(status::permission_denied,
                    "at " + quoted(text) + " listens " + who + ", who is not to be trusted")
            .ran(false, true);
    }
    connection_options named = options->connection();
    options->connection(named.name(text));
    co_return any_stream(std::move(*stream));
}

task<std::optional<any_stream>> matchmaker_verbs::connect_one_of(const std::vector<instance>* found,
                                                                 connect_options* options,
                                                                 std::string* why) {
    for (const instance& each : *found) {
        auto stream = co_await try_call(open(each.offer.address, options));
        if (stream) co_return std::move(*stream);
        if (has_ended()) throw fault(stream.error());
        *why = stream.error().text();
        if (stream.error().code() == status::unavailable) report_unreachable(each.id);
    }
    co_return std::nullopt;
}

task<any_stream> matchmaker_verbs::connect(ptr of, instance_query query, connect_options* options) {
    const ptr self = std::move(of);
    growing_wait pause = self->new_pause();
    std::string why;
    for (;;) {
        const matchmaker_link_ptr there = co_await self->source_->until_reached();
        std::optional<fault> failed;
        if (there->hands_over()) {
            auto got = co_await try_call(self->connect_by_hand(there, query, options));
            if (got) co_return std::move(*got);
            failed = got.error();
            const status code = failed->code();
            // What cannot be handed over may still be reached at its address.
            if (code == status::permission_denied) why = failed->text();
            if (code == status::permission_denied || code == status::failed_precondition ||
                code == status::resource_exhausted) {
                failed = std::nullopt;
            }
        }
        if (!failed) {
            auto found = co_await try_call(there->object().find(query));
            if (found) {
                draw_order(found->instances, self->dice_);
                auto stream = co_await self->connect_one_of(&found->instances, options, &why);
                if (stream) co_return std::move(*stream);
                const clock::duration longest = pause.next(self->dice_);
                co_await until_changed(there, query.name, found->at, longest);
                continue;
            }
            failed = found.error();
        }
        if (has_ended()) throw waited_for(query.name, *failed, self->source_->name(), why);
        if (!is_lost(*failed)) throw fault(*failed);
        co_await sleep_for(pause.next(self->dice_));
    }
}

// --- in passing ---------------------------------------------------------------------------------

void matchmaker_verbs::report_unreachable(instance_id id) {
    if (matchmaker_link_ptr there = source_->current()) {
        tasks_.spawn(report(std::move(there), id), "matchmaker report");
    }
}

void matchmaker_verbs::withdraw(matchmaker_link_ptr link, instance_id id) {
    if (link == nullptr || link->lost().is_set()) return;
    tasks_.spawn(leave(std::move(link), id), "matchmaker withdraw");
}

}  // namespace conduit::rpc::detail
