// SPDX-License-Identifier: BSL-1.0
//
// What goes wrong with a call: a stub throws it, a procedure may throw it to choose what its caller
// sees. To have it as a value instead use try_call.hpp; application errors of your own types are
// listed beside the contract, see interface.hpp.
//
//     throw rpc::fault(rpc::status::not_found, "no key " + key);       // in a procedure
//
//     try {
//         total = co_await remote.add(total, 1);
//     } catch (const rpc::fault& why) {
//         if (why.retry_safe()) ...                                    // at its caller
//     }

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace conduit::rpc {

/// How a call ended. The names and numbers are gRPC's.
enum class status : std::uint8_t {
    ok,
    cancelled,            // the caller did not want it any more
    unknown,              // the procedure threw something that its contract does not list
    invalid_argument,     // the arguments can never be right
    deadline_exceeded,    // the caller's time was up
    not_found,            // what was asked for does not exist
    already_exists,       // what was to be made exists
    permission_denied,    // this caller may not
    resource_exhausted,   // a limit was reached: the text names it
    failed_precondition,  // not in this state of things
    aborted,              // it collided with something; the whole of it may be tried again
    out_of_range,         // past the end
    unimplemented,        // no such interface or method here
    internal,             // the other side is broken, or breaks the protocol
    unavailable,          // no connection, or the other side is going: try again
    data_loss,            // something is gone for good
    unauthenticated,      // who is calling is not known
};

/// "not_found"; "unknown" for a number that is none of them.
std::string_view to_string(status code) noexcept;

/// The exception by which calls fail.
///
/// A procedure that throws one passes its code and text on to its caller. What may be concluded
/// about a retry is said by each hop for itself: a fault that a procedure forwards says to the
/// caller that the procedure has run.
class fault : public std::runtime_error {
public:
    fault(status code, const std::string& text) : std::runtime_error(text), code_(code) {}

    status code() const noexcept { return code_; }
    std::string_view text() const noexcept { return what(); }

    /// Whether the procedure may have begun. False only where it surely has not: nothing that made
    /// a whole request had been sent, or the other side said so.
    bool may_have_run() const noexcept { return may_have_run_; }

    /// Whether calling again does no harm: it has surely not run, or is idempotent by contract.
    bool retry_safe() const noexcept { return retry_safe_; }

    /// How long to wait before a retry, where the other side said so.
    std::optional<std::chrono::milliseconds> retry_after() const noexcept { return retry_after_; }

    /// Lets the caller know when to come back.
    fault& retry_after(std::chrono::milliseconds wait) noexcept {
        retry_after_ = wait;
        return *this;
    }

    // For the library's own layers.
    fault& ran(bool may_have_run, bool idempotent) noexcept {
        may_have_run_ = may_have_run;
        retry_safe_ = !may_have_run || idempotent;
        return *this;
    }
    /// An application error of a listed type: its name and its encoded fields.
    fault& with_details(std::string type, std::vector<std::byte> bytes);
    std::string_view type() const noexcept {
        return details_ ? details_->type : std::string_view();
    }
    const std::vector<std::byte>& details() const noexcept;

private:
    struct typed_error {
        std::string type;
        std::vector<std::byte> bytes;
    };

    status code_;
    bool may_have_run_ = true;
    bool retry_safe_ = false;
    std::optional<std::chrono::milliseconds> retry_after_;
    std::shared_ptr<const typed_error> details_;
};

}  // namespace conduit::rpc
