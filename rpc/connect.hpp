// SPDX-License-Identifier: BSL-1.0
//
// An object in another process, by the address at which a server.hpp listens. Over a stream that is
// there already make a client (client.hpp) or a connection.
//
//     auto calc = co_await rpc::connect<calculator>("unix:/run/x/sock");
//     double three = co_await calc->add(1, 2);
//     co_await calc.close();
//
//     auto options = rpc::connect_options().offer<listener>(me);      // for calls back
//     auto chat = co_await rpc::connect<chat_room>("unix:/run/x/sock", options);

#pragma once

#include <conduit/channels/any_stream.hpp>
#include <conduit/rpc/client.hpp>
#include <conduit/rpc/connect_options.hpp>
#include <conduit/runtime/task.hpp>

#include <string>
#include <utility>

namespace conduit::rpc {

namespace detail {
task<any_stream> open_stream(std::string where, connect_options* options);
}

/// Waits until there is a connection, and yields the object at its other end. What is said over it
/// comes later: that the other side offers no such interface shows with the first call.
///
/// It belongs to the context it was made in: whose deadline or stop request ends it. A procedure
/// that makes one for longer than its own call has it made by a task of an object that lives on.
///
///     unix:   fails where a user other than connect_options::servers() listens
///     tcp:    see tcp_stream.hpp; with TLS where connect_options::tls() is set, whose handshake
///             may take connection_options::greeting_within()
///     fifo:   tells the server of a pair of FIFOs made for this; 5 s for all of it
///     exec:   starts a program and calls it over its standard input and output, which it serves at
///             "stdio:". Its error output is this process's. Closing ends its input, and kills it
///             if it does not end within a second; so does destroying, at once.
///     stdio:  calls who started this process
///
/// Throws fault(unavailable) that names the address and the reason, cancelled or deadline_exceeded
/// where the task's context ended it, and invalid_argument for what is no such address.
template <class Interface>
task<client<Interface>> connect(std::string where, connect_options options = connect_options()) {
    connect_options own = std::move(options);
    any_stream stream = co_await detail::open_stream(std::move(where), &own);
    co_return client<Interface>(std::move(stream), std::move(own));
}

}  // namespace conduit::rpc
