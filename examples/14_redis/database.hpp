// SPDX-License-Identifier: BSL-1.0
//
// The keys and values of the server, and the commands on them.

#pragma once

#include "reply.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

/// All clients share one, on one thread: a command is over before another begins.
class database {
public:
    /// As with Redis's maxmemory: beyond it nothing is added. What a key costs beside its bytes is
    /// counted as well.
    static constexpr std::size_t bytes_max = std::size_t{256} * 1024 * 1024;
    static constexpr std::size_t key_overhead = 128;

    enum class then : std::uint8_t { go_on, close };

    /// Does what a request says, the command first, and adds what Redis would reply to it. Yields
    /// what is then to become of the connection.
    then execute(std::span<const std::string_view> words, reply& to);

private:
    using arguments = std::span<const std::string_view>;
    struct command;
    static const std::span<const command> commands;
    static const command* find(std::string_view name);

    then ping(arguments words, reply& to);
    then get(arguments words, reply& to);
    then set(arguments words, reply& to);
    then del(arguments words, reply& to);
    then incr(arguments words, reply& to);
    then quit(arguments words, reply& to);
    then hello(arguments words, reply& to);
    then config(arguments words, reply& to);
    then describe_commands(arguments words, reply& to);
    then refuse_stranger(arguments words, reply& to);

    bool put(std::string_view key, std::string_view value);

    /// In order, since a hash without a secret can be made to collide by whoever chooses the keys.
    std::map<std::string, std::string, std::less<>> values_;
    std::size_t bytes_ = 0;
};
