// SPDX-License-Identifier: BSL-1.0
//
// How a connection ends: drained, by an error, by its peer, or at once.

#include <conduit/rpc/detail/connection_state.hpp>
#include <conduit/rpc/detail/said_or_not.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <chrono>
#include <new>
#include <utility>

namespace conduit::rpc::detail {
namespace {

using namespace std::chrono_literals;

constexpr clock::duration linger_time = 1s;

}  // namespace

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

/// Of the reader or the writer: as either may end by it, neither can leave that to the other.
void connection_state::out_of_memory() noexcept {
    go_down(goaway_reason::internal, no_memory_text);
}

void connection_state::owner_stopped() noexcept {
    go_down(goaway_reason::shutdown, "its owner was asked to stop");
}

}  // namespace conduit::rpc::detail
