// SPDX-License-Identifier: BSL-1.0
//
// Who calls, and how: what a procedure can ask about the call it is serving, without a parameter
// for it in the contract.
//
//     conduit::task<void> put(entry e) override {
//         const rpc::call_info& call = co_await rpc::this_call();
//         if (call.peer() && call.peer()->uid != 0) throw rpc::fault(...);
//     }

#pragma once

#include <conduit/rpc/caller.hpp>
#include <conduit/rpc/metadata.hpp>
#include <conduit/rpc/peer_link.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/context.hpp>
#include <conduit/runtime/io_message.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/within.hpp>

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace conduit::rpc {

/// Lives as long as the procedure runs.
class call_info {
public:
    /// "demo.calculator.v1/add".
    std::string_view method() const noexcept { return method_; }

    /// Who the other side was when it connected, or sent its first bytes: known on Unix sockets.
    const std::optional<credentials>& peer() const noexcept { return *peer_; }

    /// The name that the other side has proved to have, by its certificate: known with mutual TLS
    /// (server_options::tls()), else empty.
    std::string_view peer_name() const noexcept { return peer_name_; }

    /// For calls back to where this one came from, for as long as the procedure runs:
    /// rpc::stub<chat_client>(call.caller()).
    rpc::caller& caller() const noexcept { return *back_; }

    /// The connection that it came over, to be held for longer than the procedure runs.
    std::shared_ptr<peer_link> link() const;

    /// What came with the call; empty where nothing did.
    const rpc::metadata& metadata() const noexcept;

    /// Holds something until the result is on its way out, or nobody gets one any more: a permit
    /// for what the procedure returns. One thing: the next one takes its place.
    void keep(std::shared_ptr<const void> what) const noexcept { kept_ = std::move(what); }

    /// When the caller stops waiting; time_point::max() when it said nothing.
    clock::time_point deadline() const noexcept { return deadline_; }

protected:
    call_info(std::string_view method, const std::optional<credentials>& peer,
              std::string_view peer_name, rpc::caller& back) noexcept
        : method_(method), peer_(&peer), peer_name_(peer_name), back_(&back) {}
    ~call_info() = default;

    std::string_view method_;
    const std::optional<credentials>* peer_;
    std::string_view peer_name_;
    rpc::caller* back_;
    clock::time_point deadline_ = clock::time_point::max();
    std::unique_ptr<const rpc::metadata> metadata_;
    mutable std::shared_ptr<const void> kept_;
};

inline constexpr trace_key<const call_info*> call_key{};

/// Yields the call that is being served; asserts that there is one. Never waits.
class this_call_awaiter {
public:
    using conduit_awaitable = void;
    bool await_ready() const noexcept { return true; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> /*awaiting*/) const noexcept {}
    const call_info& await_resume() const noexcept;
};
inline this_call_awaiter this_call() noexcept { return {}; }

}  // namespace conduit::rpc
