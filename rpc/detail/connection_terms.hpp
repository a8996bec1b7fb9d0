// SPDX-License-Identifier: BSL-1.0
//
// On what terms a connection is made: its options, which many may have together, and what a server
// adds to them.
//
//     connection_terms terms(options);                    // a pointer: none has a copy of its own
//     terms.user = limits->user("user 1000");
//     connection link(std::move(stream), offers, terms);

#pragma once

#include <conduit/rpc/connection_options.hpp>
#include <conduit/runtime/clock.hpp>

#include <cstdint>
#include <memory>
#include <utility>

namespace conduit::rpc::detail {

class call_statistics;
class user_account;

struct connection_terms {
    /// Those of who wants nothing else, the same for all.
    connection_terms() : connection_terms(usual_options()) {}
    explicit connection_terms(std::shared_ptr<const connection_options> limits)
        : options(std::move(limits)) {}
    explicit connection_terms(const connection_options& limits)
        : connection_terms(std::make_shared<const connection_options>(limits)) {}

    std::shared_ptr<const connection_options> options;
    std::shared_ptr<user_account> user;     // whose account it has; null where nobody shares
    call_statistics* statistics = nullptr;  // records what was served; outlives it, or null
    clock::time_point came = clock::now();  // from when on the peer has time to greet
    /// The number that the first call of this side has in the count of OPEN frames, which begins
    /// anew at 2^32: a test cannot make so many to see that.
    std::uint32_t first_sequence = 0;

private:
    static const std::shared_ptr<const connection_options>& usual_options() {
        static const auto usual = std::make_shared<const connection_options>();
        return usual;
    }
};

}  // namespace conduit::rpc::detail
