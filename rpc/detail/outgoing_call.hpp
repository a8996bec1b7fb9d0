// SPDX-License-Identifier: BSL-1.0
//
// A call that this side makes, from OPEN to END. Stubs make one in the frame of their task; for the
// other side of it see incoming_call.hpp.
//
//     if (!connection.can_open(row)) ...                      // co_await its until_ready(row)
//     unary_result<double> call(connection, row);             // derives: takes the result
//     encode_fields(call.begin(size), call.handles(), lhs, rhs);
//     call.launch();                                          // OPEN leaves at the end of the turn
//     co_await call;                                          // until END
//     call.rethrow();                                         // throws where it failed

#pragma once

#include <conduit/rpc/detail/call_watches.hpp>
#include <conduit/rpc/detail/message_flow.hpp>
#include <conduit/rpc/detail/method_row.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/operation.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace conduit::rpc::detail {

/// Awaiting it waits for END, or until the call failed here: cancelled, past its deadline, or the
/// connection down. Exactly one of these ends it. The peer is then told if it does not know.
/// Destroying it before its END cancels the call at the other side. It must not move once launched,
/// and the connection must outlive it or have ended it.
class outgoing_call : public operation {
public:
    /// Takes a number: only right after can_open() or until_ready() said so.
    outgoing_call(connection_state& on, const method_row& method);
    outgoing_call(const outgoing_call&) = delete;
    outgoing_call& operator=(const outgoing_call&) = delete;
    virtual ~outgoing_call();

    /// Where to write the parameter list, all `size` bytes of it, before anything else is sent on
    /// the connection; then launch(). Throws fault(resource_exhausted) beyond the peer's
    /// message_max.
    std::byte* begin(std::size_t size);
    std::vector<unique_fd>& handles() noexcept { return handles_; }
    /// Throws fault(failed_precondition) for handles where the connection takes none, or not so
    /// many.
    void launch();
    /// Instead of launch(); the rest is done by the destruction.
    void take_back() noexcept { handles_.clear(); }

    /// For a parameter that is a stream; null for methods without one.
    message_outlet* parameters() noexcept { return outlet_.get(); }
    /// For a result that is a stream; null for methods without one.
    message_inlet* results() noexcept { return inlet_.get(); }

    /// Ends the call here, for a reason of the caller's: a parameter stream threw.
    void abandon(std::exception_ptr why) noexcept;

    /// Whether a result, or an item, has come before END.
    bool has_result() const noexcept { return inlet_ != nullptr && inlet_->has_message(); }

    bool is_over() const noexcept { return over_; }
    bool has_failed() const noexcept { return failure_ != nullptr; }
    /// Throws why it failed, if it did.
    void rethrow() const {
        if (failure_) [[unlikely]]
            std::rethrow_exception(failure_);
    }

    const method_row& method() const noexcept { return *method_; }
    /// What END said, in microseconds.
    std::uint32_t queue_us() const noexcept { return queue_us_; }
    std::uint32_t run_us() const noexcept { return run_us_; }
    /// When the turn began in which it was launched.
    clock::time_point launched_at() const noexcept { return launched_at_; }

    const char* name() const noexcept override { return "rpc call"; }
    void cancel() noexcept override;
    void await_resume() noexcept {
        if (failed() && !over_) cancel_here(error());
    }

protected:
    /// Decodes the result. False, with the reason in `why`, when it cannot be.
    virtual bool take_result(received_message result, std::string& why) = 0;

private:
    friend class connection_state;

    progress start() override;
    /// A result longer than a frame, or the items of a stream.
    message_inlet& inlet();
    void on_end(const end_event& event, std::span<unique_fd> handles);
    void fail(std::exception_ptr why) noexcept;
    void finish() noexcept;
    void cancel_here(std::error_code why) noexcept;
    void tell_peer(status why) noexcept;
    void gather_metadata();
    std::size_t preamble_size() const noexcept;
    std::byte* write_preamble(std::byte* at) const noexcept;
    void tell_watches() noexcept;

    connection_state* on_;
    const method_row* method_;
    std::exception_ptr failure_;
    std::byte* header_ = nullptr;  // of the OPEN that was begun
    std::uint64_t begun_at_ = 0;   // in the bytes of the connection's output
    std::uint64_t end_of_open_ = 0;
    std::optional<std::uint64_t> deadline_us_;
    std::uint32_t alias_ = 0;
    bool names_ = false;  // the peer does not know the alias yet
    std::uint32_t stream_;
    std::uint32_t sequence_ = 0;  // how many calls were opened before
    std::size_t begun_size_ = 0;
    std::uint32_t queue_us_ = 0;
    std::uint32_t run_us_ = 0;
    clock::time_point launched_at_{};
    bool launched_ = false;
    bool over_ = false;
    bool ended_by_peer_ = false;
    std::vector<unique_fd> handles_;
    std::unique_ptr<std::vector<std::byte>> metadata_;  // encoded
    std::unique_ptr<call_watches> watches_;
    std::unique_ptr<message_outlet> outlet_;
    std::unique_ptr<message_inlet> inlet_;
    std::unique_ptr<large_message> large_;
};

}  // namespace conduit::rpc::detail
