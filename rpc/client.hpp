// SPDX-License-Identifier: BSL-1.0
//
// A connection of one's own and the object at its other end, in one. connect.hpp makes one from an
// address; several objects over one connection are stubs of interface.hpp.
//
//     rpc::client<calculator> calc(any_stream(std::move(socket)));
//     double three = co_await calc->add(1, 2);
//     report(*calc);                                      // takes a calculator&

#pragma once

#include <conduit/channels/any_stream.hpp>
#include <conduit/rpc/connect_options.hpp>
#include <conduit/rpc/connection.hpp>
#include <conduit/rpc/interface.hpp>
#include <conduit/runtime/task.hpp>

#include <memory>
#include <utility>

namespace conduit::rpc {

/// Owns a connection; *client is the Interface. The client must outlive its calls, but may be moved
/// under them. Destroying it ends calls under way with fault(unavailable), and those of the server
/// to here; close() lets them end before.
template <class Interface>
class client {
public:
    explicit client(any_stream over, connect_options options = connect_options())
        : inside_(std::make_unique<inside>(std::move(over), std::move(options))) {}

    Interface& operator*() const noexcept { return inside_->object; }
    Interface* operator->() const noexcept { return &inside_->object; }

    /// For stubs of other interfaces, and for what it says of itself.
    rpc::connection& connection() const noexcept { return inside_->link; }

    /// Waits until calls under way have ended and the connection is closed: connection::drain().
    task<void> close() { return inside_->link.drain(); }

private:
    struct inside {
        inside(any_stream over, connect_options given)
            : options(std::move(given)),
              link(std::move(over), options.offers(), options.connection()),
              object(link) {}

        connect_options options;
        rpc::connection link;
        stub<Interface> object;
    };

    std::unique_ptr<inside> inside_;
};

}  // namespace conduit::rpc
