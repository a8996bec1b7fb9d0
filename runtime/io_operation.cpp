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
        case io_code::wait_process: return "process";
        case io_code::splice: return "splice";
        case io_code::shutdown: return "shutdown";
        case io_code::close: return "close";
    }
    return "operation";
}

operation::progress io_operation::start() {
    backend& here = *loop::running().backend;
    if (target_ == nullptr) {
        if (code_ == io_code::open) return here.start(*this);
        set_outcome(closed_outcome);
        return progress::done;
    }
    CONDUIT_ASSERT(target_->home == &here, "a channel is used on the scheduler it was made on");
    return here.start(*this);
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
