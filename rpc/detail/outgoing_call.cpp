// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/codec.hpp>
#include <conduit/rpc/detail/connection_state.hpp>
#include <conduit/rpc/detail/outgoing_call.hpp>
#include <conduit/rpc/detail/said_or_not.hpp>
#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/context.hpp>
#include <conduit/runtime/loop.hpp>

#include <algorithm>
#include <chrono>
#include <new>
#include <string>
#include <utility>

namespace conduit::rpc::detail {
namespace {

std::optional<std::uint64_t> microseconds_left(clock::duration usual) {
    const clock::time_point deadline = current_context().deadline();
    const clock::time_point now = loop::running().now;
    clock::duration left = usual;
    if (deadline != clock::time_point::max()) left = std::min(left, deadline - now);
    if (left == clock::duration::max()) return std::nullopt;
    const auto us = std::chrono::ceil<std::chrono::microseconds>(left).count();
    return static_cast<std::uint64_t>(std::max<std::int64_t>(us, 0));
}

/// Of what stands before the message in OPEN: deadline, name, metadata, size.
constexpr std::size_t preamble_max = 8 + 256 + 2 + metadata_max + 4;

fault fault_of(const end_event& event) {
    std::string text;
    std::uint32_t retry_after = no_retry_after;
    std::string type;
    std::vector<std::byte> details;
    const auto limits = decode_limits::for_message(event.message.size());
    if (event.has_message &&
        !decode_fields(event.message, limits, {}, text, retry_after, type, details)) {
        return fault(status::internal, "the other side failed, and its reason cannot be decoded");
    }
    const bool known = event.status <= static_cast<std::uint32_t>(status::unauthenticated);
    fault said(known ? static_cast<status>(event.status) : status::unknown, text);
    if (retry_after != no_retry_after) said.retry_after(std::chrono::milliseconds(retry_after));
    if (!type.empty()) said.with_details(std::move(type), std::move(details));
    return said;
}

}  // namespace

outgoing_call::outgoing_call(connection_state& on, const method_row& method)
    : on_(&on), method_(&method), stream_(on.made().add(*this)) {}

outgoing_call::~outgoing_call() {
    if (over_) return;
    if (watches_) {
        call_end how;
        how.code = status::cancelled;
        how.text = "the call was given up";
        std::exchange(watches_, nullptr)->ended(how);
    }
    if (!launched_) {
        if (header_ != nullptr) on_->output().undo(begun_at_);
        on_->made().release(stream_);
        on_->call_ended();
        return;
    }
    tell_peer(status::cancelled);
}

std::byte* outgoing_call::begin(std::size_t size) {
    const wire_limits& theirs = on_->theirs();
    if (size > theirs.message_max) {
        throw fault(status::resource_exhausted,
                    std::string(method_->full_name) + ": arguments of " + std::to_string(size) +
                        " bytes, where the peer takes at most " +
                        std::to_string(theirs.message_max) + " (message_max)")
            .ran(false, true);
    }
    if (method_->takes_handles) handles_.reserve(on_->handles_max());
    begun_size_ = size;
    deadline_us_ = microseconds_left(method_->deadline);
    const connection_state::alias named = on_->alias_of(*method_);
    alias_ = named.number;
    names_ = named.is_new;
    gather_metadata();
    if (size > std::min<std::size_t>(whole_message_max, theirs.frame_max - preamble_max)) {
        large_ = std::make_unique<large_message>(size);
        return large_->bytes.data();
    }
    begun_at_ = on_->output().end();
    header_ = on_->output().append(frame_header_size + preamble_size() + size);
    return header_ + frame_header_size + preamble_size();
}

/// Asks the interceptors, too.
void outgoing_call::gather_metadata() {
    const metadata* nearest = find_value(metadata_key);
    if (nearest == nullptr && on_->calling().empty()) [[likely]]
        return;
    call_request request(method_->full_name, nearest != nullptr ? *nearest : metadata());
    if (!on_->calling().empty()) {
        watches_ = std::make_unique<call_watches>();
        try {
            for (const auto& each : on_->calling()) watches_->add(each->begin(request));
        } catch (fault& why) {
            why.ran(false, true);
            throw;
        }
    }
    if (request.metadata().empty()) return;
    const std::size_t size = request.metadata().encoded_size();
    if (size > metadata_max) {
        throw fault(status::resource_exhausted,
                    std::string(method_->full_name) + ": metadata of " + std::to_string(size) +
                        " bytes, where at most " + std::to_string(metadata_max) + " are sent")
            .ran(false, false);
    }
    metadata_ = std::make_unique<std::vector<std::byte>>(size);
    request.metadata().encode(metadata_->data());
}

std::size_t outgoing_call::preamble_size() const noexcept {
    return (deadline_us_ ? 8 : 0) + (names_ ? 1 + method_->full_name.size() : 0) +
           (metadata_ ? 2 + metadata_->size() : 0);
}

std::byte* outgoing_call::write_preamble(std::byte* at) const noexcept {
    if (deadline_us_) at = put_u64(at, *deadline_us_);
    if (names_) {
        *at++ = static_cast<std::byte>(method_->full_name.size());
        at = std::ranges::copy(std::as_bytes(std::span(method_->full_name)), at).out;
    }
    if (metadata_) {
        at = put_u16(at, static_cast<std::uint16_t>(metadata_->size()));
        at = std::ranges::copy(*metadata_, at).out;
    }
    return at;
}

void outgoing_call::launch() {
    out_buffer& out = on_->output();
    if (!on_->takes_handles(handles_.size())) [[unlikely]]
        throw on_->handles_fault(method_->full_name, handles_.size());
    if (method_->request_stream || large_) {
        outlet_ = std::make_unique<message_outlet>(*on_, stream_, on_->theirs().window);
    }
    if (method_->response_stream) inlet();
    frame_header header;
    header.type = frame_type::open;
    header.stream = stream_;
    header.aux = alias_;
    header.flags = frame_flag::message;
    if (deadline_us_) header.flags |= frame_flag::deadline;
    if (names_) header.flags |= frame_flag::name;
    if (metadata_) header.flags |= frame_flag::meta;

    if (large_ != nullptr) {
        header.flags |= frame_flag::sized | frame_flag::more;
        const std::size_t preamble = preamble_size();
        // Less than the whole, for begin() cuts only what is above that.
        const std::size_t piece =
            std::min<std::size_t>(piece_max, on_->theirs().frame_max - preamble_max);
        begun_at_ = out.end();
        header_ = out.append(frame_header_size + preamble + 4 + piece);
        header.length = static_cast<std::uint32_t>(preamble + 4 + piece);
        std::byte* at = write_preamble(put_header(header_, header));
        at = put_u32(at, static_cast<std::uint32_t>(begun_size_));
        std::copy_n(large_->bytes.data(), piece, at);
        large_->sent = piece;
        large_->last = !method_->request_stream;
        large_->handles = std::exchange(handles_, {});
        end_of_open_ = out.end() + begun_size_ - piece;  // at least
        outlet_->begin_large(std::move(large_));
    } else {
        if (!method_->request_stream) header.flags |= frame_flag::fin;
        header.length = static_cast<std::uint32_t>(out.end() - begun_at_ - frame_header_size);
        header.handles = static_cast<std::uint16_t>(handles_.size());
        write_preamble(put_header(header_, header));
        if (!handles_.empty()) out.attach(begun_at_, std::exchange(handles_, {}), 0);
        end_of_open_ = out.end();
    }
    if (names_) on_->alias_sent(*method_);
    launched_ = true;
    launched_at_ = loop::running().now;
    sequence_ = on_->next_sequence();
    ++on_->counters().calls_made;
    on_->call_launched(out.end() - begun_at_);
}

operation::progress outgoing_call::start() { return over_ ? progress::done : progress::waiting; }

message_inlet& outgoing_call::inlet() {
    if (!inlet_) inlet_ = std::make_unique<message_inlet>(*on_, stream_, on_->ours().window);
    return *inlet_;
}

void outgoing_call::cancel() noexcept {
    const bool late = where()->why_stopped() == stop_reason::timed_out;
    cancel_here(make_error_code(late ? errc::timed_out : errc::cancelled));
}

void outgoing_call::cancel_here(std::error_code why) noexcept {
    const bool late = why == errc::timed_out;
    const status code = late ? status::deadline_exceeded : status::cancelled;
    const bool sent = on_->output().maybe_sent() >= end_of_open_;
    tell_peer(code);
    const auto text = [&] {
        return std::string(method_->full_name) +
               (late ? ": the deadline passed" : ": the call was cancelled");
    };
    fail(failure_or_bare(code, text, sent, method_->idempotent));
}

void outgoing_call::abandon(std::exception_ptr why) noexcept {
    if (over_) return;
    tell_peer(status::cancelled);
    fail(std::move(why));
}

void outgoing_call::tell_peer(status why) noexcept {
    // A deadline the other side knows, and ends the call itself. With many calls that are late it
    // has enough to do.
    const bool ends_itself = why == status::deadline_exceeded && deadline_us_ && !outlet_;
    if (outlet_) outlet_->close();
    on_->expect_late((inlet_ ? inlet_->messages_to_come() : 0) + (outlet_ ? late_credits : 0));
    if (!ends_itself) {
        const small_frame frame = make_cancel(stream_, static_cast<std::uint32_t>(why));
        try {
            on_->output().append(std::span(frame));
            on_->wake_writer();
        } catch (const std::bad_alloc&) {  // the other side would go on for nobody
            on_->give_up();
        }
    }
    on_->call_abandoned(stream_);
}

void outgoing_call::on_end(const end_event& event, std::span<unique_fd> handles) {
    queue_us_ = event.queue_us;
    run_us_ = event.run_us;
    if (event.status != 0) {
        fault said = fault_of(event);
        said.ran(!event.not_started, method_->idempotent);
        fail(std::make_exception_ptr(std::move(said)));
        return;
    }
    std::string why;
    bool taken = true;
    try {
        if (inlet_ && inlet_->is_amid()) {
            taken = false;
            why = "the call ended in the middle of a message";
        } else if (method_->response_stream) {
            taken = !event.has_message;
            if (!taken) why = "a result where only items of a stream were expected";
        } else if (!event.has_message && inlet_ && inlet_->has_message()) {
            taken = take_result(inlet_->front(), why);
        } else {
            taken = take_result({event.message, handles}, why);
        }
    } catch (...) {  // a representation of the user's
        taken = false;
        why = "it is no value of its type";
    }
    if (taken) return finish();
    fail(std::make_exception_ptr(
        fault(status::internal, std::string(method_->full_name) + ": the result: " + why)
            .ran(true, method_->idempotent)));
}

void outgoing_call::fail(std::exception_ptr why) noexcept {
    if (over_) return;
    failure_ = std::move(why);
    finish();
}

void outgoing_call::tell_watches() noexcept {
    call_end how;
    how.queued = std::chrono::microseconds(queue_us_);
    how.ran = std::chrono::microseconds(run_us_);
    const auto watches = std::exchange(watches_, nullptr);
    try {
        if (failure_) std::rethrow_exception(failure_);
        watches->ended(how);
    } catch (const fault& why) {
        how.code = why.code();
        how.text = why.text();
        watches->ended(how);
    } catch (...) {  // a parameter stream threw
        how.code = status::cancelled;
        watches->ended(how);
    }
}

void outgoing_call::finish() noexcept {
    over_ = true;
    if (outlet_) outlet_->close();
    if (inlet_) inlet_->end(failure_);
    if (watches_) tell_watches();
    if (is_waiting()) complete(0);
}

}  // namespace conduit::rpc::detail
