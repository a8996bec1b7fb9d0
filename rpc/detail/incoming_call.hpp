// SPDX-License-Identifier: BSL-1.0
//
// A call that the other side made, from OPEN to END. The template that serves a method owns it.
//
//     void serve_add(void* object, std::unique_ptr<incoming_call> call, received_message in) {
//         ... decode, or return call->refuse(status::invalid_argument, why)
//         call->start(run_add(object, std::move(call), std::move(arguments)));
//     }
//
//     task<void> run_add(...) {
//         call->begin_run();
//         double sum = co_await within_call(*call, object.add(lhs, rhs));
//         auto may = co_await call->until_ready();            // room in the output
//         if (!may) co_return;
//         encode_fields(call->begin(size), call->handles(), sum);
//         call->reply();                                      // END
//     }

#pragma once

#include <conduit/rpc/call_info.hpp>
#include <conduit/rpc/detail/message_flow.hpp>
#include <conduit/rpc/detail/method_row.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/within.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace conduit::rpc::detail {

/// Its number is taken until it is destroyed: that is when the procedure has finished. Destroyed
/// without an END it sends one, with status cancelled. The connection must outlive it.
class incoming_call final : public call_info {
public:
    static void* operator new(std::size_t bytes);  // from the pool of frames
    static void operator delete(void* memory, std::size_t bytes) noexcept;

    incoming_call(connection_state& on, const method_row& method, std::uint32_t stream);
    incoming_call(const incoming_call&) = delete;
    incoming_call& operator=(const incoming_call&) = delete;
    ~incoming_call();

    /// Runs the procedure, which owns this call, as a task of the connection.
    void start(task<void> procedure);

    /// END: the procedure was not begun.
    void refuse(status code, const std::string& text);

    /// What the arguments cost when decoded: charged to the connection as long as the call lives.
    /// False when it has no room; then refuse().
    bool charge(std::size_t bytes) noexcept;

    /// Marks the time: until here it was queued.
    void begin_run() noexcept;

    /// Waits until the output has room. Fails as message_outlet::until_ready() does.
    message_outlet::wait_operation until_ready() noexcept { return outlet().until_ready(); }
    bool is_ready() const noexcept;

    /// Where to write the result, all `size` bytes of it, before anything else is sent on the
    /// connection; then reply(). One that is too long for a frame is sent in pieces.
    std::byte* begin(std::size_t size);
    std::vector<unique_fd>& handles() noexcept { return handles_; }
    void reply();
    /// END with status 0 and no result: a void procedure, or after the last item.
    void reply_nothing();
    /// END with a fault.
    void fail(const fault& why);

    /// The items of a parameter that is a stream.
    message_inlet& parameters() { return inlet(); }
    /// The items of a result that is one.
    message_outlet& outlet();

    /// The context of the procedure, while it runs: what CANCEL stops.
    void run_in(context* where) noexcept;

private:
    friend class connection_state;

    message_inlet& inlet();
    void end(status code);

    std::uint32_t stream_;
    std::uint32_t queue_us_ = 0;
    clock::time_point arrived_{};
    clock::time_point started_{};
    std::size_t charged_ = 0;
    context* where_ = nullptr;
    bool cancelled_ = false;
    bool ended_ = false;
    std::uint32_t begun_size_ = 0;
    std::vector<unique_fd> handles_;
    std::unique_ptr<message_outlet> outlet_;
    std::unique_ptr<message_inlet> inlet_;
};

/// Prepares the context of a procedure: its deadline, what this_call() finds, and what CANCEL stops.
class call_setup {
public:
    explicit call_setup(incoming_call& call) noexcept : call_(&call) {}

    void prepare(context& inner, context& outer) const noexcept;
    void leave() const noexcept { call_->run_in(nullptr); }

private:
    incoming_call* call_;
};

template <class Awaitable>
context_awaiter<call_setup, Awaitable> within_call(incoming_call& call, Awaitable&& work) {
    return {call_setup(call), std::forward<Awaitable>(work)};
}

}  // namespace conduit::rpc::detail
