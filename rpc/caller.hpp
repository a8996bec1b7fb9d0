// SPDX-License-Identifier: BSL-1.0
//
// What a stub calls through: one connection, or whatever finds one for each call. Users hand it to
// a stub and need to know no more of it.
//
//     rpc::stub<calculator> there(peer);                  // `peer` is a caller: a connection

#pragma once

#include <conduit/rpc/detail/method_row.hpp>
#include <conduit/runtime/task.hpp>

#include <memory>
#include <utility>

namespace conduit::rpc {

namespace detail {
class call_retries;
class connection_state;
}  // namespace detail

/// Must outlive the stubs that use it, and their calls.
class caller {
public:
    virtual ~caller() = default;

    /// Where a call of `method` can go out at once; null when it must be waited for.
    virtual detail::connection_state* ready(const detail::method_row& method) noexcept = 0;

    /// Waits for such a place. The call must be made before anything else is awaited. Throws a
    /// fault that says that the call was not sent: unavailable, cancelled or deadline_exceeded.
    virtual task<detail::connection_state*> until_ready(const detail::method_row& method) = 0;

    /// By what rules calls that failed are made again; null where they are not, as here.
    const std::shared_ptr<detail::call_retries>& retries() const noexcept { return retries_; }

protected:
    caller() noexcept = default;
    explicit caller(std::shared_ptr<detail::call_retries> retries) noexcept
        : retries_(std::move(retries)) {}

private:
    std::shared_ptr<detail::call_retries> retries_;
};

}  // namespace conduit::rpc
