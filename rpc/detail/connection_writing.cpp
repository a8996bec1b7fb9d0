// SPDX-License-Identifier: BSL-1.0
//
// How a connection writes what its calls have put into the output.

#include <conduit/channels/stream.hpp>
#include <conduit/rpc/detail/connection_state.hpp>
#include <conduit/rpc/detail/own_shortage.hpp>
#include <conduit/rpc/detail/said_or_not.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <chrono>
#include <new>
#include <utility>

namespace conduit::rpc::detail {
namespace {

using namespace std::chrono_literals;

constexpr clock::duration sends_again_after = 10ms;

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

}  // namespace conduit::rpc::detail
