// SPDX-License-Identifier: BSL-1.0
//
// A call that the other side made, from OPEN to END. The template that serves a method owns it.
//
//     void serve_add(void* object, std::unique_ptr<incoming_call> call, received_message in) {
//         ... decode, or return call->refuse(status::invalid_argument, why)
//         call->start(run_add(object, std::move(call), std::move(arguments)));
//     }
//
//     job_coroutine<void> run_add(...) {
//         if (!call->is_its_turn()) co_await call->until_turn();
//         if (!call->begin_run()) co_return;
//         double sum = co_await object.add(lhs, rhs);         // within(call->deadline(), ...)
//         auto may = co_await call->until_ready(size);        // room in the output
//         if (!may) co_return;
//         encode_fields(call->begin(size), call->handles(), sum);
//         if (call->reply()) co_return;                       // END
//         ...                                                 // a long one: see reply()
//     }

#pragma once

#include <conduit/rpc/call_info.hpp>
#include <conduit/rpc/decode_limits.hpp>
#include <conduit/rpc/detail/call_statistics.hpp>
#include <conduit/rpc/detail/call_watches.hpp>
#include <conduit/rpc/detail/message_flow.hpp>
#include <conduit/rpc/detail/method_row.hpp>
#include <conduit/rpc/detail/shared_limits.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/mutex.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/task_group.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace conduit::rpc::detail {

/// Its number is taken until it is destroyed: that is when the procedure has finished. Destroyed
/// without an END it sends one, with status cancelled. The connection must outlive it.
class incoming_call final : public call_info {
public:
    static void* operator new(std::size_t bytes);  // from the pool of frames
    static void operator delete(void* memory, std::size_t bytes) noexcept;

    /// `counts` is where it is recorded, or null.
    incoming_call(connection_state& on, const method_row& method, std::uint32_t stream,
                  method_statistics* counts);
    incoming_call(const incoming_call&) = delete;
    incoming_call& operator=(const incoming_call&) = delete;
    ~incoming_call();

    /// Runs the procedure, which owns this call, as a job of the connection.
    void start(job_coroutine<void> procedure);

    /// END: the procedure was not begun. Where it is for want of room, says when to come back.
    void refuse(status code, const std::string& text,
                std::optional<std::chrono::milliseconds> retry_after = std::nullopt);
    void refuse(const fault& why);
    /// The same with resource_exhausted, and counted as a hit of that limit.
    void refuse_for(limit which, const std::string& text,
                    std::optional<std::chrono::milliseconds> retry_after = std::nullopt);

    /// Something of it was beyond that limit, whatever becomes of it.
    void count(limit which) noexcept;

    /// What the arguments cost when decoded, and the handles among them: charged to the connection
    /// as long as the call lives. False when it has no room; then refuse().
    bool charge(std::size_t bytes) noexcept { return charge(resource::memory, bytes); }
    bool charge(resource what, std::size_t n) noexcept;
    /// For decoding arguments of so many bytes: not beyond what can be charged then.
    decode_limits limits_for(std::size_t wire_bytes) const noexcept;

    /// Whether the procedure may begin at once; else wait for its turn first.
    bool is_its_turn() const noexcept;
    fair_gate::turn_operation until_turn() noexcept;

    /// The procedure begins, in the context of the running job: that is what CANCEL stops and where
    /// this_call() looks. Until here the call was queued. False where it was refused instead:
    /// it has waited for too long, or an interceptor said no.
    [[nodiscard]] bool begin_run();
    bool has_deadline() const noexcept { return deadline_ != clock::time_point::max(); }

    /// Waits until there is room for a result or an item of `size` bytes, and for handles where it
    /// may bring some; to be sent before anything is awaited. Fails as message_outlet's does, and
    /// with errc::closed where the peer does not take what is before it for `progress_within`: the
    /// call has ended with a fault then.
    task<result<void>> until_ready(std::size_t size);
    bool is_ready(std::size_t size);

    /// Whether what goes to the caller next may bring handles, where it is of a type that has some.
    bool may_give() const noexcept;

    /// Where to write the result, all `size` bytes of it, before anything else is sent on the
    /// connection; then reply(). Throws fault(resource_exhausted) beyond the peer's message_max.
    std::byte* begin(std::size_t size);
    std::vector<unique_fd>& handles() noexcept { return handles_; }
    /// END. False for a result that is too long for a frame and goes in pieces: then wait
    /// until_sent() and reply_nothing(). Throws fault(failed_precondition), having sent nothing,
    /// for handles where the connection takes none, or not so many.
    [[nodiscard]] bool reply();
    /// Instead of reply(): nothing was begun; then fail().
    void take_back() noexcept;
    /// Waits until a result that goes in pieces has left; fails as until_ready() does.
    task<result<void>> until_sent();
    /// END with status 0 and no result: a void procedure, or after the last item.
    void reply_nothing();
    /// END with a fault.
    void fail(const fault& why);

    /// Whether the caller has said that it waits no longer.
    bool was_cancelled() const noexcept { return cancelled_ != stop_reason::none; }

    /// The items of a parameter that is a stream.
    message_inlet& parameters() { return inlet(); }
    /// The items of a result that is one.
    message_outlet& outlet();

    // For the connection.
    void cancel(stop_reason why) noexcept;
    /// Its arguments have come in full: from now on it waits for this side.
    void set_complete() noexcept;

    bool has_parameter_stream() const noexcept { return method_row_->request_stream; }
    bool takes_handles() const noexcept { return method_row_->takes_handles; }
    message_inlet* has_inlet() noexcept { return inlet_.get(); }
    /// Null where nothing is sent that costs credit. Credit may come before there is an item.
    message_outlet* outlet_for_credit() {
        return method_row_->response_stream && !ended_ ? &outlet() : outlet_.get();
    }
    void set_deadline(std::uint64_t microseconds) noexcept;
    /// False, with the reason in `why`, where it is none. To be charged before.
    bool take_metadata(std::span<const std::byte> bytes, std::string& why);
    void count_argument_bytes(std::size_t bytes) noexcept {
        if (counts_ != nullptr) counts_->argument_bytes += bytes;
    }

private:
    friend class connection_state;

    message_inlet& inlet();
    /// The header and the times of END at `at`; yields the place behind.
    std::byte* write_end(std::byte* at, status code, std::uint8_t flags, std::size_t body) noexcept;
    void end_with_fault(const fault& why, std::uint8_t flags);
    bool is_worth_beginning();
    bool ask_interceptors();
    bool has_room(std::size_t size);
    task<result<void>> until_room(std::size_t size);
    task<result<scoped_lock>> until_may_give();
    void end_unread(limit which, const std::string& what);
    void tell_watches(status code, std::string_view text, clock::time_point now) noexcept;
    void record(status code, std::uint32_t queue_us, std::uint32_t run_us,
                std::size_t body) noexcept;

    connection_state* on_;
    const method_row* method_row_;
    method_statistics* counts_;     // null where nobody counts
    const call_info* self_ = this;  // what call_key finds
    std::byte* header_ = nullptr;   // of the END that was begun
    std::uint32_t stream_;
    clock::time_point arrived_{};
    clock::time_point complete_{};
    clock::time_point started_{};
    amounts charged_;
    context* where_ = nullptr;
    stop_reason cancelled_ = stop_reason::none;
    bool ended_ = false;
    bool refused_ = false;
    std::size_t begun_size_ = 0;
    std::vector<unique_fd> handles_;
    std::unique_ptr<call_watches> watches_;
    std::unique_ptr<message_outlet> outlet_;
    std::unique_ptr<message_inlet> inlet_;
};

}  // namespace conduit::rpc::detail
