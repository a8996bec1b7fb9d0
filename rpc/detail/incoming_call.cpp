// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/codec.hpp>
#include <conduit/rpc/detail/connection_state.hpp>
#include <conduit/rpc/detail/incoming_call.hpp>
#include <conduit/rpc/detail/said_or_not.hpp>
#include <conduit/rpc/detail/serve.hpp>
#include <conduit/runtime/frame_pool.hpp>
#include <conduit/runtime/loop.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/within.hpp>

#include <algorithm>
#include <chrono>
#include <new>
#include <string>
#include <utility>

namespace conduit::rpc::detail {
namespace {

constexpr std::size_t times_size = 8;

std::uint32_t microseconds(clock::duration time) noexcept {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(us, 0, UINT32_MAX));
}

/// The longest message that END carries.
std::size_t whole_most(const connection_state& on) noexcept {
    return std::min<std::size_t>(whole_message_max, on.theirs().frame_max - times_size);
}

}  // namespace

void* incoming_call::operator new(std::size_t bytes) { return frame_pool::of_thread().take(bytes); }

void incoming_call::operator delete(void* memory, std::size_t bytes) noexcept {
    frame_pool::of_thread().give_back(memory, bytes);
}

incoming_call::incoming_call(connection_state& on, const method_row& method, std::uint32_t stream,
                             method_statistics* counts)
    : call_info(method.full_name, on.peer(), on.peer_name(), on),
      on_(&on),
      method_row_(&method),
      counts_(counts),
      stream_(stream),
      arrived_(loop::running().now),
      complete_(arrived_),
      started_(arrived_) {}

incoming_call::~incoming_call() {
    if (!ended_ && !on_->is_over()) {
        try {
            fail(fault(status::cancelled, "the procedure was ended before it had a result"));
        } catch (const std::bad_alloc&) {  // its caller would wait for ever
            on_->give_up();
        }
    }
    if (watches_) tell_watches(status::cancelled, "the connection has ended", clock::now());
    if (!ended_ && counts_ != nullptr) ++counts_->cut_off;
    if (outlet_) outlet_->close();
    constexpr std::uint32_t late_cancels = 1;
    on_->expect_late(late_cancels + (inlet_ ? inlet_->messages_to_come() : 0) +
                     (outlet_ ? late_credits : 0));
    inlet_.reset();
    on_->account()->give_back(resource::memory, charged_.memory);
    on_->account()->give_back(resource::handles, charged_.handles);
    on_->served(stream_, cancelled_ == stop_reason::none && !refused_);
}

void incoming_call::start(job_coroutine<void> procedure) { on_->start(procedure, method()); }

void incoming_call::set_deadline(std::uint64_t microseconds) noexcept {
    constexpr std::uint64_t year = std::uint64_t{366} * 24 * 3600 * 1'000'000;
    const std::chrono::microseconds left(std::min(microseconds, year));
    deadline_ = saturating_add(arrived_, left);
}

void incoming_call::set_complete() noexcept { complete_ = loop::running().now; }

bool incoming_call::take_metadata(std::span<const std::byte> bytes, std::string& why) {
    auto given = std::make_unique<rpc::metadata>();
    if (!rpc::metadata::decode(bytes, *given, why)) return false;
    metadata_ = std::move(given);
    return true;
}

bool incoming_call::charge(resource what, std::size_t n) noexcept {
    if (!on_->account()->take(what, n)) return false;
    charged_.of(what) += n;
    return true;
}

decode_limits incoming_call::limits_for(std::size_t wire_bytes) const noexcept {
    decode_limits limits = decode_limits::for_message(wire_bytes);
    return limits.output_bytes(
        std::min(limits.output_bytes(), on_->account()->left(resource::memory)));
}

bool incoming_call::is_its_turn() const noexcept {
    fair_gate* gate = on_->gate();
    return gate == nullptr || gate->is_open(on_->turns());
}

fair_gate::turn_operation incoming_call::until_turn() noexcept {
    return on_->gate()->until_turn(on_->turns(), complete_);
}

bool incoming_call::begin_run() {
    started_ = on_->begin_run();
    if (!is_worth_beginning()) return false;
    where_ = &current_context();
    where_->set_value(&call_key, &self_);
    if (cancelled_ != stop_reason::none) where_->request_stop(cancelled_);
    return on_->serving().empty() || ask_interceptors();
}

/// Not where nobody waits for the answer any more, nor where answering would make others wait too
/// long.
bool incoming_call::is_worth_beginning() {
    if (cancelled_ != stop_reason::none) [[unlikely]] {
        refuse(status::cancelled, std::string(method()) + ": cancelled before it was begun");
        return false;
    }
    if (deadline_ <= started_) [[unlikely]] {
        refuse(status::deadline_exceeded,
               std::string(method()) + ": the caller's deadline passed before it was begun");
        return false;
    }
    queue_guard* guard = on_->queue();
    const clock::duration waited = started_ - complete_;
    if (guard == nullptr || method_row_->essential) [[likely]]
        return true;
    if (on_->gate() == nullptr) guard->note(waited, started_);
    if (!guard->refuses(waited, started_)) [[likely]]
        return true;
    using std::chrono::milliseconds;
    const auto count = [](clock::duration time) {
        return std::to_string(std::chrono::duration_cast<milliseconds>(time).count()) + " ms";
    };
    refuse_for(limit::queue_target,
               std::string(method()) + ": the server is overloaded: the call has waited for " +
                   count(waited) + ", where " + count(guard->target()) +
                   " are wanted (queue_target)",
               std::chrono::duration_cast<milliseconds>(guard->interval()));
    return false;
}

bool incoming_call::ask_interceptors() {
    watches_ = std::make_unique<call_watches>();
    try {
        for (const auto& each : on_->serving()) watches_->add(each->begin(*this));
        return true;
    } catch (const fault& why) {
        refuse(why);
    } catch (...) {
        answer_refusal(*this);
    }
    return false;
}

void incoming_call::tell_watches(status code, std::string_view text,
                                 clock::time_point now) noexcept {
    using std::chrono::microseconds;
    call_end how;
    how.code = code;
    how.text = text;
    how.queued = std::chrono::duration_cast<microseconds>(started_ - arrived_);
    how.ran = std::chrono::duration_cast<microseconds>(now - started_);
    std::exchange(watches_, nullptr)->ended(how);
}

bool incoming_call::is_ready(std::size_t size) { return has_room(size) && may_give(); }

bool incoming_call::has_room(std::size_t size) {
    if (outlet_ == nullptr && size <= whole_most(*on_)) [[likely]]
        return on_->has_room();
    return outlet().is_ready(size);
}

bool incoming_call::may_give() const noexcept {
    return !method_row_->gives_handles || on_->may_give();
}

task<result<scoped_lock>> incoming_call::until_may_give() {
    auto may = co_await within(on_->progress_within(), on_->until_may_give());
    if (may.error() != errc::timed_out || stop_requested()) co_return may;
    end_unread(limit::handles_given_max,
               "its result brings handles, where " + on_->account()->text(resource::given));
    co_return errc::closed;
}

/// With a turn to give nothing else is waited for: others have theirs behind it.
task<result<void>> incoming_call::until_ready(std::size_t size) {
    for (;;) {
        if (!has_room(size)) {
            const auto may = co_await until_room(size);
            if (!may) co_return may;
        }
        if (may_give()) co_return result<void>();
        const auto turn = co_await until_may_give();
        if (!turn) co_return turn.error();
        if (has_room(size)) co_return result<void>();
    }
}

task<result<void>> incoming_call::until_room(std::size_t size) {
    const bool is_item = method_row_->response_stream;
    if (is_item || size <= whole_most(*on_)) co_return co_await outlet().until_ready(size);
    for (;;) {
        const std::uint64_t before = on_->pieces_sent();
        const auto may = co_await within(on_->progress_within(), outlet().until_ready(size));
        if (may.error() != errc::timed_out || stop_requested()) co_return may;
        if (on_->pieces_sent() == before) break;
    }
    end_unread(limit::progress_within,
               "a result of " + std::to_string(size) + " bytes waits behind others");
    co_return errc::closed;
}

task<result<void>> incoming_call::until_sent() {
    std::pair<std::size_t, std::size_t> left;
    for (;;) {
        left = outlet().pieces_sent();
        const auto sent = co_await within(on_->progress_within(), outlet().until_sent());
        if (sent.error() != errc::timed_out || stop_requested()) co_return sent;
        if (outlet().pieces_sent() == left) break;
    }
    end_unread(limit::progress_within, std::to_string(left.first) + " of " +
                                           std::to_string(left.second) +
                                           " bytes of the result were taken");
    co_return errc::closed;
}

/// The peer reads, or the connection would end, but gives no credit.
void incoming_call::end_unread(limit which, const std::string& what) {
    on_->hit(which);
    outlet().close();
    fail(fault(status::resource_exhausted,
               std::string(method()) + ": " + what + ", and no more for " +
                   std::to_string(on_->progress_within().count()) + " ms (progress_within)"));
}

std::byte* incoming_call::write_end(std::byte* at, status code, std::uint8_t flags,
                                    std::size_t body) noexcept {
    const clock::time_point now = clock::now();
    frame_header header;
    header.length = static_cast<std::uint32_t>(times_size + body);
    header.type = frame_type::end;
    header.flags = flags;
    header.handles = static_cast<std::uint16_t>(handles_.size());
    header.stream = stream_ | receivers_stream;
    header.aux = static_cast<std::uint32_t>(code);
    at = put_header(at, header);
    const std::uint32_t queue_us = microseconds(started_ - arrived_);
    const std::uint32_t run_us = microseconds(now - started_);
    at = put_u32(at, queue_us);
    at = put_u32(at, run_us);
    on_->end_run(now);
    const loop& here = loop::running();
    if (now - here.now >= here.stall_limit) [[unlikely]]
        here.owner->note_end(method(), now);
    ended_ = true;
    if (watches_ && code == status::ok) tell_watches(code, {}, now);
    if (counts_ != nullptr) record(code, queue_us, run_us, body);
    return at;
}

void incoming_call::record(status code, std::uint32_t queue_us, std::uint32_t run_us,
                           std::size_t body) noexcept {
    if (on_->is_over()) {  // nobody gets this END
        ++counts_->cut_off;
        return;
    }
    if (refused_) {
        ++counts_->refused;
        return;
    }
    counts_->ended(code, queue_us, run_us);
    if (code == status::ok) counts_->result_bytes += body;
    if (outlet_) counts_->result_bytes += outlet_->bytes_sent();
}

std::byte* incoming_call::begin(std::size_t size) {
    if (size > std::min<std::size_t>(whole_most(*on_), on_->theirs().message_max)) {
        return outlet().begin(size);  // throws where the peer does not take so much
    }
    if (method_row_->gives_handles) handles_.reserve(on_->handles_max());
    begun_size_ = size;
    header_ = on_->output().append(frame_header_size + times_size + size);
    return header_ + frame_header_size + times_size;
}

bool incoming_call::reply() {
    if (header_ == nullptr) {
        outlet_->handles() = std::exchange(handles_, {});
        outlet_->send();
        return false;
    }
    if (!on_->takes_handles(handles_.size())) [[unlikely]] {
        on_->output().undo(on_->output().end() - begun_size_ - times_size - frame_header_size);
        throw on_->handles_fault({}, handles_.size());
    }
    const std::uint64_t at = on_->output().end() - begun_size_ - times_size - frame_header_size;
    write_end(header_, status::ok, frame_flag::message, begun_size_);
    if (!handles_.empty()) {
        const std::size_t charged = on_->charge_given(handles_.size());
        on_->output().attach(at, std::exchange(handles_, {}), charged);
    }
    on_->wake_writer();
    return true;
}

void incoming_call::take_back() noexcept {
    handles_.clear();
    if (header_ == nullptr) return outlet_->take_back();
    on_->output().undo(on_->output().end() - begun_size_ - times_size - frame_header_size);
    header_ = nullptr;
}

void incoming_call::reply_nothing() {
    write_end(on_->output().append(frame_header_size + times_size), status::ok, 0, 0);
    on_->wake_writer();
}

void incoming_call::refuse(status code, const std::string& text,
                           std::optional<std::chrono::milliseconds> retry_after) {
    fault why(code, text);
    if (retry_after) why.retry_after(*retry_after);
    refuse(why);
}

void incoming_call::refuse(const fault& why) {
    ++on_->counters().calls_refused;
    refused_ = true;
    end_with_fault(why, frame_flag::not_started);
}

void incoming_call::refuse_for(limit which, const std::string& text,
                               std::optional<std::chrono::milliseconds> retry_after) {
    on_->hit(which);
    refuse(status::resource_exhausted, text, retry_after);
}

void incoming_call::count(limit which) noexcept { on_->hit(which); }

void incoming_call::fail(const fault& why) { end_with_fault(why, 0); }

void incoming_call::end_with_fault(const fault& why, std::uint8_t flags) {
    if (ended_ || on_->is_over()) return;
    handles_.clear();
    constexpr std::size_t text_max = 4096;
    const std::string text(why.text().substr(0, text_max));
    const auto wait = why.retry_after();
    const auto retry_after =
        wait
            ? static_cast<std::uint32_t>(std::clamp<std::int64_t>(wait->count(), 0, UINT32_MAX - 1))
            : no_retry_after;
    std::string type(why.type());
    std::vector<std::byte> details = why.details();
    std::size_t size = encoded_size(text, retry_after, type, details);
    if (size > whole_most(*on_)) {  // what there is to say in text goes nevertheless
        type.clear();
        details.clear();
        size = encoded_size(text, retry_after, type, details);
    }
    std::byte* at = on_->output().append(frame_header_size + times_size + size);
    const status code = why.code() == status::ok ? status::unknown : why.code();
    at = write_end(at, code, static_cast<std::uint8_t>(frame_flag::message | flags), size);
    encode_fields(at, text, retry_after, type, details);
    if (watches_) tell_watches(code, text, clock::now());
    on_->wake_writer();
}

message_outlet& incoming_call::outlet() {
    if (!outlet_) {
        outlet_ = std::make_unique<message_outlet>(*on_, stream_ | receivers_stream,
                                                   on_->theirs().window);
    }
    return *outlet_;
}

message_inlet& incoming_call::inlet() {
    if (!inlet_) {
        inlet_ =
            std::make_unique<message_inlet>(*on_, stream_ | receivers_stream, on_->ours().window);
    }
    return *inlet_;
}

void incoming_call::cancel(stop_reason why) noexcept {
    if (cancelled_ == stop_reason::none) cancelled_ = why;
    if (inlet_) {
        const auto text = [] { return std::string("the caller has gone"); };
        inlet_->end(failure_or_bare(status::cancelled, text));
    }
    if (outlet_) outlet_->close();
    if (where_ != nullptr) where_->request_stop(cancelled_);
}

}  // namespace conduit::rpc::detail
