// SPDX-License-Identifier: BSL-1.0
//
// The contracts of 11_key_value_server: what it is to 11_key_value_client, and what its instances
// are to one another.

#pragma once

#include <conduit/rpc/interface.hpp>
#include <conduit/runtime/stream.hpp>
#include <conduit/runtime/task.hpp>

#include <cstdint>
#include <optional>
#include <string>

/// What was put under a key. Of two the later one counts, in whatever order they come: the one with
/// the greater revision, and of the same revision that of the greater writer.
struct entry {
    std::string key;
    std::string value;
    std::uint64_t revision = 0;
    std::string writer;  // the address of the instance that took it
};

class key_value_store {
public:
    virtual ~key_value_store() = default;

    virtual conduit::task<std::optional<std::string>> get(std::string key) = 0;
    /// Returns when every instance that lives has it, so that it is found at any of them.
    virtual conduit::task<> put(std::string key, std::string value) = 0;
    /// What is there under keys that begin so, and then each change, without end.
    virtual conduit::stream<entry> watch(std::string prefix) = 0;
};
CONDUIT_INTERFACE(key_value_store, "demo.key_value_store.v1", (get, key), (put, key, value),
                  (watch, prefix))

/// To put the same again does no harm either: when an instance dies under a call, the balanced
/// client makes it again at another one.
constexpr auto conduit_methods(conduit::rpc::contract<key_value_store>) {
    using conduit::rpc::method;
    return conduit::rpc::methods(method<&key_value_store::get>().idempotent(),
                                 method<&key_value_store::put>().idempotent());
}

class key_value_replica {
public:
    virtual ~key_value_replica() = default;

    virtual conduit::task<> take(entry one) = 0;
    /// Tells the instance at `address` of each change from now on, and returns when that knows all
    /// that was before.
    virtual conduit::task<> meet(std::string address) = 0;
};
CONDUIT_INTERFACE(key_value_replica, "demo.key_value_replica.v1", (take, one), (meet, address))
