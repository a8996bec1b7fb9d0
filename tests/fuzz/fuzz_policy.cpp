// SPDX-License-Identifier: BSL-1.0
//
// The rules of a matchmaker's policy: what is taken decides as a slow reading of the same rules
// does, the longest one that fits and no other; what is not is refused with a line that says where,
// and is safe to print. Users and groups are not looked up: there are none in simulation.

#include "require.hpp"

#include <conduit/rpc/matchmaker_policy.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

using namespace conduit;
using conduit::fuzz::require;
using rpc::detail::announce_right;

namespace {

struct read_rule {
    std::string text;  // with the dot where it is a prefix; empty: all
    bool is_prefix = false;
    std::set<std::uint32_t> users;
    bool anyone = false;
    bool shared = false;

    bool fits(const std::string& name) const {
        return is_prefix ? name.starts_with(text) : name == text;
    }
    announce_right right_of(std::uint32_t uid) const {
        if (!anyone && !users.contains(uid)) return announce_right::refused;
        return shared ? announce_right::shared : announce_right::while_free;
    }
};

/// Of rules that were taken, so that nothing is wrong with them.
std::vector<read_rule> read_slowly(const std::string& text) {
    std::vector<read_rule> rules;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        line = line.substr(0, line.find('#'));
        std::replace(line.begin(), line.end(), '\t', ' ');
        std::replace(line.begin(), line.end(), '\r', ' ');
        std::vector<std::string> words;
        std::size_t at = 0;
        while ((at = line.find_first_not_of(' ', at)) != std::string::npos) {
            const std::size_t end = std::min(line.find(' ', at), line.size());
            words.push_back(line.substr(at, end - at));
            at = end;
        }
        if (words.empty()) continue;
        read_rule made;
        made.is_prefix = words[0] == "*" || words[0].ends_with(".*");
        made.text = made.is_prefix ? words[0].substr(0, words[0].size() - 1) : words[0];
        for (std::size_t i = 1; i < words.size(); ++i) {
            if (words[i] == "anyone") made.anyone = true;
            if (words[i] == "shared") made.shared = true;
            if (words[i].starts_with("uid:")) {
                made.users.insert(static_cast<std::uint32_t>(std::stoul(words[i].substr(4))));
            }
        }
        rules.push_back(made);
    }
    return rules;
}

announce_right decided_slowly(const std::vector<read_rule>& rules, std::uint32_t uid,
                              const std::string& name) {
    const read_rule* best = nullptr;
    for (const read_rule& each : rules) {
        if (!each.fits(name)) continue;
        if (best == nullptr || each.text.size() > best->text.size()) best = &each;
        if (each.text == best->text && !each.is_prefix) best = &each;  // "shop." and "shop.*"
    }
    return best == nullptr ? announce_right::refused : best->right_of(uid);
}

void compare(const rpc::matchmaker_policy& policy, const std::string& text) {
    constexpr std::size_t rules_compared = 32;
    const std::vector<read_rule> rules = read_slowly(text);
    require(policy.rules() == rules.size(), "another number of rules");
    for (std::size_t i = 0; i < std::min(rules.size(), rules_compared); ++i) {
        const std::string& own = rules[i].text;
        std::set<std::uint32_t> users = rules[i].users;
        users.insert({0, 1000});
        for (const std::string& name : {own, own + "a", own + ".a", "a." + own}) {
            for (const std::uint32_t uid : users) {
                require(policy.may_announce(uid, name) == decided_slowly(rules, uid, name),
                        "the rules are read in another way");
            }
        }
    }
}

void check_refusal(const rpc::fault& why) {
    require(why.code() == rpc::status::invalid_argument, "another code");
    const std::string said(why.text());
    require(said.starts_with("'rules'"), "a refusal that does not say of what");
    for (const char c : said) require(c >= ' ' && c <= '~', "a reason that is not safe to print");
}

task<> check(std::string text) {
    const std::string own = std::move(text);
    const auto parsed = rpc::matchmaker_policy::parse(own, "rules");
    if (parsed) {
        compare(*parsed, own);
    } else {
        check_refusal(parsed.error());
    }
    co_return;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const std::string text(bytes, bytes + size);
    scheduler(scheduler_options().backend(backend_kind::sim)).run(check(text));
    return 0;
}
