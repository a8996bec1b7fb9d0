// SPDX-License-Identifier: BSL-1.0
//
// The result of a method that nobody waits for. A procedure without a value whose end matters
// returns task<void>; many small messages to one reader go better through a stream parameter.
//
//     virtual conduit::task<conduit::rpc::one_way> note(std::string line) = 0;    // the contract
//
//     conduit::task<conduit::rpc::one_way> note(std::string line) override {      // the procedure
//         lines_.push_back(std::move(line));
//         co_return conduit::rpc::one_way();
//     }
//     co_await log.note("started");                       // goes on once the call is on its way

#pragma once

namespace conduit::rpc {

/// Says nothing, and does not say it was done: calling such a method through a stub completes when
/// the call is queued to be sent. What goes wrong from then on is seen at the other side only. The
/// call takes its place among those in flight until the procedure has ended there.
class one_way {
public:
    constexpr one_way() noexcept {}
};

}  // namespace conduit::rpc
