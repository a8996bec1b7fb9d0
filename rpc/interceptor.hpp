// SPDX-License-Identifier: BSL-1.0
//
// What sees every call of a connection, on the side that serves it or on the side that makes it:
// for authorisation, metrics and tracing. What is to be known inside one procedure is in
// call_info.hpp.
//
//     class only_with_token final : public rpc::serving_interceptor {
//         std::unique_ptr<rpc::call_watch> begin(const rpc::call_info& call) override {
//             if (call.metadata().find("token") == secret) return nullptr;
//             throw rpc::fault(rpc::status::unauthenticated, "a token is wanted");
//         }
//     };
//
//     auto options = rpc::connection_options().serving(std::make_shared<only_with_token>());
//     rpc::server server(rpc::server_options().each(options));

#pragma once

#include <conduit/rpc/call_info.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/rpc/metadata.hpp>

#include <chrono>
#include <memory>
#include <string_view>

namespace conduit::rpc {

/// How a call ended. Valid while a call_watch is told of it.
struct call_end {
    status code = status::ok;
    std::string_view text;               // of the fault; empty where it went well
    std::chrono::microseconds queued{};  // at the server, before the procedure began
    std::chrono::microseconds ran{};     // from there to its end
};

/// Is told how one call ended, and destroyed: the place for a span or the start of a clock.
class call_watch {
public:
    virtual ~call_watch() = default;
    virtual void ended(const call_end& how) noexcept = 0;
};

/// Sees the calls that are served over a connection. One object may be given to many connections of
/// one scheduler; its functions do not wait, and are called in the order in which interceptors were
/// given, the ends of calls in the reverse.
class serving_interceptor {
public:
    virtual ~serving_interceptor() = default;

    /// The arguments are there and the procedure is about to begin, in whose context this is
    /// called. Yields what is to be told of its end, or null. Throws a fault to refuse the call,
    /// whose procedure then has not run; anything else that is thrown is for the server's log.
    virtual std::unique_ptr<call_watch> begin(const call_info& call) = 0;
};

/// A call that is about to be made.
class call_request {
public:
    call_request(std::string_view method, rpc::metadata with) noexcept
        : method_(method), metadata_(std::move(with)) {}

    /// "demo.calculator.v1/add".
    std::string_view method() const noexcept { return method_; }
    /// What goes with it, to be looked at and changed.
    rpc::metadata& metadata() noexcept { return metadata_; }
    const rpc::metadata& metadata() const noexcept { return metadata_; }

private:
    std::string_view method_;
    rpc::metadata metadata_;
};

/// Sees the calls that are made over a connection; otherwise as serving_interceptor.
class calling_interceptor {
public:
    virtual ~calling_interceptor() = default;

    /// There is a place for the call, and it goes out next, from whose context this is called.
    /// Yields what is to be told of its end, or null. What it throws, the caller catches, and
    /// nothing is sent.
    virtual std::unique_ptr<call_watch> begin(call_request& call) = 0;
};

}  // namespace conduit::rpc
