// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/detail/quoted.hpp>
#include <conduit/rpc/detail/instance_list.hpp>
#include <conduit/rpc/detail/instance_rules.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

namespace conduit::rpc::detail {
namespace {

constexpr std::string_view blanks = " \t\r";

std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> words;
    for (std::size_t at = line.find_first_not_of(blanks); at != line.npos;) {
        if (line[at] == '#') break;
        const std::size_t end = std::min(line.find_first_of(blanks, at), line.size());
        words.push_back(line.substr(at, end - at));
        at = line.find_first_not_of(blanks, end);
    }
    return words;
}

std::optional<std::uint32_t> number_of(std::string_view text) {
    std::uint32_t n = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return n;
}

std::optional<interface_version> version_of(std::string_view text) {
    const std::size_t dot = std::min(text.find('.'), text.size());
    const auto major = number_of(text.substr(0, dot));
    const auto minor =
        dot == text.size() ? std::optional<std::uint32_t>(0) : number_of(text.substr(dot + 1));
    if (!major || !minor) return std::nullopt;
    return interface_version{*major, *minor};
}

/// What is wrong with it; empty where nothing is.
std::string take_word(std::string_view word, instance_offer& into) {
    const std::size_t equals = word.find('=');
    const std::string_view key = word.substr(0, equals);
    const std::string_view value =
        equals == word.npos ? word.substr(0, 0) : word.substr(equals + 1);
    if (equals != word.npos && key == "tag") {
        into.tags.emplace_back(value);
        return {};
    }
    if (equals != word.npos && key == "weight") {
        const auto weight = number_of(value);
        if (!weight) return quoted(value) + " is no weight: a number is";
        into.weight = *weight;
        return {};
    }
    if (equals != word.npos && key == "version") {
        const auto version = version_of(value);
        if (!version) return quoted(value) + " is no version: 1 and 1.2 are";
        into.version = *version;
        return {};
    }
    return quoted(word) + " is none of version=, weight= and tag=";
}

/// The same of a whole line.
std::string take_line(const std::vector<std::string_view>& words, instance_offer& into) {
    if (words.size() < 2) return "an address is missing behind the name";
    into.name = words[0];
    into.address = words[1];
    for (std::size_t i = 2; i < words.size(); ++i) {
        if (std::string why = take_word(words[i], into); !why.empty()) return why;
    }
    const auto checked = check_offer(into);
    return checked ? std::string() : std::string(checked.error().text());
}

}  // namespace

result<std::vector<instance_offer>, fault> parse_instance_list(std::string_view text,
                                                               const std::string& called,
                                                               char line_end) {
    const auto refuse = [&](std::size_t line, const std::string& why) {
        return fault(status::failed_precondition, fmt::format("{}:{}: {}", called, line, why))
            .ran(false, true);
    };
    std::vector<instance_offer> offers;
    std::map<std::pair<std::string, std::string>, std::size_t> lines;
    std::size_t line = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find(line_end, at), text.size());
        const auto words = words_of(text.substr(at, end - at));
        at = end + 1;
        ++line;
        if (words.empty()) continue;
        instance_offer offer;
        if (std::string why = take_line(words, offer); !why.empty()) return refuse(line, why);
        const auto [there, is_new] = lines.try_emplace({offer.name, offer.address}, line);
        if (!is_new) return refuse(line, fmt::format("the same as in line {}", there->second));
        offers.push_back(std::move(offer));
    }
    return offers;
}

}  // namespace conduit::rpc::detail
