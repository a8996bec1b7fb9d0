// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/stream.hpp>
#include <conduit/rpc/detail/connection_state.hpp>
#include <conduit/rpc/detail/own_shortage.hpp>
#include <conduit/rpc/detail/said_or_not.hpp>
#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/loop.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <new>
#include <utility>

namespace conduit::rpc::detail {
namespace {

using namespace std::chrono_literals;

constexpr clock::duration linger_time = 1s;
constexpr clock::duration sends_again_after = 10ms;
constexpr clock::duration looks_first_after = 1ms;
constexpr clock::duration looks_again_after = 10ms;
constexpr std::chrono::milliseconds abandoned_time = 30s;
/// The rest of a frame of which so much is missing is read to where it is kept. That takes no
/// handles along, and needs none: those of a frame come with its first byte.
constexpr std::size_t worth_reading_in_place = 8192;
// Whatever the peer wishes: more PINGs would be too many.
constexpr clock::duration keep_alive_least = 50ms;
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

/// The bytes with their handles, of which the peer gets duplicates. Where too many of this user's
/// are on their way, to peers that do not read, it waits until there is room again.
task<result<std::size_t>> send_with(any_stream& to, std::span<const std::byte> bytes,
                                    std::span<const unique_fd> handles) {
    outgoing_message message(bytes);
    for (const unique_fd& each : handles) {
        auto attached = message.attach(each);
        if (!attached) co_return attached.error();
    }
    for (;;) {
        auto sent = co_await to.send(message);
        if (sent || !are_too_many_under_way(sent.error())) co_return sent;
        const auto stopped = co_await sleep_for(sends_again_after);
        if (stopped) co_return stopped;
    }
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

// --- reading ----------------------------------------------------------------------------------

/// What an idle connection waits in. Other waits are in coroutines that have ended when it is idle:
/// what stands here costs memory for each connection.
job_coroutine<void> connection_state::read() {
    try {
        for (reading next = reading::begins; next != reading::ended;) {
            if (next == reading::lent) {
                const auto got = co_await stream_.receive_lent();
                next = arrived(got);
            } else {
                next = co_await read_otherwise(next);
            }
        }
    } catch (const std::bad_alloc&) {
        out_of_memory();
    }
}

task<connection_state::reading> connection_state::read_otherwise(reading how) {
    if (how == reading::in_place) co_return co_await read_in_place();
    if (how == reading::copies) {
        co_await read_copied();
        co_return reading::ended;
    }
    const auto who = co_await stream_.peer_credentials();
    if (who) peer_ = *who;
    co_return reading::lent;
}

connection_state::reading connection_state::next_reading() const noexcept {
    const bool is_worth_it = reader_.missing() >= worth_reading_in_place && !ending_;
    return is_worth_it ? reading::in_place : reading::lent;
}

/// One portion.
task<connection_state::reading> connection_state::read_in_place() {
    const auto got = co_await stream_.read_some(reader_.room());
    const std::size_t bytes = got ? *got : 0;
    counters_.bytes_received += bytes;
    if (!ending_) reader_.fill(bytes, *this);  // it may have begun to end meanwhile
    if (bytes == 0) {
        reading_ended(got.error());
        co_return reading::ended;
    }
    after_arrival();
    co_return next_reading();
}

connection_state::reading connection_state::arrived(const result<lent_buffer>& got) {
    if (got.error() == std::errc::not_supported) return reading::copies;
    if (!got || got->empty()) {
        reading_ended(got.error());
        return reading::ended;
    }
    arrived(got->bytes(), got->ancillary());
    return next_reading();
}

/// For streams that lend no buffers.
task<void> connection_state::read_copied() {
    constexpr std::size_t idle_room = 1024;
    constexpr std::size_t busy_room = 65'536;
    std::vector<std::byte> room(idle_room);
    for (;;) {
        auto got = co_await stream_.read_some(std::span(room));
        if (!got || *got == 0) co_return reading_ended(got.error());
        arrived(std::span(room).first(*got), nullptr);
        const std::size_t wanted = *got == room.size() ? busy_room : idle_room;
        if (room.size() != wanted) std::vector<std::byte>(wanted).swap(room);
    }
}

void connection_state::reading_ended(std::error_code why) noexcept {
    peer_ended_ = true;
    moved_.set();
    if (ending_) return;
    if (why) return go_down(goaway_reason::shutdown, said_or_not([&] { return break_text(why); }));
    go_down(goaway_reason::shutdown,
            reader_.between_frames() ? "the peer closed the connection"
                                     : "the peer closed the connection in the middle of a frame");
}

std::string connection_state::break_text(std::error_code why) {
    const std::string known = stream_.failure_text();
    return "the connection broke: " + (known.empty() ? why.message() : known);
}

void connection_state::arrived(std::span<const std::byte> bytes, ancillary_data* along) {
    counters_.bytes_received += bytes.size();
    if (ending_) return;
    if (along != nullptr && !let_in(*along)) return;
    reader_.feed(bytes, *this);
    after_arrival();
}

bool connection_state::let_in(ancillary_data& along) {
    constexpr std::size_t waiting_max = 64;
    auto came = handle_gate_.let_in(along);
    if (!came) {
        return end_for(limit::handles, goaway_reason::handles,
                       "handles are not let in: " + came.error().message());
    }
    account_->add(resource::handles, came->size());  // until their frames take them
    for (received_handle& each : *came) handles_.push_back(each.take());
    constexpr std::size_t of_a_message = 16;
    // What comes with one more message is let in, so that only its call fails.
    if (account_->beyond(resource::handles) > of_a_message) {
        return end_for(limit::handles_held_max, goaway_reason::handles,
                       std::to_string(handles_.size()) +
                           " handles wait for their frames: " + account_->text(resource::handles));
    }
    if (handles_.size() <= waiting_max) return true;
    return end_for(limit::handles_max, goaway_reason::handles,
                   std::to_string(handles_.size()) + " handles wait for their frames, of at most " +
                       std::to_string(waiting_max) + " (handles_max)");
}

void connection_state::after_arrival() {
    if (is_over()) return;
    if (reader_.broken()) {
        if (reader_.why().reason == goaway_reason::too_large) hit(limit::frame_max);
        if (reader_.why().reason == goaway_reason::handles) hit(limit::handles_max);
        if (reader_.why().is_beyond_calls_max) hit(limit::calls_max);
        end(reader_.why().reason, reader_.why().text);
    } else if (!handles_.empty() && reader_.between_frames()) {
        end_for(limit::handles, goaway_reason::handles,
                std::to_string(handles_.size()) + " handles came that no frame declared");
    } else if (output_.size() > 2 * options_->output_max()) {
        end_for(limit::output_max, goaway_reason::too_much,
                std::to_string(output_.size()) + " bytes wait to be read by the peer, of at most " +
                    std::to_string(2 * options_->output_max()) + " (output_max)");
    } else if (!reader_.between_frames() && !std::exchange(watching_frame_, true)) {
        tasks_.spawn(watch_frame(), "rpc frame");
    }
}

/// A peer that leaves a frame half-way holds memory, and has a time for it.
task<void> connection_state::watch_frame() {
    const auto begin_of_kept = [this] { return counters_.bytes_received - reader_.kept(); };
    while (!reader_.between_frames() && !is_over()) {
        const std::uint64_t before = begin_of_kept();
        co_await sleep_for(options_->progress_within());
        if (is_over() || reader_.between_frames() || begin_of_kept() != before) continue;
        end_for(limit::progress_within, goaway_reason::timeout,
                "a frame has been on its way for " +
                    std::to_string(options_->progress_within().count()) + " ms (progress_within)");
    }
    watching_frame_ = false;
}

task<void> connection_state::expect_greeting(clock::time_point came) {
    using std::chrono::milliseconds;
    const auto spent = std::chrono::duration_cast<milliseconds>(clock::now() - came);
    const clock::time_point until = saturating_add(came, options_->greeting_within());
    const auto late = co_await within(until, greeted_.wait());
    if (late != errc::timed_out || greeted()) co_return;
    std::string text = "no greeting came within " +
                       std::to_string(options_->greeting_within().count()) +
                       " ms (greeting_within)";
    if (spent > milliseconds(0)) text += ", of which opening took " + std::to_string(spent.count());
    end_for(limit::greeting_within, goaway_reason::timeout, std::move(text));
}

void connection_state::send_ping() {
    const auto ping = make_ping(++pings_sent_);
    output_.append(std::span(ping));
    wake_writer();
}

task<void> connection_state::keep_alive(clock::duration wished) {
    const clock::duration every = std::max(wished, keep_alive_least);
    for (;;) {
        const std::uint64_t before = counters_.bytes_received;
        co_await sleep_for(every);
        if (is_over()) co_return;
        if (counters_.bytes_received != before) continue;
        send_ping();
        co_await sleep_for(2 * every);
        if (is_over()) co_return;
        if (counters_.bytes_received != before) continue;
        using std::chrono::milliseconds;
        const auto silence = std::chrono::duration_cast<milliseconds>(3 * every).count();
        end_for(limit::keep_alive, goaway_reason::timeout,
                "nothing was heard of the peer for " + std::to_string(silence) +
                    " ms, nor a PONG, where it is to be heard of every " +
                    std::to_string(silence / 3) + " ms (keep_alive)");
    }
}

/// A call that was given up keeps its number until END. One that takes long is no fault, but a peer
/// that does not even answer a PING is gone.
task<void> connection_state::watch_abandoned() {
    while (made_.abandoned() > 0 && !is_over()) {
        const auto until = saturating_add(made_.oldest_abandoned(), abandoned_time);
        if (clock::now() < until) {
            co_await sleep_until(until);
            continue;
        }
        const std::uint64_t before = counters_.bytes_received;
        send_ping();
        co_await sleep_for(abandoned_time);
        if (counters_.bytes_received == before && made_.abandoned() > 0) {
            const std::string time = std::to_string(abandoned_time.count()) + " ms";
            end_for(limit::unanswered, goaway_reason::timeout,
                    "of " + std::to_string(made_.abandoned()) +
                        " calls that were given up one got no END for " + time +
                        ", nor a PING a PONG for as long (unanswered)");
        }
    }
    watching_abandoned_ = false;
}

// --- writing ----------------------------------------------------------------------------------

/// As read(), this holds no more than an idle connection needs.
job_coroutine<void> connection_state::write() {
    try {
        while (!down_) {
            co_await write_output();
            const auto stopped = co_await work_.wait();
            if (stopped) owner_stopped();
        }
    } catch (const std::bad_alloc&) {
        out_of_memory();
    }
}

/// Of the reader or the writer: as either may end by it, neither can leave that to the other.
void connection_state::out_of_memory() noexcept {
    go_down(goaway_reason::internal, no_memory_text);
}

void connection_state::owner_stopped() noexcept {
    go_down(goaway_reason::shutdown, "its owner was asked to stop");
}

/// Until nothing waits to be sent, or nothing can be any more.
task<void> connection_state::write_output() {
    for (fill_output(); !output_.empty(); fill_output()) {
        output_.load();
        while (!output_.next().empty()) {
            const auto sent = co_await within(options_->progress_within(), write_some());
            if (!sent) co_return writing_failed(sent.error());
            const std::size_t given = output_.sent(*sent);
            if (given > 0 && !down_) given_->sent(given);
            counters_.bytes_sent += *sent;
            make_room_known();
        }
    }
    if (ending_) co_return co_await finish_writing();
    output_.rest();
    work_.reset();
}

void connection_state::writing_failed(std::error_code why) noexcept {
    if (why != errc::timed_out || stop_requested()) {
        return go_down(goaway_reason::shutdown, said_or_not([&] { return break_text(why); }));
    }
    ++counters_.faults_of_peer;
    hit(limit::progress_within);
    const auto text = [&] {
        return "the peer has read nothing for " +
               std::to_string(options_->progress_within().count()) + " ms, where " +
               std::to_string(output_.size()) + " bytes wait for it (progress_within)";
    };
    go_down(goaway_reason::timeout, said_or_not(text));
}

task<result<std::size_t>> connection_state::write_some() {
    const std::span<const unique_fd> handles = output_.handles();
    if (handles.empty()) return stream_.write_some(output_.next());
    return send_with(stream_, output_.next(), handles);
}

/// The last word was written. The peer may still be sending: closing now could make its kernel drop
/// what it has not read yet.
task<void> connection_state::finish_writing() {
    auto closed = co_await stream_.close_writing();
    if (closed) co_await until(&connection_state::has_peer_ended, clock::now() + linger_time);
    if (closed && !down_ && !peer_ended_ && !stop_requested()) hit(limit::linger);
    go_down(goaway_reason::shutdown, "the connection was closed here");
}

task<void> connection_state::force_down() {
    co_await sleep_for(linger_time);
    if (!down_ && !stop_requested()) hit(limit::linger);
    go_down(goaway_reason::shutdown, "the connection was closed here");
}

void connection_state::fill_output() {
    if (pong_) {
        const auto pong = make_pong(*std::exchange(pong_, std::nullopt));
        output_.append(std::span(pong));
    }
    while (!large_.empty() && output_.filling() < piece_max) {
        message_outlet& next = large_.pop_front();
        if (next.has_pieces()) next.send_piece();
        if (next.has_pieces()) large_.push_back(next);
    }
}

void connection_state::make_room_known() noexcept {
    if (!has_room()) return;
    std::size_t wakes = (options_->output_max() - output_.size()) / whole_message_max + 1;
    for (; wakes > 0 && !room_waiters_.empty(); --wakes) {
        message_outlet* next = room_waiters_.front();
        room_waiters_.erase(room_waiters_.begin());
        next->room_came();
    }
    if (!openers_.empty() || watcher_ != nullptr) admit();
}

// --- ending -----------------------------------------------------------------------------------

bool connection_state::end(goaway_reason reason, std::string text) {
    if (is_over()) return false;
    output_.append(make_goaway(reason, opens_seen_, no_retry_after, text));
    if (reason != goaway_reason::shutdown) ++counters_.faults_of_peer;
    why_ = wire_fault{reason, std::move(text)};
    ending_ = true;
    stop_calls();
    wake_writer();
    tasks_.spawn(force_down(), "rpc linger");
    return false;
}

void connection_state::go_down(goaway_reason reason, std::string_view text) noexcept {
    if (down_) return;
    if (!why_) why_ = wire_fault{reason, said_or_not([&] { return std::string(text); })};
    const bool was_ending = ending_;
    down_ = true;
    if (!was_ending) stop_calls();
    close_stream();
    tasks_.request_stop();
    down_event_.set();
    if (link_ != nullptr) link_->went_down(said_or_not([&] { return why_->text; }));
}

/// The peer may still read what was sent, so what that brings along stays charged to its user.
void connection_state::close_stream() noexcept {
    given_handles* all = given_by_all();
    if (given_ == nullptr || all == nullptr) {
        given_.reset();
        return stream_.close();
    }
    auto kept = current_kernel().duplicate(stream_.inside().sink_handle()->owned());
    stream_.close();
    given_->ended(kept ? std::move(*kept) : unique_fd());
    all->leave(std::move(given_));
}

std::shared_ptr<peer_link> connection_state::link() {
    if (link_ == nullptr) {
        link_ = std::make_shared<peer_link>(*this);
        if (down_) link_->went_down(why_->text);
    }
    return link_;
}

/// The counts of OPEN frames begin anew at 2^32, so what is compared is how many calls ago it was.
/// None of those that the peer did not take up has its END, so there are calls_max at most: a peer
/// that speaks of more miscounts, and what it says was not begun may have been.
bool connection_state::may_have_begun(const outgoing_call& call) const noexcept {
    if (!call.launched_ || output_.maybe_sent() < call.end_of_open_) return false;
    if (!not_begun_from_) return true;
    const std::uint32_t not_taken_up = opened_ - *not_begun_from_;
    const std::uint32_t calls_ago = opened_ - call.sequence_;  // 1: the last one
    return not_taken_up > theirs_.calls_max || calls_ago > not_taken_up;
}

void connection_state::stop_calls() noexcept {
    while (outgoing_call* call = made_.take_any()) {
        const bool begun = may_have_begun(*call);
        const auto text = [&] { return std::string(call->method().full_name) + ": " + why_->text; };
        call->fail(failure_or_bare(status::unavailable, text, begun, call->method().idempotent));
    }
    for (incoming_entry& entry : incoming_) {
        if (entry.call != nullptr) entry.call->cancel(stop_reason::cancelled);
        entry.gathering.reset();
    }
    procedures_.request_stop();
    while (!large_.empty()) large_.pop_front();
    account_->give_back(resource::handles, handles_.size());
    handles_.clear();
    greeted_.set();
    moved_.set();
    admit();
}

/// The peer may have called before it could know that this side drains.
bool connection_state::calls_may_cross() const noexcept {
    return offers_ != nullptr && !offers_->interfaces().empty() && !peer_draining_;
}

task<void> connection_state::drain() {
    if (!is_over()) {
        draining_ = true;
        output_.append(make_goaway(goaway_reason::draining, opens_seen_, no_retry_after, ""));
        wake_writer();
        admit();
    }
    if (!is_over() && calls_may_cross()) {
        send_ping();
        last_ping_ = pings_sent_;
        co_await until(&connection_state::may_none_cross, clock::now() + linger_time);
    }
    none_crosses_ = true;
    auto ended = co_await until(&connection_state::may_end, clock::time_point::max());
    // Those that were given up have an END coming, or a peer that does not care.
    if (!ended) co_await until(&connection_state::is_none_abandoned, clock::now() + linger_time);
    if (!ended) end(goaway_reason::shutdown, "drained");
    if (!ended) ended = co_await down_event_.wait();
    if (ended) close_now();
}

/// Waits until it is so; not beyond `latest`. Those who end the connection wait here.
task<std::error_code> connection_state::until(bool (connection_state::*is_so)() const noexcept,
                                              clock::time_point latest) {
    std::error_code ended;
    while (!ended && !(this->*is_so)()) {
        moved_.reset();
        ended = co_await within(latest, moved_.wait());
    }
    co_return ended;
}

void connection_state::start_draining() {
    if (is_over() || draining_) return;
    try {
        tasks_.spawn(drain(), "rpc drain");
    } catch (const std::bad_alloc&) {  // whoever waits for its end would wait for ever
        give_up();
    }
}

task<void> connection_state::until_ended() {
    const auto stopped = co_await down_event_.wait();
    if (stopped) close_now();
    co_await procedures_.join();
}

void connection_state::close_now() noexcept {
    go_down(goaway_reason::shutdown, "the connection was closed here");
}

// Who runs may be in the middle of a frame, or in a call that ends: the reader and the writer,
// whose waits end by this, take the connection down.
void connection_state::give_up() noexcept {
    if (is_over()) return;
    if (!why_) why_ = wire_fault{goaway_reason::internal, no_memory_text};
    tasks_.request_stop();
}

}  // namespace conduit::rpc::detail
