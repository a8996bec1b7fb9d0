// SPDX-License-Identifier: BSL-1.0
#include "database.hpp"

#include "request_parser.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>

namespace {

bool same_word(std::string_view small, std::string_view other) {
    return std::equal(small.begin(), small.end(), other.begin(), other.end(),
                      [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b + 32 : b); });
}

}  // namespace

struct database::command {
    std::string_view name;
    int words;  // with the command itself; -n: n or more
    then (database::*execute)(arguments, reply&);
    bool has_key;
    bool writes;
    std::string_view summary;
};

const std::span<const database::command> database::commands = [] {
    using d = database;
    // What is asked most often comes first.
    static constexpr std::array<command, 11> all{{
        {"get", 2, &d::get, true, false, "Returns the string value of a key."},
        {"set", -3, &d::set, true, true, "Sets the string value of a key."},
        {"incr", 2, &d::incr, true, true, "Increments the integer value of a key by one."},
        {"del", -2, &d::del, true, true, "Deletes one or more keys."},
        {"ping", -1, &d::ping, false, false, "Returns the server's liveliness response."},
        {"quit", -1, &d::quit, false, false, "Closes the connection."},
        {"hello", -1, &d::hello, false, false, "Handshakes with the Redis server."},
        {"config", -2, &d::config, false, false, "Returns what the server is set to."},
        {"command", -1, &d::describe_commands, false, false, "Returns details of all commands."},
        {"post", -1, &d::refuse_stranger, false, false, "Closes the connection."},
        {"host:", -1, &d::refuse_stranger, false, false, "Closes the connection."},
    }};
    return std::span<const command>(all);
}();

const database::command* database::find(std::string_view name) {
    const auto found = std::find_if(commands.begin(), commands.end(), [name](const command& each) {
        return same_word(each.name, name);
    });
    return found == commands.end() ? nullptr : &*found;
}

database::then database::execute(arguments words, reply& to) {
    const command* const known = find(words.front());
    if (known == nullptr) {
        constexpr std::size_t shown_max = 128;
        std::string shown;
        for (const std::string_view word : words.subspan(1)) {
            if (shown.size() >= shown_max) break;
            shown.append("'").append(word.substr(0, shown_max - shown.size())).append("' ");
        }
        to.add_error("ERR unknown command '" + std::string(words.front().substr(0, shown_max)) +
                     "', with args beginning with: " + shown);
        return then::go_on;
    }
    const int count = static_cast<int>(words.size());
    if (known->words >= 0 ? count != known->words : count < -known->words) {
        to.add_error("ERR wrong number of arguments for '" + std::string(known->name) +
                     "' command");
        return then::go_on;
    }
    return (this->*known->execute)(words, to);
}

database::then database::ping(arguments words, reply& to) {
    if (words.size() > 2) {
        to.add_error("ERR wrong number of arguments for 'ping' command");
    } else if (words.size() == 2) {
        to.add_bulk(words[1]);
    } else {
        to.add_status("PONG");
    }
    return then::go_on;
}

database::then database::get(arguments words, reply& to) {
    const auto found = values_.find(words[1]);
    if (found == values_.end()) {
        to.add_null();
    } else {
        to.add_bulk(found->second);
    }
    return then::go_on;
}

database::then database::set(arguments words, reply& to) {
    // Of the options of SET there is none here: to ignore one would be worse than to refuse it.
    if (words.size() > 3) {
        to.add_error("ERR syntax error");
    } else if (put(words[1], words[2])) {
        to.add_status("OK");
    } else {
        to.add_error("OOM command not allowed when used memory > 'maxmemory'.");
    }
    return then::go_on;
}

database::then database::del(arguments words, reply& to) {
    std::int64_t deleted = 0;
    for (const std::string_view key : words.subspan(1)) {
        const auto found = values_.find(key);
        if (found == values_.end()) continue;
        bytes_ -= found->first.size() + found->second.size() + key_overhead;
        values_.erase(found);
        ++deleted;
    }
    to.add_integer(deleted);
    return then::go_on;
}

database::then database::incr(arguments words, reply& to) {
    const auto found = values_.find(words[1]);
    const auto old = found == values_.end() ? std::int64_t{0} : number_in(found->second);
    if (!old) {
        to.add_error("ERR value is not an integer or out of range");
    } else if (*old == std::numeric_limits<std::int64_t>::max()) {
        to.add_error("ERR increment or decrement would overflow");
    } else if (put(words[1], std::to_string(*old + 1))) {
        to.add_integer(*old + 1);
    } else {
        to.add_error("OOM command not allowed when used memory > 'maxmemory'.");
    }
    return then::go_on;
}

database::then database::quit(arguments /*words*/, reply& to) {
    to.add_status("OK");
    return then::close;
}

/// Asks for a protocol, and who is there. RESP2 is the one spoken here.
database::then database::hello(arguments words, reply& to) {
    if (words.size() > 1 && !number_in(words[1])) {
        to.add_error("ERR Protocol version is not an integer or out of range");
    } else if (words.size() > 1 && words[1] != "2") {
        to.add_error("NOPROTO unsupported protocol version");
    } else if (words.size() > 2) {
        to.add_error("ERR Syntax error in HELLO option '" + std::string(words[2]) + "'");
    } else {
        to.add_array(6);
        to.add_bulk("server");
        to.add_bulk("conduit-example");
        to.add_bulk("proto");
        to.add_integer(2);
        to.add_bulk("mode");
        to.add_bulk("standalone");
    }
    return then::go_on;
}

/// redis-benchmark asks for these two before it begins.
database::then database::config(arguments words, reply& to) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 2> settings = {
        {{"appendonly", "no"}, {"save", ""}}};
    if (!same_word("get", words[1])) {
        to.add_error("ERR unknown subcommand '" + std::string(words[1].substr(0, 128)) +
                     "'. Try CONFIG HELP.");
    } else if (words.size() == 2) {
        to.add_error("ERR wrong number of arguments for 'config|get' command");
    } else {
        const auto asked = [&](const auto& setting) {
            const auto is_it = [&](std::string_view word) {
                return same_word(setting.first, word);
            };
            return std::any_of(words.begin() + 2, words.end(), is_it);
        };
        const auto known = std::count_if(settings.begin(), settings.end(), asked);
        to.add_array(static_cast<std::size_t>(2 * known));
        for (const auto& setting : settings) {
            if (!asked(setting)) continue;
            to.add_bulk(setting.first);
            to.add_bulk(setting.second);
        }
    }
    return then::go_on;
}

/// redis-cli asks for COMMAND DOCS to help people type, and older ones for COMMAND.
database::then database::describe_commands(arguments words, reply& to) {
    if (words.size() == 1) {
        to.add_array(commands.size());
        for (const command& each : commands) {
            to.add_array(6);
            to.add_bulk(each.name);
            to.add_integer(each.words);
            to.add_array(1);
            to.add_status(each.writes ? "write" : "readonly");
            to.add_integer(each.has_key ? 1 : 0);  // the first of its arguments that is a key,
            to.add_integer(each.has_key ? (each.name == "del" ? -1 : 1) : 0);  // the last one,
            to.add_integer(each.has_key ? 1 : 0);                              // and the step
        }
    } else if (same_word("count", words[1]) && words.size() == 2) {
        to.add_integer(static_cast<std::int64_t>(commands.size()));
    } else if (same_word("docs", words[1])) {
        to.add_array(2 * commands.size());
        for (const command& each : commands) {
            to.add_bulk(each.name);
            to.add_array(2);
            to.add_bulk("summary");
            to.add_bulk(each.summary);
        }
    } else {
        to.add_error("ERR unknown subcommand '" + std::string(words[1].substr(0, 128)) +
                     "'. Try COMMAND HELP.");
    }
    return then::go_on;
}

/// It is a browser that was made to talk to this server, and what follows is not its user's wish.
database::then database::refuse_stranger(arguments /*words*/, reply& /*to*/) { return then::close; }

/// False where there is no room.
bool database::put(std::string_view key, std::string_view value) {
    const auto found = values_.find(key);
    const std::size_t old = found == values_.end() ? 0 : found->second.size();
    const std::size_t more = found == values_.end() ? key.size() + key_overhead : 0;
    if (bytes_ - old + more + value.size() > bytes_max) return false;
    if (found == values_.end()) {
        values_.emplace(key, value);
    } else {
        found->second = value;
    }
    bytes_ = bytes_ - old + more + value.size();
    return true;
}
