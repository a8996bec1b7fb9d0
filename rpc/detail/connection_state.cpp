// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/connection_state.hpp>
#include <conduit/runtime/loop.hpp>
#include <conduit/runtime/timer.hpp>

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

namespace conduit::rpc::detail {
namespace {

using namespace std::chrono_literals;

constexpr clock::duration looks_first_after = 1ms;
constexpr clock::duration looks_again_after = 10ms;
constexpr std::int32_t gone_outcome = -32;  // -EPIPE

wire_limits limits_of(const connection_options& options, bool carries_handles) {
    wire_limits ours;
    ours.calls_max = std::clamp<std::uint32_t>(options.calls_max(), 128, 65'536);
    ours.message_max = std::clamp<std::uint32_t>(options.message_max(), 65'536, 67'108'864);
    ours.window = std::clamp<std::uint32_t>(options.window(), 65'536, 16'777'216);
    ours.keep_alive_ms = static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(options.keep_alive().count(), 0, UINT32_MAX));
    ours.handles_max = carries_handles ? std::min<std::uint32_t>(options.handles_max(), 16) : 0;
    return ours;
}

std::vector<std::byte> greeting_of(const wire_limits& ours) {
    wire_settings said{ours, "conduit"};
    return make_greeting(said);
}

/// Of calls as many as have a number.
amounts most_of(const connection_options& options) {
    amounts most{options.memory_max(), no_limit, options.handles_held_max()};
    most.given = options.handles_given_max();
    return most;
}

}  // namespace

connection_state::connection_state(any_stream over, const service_table* offers,
                                   connection_terms terms)
    : stream_(std::move(over)),
      offers_(offers),
      options_(std::move(terms.options)),
      statistics_(terms.statistics),
      account_(std::make_shared<limits_account>(most_of(*options_), std::move(terms.user))),
      ours_(limits_of(*options_, stream_.inside().carries_handles())),
      reader_(ours_),
      opened_(terms.first_sequence),
      handle_gate_(options_->handles()),
      peer_name_(stream_.peer_name()) {
    if (account_->user() != nullptr) gate_ = account_->user()->all().gate;
    output_.append(greeting_of(ours_));
    wake_writer();
    tasks_.start(read(), "rpc read");
    tasks_.start(write(), "rpc write");
    tasks_.spawn(expect_greeting(terms.came), "rpc greeting");
}

connection_state::~connection_state() {
    go_down(goaway_reason::shutdown, "the connection was closed here");
    if (afterlife_ == nullptr) return;
    afterlife_->gone = true;
    afterlife_->why = std::move(why_->text);
}

// --- opening calls ----------------------------------------------------------------------------

bool connection_state::is_open() const noexcept {
    return !is_over() && !draining_ && !peer_draining_;
}

bool connection_state::can_open(const method_row& method) const noexcept {
    return is_open() && made_.taken() + promised_ < theirs_.calls_max && has_room() &&
           openers_.empty() && (!method.takes_handles || greeted());
}

std::size_t connection_state::free_places() const noexcept {
    const std::size_t taken = made_.taken() + promised_;
    if (!is_open() || !has_room() || taken >= theirs_.calls_max) return 0;
    // Calls that were promised a place will fill the output as calls lately did.
    const std::size_t room = options_->output_max() - output_.size();
    const std::size_t fit = room / std::max<std::size_t>(usual_size_, 1) + 1;
    return fit > promised_ ? std::min(theirs_.calls_max - taken, fit - promised_) : 0;
}

task<connection_state*> connection_state::until_ready(const method_row& method) {
    if (afterlife_ == nullptr) afterlife_ = std::make_shared<afterlife>();
    // Behind each wait, the connection may be no more.
    const std::shared_ptr<const afterlife> after = afterlife_;
    std::error_code ended;
    if (method.takes_handles) ended = co_await greeted_.wait();
    if (!ended && !after->gone && is_open()) ended = co_await open_operation(*this);
    const std::string name(method.full_name);
    if (ended == errc::timed_out) {
        throw fault(status::deadline_exceeded, name + ": the deadline passed before it was sent")
            .ran(false, true);
    }
    if (ended == errc::cancelled) {
        throw fault(status::cancelled, name + ": cancelled before it was sent").ran(false, true);
    }
    if (after->gone) {
        throw fault(status::unavailable, name + ": not sent: " + after->why).ran(false, true);
    }
    if (ended || !is_open()) {
        throw fault(status::unavailable,
                    name + ": not sent: " + (why_ ? why_->text : "the connection is ending"))
            .ran(false, true);
    }
    co_return this;
}

void connection_state::admit() noexcept {
    while (!openers_.empty() && free_places() > 0) {
        ++promised_;
        openers_.front().complete(0);
    }
    while (!openers_.empty() && !is_open()) openers_.front().complete(gone_outcome);
    if (watcher_ != nullptr) watcher_->places_changed();
}

operation::progress connection_state::open_operation::start() {
    connection_state& on = *on_;
    if (on.openers_.empty() && on.free_places() > 0) {
        ++on.promised_;
        return progress::done;
    }
    on.openers_.push_back(*this);
    return progress::waiting;
}

std::error_code connection_state::open_operation::await_resume() noexcept {
    if (failed()) return error();
    if (afterlife_->gone) return std::make_error_code(std::errc::broken_pipe);
    --on_->promised_;
    return {};
}

connection_state::open_operation::~open_operation() {
    if (!is_queued() || failed() || afterlife_->gone) return;
    --on_->promised_;
    on_->admit();
}

connection_state::alias connection_state::alias_of(const method_row& method) {
    for (std::size_t i = 0; i < aliases_.size(); ++i) {
        const bool same =
            method.by_name ? aliases_[i]->full_name == method.full_name : aliases_[i] == &method;
        if (same) return {static_cast<std::uint32_t>(i), false};
    }
    if (aliases_.size() == aliases_max) {
        throw fault(status::resource_exhausted, std::string(method.full_name) +
                                                    ": a connection calls at most " +
                                                    std::to_string(aliases_max) + " methods")
            .ran(false, false);
    }
    return {static_cast<std::uint32_t>(aliases_.size()), true};
}

void connection_state::alias_sent(const method_row& method) {
    if (!method.by_name) return aliases_.push_back(&method);
    named_rows_.push_back(std::make_unique<named_row>(method.full_name));
    aliases_.push_back(&named_rows_.back()->row);
}

void connection_state::call_abandoned(std::uint32_t number) noexcept {
    made_.abandon(number, loop::running().now);
    note_quiet();
    if (watching_abandoned_) return;
    try {
        tasks_.spawn(watch_abandoned(), "rpc abandoned calls");
        watching_abandoned_ = true;
    } catch (const std::bad_alloc&) {  // nobody would see that its END does not come
        give_up();
    }
}

void connection_state::call_ended() noexcept {
    admit();
    note_quiet();
}

bool connection_state::is_quiet() const noexcept {
    return none_crosses_ && account_->taken(resource::calls) == 0 &&
           made_.taken() == made_.abandoned();
}

void connection_state::note_quiet() noexcept {
    if (is_quiet()) moved_.set();
}

// --- for calls --------------------------------------------------------------------------------

std::size_t connection_state::handles_max() const noexcept { return theirs_.handles_max; }

fault connection_state::handles_fault(std::string_view of, std::size_t count) const {
    std::string text(of);
    if (!text.empty()) text += ": ";
    if (handles_max() == 0) {
        text += "this connection carries no handles";
    } else {
        text += std::to_string(count) + " handles, where the peer takes at most " +
                std::to_string(handles_max()) + " with a message (handles_max)";
    }
    if (!options_->name().empty()) text += ": " + options_->name();
    return fault(status::failed_precondition, text).ran(false, true);
}

bool connection_state::has_room_for_handles() noexcept {
    if (account_->left(resource::given) > 0) return true;
    if (given_ != nullptr) given_->collect();
    if (account_->left(resource::given) > 0) return true;
    if (given_handles* all = given_by_all()) all->collect();
    return account_->left(resource::given) > 0;
}

task<result<scoped_lock>> connection_state::until_may_give() {
    auto turn = co_await giving_.lock();
    if (!turn) co_return turn.error();
    clock::duration pause = looks_first_after;
    while (!has_room_for_handles()) {
        const auto stopped = co_await sleep_for(pause);
        if (stopped) co_return stopped;
        if (is_over()) co_return errc::closed;
        pause = std::min(2 * pause, looks_again_after);
    }
    co_return turn;
}

std::size_t connection_state::charge_given(std::size_t handles) noexcept {
    const io_handle* over = stream_.inside().sink_handle();
    if (over == nullptr || is_over()) return 0;
    if (given_ == nullptr) {
        given_.reset(new (std::nothrow) given_of_connection(over->owned(), output_, account_));
        if (given_ == nullptr) return 0;
        if (given_handles* all = given_by_all()) all->add(*given_);
    }
    account_->add(resource::given, handles);
    return handles;
}

clock::time_point connection_state::begin_run() const noexcept {
    return std::max(loop::running().now, last_end_);
}

/// One that cannot wait learns that the connection has gone.
void connection_state::wait_for_room(message_outlet& outlet) noexcept {
    try {
        room_waiters_.push_back(&outlet);
    } catch (const std::bad_alloc&) {
        give_up();
    }
}

void connection_state::forget_room(message_outlet& outlet) noexcept {
    std::erase(room_waiters_, &outlet);
}

void connection_state::add_large(message_outlet& outlet) noexcept {
    large_.push_back(outlet);
    wake_writer();
}

bool connection_state::hold_large(std::size_t bytes) noexcept {
    if (account_->taken(resource::results) == 0) {
        account_->add(resource::results, bytes);
        return true;
    }
    return account_->take(resource::results, bytes);
}

void connection_state::release_large(std::size_t bytes) noexcept {
    account_->give_back(resource::results, bytes);
    if (!room_waiters_.empty()) make_room_known();
}

void connection_state::served(std::uint32_t stream, bool useful) noexcept {
    incoming_[stream].call = nullptr;
    account_->give_back(resource::calls, 1);
    constexpr std::uint32_t earned_by_a_call = 10;
    if (useful) cancels_.earn(earned_by_a_call);
    note_quiet();
}

}  // namespace conduit::rpc::detail
