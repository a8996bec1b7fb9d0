// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/unix_error.hpp>

#include <string>

namespace conduit {
namespace {

class unix_category final : public std::error_category {
public:
    const char* name() const noexcept override { return "conduit.unix"; }

    std::string message(int code) const override {
        switch (static_cast<unix_errc>(code)) {
            case unix_errc::abstract_name:
                return "abstract socket names are refused, since anyone may take one first; a file "
                       "whose name begins with @ is written ./@name";
            case unix_errc::folder_not_trusted:
                return "other users may change what the path of the socket leads to";
            case unix_errc::path_taken: return "what has the name of the socket is no socket";
            case unix_errc::wrong_peer:
                return "the process at the other end belongs to a user that is not allowed";
            case unix_errc::message_truncated:
                return "handles of a message were cut off; the connection was closed";
            case unix_errc::handle_refused:
                return "the peer sent a handle of a kind that is not taken; the connection was "
                       "closed";
            case unix_errc::too_many_handles:
                return "the peer sent more handles than are taken; the connection was closed";
        }
        return "unknown error";
    }

    std::error_condition default_error_condition(int code) const noexcept override {
        switch (static_cast<unix_errc>(code)) {
            case unix_errc::abstract_name: return std::errc::invalid_argument;
            case unix_errc::folder_not_trusted:
            case unix_errc::wrong_peer: return std::errc::permission_denied;
            case unix_errc::path_taken: return std::errc::file_exists;
            case unix_errc::message_truncated:
            case unix_errc::handle_refused:
            case unix_errc::too_many_handles: return std::errc::bad_message;
        }
        return {code, *this};
    }
};

}  // namespace

const std::error_category& unix_error_category() noexcept {
    static const unix_category only;
    return only;
}

std::error_code make_error_code(unix_errc code) noexcept {
    return {static_cast<int>(code), unix_error_category()};
}

}  // namespace conduit
