// SPDX-License-Identifier: BSL-1.0
//
// What goes wrong with TLS besides what the transport says, as std::error_code: each with a
// sentence, and equal to the std::errc that comes nearest. A stream that ends without TLS having
// ended it is errc::truncated, as everywhere.
//
//     auto peer = co_await conduit::tls_stream::connect(std::move(socket), context, "example.org");
//     if (peer.error() == conduit::tls_errc::certificate_expired) ...

#pragma once

#include <system_error>

namespace conduit {

enum class tls_errc {
    unusable_files = 1,  // certificate, key or roots of this side; std::errc::invalid_argument
    not_tls,             // the peer speaks something else; protocol_error
    old_version,         // the peer has nothing newer than TLS 1.2; protocol_error
    broken_rules,        // what came is no proper TLS, or was changed on the way; protocol_error
    too_many_answers,    // the peer asks for more than it reads; protocol_error

    // What this side found wrong with the peer's certificate; permission_denied.
    certificate_missing,
    certificate_expired,
    certificate_not_yet_valid,
    certificate_untrusted,
    certificate_wrong_name,
    certificate_refused,  // too weak, revoked, for another purpose

    // What the peer says it found; permission_denied, but for the last.
    peer_wants_certificate,
    peer_found_expired,
    peer_found_untrusted,
    peer_refused_certificate,
    peer_refused,  // for another reason; connection_aborted
};

const std::error_category& tls_error_category() noexcept;

/// Lets a tls_errc stand wherever a std::error_code is expected or compared with.
std::error_code make_error_code(tls_errc code) noexcept;

}  // namespace conduit

template <>
struct std::is_error_code_enum<conduit::tls_errc> : std::true_type {};
