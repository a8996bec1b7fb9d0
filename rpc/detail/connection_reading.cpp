// SPDX-License-Identifier: BSL-1.0
//
// How a connection reads, and what it does where too little comes.

#include <conduit/channels/stream.hpp>
#include <conduit/rpc/detail/connection_state.hpp>
#include <conduit/rpc/detail/said_or_not.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

namespace conduit::rpc::detail {
namespace {

using namespace std::chrono_literals;

/// The rest of a frame of which so much is missing is read to where it is kept. That takes no
/// handles along, and needs none: those of a frame come with its first byte.
constexpr std::size_t worth_reading_in_place = 8192;
// Whatever the peer wishes: more PINGs would be too many.
constexpr clock::duration keep_alive_least = 50ms;
constexpr std::chrono::milliseconds abandoned_time = 30s;

}  // namespace

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

}  // namespace conduit::rpc::detail
