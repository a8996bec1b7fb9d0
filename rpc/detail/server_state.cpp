// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/detail/quoted.hpp>
#include <conduit/rpc/detail/connection_terms.hpp>
#include <conduit/rpc/detail/server_state.hpp>
#include <conduit/rpc/detail/sets_when_gone.hpp>
#include <conduit/rpc/detail/shared_limits.hpp>
#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/within.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <new>
#include <system_error>
#include <utility>

namespace conduit::rpc::detail {
namespace {

using namespace std::chrono_literals;

constexpr clock::duration stranger_patience = 100ms;
constexpr clock::duration refusal_time = 1s;
constexpr std::size_t refusals_max = 64;

task<result<any_stream>> opened(any_stream stream) {
    any_stream own = std::move(stream);
    co_return std::move(own);
}

bool is_harmless(goaway_reason reason) noexcept {
    return reason == goaway_reason::shutdown || reason == goaway_reason::draining;
}

task<server_stats> stats_of_one(const server_state& server) { co_return server.stats(); }

/// Tells the peer why, and waits until it has read that: closing earlier could take it back.
task<void> turn_away(task<result<any_stream>> opening, std::string why, goaway_reason reason) {
    task<result<any_stream>> own = std::move(opening);
    auto stream = co_await std::move(own);
    if (!stream) co_return;
    std::vector<std::byte> words = make_greeting(wire_settings());
    const std::uint32_t retry_after = reason == goaway_reason::refused ? 1000 : no_retry_after;
    const auto goaway = make_goaway(reason, 0, retry_after, why);
    words.insert(words.end(), goaway.begin(), goaway.end());
    auto sent = co_await write_all(*stream, std::span<const std::byte>(words));
    if (!sent) co_return;
    auto closed = co_await stream->close_writing();
    if (!closed) co_return;
    std::array<std::byte, 1024> ignored{};
    std::size_t left = 64 * ignored.size();
    while (left > 0) {
        auto got = co_await stream->read_some(std::span(ignored));
        if (!got || *got == 0) co_return;
        left -= std::min(left, *got);
    }
}

/// Of long results as much as of memory.
amounts most_of(const server_options& options) {
    amounts most{options.memory_max(), options.calls_max(), options.handles_held_max()};
    most.given = options.handles_given_max();
    return most;
}

}  // namespace

/// The end of a session, whichever way it comes.
class server_state::session_guard {
public:
    session_guard(server_state& of, session_position self) noexcept : of_(of), self_(self) {}
    session_guard(const session_guard&) = delete;
    ~session_guard() { of_.gone(self_); }

private:
    server_state& of_;
    session_position self_;
};

server_state::server_state(server_options options) : server_state(std::move(options), nullptr, 0) {}

server_state::server_state(server_options options, std::shared_ptr<server_team> team,
                           std::size_t index)
    : options_(std::move(options)),
      each_(std::make_shared<const connection_options>(options_.each())),
      limits_(std::make_shared<shared_limits>(most_of(options_), options_.queue_target())),
      gate_(options_.turn_time(), &limits_->queue),
      describes_(offers_),
      statistics_(std::make_unique<call_statistics>()),
      stats_([this] { return stats_of_all(); }),
      team_(std::move(team)),
      index_(index),
      places_(team_ != nullptr ? team_->places() : std::make_shared<server_places>(options_)),
      connections_(scheduler::current().guests().group_context()),
      listeners_(scheduler::current().guests().group_context()) {
    if (options_.turn_time() > clock::duration::zero()) limits_->gate = &gate_;
    limits_->given = &given_;
    add(row_of<describer>(), &describes_);
    add(row_of<health>(), &health_);
    add(row_of<rpc::stats>(), &stats_);
}

server_state::~server_state() {
    limits_->gate = nullptr;
    limits_->given = nullptr;
}

void server_state::add(const interface_row& row, void* object) {
    CONDUIT_ASSERT(!begun_, "everything is offered before a server listens or serves");
    offers_.add(row, object);
    health_.add(std::string(row.name));
}

void server_state::begin() {
    if (std::exchange(begun_, true)) return;
    health_.serve_all();
}

// --- connections --------------------------------------------------------------------------------

void server_state::serve(any_stream over, std::string name) {
    begin();
    take(std::move(over), std::move(name), std::string());
}

void server_state::take(any_stream over, std::string name, std::string user) {
    take(opened(std::move(over)), std::move(name), std::move(user));
}

void server_state::take(task<result<any_stream>> opening, std::string name, std::string user) {
    ++counters_.accepted;
    try {
        std::string why;
        auto place = place_for(std::move(user), index_, why);
        if (place == nullptr) return turn_down(std::move(opening), name, std::move(why));
        begin(std::move(opening), std::move(name), std::move(place));
    } catch (const std::bad_alloc&) {
        ++counters_.refused;
    }
}

/// Null where there is none; `why` says so in words.
std::shared_ptr<server_place> server_state::place_for(std::string user, std::size_t worker,
                                                      std::string& why) {
    no_place reason{"the server is ending", std::nullopt};
    if (draining_) {
        why = std::move(reason.text);
        return nullptr;
    }
    auto place = server_places::take(places_, std::move(user), worker, reason);
    if (reason.reached) statistics_->hit(*reason.reached);
    why = std::move(reason.text);
    return place;
}

void server_state::turn_down(task<result<any_stream>> opening, const std::string& name,
                             std::string why) noexcept {
    ++counters_.refused;
    warn([&] { return name + ": a connection was refused: " + why; });
    tell_no(std::move(opening), std::move(why));
}

/// So many are told at a time; beyond that they find the connection closed.
void server_state::tell_no(task<result<any_stream>> opening, std::string why,
                           goaway_reason reason) noexcept {
    if (refusals_ >= refusals_max) return statistics_->hit(limit::refusals);
    try {
        connections_.spawn(say_no(std::move(opening), std::move(why), reason), "rpc refusal");
        ++refusals_;                   // it runs later
    } catch (const std::bad_alloc&) {  // it finds the connection closed
    }
}

void server_state::begin(task<result<any_stream>> opening, std::string name,
                         std::shared_ptr<server_place> place) {
    const auto self = sessions_.emplace(sessions_.end());
    self->name = std::move(name);
    self->place = std::move(place);
    try {
        self->running.emplace(connections_.spawn(live(self, std::move(opening)), "rpc session"));
    } catch (const std::bad_alloc&) {
        ++counters_.refused;
        gone(self);
    }
}

task<void> server_state::say_no(task<result<any_stream>> opening, std::string why,
                                goaway_reason reason) {
    task<result<any_stream>> own = std::move(opening);
    try {
        co_await within(refusal_time, turn_away(std::move(own), std::move(why), reason));
    } catch (const std::exception& failed) {
        warn([&] { return std::string("a refusal failed: ") + failed.what(); });
    }
    --refusals_;
}

task<void> server_state::live(session_position self, task<result<any_stream>> opening) {
    task<result<any_stream>> own = std::move(opening);
    const session_guard guard(*this, self);
    try {
        co_await talk(self, std::move(own));
    } catch (const std::exception& failed) {
        note_end(*self, goaway_reason::internal, failed.what());
    }
}

task<void> server_state::talk(session_position self, task<result<any_stream>> opening) {
    task<result<any_stream>> own = std::move(opening);
    const auto patience = each_->greeting_within();
    const auto came = clock::now();
    auto stream = co_await within(patience, std::move(own));
    if (!stream) {
        const bool late = stream.error() == errc::timed_out;
        if (late) statistics_->hit(limit::greeting_within);
        std::string why =
            late ? "not within " + std::to_string(patience.count()) + " ms (greeting_within)"
                 : stream.error().message();
        if (!self->pushed_out.empty()) why = self->pushed_out;
        note_end(*self, late ? goaway_reason::timeout : goaway_reason::refused,
                 "it did not open: " + why);
        co_return;
    }
    const bool may_call = co_await check_sender(*self, *stream);
    if (!may_call && !self->pushed_out.empty()) {
        tell_no(opened(std::move(*stream)), self->pushed_out);
    }
    if (!may_call) co_return;
    std::string no_room = co_await count_for_sender(*self, *stream);
    if (!no_room.empty()) {
        turn_down(opened(std::move(*stream)), self->name, std::move(no_room));
        co_return;
    }
    connection_terms terms(each_);
    terms.user = limits_->user(self->place->user());
    terms.statistics = statistics_.get();
    terms.came = came;
    connection link(std::move(*stream), offers_, std::move(terms));
    self->link = &link;
    const auto stopped = co_await link.until_greeted();
    if (!stopped) met(self);
    co_await link.until_ended();
    note_end(*self, link);
    self->link = nullptr;
}

/// A socket may have been handed on since it was connected: who sends the first bytes counts too.
task<bool> server_state::check_sender(session& of, any_stream& stream) {
    auto who = co_await within(each_->greeting_within(), stream.peer_credentials());
    if (who.error() == std::errc::not_supported) co_return true;
    if (!who) {
        const bool late = who.error() == errc::timed_out;
        if (late) statistics_->hit(limit::greeting_within);
        if (!of.pushed_out.empty()) {
            note_end(of, goaway_reason::refused, of.pushed_out);
        } else if (late) {
            const std::string text = "no greeting came within " +
                                     std::to_string(each_->greeting_within().count()) +
                                     " ms (greeting_within)";
            note_end(of, goaway_reason::timeout, text);
            tell_no(opened(std::move(stream)), text, goaway_reason::timeout);
        } else {
            note_end(of, goaway_reason::shutdown, "it said nothing: " + who.error().message());
        }
        co_return false;
    }
    if (is_welcome(*who, stream)) co_return true;
    refuse_user(of.name, *who);
    co_return false;
}

bool server_state::is_welcome(const credentials& who, any_stream& stream) const {
    const allowed_users& allowed = options_.clients();
    const auto groups = allowed.has_groups() ? stream.peer_groups() : std::vector<std::uint32_t>();
    return allowed.includes(who, groups, current_kernel().effective_user());
}

void server_state::refuse_user(const std::string& where, const credentials& who) {
    ++counters_.refused;
    warn([&] { return where + ": user " + std::to_string(who.uid) + " may not call here"; });
}

/// A connection that a matchmaker handed over is no longer its user's. Yields why there is no room.
task<std::string> server_state::count_for_sender(session& of, any_stream& stream) {
    auto who = co_await stream.peer_credentials();
    no_place why;
    if (!who || of.place->move_to("user " + std::to_string(who->uid), why)) co_return std::string();
    statistics_->hit(*why.reached);
    co_return std::move(why.text);
}

void server_state::met(session_position self) noexcept {
    if (!self->place->is_stranger()) return;
    self->place->greeted();
    room_.set();
    if (team_ != nullptr) team_->room_was_made();
}

void server_state::gone(session_position self) noexcept {
    met(self);
    sessions_.erase(self);
    changed_.set();
    if (team_ != nullptr) team_->connection_has_gone();
}

void server_state::note_end(const session& of, const connection& link) {
    counters_.connections.add(link.counters());
    note_end(of, link.why()->reason, link.why()->text);
}

void server_state::note_end(const session& of, goaway_reason reason, std::string_view text) {
    ++counters_.ended;
    ++counters_.ended_by_reason[static_cast<std::size_t>(reason)];
    if (is_harmless(reason)) return;
    constexpr std::size_t text_max = 300;
    warn([&] { return of.name + ": a connection ended: " + quoted(text, text_max); });
}

// --- strangers ----------------------------------------------------------------------------------

/// For one that has come. Many who come together are let in as fast as they greet. Where they do
/// not, who waited longest goes, so that others get through.
task<void> server_state::until_room_for_stranger() {
    std::error_code ended;
    while (ended != errc::cancelled) {
        room_.reset();
        if (team_ != nullptr) team_->lead_waits();
        if (places_->has_room_for_stranger()) break;
        ended = co_await within(stranger_patience, room_.wait());
        if (ended == errc::timed_out) push_out_stranger();
    }
}

void server_state::push_out_stranger() {
    const std::size_t there = team_ != nullptr ? places_->strangest() : index_;
    if (there == index_) return push_out_oldest_stranger();
    team_->tell(there, [](server_state& other) { other.push_out_oldest_stranger(); });
}

void server_state::push_out_oldest_stranger() noexcept {
    const auto is_in_the_way = [](const session& each) { return each.place->is_stranger(); };
    const auto oldest = std::ranges::find_if(sessions_, is_in_the_way);
    if (oldest == sessions_.end()) return;
    ++counters_.pushed_out;
    statistics_->hit(limit::strangers_max);
    try {
        oldest->pushed_out = places_->strangers_text();
        if (oldest->link != nullptr) {
            oldest->link->turn_away(oldest->pushed_out);
            return met(oldest);  // its place is free, whenever it goes
        }
    } catch (const std::bad_alloc&) {  // then it goes without a word
    }
    oldest->running->request_stop();
}

// --- as one of a team ---------------------------------------------------------------------------

std::size_t server_state::next_worker() const {
    return team_ != nullptr ? places_->least_loaded() : index_;
}

void server_state::hand_over(std::size_t there, opener open, std::string name, std::string user) {
    ++counters_.accepted;
    try {
        std::string why;
        std::shared_ptr<server_place> place = place_for(std::move(user), there, why);
        if (place == nullptr) return turn_down(open(*this), name, std::move(why));
        team_->tell(
            there, [open = std::move(open), name = std::move(name), place = std::move(place)](
                       server_state& other) mutable { other.begin(open, name, std::move(place)); });
    } catch (const std::bad_alloc&) {
        ++counters_.refused;
    }
}

void server_state::begin(const opener& open, const std::string& name,
                         std::shared_ptr<server_place> place) noexcept {
    try {
        if (draining_) return turn_down(open(*this), name, "the server is ending");
        begin();
        begin(open(*this), name, std::move(place));
    } catch (const std::bad_alloc&) {
        ++counters_.refused;
    }
}

task<void> server_state::stop_listening() {
    listeners_.request_stop();
    co_await listeners_.join();
}

// --- the end ------------------------------------------------------------------------------------

task<void> server_state::until_asked() {
    std::error_code asked;
    while (!asked && !stopped_ && !draining_ && has_work()) {
        changed_.reset();
        asked = co_await changed_.wait();
    }
}

task<drain_outcome> server_state::run() {
    co_await until_asked();
    // What the caller was asked to end is not asked of the calls under way.
    task_group unstoppable(scheduler::current().guests().group_context());
    auto drained = unstoppable.spawn(close_within(options_.drain_within()), "rpc server drain");
    co_await unstoppable.join();
    co_return drained.take();
}

task<drain_outcome> server_state::close_within(clock::duration grace) {
    co_return co_await within(grace, drain());
}

void server_state::stop() noexcept {
    stopped_ = true;
    changed_.set();
}

task<std::error_code> server_state::until_left() {
    std::error_code ended;
    while (!ended && !stopped_ && (counters_.accepted == counters_.refused || !sessions_.empty())) {
        changed_.reset();
        ended = co_await changed_.wait();
    }
    co_return ended;
}

task<drain_outcome> server_state::drain() {
    if (draining_) {
        co_await over_.wait();
        co_return outcome_;
    }
    draining_ = true;
    const sets_when_gone tells(over_);
    begin();
    health_.end_all();
    changed_.set();
    listeners_.request_stop();
    for (session& each : sessions_) {
        if (each.link != nullptr && !each.place->is_stranger()) {
            each.link->start_draining();
        } else {
            each.running->request_stop();
        }
    }
    std::error_code ended;
    while (!ended && !sessions_.empty()) {
        changed_.reset();
        ended = co_await changed_.wait();
    }
    cut_off();
    co_await listeners_.join();
    co_await connections_.join();
    co_return outcome_;
}

/// Ends what has not ended by itself. Strangers have been asked to go before and do not count.
void server_state::cut_off() noexcept {
    for (const session& each : sessions_) {
        if (each.place->is_stranger() || each.link == nullptr || each.link->is_down()) continue;
        outcome_.add(drain_outcome(1, each.link->calls_served_now()));
    }
    connections_.request_stop();
}

std::size_t server_state::calls_served_now() const noexcept {
    std::size_t sum = 0;
    for (const session& each : sessions_) {
        if (each.link != nullptr) sum += each.link->calls_served_now();
    }
    return sum;
}

server_counters server_state::counters() const {
    server_counters sum = counters_;
    for (const session& each : sessions_) {
        if (each.link != nullptr) sum.connections.add(each.link->counters());
    }
    return sum;
}

task<server_stats> server_state::stats_of_all() {
    if (team_ != nullptr) return team_->stats();
    return stats_of_one(*this);
}

void server_state::note_handshake(std::error_code failure) noexcept {
    if (failure != errc::cancelled) ++counters_.handshakes_failed;
}

server_stats server_state::stats() const {
    server_stats said = stats_of(*statistics_);
    const server_counters sum = counters();
    said.connections_now = connections_now();
    said.calls_now = calls_served_now();
    said.accepted = sum.accepted;
    said.refused = sum.refused;
    said.pushed_out = sum.pushed_out;
    said.ended = sum.ended;
    said.bytes_received = sum.connections.bytes_received;
    said.bytes_sent = sum.connections.bytes_sent;
    said.handshakes_failed = sum.handshakes_failed;
    return said;
}

}  // namespace conduit::rpc::detail
