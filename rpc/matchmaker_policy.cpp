// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/matchmaker_policy.hpp>

#include <conduit/channels/detail/quoted.hpp>
#include <conduit/channels/file.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/rpc/detail/file_rights.hpp>
#include <conduit/rpc/detail/registry_name.hpp>
#include <conduit/runtime/backend/kernel.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>
#include <utility>

namespace conduit::rpc {
namespace {

constexpr std::string_view blanks = " \t\r";
constexpr std::size_t shown_max = 80;
constexpr std::size_t path_shown_max = 1024;

std::vector<std::string_view> words_of(std::string_view line) {
    line = line.substr(0, line.find('#'));
    std::vector<std::string_view> words;
    for (;;) {
        const std::size_t begin = line.find_first_not_of(blanks);
        if (begin == std::string_view::npos) return words;
        line.remove_prefix(begin);
        words.push_back(line.substr(0, line.find_first_of(blanks)));
        line.remove_prefix(words.back().size());
    }
}

std::optional<std::uint32_t> number_in(std::string_view text) {
    std::uint32_t value = 0;
    const auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || stopped != text.data() + text.size()) return std::nullopt;
    return value;
}

std::string why_not_found(std::string_view what, std::string_view name, std::error_code why) {
    if (why == std::errc::invalid_argument) {
        return fmt::format("there is no {} {}", what, conduit::quoted(name, shown_max));
    }
    return fmt::format("{} {} cannot be looked up: {}", what, conduit::quoted(name, shown_max),
                       why.message());
}

/// What others could have written is believed no more than they are.
std::string trouble_with_file(const std::string& path, const file_status& found) {
    const std::uint32_t own = current_kernel().effective_user();
    if (found.what != file_status::type::file)
        return conduit::quoted(path, path_shown_max) + " is no file";
    if (found.owner != detail::root_user && found.owner != own) {
        return fmt::format("{} belongs to user {}, neither to root nor to user {}",
                           conduit::quoted(path, path_shown_max), found.owner, own);
    }
    if ((found.mode & detail::writable_by_others) == 0) return {};
    return fmt::format("{} is writable by others (mode {:04o})",
                       conduit::quoted(path, path_shown_max), found.mode);
}

}  // namespace

/// Takes rules in, line by line.
class matchmaker_policy::reader {
public:
    explicit reader(matchmaker_policy& into) noexcept : into_(into) {}

    /// What is wrong with it; empty where nothing is.
    std::string take(std::string_view line) {
        const auto words = words_of(line);
        if (words.empty()) return {};
        if (into_.rules() == rules_max) {
            return fmt::format("there are more than {} rules (rules_max)", rules_max);
        }
        rule made;
        for (std::size_t i = 1; i < words.size(); ++i) {
            std::string trouble = add(words[i], i + 1 == words.size(), made);
            if (!trouble.empty()) return trouble;
        }
        if (made.users.empty() && !made.anyone) {
            return "a rule says who: user:NAME, uid:NUMBER, group:NAME or anyone";
        }
        std::sort(made.users.begin(), made.users.end());
        return put(words.front(), std::move(made));
    }

private:
    std::string put(std::string_view pattern, rule made) {
        const bool is_all = pattern == "*";
        const bool is_prefix = is_all || pattern.ends_with(".*");
        std::string text(is_prefix ? pattern.substr(0, pattern.size() - 1) : pattern);
        std::string trouble = is_prefix ? detail::prefix_problem(text) : detail::name_problem(text);
        if (!trouble.empty()) return trouble;
        auto& rules = is_prefix ? into_.prefixes_ : into_.exact_;
        if (rules.emplace(std::move(text), std::move(made)).second) return {};
        return fmt::format("there is another rule for {}", conduit::quoted(pattern, shown_max));
    }

    std::string add(std::string_view word, bool is_last, rule& to) {
        if (word == "anyone") {
            to.anyone = true;
            return {};
        }
        if (word == "shared" && is_last) {
            to.shared = true;
            return {};
        }
        const std::size_t colon = word.find(':');
        const std::string_view kind = word.substr(0, colon);
        const std::string name(colon == std::string_view::npos ? "" : word.substr(colon + 1));
        if (name.empty() || (kind != "user" && kind != "uid" && kind != "group")) {
            return fmt::format(
                "{} is none of user:NAME, uid:NUMBER, group:NAME, anyone, and "
                "shared as the last word",
                conduit::quoted(word, shown_max));
        }
        if (kind == "uid") return add_number(name, to);
        return kind == "user" ? add_user(name, to) : add_group(name, to);
    }

    static std::string add_number(const std::string& text, rule& to) {
        const auto uid = number_in(text);
        if (!uid) return conduit::quoted(text, shown_max) + " is no number of a user";
        to.users.push_back(*uid);
        return {};
    }
    static std::string add_user(const std::string& name, rule& to) {
        auto uid = current_kernel().user_named(name);
        if (!uid) return why_not_found("user", name, uid.error());
        to.users.push_back(*uid);
        return {};
    }
    static std::string add_group(const std::string& name, rule& to) {
        auto members = current_kernel().members_of(name);
        if (!members) return why_not_found("group", name, members.error());
        if (members->empty()) return fmt::format("group {} has no members", conduit::quoted(name));
        to.users.insert(to.users.end(), members->begin(), members->end());
        return {};
    }

    matchmaker_policy& into_;
};

matchmaker_policy matchmaker_policy::first_come() {
    matchmaker_policy made;
    made.prefixes_[""].anyone = true;
    return made;
}

result<matchmaker_policy, fault> matchmaker_policy::parse(std::string_view text,
                                                          const std::string& where) {
    if (text.size() > file_bytes_max) {
        return fault(
            status::invalid_argument,
            fmt::format("{} has {} bytes, of at most {} (file_bytes_max)",
                        conduit::quoted(where, path_shown_max), text.size(), file_bytes_max));
    }
    matchmaker_policy made;
    reader rules(made);
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        const std::string trouble = rules.take(line);
        if (trouble.empty()) continue;
        return fault(status::invalid_argument,
                     fmt::format("{}, line {}: {}", conduit::quoted(where, path_shown_max), number,
                                 trouble));
    }
    return made;
}

task<result<matchmaker_policy, fault>> matchmaker_policy::read(std::string path) {
    const std::string own = std::move(path);
    std::string why;
    auto in = co_await file_reader::open(own, &why);
    if (!in) co_return fault(status::unavailable, why);
    auto about = current_kernel().status_of(in->handle().owned());
    if (!about) co_return fault(status::unavailable, about.error().message());
    const std::string trouble = trouble_with_file(own, *about);
    if (!trouble.empty()) co_return fault(status::permission_denied, trouble);
    std::string text;
    std::vector<std::byte> room(65'536);
    while (text.size() <= file_bytes_max) {
        auto got = co_await in->read_some(std::span(room));
        if (!got) {
            co_return fault(status::unavailable,
                            fmt::format("cannot read {}: {}", conduit::quoted(own, path_shown_max),
                                        got.error().message()));
        }
        if (*got == 0) break;
        for (const std::byte each : std::span(room).first(*got)) {
            text.push_back(std::to_integer<char>(each));
        }
    }
    co_return parse(text, own);
}

detail::announce_right matchmaker_policy::answer(const rule& of, std::uint32_t uid) const {
    const bool may = of.anyone || std::binary_search(of.users.begin(), of.users.end(), uid);
    if (!may) return detail::announce_right::refused;
    return of.shared ? detail::announce_right::shared : detail::announce_right::while_free;
}

detail::announce_right matchmaker_policy::may_announce(std::uint32_t uid,
                                                       std::string_view name) const {
    const auto exact = exact_.find(name);
    if (exact != exact_.end()) return answer(exact->second, uid);
    for (std::string_view prefix = name;;) {
        const auto found = prefixes_.find(prefix);
        if (found != prefixes_.end()) return answer(found->second, uid);
        if (prefix.empty()) return detail::announce_right::refused;
        prefix.remove_suffix(1);  // the dot, or the last byte of a name
        const std::size_t dot = prefix.rfind('.');
        prefix = prefix.substr(0, dot == std::string_view::npos ? 0 : dot + 1);
    }
}

}  // namespace conduit::rpc
