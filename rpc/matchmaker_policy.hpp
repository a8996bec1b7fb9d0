// SPDX-License-Identifier: BSL-1.0
//
// Which users may announce which names: what an operator writes into a file. Without one, a name is
// whose who announces it first.
//
//     # names            who
//     demo.*             anyone
//     shop.*             user:alice group:shopkeepers uid:1042
//     shop.orders.v1     user:orders
//     shop.catalogue.*   group:shopkeepers shared
//
//     auto policy = co_await rpc::matchmaker_policy::read("/etc/conduit/matchmaker.policy");
//     if (!policy) log(policy.error().text());            // "'/etc/...', line 3: there is no ..."
//     matchmaker.use_policy(std::move(*policy));

#pragma once

#include <conduit/rpc/detail/announce_policy.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/task.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace conduit::rpc {

/// A rule is a line: a name, or a prefix and ".*" for all that begin with it and a dot, or "*" for
/// all; then who may announce it, separated by blanks; then perhaps "shared": by several of them at
/// a time. Who is user:NAME, uid:NUMBER, group:NAME or anyone. '#' begins a comment.
///
/// Of the rules that fit a name one decides, and no other: that for the very name, else the longest
/// prefix. A name that none fits is refused. root and the matchmaker's own user are no exceptions,
/// except that names beginning with "conduit." are for these two only, whatever a rule says.
///
/// Users and groups are looked up when the rules are read, and not again. A value.
class matchmaker_policy final : public detail::announce_policy {
public:
    static constexpr std::size_t file_bytes_max = std::size_t{1024} * 1024;
    static constexpr std::size_t rules_max = 10'000;

    /// Refuses everything.
    matchmaker_policy() = default;
    /// Any name, for whoever comes first.
    static matchmaker_policy first_come();

    /// Reads rules; asks the user database of the kernel of the scheduler that runs, which may
    /// block. `where` is what the rules are called in messages. Fails with invalid_argument, naming
    /// the line and what is wrong with it: one bad line makes all of it void.
    static result<matchmaker_policy, fault> parse(std::string_view text, const std::string& where);

    /// The same of a file, which must belong to root or this user, and be writable by no one else.
    /// Fails with unavailable where it cannot be read, permission_denied where others could have
    /// written it, and as parse() does.
    static task<result<matchmaker_policy, fault>> read(std::string path);

    detail::announce_right may_announce(std::uint32_t uid, std::string_view name) const override;

    std::size_t rules() const noexcept { return exact_.size() + prefixes_.size(); }

private:
    struct rule {
        std::vector<std::uint32_t> users;  // sorted
        bool anyone = false;
        bool shared = false;
    };
    class reader;

    detail::announce_right answer(const rule& of, std::uint32_t uid) const;

    std::map<std::string, rule, std::less<>> exact_;
    std::map<std::string, rule, std::less<>> prefixes_;  // with the dot; empty: all
};

}  // namespace conduit::rpc
