// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/connection_state.hpp>
#include <conduit/rpc/detail/message_flow.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/runtime/assert.hpp>

#include <algorithm>
#include <new>
#include <string>
#include <utility>

namespace conduit::rpc::detail {
namespace {

/// Each message costs so much credit beside its bytes: an empty one is not free.
constexpr std::uint32_t message_cost = 16;

}  // namespace

// --- outlet -----------------------------------------------------------------------------------

message_outlet::~message_outlet() {
    if (waits_for_room_) on_->forget_room(*this);
    drop_large();
}

bool message_outlet::is_ready(std::size_t size) noexcept {
    return !closed_ && credit_ > 0 && large_ == nullptr && on_->has_room() && has_memory_for(size);
}

bool message_outlet::is_large(std::size_t size) const noexcept {
    return size > std::min<std::size_t>(whole_message_max, on_->theirs().frame_max);
}

/// What this side sends for calls of its own is its own affair.
bool message_outlet::has_memory_for(std::size_t size) noexcept {
    if (!is_large(size) || (stream_ & receivers_stream) == 0) return true;
    if (charged_ == 0 && on_->hold_large(size)) charged_ = size;
    return charged_ != 0;
}

void message_outlet::drop_large() noexcept {
    if (large_ != nullptr) on_->release_given(large_->charged);
    large_.reset();
    if (charged_ != 0) on_->release_large(std::exchange(charged_, 0));
}

std::byte* message_outlet::begin(std::size_t size) {
    const wire_limits& theirs = on_->theirs();
    if (size > theirs.message_max) {
        throw fault(status::resource_exhausted, "a message of " + std::to_string(size) +
                                                    " bytes, where the peer takes at most " +
                                                    std::to_string(theirs.message_max) +
                                                    " (message_max)");
    }
    begun_size_ = size;
    header_ = nullptr;
    handles_.reserve(on_->handles_max());  // so that encoding cannot throw between here and send()
    if (is_large(size)) {
        large_ = std::make_unique<large_message>(size);
        return large_->bytes.data();
    }
    header_ = on_->output().append(frame_header_size + size);
    return header_ + frame_header_size;
}

void message_outlet::send(bool last) {
    finished_ = last;
    if (closed_) return take_back();
    if (!on_->takes_handles(handles_.size())) [[unlikely]] {
        const fault refused = on_->handles_fault({}, handles_.size());
        take_back();
        throw refused;
    }
    bytes_sent_ += begun_size_;
    const bool answers = (stream_ & receivers_stream) != 0;
    const std::size_t charged =
        answers && !handles_.empty() ? on_->charge_given(handles_.size()) : 0;
    if (large_ != nullptr) {
        large_->last = last;
        large_->handles = std::exchange(handles_, {});
        large_->charged = charged;
        on_->add_large(*this);
        return;
    }
    const auto cost = static_cast<std::int64_t>(begun_size_ + message_cost);
    const std::uint8_t fin = last ? frame_flag::fin : std::uint8_t{0};
    credit_ -= cost;
    write_header(header_, begun_size_, static_cast<std::uint8_t>(frame_flag::message | fin),
                 on_->output().end() - begun_size_ - frame_header_size, std::exchange(handles_, {}),
                 charged);
    on_->wake_writer();
}

void message_outlet::take_back() noexcept {
    handles_.clear();
    drop_large();
    if (header_ == nullptr) return;
    on_->output().undo(on_->output().end() - begun_size_ - frame_header_size);
    header_ = nullptr;
}

void message_outlet::write_header(std::byte* at, std::size_t size, std::uint8_t flags,
                                  std::uint64_t position, std::vector<unique_fd> handles,
                                  std::size_t charged) {
    frame_header header;
    header.length = static_cast<std::uint32_t>(size);
    header.type = frame_type::data;
    header.flags = flags;
    header.handles = static_cast<std::uint16_t>(handles.size());
    header.stream = stream_;
    put_header(at, header);
    if (!handles.empty()) on_->output().attach(position, std::move(handles), charged);
}

void message_outlet::send_piece() {
    out_buffer& out = on_->output();
    const std::uint64_t position = out.end();
    const bool first = large_->sent == 0;
    const std::size_t before = first ? 4 : 0;
    const std::size_t frame_max = on_->theirs().frame_max;
    const std::size_t left = large_->size - large_->sent;
    const std::size_t piece = std::min({left, piece_max, frame_max - before});
    std::byte* at = out.append(frame_header_size + before + piece);
    std::byte* body = at + frame_header_size;
    if (first) body = put_u32(body, static_cast<std::uint32_t>(large_->size));
    std::copy_n(large_->bytes.data() + large_->sent, piece, body);
    large_->sent += piece;
    on_->piece_sent();
    credit_ -= static_cast<std::int64_t>(piece + (first ? message_cost : 0));

    const bool ends = piece == left;
    std::uint8_t flags = frame_flag::message;
    if (first) flags |= frame_flag::sized;
    if (!ends) flags |= frame_flag::more;
    if (ends && large_->last) flags |= frame_flag::fin;
    write_header(at, before + piece, flags, position,
                 ends ? std::move(large_->handles) : std::vector<unique_fd>(),
                 ends ? std::exchange(large_->charged, 0) : 0);
    if (!ends) return;
    drop_large();
    unlink();
    wake_if_ready();
}

void message_outlet::begin_large(std::unique_ptr<large_message> message) noexcept {
    large_ = std::move(message);
    on_->add_large(*this);
}

void message_outlet::finish() {
    if (closed_ || finished_) return;
    finished_ = true;
    if (large_ != nullptr) {
        large_->last = true;
        return;
    }
    const std::uint64_t position = on_->output().end();
    write_header(on_->output().append(frame_header_size), 0, frame_flag::fin, position, {}, 0);
    on_->wake_writer();
}

void message_outlet::close() noexcept {
    if (closed_) return;
    if (waits_for_room_) on_->forget_room(*this);
    waits_for_room_ = false;
    closed_ = true;
    drop_large();
    unlink();
    if (waiting_ != nullptr) std::exchange(waiting_, nullptr)->complete(0);
}

bool message_outlet::add_credit(std::uint32_t bytes) noexcept {
    if (credit_ + bytes > credit_max) return false;
    credit_ += bytes;
    if (large_ != nullptr && credit_ > 0) on_->add_large(*this);
    wake_if_ready();
    return true;
}

void message_outlet::room_came() noexcept {
    waits_for_room_ = false;
    wake_if_ready();
}

void message_outlet::wake_if_ready() noexcept {
    if (waiting_ == nullptr) return;
    if (waiting_->is_reached()) {
        std::exchange(waiting_, nullptr)->complete(0);
    } else if (!closed_ && !waits_for_room_ && waiting_->waits_for_room()) {
        waits_for_room_ = true;
        on_->wait_for_room(*this);
    }
}

message_outlet::wait_operation::~wait_operation() {
    if (is_waiting()) outlet_->waiting_ = nullptr;
}

operation::progress message_outlet::wait_operation::start() {
    if (outlet_->closed_ || is_reached()) return progress::done;
    CONDUIT_ASSERT(outlet_->waiting_ == nullptr, "one task at a time sends on a call");
    outlet_->waiting_ = this;
    outlet_->wake_if_ready();
    return progress::waiting;
}

bool message_outlet::wait_operation::is_reached() const noexcept {
    return until_ == goal::ready ? outlet_->is_ready(size_) : outlet_->large_ == nullptr;
}

bool message_outlet::wait_operation::waits_for_room() const noexcept {
    const bool may_go = outlet_->credit_ > 0 && outlet_->large_ == nullptr;
    if (until_ != goal::ready || !may_go) return false;
    return !outlet_->on_->has_room() || !outlet_->has_memory_for(size_);
}

void message_outlet::wait_operation::cancel() noexcept {
    outlet_->waiting_ = nullptr;
    complete(cancelled_outcome);
}

result<void> message_outlet::wait_operation::await_resume() const {
    if (failed()) return error();
    if (outlet_->closed_) return errc::closed;
    return {};
}

// --- inlet ------------------------------------------------------------------------------------

message_inlet::message_inlet(connection_state& on, std::uint32_t stream, std::uint32_t window)
    : on_(&on), account_(on.account()), stream_(stream), window_(window), allowed_(window) {}

message_inlet::~message_inlet() {
    for (const message& each : messages_) {
        account_->give_back(resource::handles, each.handles_charged);
    }
    account_->give_back(resource::memory, reserved_ + overdrawn_);
}

void message_inlet::release(std::size_t& charged, std::size_t bytes) noexcept {
    charged -= bytes;
    account_->give_back(resource::memory, bytes);
}

message_inlet::verdict message_inlet::take(const message_piece& piece,
                                           std::vector<unique_fd> handles, origin from) {
    if (piece.present) {
        const bool first = missing_ == 0;
        if (ended_ || !fits(piece, first)) return verdict::misfit;
        if (from == origin::data && allowed_ <= 0) return verdict::no_credit;
        const std::size_t bytes = piece.bytes.size();
        if (from == origin::data) {
            allowed_ -= static_cast<std::int64_t>(bytes + (first ? message_cost : 0));
        }
        if (first && piece.sized) {
            const std::size_t cost = message::cost_of(piece.size);
            if (!account_->take(resource::memory, cost)) return verdict::no_memory;
            reserved_ += cost;
            give_credit(from == origin::data ? piece.size + message_cost
                                             : piece.size - static_cast<std::uint32_t>(bytes));
        } else if (allowed_ < 0 && !charge_overdraft()) {
            return verdict::no_memory;
        }
        if (!account_->take(resource::handles, handles.size())) return verdict::no_handles;
        keep(piece, first, std::move(handles));
    }
    if (piece.fin) {
        if (missing_ != 0) return verdict::misfit;
        ended_ = true;
    }
    wake();
    return verdict::taken;
}

/// A sender may go below its credit, by one message.
bool message_inlet::charge_overdraft() noexcept {
    const auto beyond = static_cast<std::size_t>(-allowed_);
    if (beyond <= overdrawn_) return true;
    if (!account_->take(resource::memory, beyond - overdrawn_)) return false;
    overdrawn_ = beyond;
    return true;
}

std::uint32_t message_inlet::messages_to_come() const noexcept {
    if (ended_ || allowed_ <= 0) return 1;  // FIN
    return static_cast<std::uint32_t>(allowed_ / message_cost) + 2;
}

bool message_inlet::fits(const message_piece& piece, bool first) const noexcept {
    const std::size_t bytes = piece.bytes.size();
    if (piece.sized != (first && piece.more)) return false;
    if (piece.more && bytes == 0) return false;
    if (first) return !piece.more || bytes < piece.size;
    return piece.more ? bytes < missing_ : bytes == missing_;
}

void message_inlet::keep(const message_piece& piece, bool first, std::vector<unique_fd> handles) {
    // It is charged. Behind others the block grows by and by: to have it all would copy them each
    // time. Without that memory nothing has happened.
    const bool at_once = first && piece.sized && bytes_.empty();
    bytes_.make_room(at_once ? piece.size : piece.bytes.size());
    if (first) {
        messages_.emplace_back();
        messages_.back().size = piece.size;
        messages_.back().cut = messages_.back().charged = piece.sized;
    }
    missing_ = (first ? piece.size : missing_) - static_cast<std::uint32_t>(piece.bytes.size());
    bytes_.append(piece.bytes);
    if (missing_ != 0) return;
    messages_.back().handles_charged = handles.size();
    messages_.back().handles = std::move(handles);
    ++whole_;
}

received_message message_inlet::front() noexcept {
    message& oldest = messages_.front();
    return {bytes_.bytes().first(oldest.size), std::span(oldest.handles)};
}

void message_inlet::pop() noexcept {
    const message& oldest = messages_.front();
    bytes_.consume(oldest.size);
    if (bytes_.memory() > window_) bytes_.fit();
    --whole_;
    release_front();
    if (!oldest.cut && !ended_) {
        owed_ += oldest.size + message_cost;
        if (owed_ >= window_ / 2) {
            try {
                give_credit(std::exchange(owed_, 0));
            } catch (const std::bad_alloc&) {  // the peer would wait for it
                on_->give_up();
            }
        }
    }
    messages_.pop_front();
}

void message_inlet::release_front() noexcept {
    message& oldest = messages_.front();
    account_->give_back(resource::handles, std::exchange(oldest.handles_charged, 0));
    if (std::exchange(oldest.charged, false)) release(reserved_, message::cost_of(oldest.size));
}

void message_inlet::give_credit(std::uint32_t bytes) {
    allowed_ += bytes;
    if (allowed_ >= 0) release(overdrawn_, overdrawn_);
    const bool ours = (stream_ & receivers_stream) == 0;
    const small_frame frame = make_credit(stream_ & ~receivers_stream, ours, bytes);
    on_->output().append(std::span(frame));
    on_->wake_writer();
}

void message_inlet::end(std::exception_ptr why) noexcept {
    drop_piece();
    if (!ended_) failure_ = std::move(why);
    ended_ = true;
    on_ = nullptr;
    wake();
}

/// A message that has come in part stays so.
void message_inlet::drop_piece() noexcept {
    if (missing_ == 0) return;
    const message& last = messages_.back();
    bytes_.drop_back(last.size - missing_);
    missing_ = 0;
    if (last.charged) {
        bytes_.fit();
        release(reserved_, message::cost_of(last.size));
    }
    messages_.pop_back();
}

void message_inlet::wake() noexcept {
    if (waiting_ != nullptr && (has_front() || ended_))
        std::exchange(waiting_, nullptr)->complete(0);
}

message_inlet::next_operation::~next_operation() {
    if (is_waiting()) inlet_->waiting_ = nullptr;
}

operation::progress message_inlet::next_operation::start() {
    if (inlet_->has_front() || inlet_->ended_) return progress::done;
    CONDUIT_ASSERT(inlet_->waiting_ == nullptr, "one task at a time receives on a call");
    inlet_->waiting_ = this;
    return progress::waiting;
}

void message_inlet::next_operation::cancel() noexcept {
    inlet_->waiting_ = nullptr;
    complete(cancelled_outcome);
}

result<bool> message_inlet::next_operation::await_resume() const {
    if (failed()) return error();
    if (inlet_->has_front()) return true;
    if (inlet_->failure_) std::rethrow_exception(inlet_->failure_);
    return false;
}

}  // namespace conduit::rpc::detail
