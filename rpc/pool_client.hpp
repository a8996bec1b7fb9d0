// SPDX-License-Identifier: BSL-1.0
//
// A pool of one's own and the object behind it, in one: a client.hpp that survives its servers.
// Several objects over one pool are stubs of interface.hpp.
//
//     rpc::pool_client<calculator> calc({"unix:/run/x/1", "unix:/run/x/2"});
//     double three = co_await within(2s, calc->add(1, 2));
//     report(*calc);                                      // takes a calculator&
//     co_await calc.close();

#pragma once

#include <conduit/rpc/interface.hpp>
#include <conduit/rpc/pool.hpp>
#include <conduit/rpc/pool_options.hpp>
#include <conduit/runtime/task.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace conduit::rpc {

/// Owns a pool; *client is the Interface. It connects from its construction on, which waits for
/// nothing and fails for nothing: calls do, see pool.hpp. It may be moved under its calls.
template <class Interface>
class pool_client {
public:
    explicit pool_client(std::vector<std::string> addresses, pool_options options = pool_options())
        : inside_(std::make_unique<inside>(std::move(addresses), std::move(options))) {}

    Interface& operator*() const noexcept { return inside_->object; }
    Interface* operator->() const noexcept { return &inside_->object; }

    /// For stubs of other interfaces, and for what it says of itself.
    rpc::pool& pool() const noexcept { return inside_->servers; }

    /// Waits until calls under way have ended and all connections are closed: pool::drain().
    task<void> close() { return inside_->servers.drain(); }

private:
    struct inside {
        inside(std::vector<std::string> addresses, pool_options options)
            : servers(std::move(addresses), std::move(options)), object(servers) {}

        rpc::pool servers;
        stub<Interface> object;
    };

    std::unique_ptr<inside> inside_;
};

}  // namespace conduit::rpc
