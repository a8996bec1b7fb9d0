// SPDX-License-Identifier: BSL-1.0
//
// What each frame does to a connection. Nothing here waits or throws for what a peer sent.
#include <conduit/rpc/detail/connection_state.hpp>
#include <conduit/rpc/service_table.hpp>
#include <conduit/runtime/loop.hpp>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <string>
#include <utility>

namespace conduit::rpc::detail {
namespace {

/// When to come back to a side that has no room at the moment.
constexpr std::chrono::milliseconds busy_time{100};

std::string number(std::uint64_t n) { return std::to_string(n); }

/// The peer broke a rule; else there was no room.
bool is_flow_error(message_inlet::verdict said) noexcept {
    return said == message_inlet::verdict::no_credit || said == message_inlet::verdict::misfit;
}

limit limit_of(message_inlet::verdict said) noexcept {
    if (said == message_inlet::verdict::no_handles) return limit::handles_held_max;
    const bool too_long = said == message_inlet::verdict::too_long;
    return too_long ? limit::message_max : limit::memory_max;
}

/// Of the peer's keep_alive no more counts: it shall not put off this side's own for weeks.
constexpr std::uint32_t their_keep_alive_most = 3'600'000;

/// A peer's text, without what could harm a terminal or a log.
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool is_control = (static_cast<unsigned char>(c) < 0x20) || c == 0x7f;
        out += is_control ? '?' : c;
    }
    return out;
}

}  // namespace

bool connection_state::on_settings(const wire_settings& theirs) {
    theirs_ = static_cast<const wire_limits&>(theirs);  // what else came is used here only
    if (!stream_.inside().carries_handles()) theirs_.handles_max = 0;
    greeted_.set();
    const std::uint32_t every =
        std::max(ours_.keep_alive_ms, std::min(theirs.keep_alive_ms, their_keep_alive_most));
    if (every > 0) tasks_.spawn(keep_alive(std::chrono::milliseconds(every)), "rpc keep-alive");
    admit();
    return true;
}

// --- calls of the peer ------------------------------------------------------------------------

connection_state::incoming_entry* connection_state::incoming(std::uint32_t stream) noexcept {
    if (stream >= incoming_.size() || incoming_[stream].call == nullptr) return nullptr;
    return &incoming_[stream];
}

connection_state::their_alias* connection_state::alias_in(const open_event& event) {
    if (event.alias >= their_aliases_.size()) their_aliases_.resize(event.alias + 1);
    their_alias& found = their_aliases_[event.alias];
    if (found.named != event.name.empty()) {
        end(goaway_reason::protocol, "the method alias " + number(event.alias) +
                                         (found.named ? " is named twice" : " has no name"));
        return nullptr;
    }
    if (!found.named) {
        found.named = true;
        found.bound = offers_ != nullptr ? offers_->find(event.name) : nullptr;
        if (statistics_ != nullptr && found.bound != nullptr) {
            found.counts = &statistics_->of(*found.bound->method);
        }
    }
    return &found;
}

bool connection_state::on_open(const open_event& event) {
    if (event.stream >= ours_.calls_max) {
        return end(goaway_reason::protocol, "a call has the number " + number(event.stream) +
                                                ", where calls_max is " + number(ours_.calls_max));
    }
    if (incoming(event.stream) != nullptr) {
        return end(goaway_reason::protocol,
                   "a call has the number " + number(event.stream) + ", which is in use");
    }
    if (event.alias >= aliases_max) {
        return end(goaway_reason::protocol, "the method alias " + number(event.alias) +
                                                ", where at most " + number(aliases_max) +
                                                " are allowed");
    }
    ++opens_seen_;
    auto handles = take_handles(event.message.handles);
    if (!handles) return false;
    const their_alias* called = alias_in(event);
    if (called == nullptr || !open_named(event, *called, std::move(*handles))) return false;
    // Where it was refused the peer goes on until it learns of it.
    constexpr std::uint32_t least_cost = 16;
    if (!event.message.fin && incoming(event.stream) == nullptr) {
        expect_late(ours_.window / least_cost + 2);
    }
    return true;
}

bool connection_state::open_named(const open_event& event, const their_alias& called,
                                  std::vector<unique_fd> handles) {
    if (none_crosses_) {
        return refuse_open(event.stream, status::unavailable, "this side takes no more calls");
    }
    if (called.bound == nullptr) {
        return refuse_open(event.stream, status::unimplemented,
                           event.name.empty() ? "no such method here"
                                              : std::string(event.name) + ": no such method here");
    }
    return open_known(event, called, std::move(handles));
}

bool connection_state::open_known(const open_event& event, const their_alias& called,
                                  std::vector<unique_fd> handles) {
    const service_table::bound_method& bound = *called.bound;
    const method_row& method = *bound.method;
    if (!handles.empty() && !method.takes_handles) {
        return end_for(limit::handles, goaway_reason::handles,
                       std::string(method.full_name) + " takes no handles, and " +
                           number(handles.size()) + " came");
    }
    if (event.stream >= incoming_.size()) incoming_.resize(event.stream + 1);
    auto call = std::make_unique<incoming_call>(*this, method, event.stream, called.counts);
    incoming_[event.stream].call = call.get();
    std::string no_place;
    if (account_->left(resource::calls) == 0) no_place = account_->text(resource::calls);
    account_->add(resource::calls, 1);
    ++counters_.calls_served;
    if (event.deadline_us) call->set_deadline(*event.deadline_us);
    if (!no_place.empty() && !method.essential) {
        call->refuse_for(limit::calls_max, std::string(method.full_name) + ": " + no_place,
                         busy_time);
        return true;
    }
    if (event.message.size > ours_.message_max) {
        call->refuse_for(limit::message_max,
                         std::string(method.full_name) + ": arguments of " +
                             number(event.message.size) + " bytes, where at most " +
                             number(ours_.message_max) + " are taken (message_max)");
        return true;
    }
    if (!call->charge(resource::handles, handles.size())) {
        call->refuse_for(limit::handles_held_max,
                         std::string(method.full_name) + ": " + number(handles.size()) +
                             " more handles: " + account_->text(resource::handles),
                         busy_time);
        return true;
    }
    std::string why;
    constexpr std::size_t strings_cost = 4;  // about what they take, for each byte
    if (!call->charge(strings_cost * event.metadata.size())) {
        call->refuse_for(limit::memory_max,
                         std::string(method.full_name) +
                             ": its metadata has no room: " + account_->text(resource::memory),
                         busy_time);
        return true;
    }
    if (!event.metadata.empty() && !call->take_metadata(event.metadata, why)) {
        call->refuse(status::invalid_argument,
                     std::string(method.full_name) + ": its metadata: " + why);
        return true;
    }
    if (method.request_stream && !call->charge(ours_.window)) {
        call->refuse_for(limit::memory_max,
                         std::string(method.full_name) +
                             ": its items have no room: " + account_->text(resource::memory),
                         busy_time);
        return true;
    }
    call->count_argument_bytes(event.message.bytes.size());
    if (event.message.more) return begin_gathering(event, std::move(call), bound);
    if (method.request_stream) {  // its items may come before the procedure asks for them
        message_inlet& items = call->parameters();
        if (event.message.fin) items.end();
    }
    method.serve(bound.object, std::move(call),
                 received_message{event.message.bytes, std::span(handles)});
    return true;
}

bool connection_state::begin_gathering(const open_event& event, std::unique_ptr<incoming_call> call,
                                       const service_table::bound_method& bound) {
    message_inlet& inlet = call->parameters();
    const auto said = inlet.take(event.message, {}, message_inlet::origin::open);
    if (said == message_inlet::verdict::no_memory) {
        call->refuse_for(limit::memory_max,
                         std::string(call->method()) + ": arguments of " +
                             number(event.message.size) +
                             " bytes do not fit: " + account_->text(resource::memory),
                         busy_time);
        return true;
    }
    if (said != message_inlet::verdict::taken) return flow_error(said, event.stream);
    incoming_[event.stream].gathering = std::move(call);
    incoming_[event.stream].bound = &bound;
    return true;
}

/// The parameter list is complete.
bool connection_state::gathered(incoming_entry& entry, std::uint32_t stream) {
    const service_table::bound_method& bound = *entry.bound;
    incoming_call& call = *entry.gathering;
    const bool goes_on = call.has_parameter_stream();
    call.set_complete();
    const received_message arguments = call.parameters().front();
    call.parameters().release_front();  // what it is decoded to is charged instead
    call.charge(resource::handles, arguments.handles.size());  // which fits: it was charged
    bound.method->serve(bound.object, std::move(entry.gathering), arguments);
    if (incoming(stream) == nullptr) return true;
    call.parameters().pop();
    if (!goes_on) call.parameters().end();
    return true;
}

bool connection_state::refuse_open(std::uint32_t stream, status code, std::string_view text) {
    static constexpr method_row unknown{};
    if (stream >= incoming_.size()) incoming_.resize(stream + 1);
    method_statistics* counts = statistics_ != nullptr ? &statistics_->of_unknown() : nullptr;
    auto call = std::make_unique<incoming_call>(*this, unknown, stream, counts);
    incoming_[stream].call = call.get();
    account_->add(resource::calls, 1);
    call->refuse(code, std::string(text.substr(0, 300)));
    return true;
}

bool connection_state::on_cancel(std::uint32_t stream, std::uint32_t code) {
    incoming_entry* entry = incoming(stream);
    if (entry == nullptr && late_frames_ > 0) return skip_frame();  // it crossed the END
    if (!cancels_.take(loop::running().now)) {
        return end_for(
            limit::cancels, goaway_reason::too_much,
            "more calls are cancelled than 1000 and 33 a second, and 10 for each that ends");
    }
    if (entry == nullptr) {
        ++counters_.frames_skipped;
        return true;
    }
    ++counters_.calls_cancelled;
    const bool late = code == static_cast<std::uint32_t>(status::deadline_exceeded);
    const std::unique_ptr<incoming_call> dropped = std::move(entry->gathering);
    entry->call->cancel(late ? stop_reason::timed_out : stop_reason::cancelled);
    return true;
}

// --- messages ---------------------------------------------------------------------------------

bool connection_state::on_data(const data_event& event) {
    auto handles = take_handles(event.message.handles);
    if (!handles) return false;
    return event.ours ? data_of_ours(event, std::move(*handles))
                      : data_of_theirs(event, std::move(*handles));
}

bool connection_state::data_of_ours(const data_event& event, std::vector<unique_fd> handles) {
    outgoing_call* call = made_.find(event.stream);
    if (call == nullptr) return skip_frame();
    if (!handles.empty() && !call->method().gives_handles) {
        return end_for(limit::handles, goaway_reason::handles,
                       std::string(call->method().full_name) + " gives no handles, and " +
                           number(handles.size()) + " came");
    }
    message_inlet& inlet = call->inlet();
    if (event.message.present && !call->method().response_stream && inlet.has_message()) {
        return second_result(*call);
    }
    const auto said = take_message(inlet, event.message, std::move(handles));
    if (said == message_inlet::verdict::taken) return true;
    if (is_flow_error(said)) return flow_error(said, event.stream);
    fault why(status::resource_exhausted, std::string(call->method().full_name) + ": a result" +
                                              refusal_text(said, event.message));
    ++counters_.messages_refused;
    hit(limit_of(said));
    call->abandon(std::make_exception_ptr(why.ran(true, call->method().idempotent)));
    return true;
}

bool connection_state::data_of_theirs(const data_event& event, std::vector<unique_fd> handles) {
    incoming_entry* entry = incoming(event.stream);
    if (entry == nullptr) return skip_frame();
    incoming_call& call = *entry->call;
    message_inlet* inlet = call.has_inlet();
    if (inlet == nullptr || inlet->failure()) return skip_frame();
    if (!handles.empty() && !call.takes_handles()) {
        return end_for(limit::handles, goaway_reason::handles,
                       std::string(call.method()) + " takes no handles, and " +
                           number(handles.size()) + " came");
    }
    const auto said = take_message(*inlet, event.message, std::move(handles));
    if (is_flow_error(said)) return flow_error(said, event.stream);
    if (said != message_inlet::verdict::taken) {
        ++counters_.messages_refused;
        hit(limit_of(said));
        expect_late(inlet->messages_to_come());
        const std::string what = entry->gathering ? ": arguments" : ": an item";
        const fault why(status::resource_exhausted,
                        std::string(call.method()) + what + refusal_text(said, event.message));
        if (auto gathering = std::move(entry->gathering)) {
            gathering->refuse(why.code(), std::string(why.text()));
        } else {
            inlet->end(std::make_exception_ptr(why));
        }
        return true;
    }
    call.count_argument_bytes(event.message.bytes.size());
    if (entry->gathering && inlet->has_message()) return gathered(*entry, event.stream);
    return true;
}

message_inlet::verdict connection_state::take_message(message_inlet& inlet,
                                                      const message_piece& piece,
                                                      std::vector<unique_fd> handles) {
    if (piece.size > ours_.message_max) return message_inlet::verdict::too_long;
    return inlet.take(piece, std::move(handles), message_inlet::origin::data);
}

std::string connection_state::refusal_text(message_inlet::verdict said,
                                           const message_piece& piece) const {
    if (said == message_inlet::verdict::no_handles) {
        return " with " + number(piece.handles) + " handles, where " +
               account_->text(resource::handles);
    }
    const bool too_long = said == message_inlet::verdict::too_long;
    return " of " + number(piece.size) + " bytes, where " +
           (too_long ? "at most " + number(ours_.message_max) + " are taken (message_max)"
                     : account_->text(resource::memory));
}

bool connection_state::flow_error(message_inlet::verdict said, std::uint32_t stream) {
    const bool credit = said == message_inlet::verdict::no_credit;
    return end(goaway_reason::protocol,
               "call " + number(stream) +
                   (credit ? ": a message without credit" : ": pieces that make no message"));
}

bool connection_state::on_credit(std::uint32_t stream, bool ours, std::uint32_t bytes) {
    message_outlet* outlet = nullptr;
    if (ours) {
        outgoing_call* call = made_.find(stream);
        if (call != nullptr) outlet = call->parameters();
    } else if (incoming_entry* entry = incoming(stream)) {
        outlet = entry->call->outlet_for_credit();
    }
    if (outlet == nullptr || outlet->is_closed()) return skip_frame();
    if (outlet->add_credit(bytes)) return true;
    return end(goaway_reason::protocol,
               "call " + number(stream) + ": a credit above 2147483647 bytes");
}

// --- calls of this side -----------------------------------------------------------------------

bool connection_state::on_end(const end_event& event) {
    auto handles = take_handles(event.handles);
    if (!handles) return false;
    if (!made_.has(event.stream)) return skip_frame();
    outgoing_call* call = made_.find(event.stream);
    if (call != nullptr) {
        if (!handles->empty() && !call->method().gives_handles) {
            return end_for(limit::handles, goaway_reason::handles,
                           std::string(call->method().full_name) + " gives no handles, and " +
                               number(handles->size()) + " came");
        }
        if (event.has_message && event.status == 0 && !call->method().response_stream &&
            call->has_result()) {
            return second_result(*call);
        }
        if (watcher_ != nullptr) watcher_->answered(*call, event.status);
        if (event.status == 0 && event.message.size() > ours_.message_max) {
            call->fail(refused_result(*call, event.message.size()));
        } else {
            call->on_end(event, std::span(*handles));
        }
    } else {
        ++counters_.late_answers;
    }
    made_.release(event.stream);
    call_ended();
    return true;
}

/// Of a result that came in one frame; what is cut is refused by its first piece.
std::exception_ptr connection_state::refused_result(const outgoing_call& call, std::size_t size) {
    ++counters_.messages_refused;
    hit(limit::message_max);
    fault why(status::resource_exhausted, std::string(call.method().full_name) + ": a result of " +
                                              number(size) + " bytes, where at most " +
                                              number(ours_.message_max) +
                                              " are taken (message_max)");
    return std::make_exception_ptr(why.ran(true, call.method().idempotent));
}

bool connection_state::second_result(const outgoing_call& call) {
    return end(goaway_reason::protocol,
               std::string(call.method().full_name) + ": a second result, where a call has one");
}

// --- the connection ---------------------------------------------------------------------------

bool connection_state::on_ping(std::uint64_t value) {
    ++counters_.pings_received;
    if (!pings_.take(loop::running().now)) {
        return end_for(limit::pings, goaway_reason::too_much,
                       "more pings than 1000 and 33 a second");
    }
    pong_ = value;
    wake_writer();
    return true;
}

/// Of several PINGs the newest alone is answered, so a later one will do.
bool connection_state::on_pong(std::uint64_t value) {
    if (last_ping_ == 0 || value < last_ping_) return true;
    answered_ = true;
    moved_.set();
    return true;
}

bool connection_state::on_goaway(const goaway_event& event) {
    peer_draining_ = true;
    answered_ = true;  // in effect: it makes no more calls
    moved_.set();
    if (event.retry_after_ms != no_retry_after) {
        come_back_after_ = std::chrono::milliseconds(event.retry_after_ms);
    }
    if (event.reason != goaway_reason::draining) {
        not_begun_from_ = event.opens;
        if (!why_) {
            why_ = wire_fault{event.reason, "the other side ended the connection"};
            if (!event.text.empty()) why_->text += ": " + escaped(event.text);
        }
        // It closes once it has written what it had to. If it does not:
        if (!std::exchange(peer_goes_, true)) tasks_.spawn(force_down(), "rpc linger");
    }
    admit();
    return true;
}

bool connection_state::on_ignored(const frame_header& /*header*/) { return skip_frame(); }

bool connection_state::skip_frame() {
    ++counters_.frames_skipped;
    if (late_frames_ > 0) {
        --late_frames_;
        return true;
    }
    if (glitches_.take(loop::running().now)) return true;
    return end_for(limit::glitches, goaway_reason::too_much,
                   "more frames about no call than 10000 and 330 a second");
}

std::optional<std::vector<unique_fd>> connection_state::take_handles(std::uint16_t count) {
    std::vector<unique_fd> taken;
    if (count == 0) return taken;
    if (count > ours_.handles_max || count > handles_.size()) {
        const bool too_many = count > ours_.handles_max;
        end_for(too_many ? limit::handles_max : limit::handles, goaway_reason::handles,
                "a frame declares " + number(count) + " handles, where " +
                    (too_many ? "at most " + number(ours_.handles_max) + " are taken (handles_max)"
                              : number(handles_.size()) + " came"));
        return std::nullopt;
    }
    const auto last = handles_.begin() + count;
    taken.assign(std::make_move_iterator(handles_.begin()), std::make_move_iterator(last));
    handles_.erase(handles_.begin(), last);
    account_->give_back(resource::handles, count);
    return taken;
}

}  // namespace conduit::rpc::detail
