// SPDX-License-Identifier: BSL-1.0
//
// A list of instances, in a file or in one line: what is taken is what a matchmaker would take, and
// written down again it is the same list; what is not is refused with a line that says where, and
// is safe to print.

#include "require.hpp"

#include <conduit/rpc/detail/instance_list.hpp>
#include <conduit/rpc/detail/instance_rules.hpp>

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace conduit::rpc;

namespace {

std::string written(const std::vector<instance_offer>& offers, char line_end) {
    std::string text;
    for (const instance_offer& each : offers) {
        text += each.name + ' ' + each.address;
        text += " version=" + std::to_string(each.version.major) + '.' +
                std::to_string(each.version.minor);
        text += " weight=" + std::to_string(each.weight);
        for (const std::string& tag : each.tags) text += " tag=" + tag;
        text += line_end;
    }
    return text;
}

void check_refusal(const fault& why, std::string_view text) {
    conduit::fuzz::require(why.code() == status::failed_precondition, "another code");
    const std::string said(why.text());
    conduit::fuzz::require(said.starts_with("list:"), "a refusal that does not say of what");
    const std::size_t line = std::stoul(said.substr(5));
    conduit::fuzz::require(line >= 1 && line <= text.size(), "a line that there is not");
    for (const char c : said) {
        conduit::fuzz::require(c >= ' ' && c <= '~', "a reason that is not safe to print");
    }
}

void check(std::string_view text, char line_end) {
    const auto parsed = detail::parse_instance_list(text, "list", line_end);
    if (!parsed) return check_refusal(parsed.error(), text);
    std::set<std::pair<std::string, std::string>> places;
    for (const instance_offer& each : *parsed) {
        instance_offer again = each;
        conduit::fuzz::require(detail::check_offer(again).has_value(), "no matchmaker takes this");
        conduit::fuzz::require(again == each, "an offer that is not in its final form");
        const bool is_new = places.emplace(each.name, each.address).second;
        conduit::fuzz::require(is_new, "an offer that is there twice");
    }
    const auto again = detail::parse_instance_list(written(*parsed, line_end), "list", line_end);
    conduit::fuzz::require(again.has_value(), "what was written down is no list");
    conduit::fuzz::require(*again == *parsed, "what was written down is another list");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const std::string text(bytes, bytes + size);
    check(text, '\n');
    check(text, ';');
    return 0;
}
