// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/detail/quoted.hpp>
#include <conduit/rpc/connect.hpp>
#include <conduit/rpc/detail/pool_state.hpp>
#include <conduit/runtime/context.hpp>
#include <conduit/runtime/loop.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <string_view>
#include <utility>

namespace conduit::rpc::detail {
namespace {

using namespace std::chrono_literals;

constexpr std::int32_t no_server_outcome = -32;  // -EPIPE
// What a refusal counts for: a server that refuses quickly is to attract no calls.
constexpr clock::duration refusal_cost = 100ms;

bool is_local(std::string_view address) noexcept {
    return address.starts_with("unix:") || address.starts_with("fifo:");
}

bool is_refusal(std::uint32_t code) noexcept {
    return code == static_cast<std::uint32_t>(status::unavailable) ||
           code == static_cast<std::uint32_t>(status::resource_exhausted);
}

task<any_stream> open_address(std::string where, connect_options options) {
    connect_options own = std::move(options);
    co_return co_await open_stream(std::move(where), &own);
}

call_retries::limits limits_of(const pool_options& options) {
    return {options.tries_max(), options.retry_least(), options.retry_most(), options.patience()};
}

}  // namespace

// --- one connection ---------------------------------------------------------------------------

/// A connection in the frame of the task that tends it.
class pool_state::link final : private connection_watcher {
public:
    link(pool_state& owner, place& at, any_stream over, const connect_options& options)
        : owner_(owner),
          at_(at),
          connection_(std::move(over), &options.offers(),
                      connection_terms(connection_options(options.connection()).name(at.address))) {
        connection_.watch(this);
        owner_.links_.push_back(this);
        owner_.open_.reserve(owner_.links_.size());  // begin_use() may not fail
        at_.current = this;
        if (!at_.suspect) begin_use();
    }
    link(const link&) = delete;
    ~link() {
        connection_.watch(nullptr);
        owner_.stop_using(*this);
        std::erase(owner_.links_, this);
        if (owner_.links_.empty()) owner_.unused_.set();
    }

    connection_state& connection() noexcept { return connection_; }
    place& at() noexcept { return at_; }
    bool has_answered() const noexcept { return has_answered_; }
    event& closing() noexcept { return closing_; }
    std::size_t calls() noexcept { return connection_.made().taken(); }
    std::int64_t cost(clock::time_point now) noexcept { return meter_.cost(calls(), now); }

private:
    void begin_use() noexcept {
        in_use_ = true;
        owner_.open_.push_back(this);
        owner_.places_changed();
    }

    void places_changed() noexcept override {
        // The socket of a server that was killed goes on accepting for a while: calls are not spent
        // on it before it has greeted.
        if (!in_use_ && at_.current == this && connection_.greeted() && connection_.is_open()) {
            at_.suspect = false;
            begin_use();
        }
        if (!connection_.is_open() && !closing_.is_set()) {
            owner_.stop_using(*this);
            closing_.set();
        }
        owner_.places_changed();
    }

    void answered(const outgoing_call& call, std::uint32_t code) noexcept override {
        const clock::time_point now = loop::running().now;
        const bool refused = is_refusal(code);
        if (!refused && !has_answered_) {
            has_answered_ = true;
            at_.pause.reset();
            at_.attempts = 0;
        }
        if (call.method().response_stream || call.method().request_stream) return;
        const clock::duration took = now - call.launched_at();
        meter_.note(refused ? std::max(took, refusal_cost) : took, now);
    }

    pool_state& owner_;
    place& at_;
    connection_state connection_;
    latency_meter meter_;
    bool in_use_ = false;
    bool has_answered_ = false;
    event closing_;
};

/// Waits for its turn to take a place.
class pool_state::wait_operation final : public operation {
public:
    explicit wait_operation(pool_state& on) noexcept : on_(&on) {}
    wait_operation(wait_operation&&) noexcept = default;
    ~wait_operation() {
        if (!is_queued() || failed()) return;
        --on_->woken_;
        on_->places_changed();
    }

    const char* name() const noexcept override { return "rpc pool"; }
    void cancel() noexcept override { complete(cancelled_outcome); }
    std::error_code await_resume() noexcept {
        if (failed()) return error();
        --on_->woken_;
        return {};
    }

private:
    progress start() override {
        if (on_->waiting_.empty() && on_->woken_ < on_->free_places()) {
            ++on_->woken_;
            return progress::done;
        }
        on_->waiting_.push_back(*this);
        return progress::waiting;
    }

    pool_state* on_;
};

pool_state::place::place(std::string where, const pool_options& options)
    : address(std::move(where)),
      pause(options.back_off_least(),
            is_local(address) ? options.back_off_least() : options.back_off_most()) {}

pool_state::pool_state(pool_options options)
    : options_(std::move(options)),
      retries_(std::make_shared<call_retries>(
          limits_of(options_),
          retry_budget(options_.retry_percent(), options_.retries_per_second()),
          seed_from_kernel())),
      dice_(seed_from_kernel()) {
    tasks_.emplace();
}

// --- calls ------------------------------------------------------------------------------------

connection_state* pool_state::pick(const method_row& method) noexcept {
    const std::size_t n = open_.size();
    if (n == 0) return nullptr;
    std::size_t first = 0;
    if (n > 1) {
        const clock::time_point now = loop::running().now;
        first = dice_.below(n);
        std::size_t second = dice_.below(n - 1);
        if (second >= first) ++second;
        if (open_[second]->cost(now) < open_[first]->cost(now)) std::swap(first, second);
        if (!open_[first]->connection().can_open(method)) first = second;
    }
    for (std::size_t i = 0; i < n; ++i) {
        connection_state& on = open_[(first + i) % n]->connection();
        if (on.can_open(method)) return &on;
    }
    return nullptr;
}

connection_state* pool_state::ready(const method_row& method) noexcept {
    if (closing_ || must_queue()) return nullptr;
    connection_state* on = pick(method);
    if (on != nullptr) retries_->note_call(loop::running().now);
    return on;
}

task<connection_state*> pool_state::until_ready(std::shared_ptr<pool_state> of,
                                                const method_row* method) {
    const std::shared_ptr<pool_state> self = std::move(of);
    for (;;) {
        if (self->closing_ || self->gives_up()) throw self->not_sent(*method, {});
        std::error_code ended = co_await wait_operation(*self);
        if (ended) throw self->not_sent(*method, ended);
        if (self->closing_ || self->free_places() == 0) continue;
        if (connection_state* on = self->pick(*method)) {
            self->retries_->note_call(loop::running().now);
            co_return on;
        }
        // What is free does not suit it: handles must wait for the peer's greeting.
        self->wake_waiting();
        ++self->unsuited_;
        ended = co_await self->moved_.wait();
        --self->unsuited_;
        if (ended) throw self->not_sent(*method, ended);
    }
}

std::size_t pool_state::free_places() const noexcept {
    std::size_t sum = 0;
    for (link* each : open_) sum += each->connection().free_places();
    return sum;
}

void pool_state::wake_waiting() noexcept {
    if (shut_ || waiting_.empty()) return;
    for (std::size_t free = free_places(); woken_ < free && !waiting_.empty();) {
        ++woken_;
        waiting_.front().complete(0);
    }
}

void pool_state::places_changed() noexcept {
    wake_waiting();
    if (unsuited_ > 0) {
        moved_.set();
        moved_.reset();
    }
}

/// They look around for themselves.
void pool_state::wake_all() noexcept {
    while (!waiting_.empty()) {
        ++woken_;
        waiting_.front().complete(0);
    }
    moved_.set();
    moved_.reset();
}

bool pool_state::gives_up() const noexcept {
    if (!open_.empty()) return false;
    if (places_.empty()) return options_.fails_fast();
    return std::all_of(places_.begin(), places_.end(), [this](const auto& each) {
        return each->hopeless || (each->failing && options_.fails_fast());
    });
}

std::string pool_state::describe() const {
    if (closing_) return "the pool is closed";
    if (places_.empty()) return "the pool has no addresses";
    if (!open_.empty()) {
        return "all " + std::to_string(open_.size()) + " connections are full, with " +
               std::to_string(calls_made_now()) + " calls under way";
    }
    constexpr std::size_t shown_max = 3;
    std::string text = "no server can be reached: ";
    for (std::size_t i = 0; i < std::min(places_.size(), shown_max); ++i) {
        const place& at = *places_[i];
        if (i > 0) text += "; ";
        text += at.why.empty() ? quoted(at.address) + ": no answer yet" : at.why;
        text += " (attempt " + std::to_string(at.attempts) + ")";
    }
    if (places_.size() > shown_max) {
        text += "; and " + std::to_string(places_.size() - shown_max) + " others";
    }
    return text;
}

fault pool_state::not_sent(const method_row& method, std::error_code ended) const {
    const std::string name(method.full_name);
    if (ended == errc::timed_out) {
        return fault(status::deadline_exceeded,
                     name + ": the deadline passed before it was sent: " + describe())
            .ran(false, true);
    }
    if (ended == errc::cancelled) {
        return fault(status::cancelled, name + ": cancelled before it was sent").ran(false, true);
    }
    return fault(status::unavailable, name + ": not sent: " + describe()).ran(false, true);
}

std::size_t pool_state::calls_made_now() const noexcept {
    std::size_t sum = 0;
    for (link* each : links_) sum += each->calls();
    return sum;
}

pool_counters pool_state::counters() const noexcept {
    pool_counters all = counters_;
    all.retries = retries_->retried();
    all.retries_denied = retries_->denied();
    all.pushbacks += retries_->pushbacks();
    return all;
}

// --- connecting -------------------------------------------------------------------------------

void pool_state::set_addresses(std::vector<std::string> addresses) {
    if (closing_) return;
    const std::vector<std::string> wanted = std::move(addresses);
    std::erase_if(places_, [&](const std::shared_ptr<place>& each) {
        const bool stays = std::find(wanted.begin(), wanted.end(), each->address) != wanted.end();
        if (!stays) leave(*each);
        return !stays;
    });
    for (const std::string& address : wanted) {
        const bool known = std::any_of(places_.begin(), places_.end(),
                                       [&](const auto& each) { return each->address == address; });
        if (known) continue;
        for (std::size_t i = 0; i < options_.connections_per_address(); ++i) {
            places_.push_back(std::make_shared<place>(address, options_));
            tasks_->spawn(keep(places_.back()), "rpc pool place");
        }
    }
    if (gives_up()) wake_all();
}

void pool_state::leave(place& at) noexcept {
    at.left = true;
    if (at.current != nullptr) {
        link& used = *at.current;
        stop_using(used);
        used.closing().set();
    }
    at.changed.set();
}

/// It gets no more calls, and its place is free for the next connection.
void pool_state::stop_using(link& used) noexcept {
    std::erase(open_, &used);
    if (used.at().current == &used) used.at().current = nullptr;
}

task<void> pool_state::keep(std::shared_ptr<place> of) {
    const std::shared_ptr<place> self = std::move(of);
    for (;;) {
        const bool goes_on = co_await pause_before(self.get());
        if (!goes_on) co_return;
        auto stream = co_await open(self.get());
        if (self->left || stop_requested()) co_return;
        if (!stream) continue;
        ++counters_.connects;
        if (self->connects++ > 0) ++counters_.reconnects;
        self->changed.reset();
        tasks_->spawn(tend(self, std::move(*stream)), "rpc pool connection");
        const std::error_code stopped = co_await self->changed.wait();
        if (self->left || stopped) co_return;
    }
}

/// False when there is to be no other attempt.
task<bool> pool_state::pause_before(place* at) {
    const clock::time_point now = clock::now();
    clock::time_point due = now;
    if (!std::exchange(at->at_once, false)) due += at->pause.next(dice_);
    if (at->not_before > now) {
        due = at->not_before + at->pause.next(dice_);
        ++counters_.pushbacks;
    }
    at->not_before = clock::time_point::min();
    at->changed.reset();
    while (!at->left && (clock::now() < due || at->hopeless)) {
        const clock::time_point until = at->hopeless ? clock::time_point::max() : due;
        co_await within(until, at->changed.wait());
        if (stop_requested()) co_return false;
    }
    co_return !at->left;
}

task<std::optional<any_stream>> pool_state::open(place* at) {
    ++at->attempts;
    std::string why;
    bool hopeless = false;
    try {
        task<any_stream> opening = options_.opens_by()
                                       ? options_.opens_by()(at->address)
                                       : open_address(at->address, options_.connect());
        auto stream = co_await within(options_.connect_within(), std::move(opening));
        if (std::exchange(at->failing, false)) {
            lines_.write(log_level::info, quoted(at->address) + ": connected again");
        }
        co_return std::move(stream);
    } catch (const fault& failed) {
        why = failed.text();
        hopeless = failed.code() == status::invalid_argument;
        if (failed.code() == status::deadline_exceeded) {
            why += ": it took more than " + std::to_string(options_.connect_within().count()) +
                   " ms (connect_within)";
        }
    } catch (const std::exception& failed) {
        why = quoted(at->address) + ": " + failed.what();
    }
    if (!at->left && !stop_requested()) note_failure(*at, std::move(why), hopeless);
    co_return std::nullopt;
}

void pool_state::note_failure(place& at, std::string why, bool hopeless) {
    ++counters_.connect_failures;
    at.why = std::move(why);
    at.hopeless = hopeless;
    at.suspect = true;
    if (!std::exchange(at.failing, true)) {
        lines_.warn(at.why + (hopeless ? "" : "; trying again"));
    }
    if (gives_up()) wake_all();
}

task<void> pool_state::tend(std::shared_ptr<place> of, any_stream over) {
    const std::shared_ptr<place> self = std::move(of);
    any_stream stream = std::move(over);
    link here(*this, *self, std::move(stream), options_.connect());
    const std::error_code stopped = co_await here.closing().wait();
    connection_state& on = here.connection();
    if (stopped) {
        on.close_now();
    } else {
        note_loss(here);
    }
    stop_using(here);
    self->changed.set();
    if (!on.is_down()) co_await on.drain();
    co_await on.until_ended();
}

void pool_state::note_loss(link& lost) {
    place& at = lost.at();
    connection_state& on = lost.connection();
    if (at.left) return;
    const bool asked =
        on.peer_is_draining() && (!on.why() || on.why()->reason == goaway_reason::shutdown);
    at.why = quoted(at.address) + ": " +
             (asked      ? "the server is going"
              : on.why() ? on.why()->text
                         : "the connection ended");
    // Only who has been of use is believed to be replaced at once: else one that says nothing but
    // goodbye would be called without a pause.
    at.at_once = asked && lost.has_answered();
    if (asked) ++counters_.goaways;
    if (const auto wait = on.peer_comes_back_after()) {
        const clock::duration bounded = std::min(*wait, options_.patience());
        at.not_before = saturating_add(loop::running().now, bounded);
    }
    at.suspect = !asked;
    if (!asked) lines_.warn("lost the connection to " + at.why + "; connecting again");
}

// --- ending -----------------------------------------------------------------------------------

task<void> pool_state::drain(std::shared_ptr<pool_state> of) {
    const std::shared_ptr<pool_state> self = std::move(of);
    self->closing_ = true;
    for (const auto& each : self->places_) self->leave(*each);
    self->places_.clear();
    self->wake_all();
    std::error_code ended;
    while (!self->links_.empty() && !ended) {
        self->unused_.reset();
        ended = co_await self->unused_.wait();
    }
    if (!ended) co_return;
    for (link* each : self->links_) each->connection().close_now();
}

void pool_state::shut() noexcept {
    closing_ = true;
    shut_ = true;
    retries_->close();
    while (!waiting_.empty()) waiting_.front().complete(no_server_outcome);
    moved_.set();
    tasks_.reset();
}

}  // namespace conduit::rpc::detail
