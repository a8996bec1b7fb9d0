// SPDX-License-Identifier: BSL-1.0
//
// What goes wrong with Unix sockets besides what the kernel says, as std::error_code: each with a
// sentence, and equal to the std::errc that comes nearest. socket_path_trouble() of
// unix_listener.hpp says the same of a path in words that name the folder or the limit.
//
//     auto peer = co_await conduit::unix_stream::connect("/run/x/socket");
//     if (peer.error() == conduit::unix_errc::wrong_peer) ...      // also errc::permission_denied

#pragma once

#include <system_error>

namespace conduit {

enum class unix_errc {
    abstract_name = 1,   // anyone may take an abstract name first; std::errc::invalid_argument
    folder_not_trusted,  // others may change what the path leads to; permission_denied
    path_taken,          // what has the name is no socket; file_exists
    wrong_peer,          // the other end belongs to a user that is not allowed; permission_denied
    message_truncated,   // handles were cut off, so the connection was closed; bad_message
    handle_refused,      // one of a kind that is not taken, so it was closed; bad_message
    too_many_handles,    // more than the policy lets in, so it was closed; bad_message
};

const std::error_category& unix_error_category() noexcept;

/// Lets a unix_errc stand wherever a std::error_code is expected or compared with.
std::error_code make_error_code(unix_errc code) noexcept;

}  // namespace conduit

template <>
struct std::is_error_code_enum<conduit::unix_errc> : std::true_type {};
