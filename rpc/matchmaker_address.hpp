// SPDX-License-Identifier: BSL-1.0
//
// Where the matchmaker is: at a fixed place, so that nobody has to be told. Clients and the daemon
// ask here; how to speak with it is in matchmaker.hpp.
//
//     auto place = rpc::matchmaker_address::of_this_process();
//     if (!place) throw place.error();    // "CONDUIT_MATCHMAKER: address 'x', byte 1: ..."
//     log(place->text());                 // "unix:/run/user/1000/conduit/matchmaker.sock"

#pragma once

#include <conduit/channels/address.hpp>
#include <conduit/channels/allowed_users.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/runtime/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace conduit::rpc {

/// Where it listens on loopback when it is asked to. Ports from 32768 on may be taken by clients.
inline constexpr std::uint16_t matchmaker_port = 7111;

/// One of them; a value. What is asked of folders is asked anew each time, of the kernel of the
/// scheduler that runs.
///
///     of a user     unix:/run/user/UID/conduit/matchmaker.sock, where UID is the effective user's
///                   number; unix:/tmp/conduit-UID/matchmaker.sock where the user has no /run/user
///     of the system unix:/run/conduit/matchmaker.sock; that is also root's
class matchmaker_address {
public:
    /// The one that clients in this process use: what CONDUIT_MATCHMAKER says in the form of
    /// parse(), else their user's. A program that has rights which who started it has not does not
    /// look at the variable. Fails with invalid_argument, naming the variable.
    static result<matchmaker_address, fault> of_this_process();
    static matchmaker_address of_user();
    static matchmaker_address of_system();

    /// "user", "system", "unix:/path", "tcp:host:port", or a list of instances that stands instead
    /// of a matchmaker: "file:/path", or "list:" and the lines of one, parted by ';'. Paths are
    /// absolute. Fails with invalid_argument.
    static result<matchmaker_address, fault> parse(std::string_view text);

    /// As parse() takes it, with the path in full.
    const std::string& text() const noexcept { return text_; }
    /// Why it is this one, for people: "CONDUIT_MATCHMAKER", "user 1000" or "the system".
    const std::string& chosen_by() const noexcept { return chosen_by_; }

    bool is_file() const noexcept { return !where_ && !file_.empty(); }
    bool is_list() const noexcept { return !where_ && file_.empty(); }
    /// Where to connect; asserts that it is no file and no list.
    const address& where() const;
    /// Of a Unix socket or a file, else empty.
    const std::string& path() const noexcept;

    /// What is wrong with the folder of the socket, in words that name it: what was chosen by rule
    /// has to lie in a real folder of this user's (or, of the system, of whose it is) that others
    /// cannot write to. Empty when nothing is, when it is not there yet, and for what was named.
    std::string folder_trouble() const;

    /// Makes that folder where it is missing: with mode 0700, of the system 0755. Fails with
    /// unavailable, saying why, also where folder_trouble() has something to say.
    result<void, fault> make_folder() const;

    /// Whose processes are taken for the matchmaker: this user's, root's, and the owner's of the
    /// socket's folder if those above it belong to root and only root can write there.
    allowed_users servers() const;

    bool operator==(const matchmaker_address& other) const noexcept { return text_ == other.text_; }

private:
    enum class rule : std::uint8_t { named, user, system };

    matchmaker_address(rule chosen, std::string text, std::string chosen_by);

    rule chosen_;
    std::string text_;
    std::string chosen_by_;
    std::optional<address> where_;
    std::string file_;
};

}  // namespace conduit::rpc
