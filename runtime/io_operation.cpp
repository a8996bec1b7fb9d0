// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/backend/backend.hpp>
#include <conduit/runtime/io_operation.hpp>

namespace conduit {

const char* io_operation::name() const noexcept {
    switch (code_) {
        case io_code::read: return "read";
        case io_code::write: return "write";
        case io_code::send: return "send";
        case io_code::receive: return "receive";
        case io_code::receive_lent: return "receive (lent)";
        case io_code::accept: return "accept";
        case io_code::accept_many: return "accept (many)";
        case io_code::connect: return "connect";
        case io_code::open: return "open";
        case io_code::poll_readable: return "readable";
        case io_code::poll_writable: return "writable";
        case io_code::poll_hang_up: return "hang-up";
        case io_code::wait_process: return "process";
        case io_code::splice: return "splice";
        case io_code::shutdown: return "shutdown";
        case io_code::close: return "close";
    }
    return "operation";
}

namespace {

// What is done to end something is done also where a stop was requested.
bool ends_something(io_code code) noexcept {
    return code == io_code::close || code == io_code::shutdown;
}

}  // namespace

io_operation::io_operation(io_code code, registration* target, io_data data,
                           std::size_t size) noexcept
    : operation(ends_something(code) ? kind::unstoppable : kind::stoppable),
      code_(code),
      target_(target),
      data_(data),
      size_(size) {
    if (target_ != nullptr) target_->hold();
    if (second_target() != nullptr) second_target()->hold();
}

io_operation::io_operation(io_operation&& other) noexcept
    : operation(static_cast<operation&&>(other)),
      code_(other.code_),
      target_(other.target_),
      data_(other.data_),
      size_(other.size_) {
    if (target_ != nullptr) target_->hold();
    if (second_target() != nullptr) second_target()->hold();
}

io_operation::~io_operation() {
    if (is_waiting()) withdraw();
    if (second_target() != nullptr) second_target()->release();
    if (target_ != nullptr) target_->release();
}

operation::progress io_operation::start() {
    backend& here = *loop::running().backend;
    if (code_ == io_code::open) return here.start(*this);
    const bool moves_to_nothing = code_ == io_code::splice && is_closed(second_target());
    if (is_closed(target_) || moves_to_nothing) {
        set_outcome(closed_outcome);
        return progress::done;
    }
    expect_free_side(here);
    return here.start(*this);
}

bool io_operation::is_closed(const registration* target) noexcept {
    return target == nullptr || target->closed;
}

void io_operation::expect_free_side(const backend& here) const noexcept {
    CONDUIT_ASSERT(target_->home == &here, "a channel is used on the scheduler it was made on");
    if (ends_something(code_)) return;
    bool free = target_->pending(side_of(code_)) == nullptr;
    if (const registration* to = second_target()) {
        CONDUIT_ASSERT(to->home == &here, "a channel is used on the scheduler it was made on");
        free = free && to->giver == nullptr;
    }
    CONDUIT_ASSERT(free, "one operation per direction of a handle at a time");
}

void io_operation::cancel() noexcept { loop::running().backend->cancel(*this); }

void io_operation::withdraw() noexcept { loop::running().backend->withdraw(*this); }

handle_operation::~handle_operation() {
    // A connection that arrived while its task is being destroyed belongs to nobody else.
    if (is_queued() && !failed()) unique_fd(loop::running().backend->kernel(), outcome()).reset();
}

result<unique_fd> handle_operation::await_resume() {
    if (failed()) return error();
    return unique_fd(loop::running().backend->kernel(), outcome());
}

result<exit_status> exit_operation::await_resume() const {
    if (failed()) return error();
    exit_status status;
    (outcome() >= signalled ? status.signal : status.code) = outcome() % signalled;
    return status;
}

}  // namespace conduit
