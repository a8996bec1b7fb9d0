// SPDX-License-Identifier: BSL-1.0
//
// conduit health: whether a server wants work.

#include "commands.hpp"
#include "json_of.hpp"
#include "printable.hpp"
#include "reach.hpp"

#include <conduit/rpc/health.hpp>
#include <conduit/rpc/try_call.hpp>

#include <fmt/format.h>

#include <utility>

namespace conduit::tool {
namespace {

struct shown_health {
    std::string service;
    std::string state;
};

exit_code code_of(rpc::health_state state) noexcept {
    switch (state) {
        case rpc::health_state::serving: return exit_code::ok;
        case rpc::health_state::not_serving: return exit_code::failed;
        case rpc::health_state::unknown: break;
    }
    return exit_code::not_found;
}

std::string text_of(const std::string& service, rpc::health_state state, const output& out) {
    const std::string name(to_string(state));
    return out.json() ? json_of(shown_health{service, name}) : name;
}

/// Each change, until the server drains.
task<exit_code> follow(rpc::health& of, std::string service, const std::string& where,
                       output& out) {
    const std::string own = std::move(service);
    auto states = of.watch(own);
    rpc::health_state last = rpc::health_state::unknown;
    for (;;) {
        auto next = co_await rpc::try_call(states.next());
        if (!next) throw_unanswered(next.error(), where);
        if (!*next) co_return code_of(last);
        last = **next;
        co_await out.line(text_of(own, last, out));
    }
}

/// The state of every service.
task<exit_code> list_all(rpc::health& of, const std::string& where, output& out) {
    auto all = co_await rpc::try_call(of.list());
    if (!all) throw_unanswered(all.error(), where);
    table shown{{"SERVICE", "STATE"}, {}};
    std::string text;
    for (const auto& [service, state] : *all) {
        text += text_of(service, state, out) + '\n';
        const std::string name = service.empty() ? "(the whole server)" : printable(service);
        shown.rows.push_back({name, std::string(to_string(state))});
    }
    if (!out.json()) text = to_text(shown, out);
    co_await out.write(std::move(text));
    co_return code_of(all->contains("") ? all->at("") : rpc::health_state::unknown);
}

}  // namespace

task<exit_code> health(const surroundings& given) {
    const request& wanted = given.wanted;
    output& out = given.out;
    target meant = target_of(wanted, "a NAME, or an ADDRESS");
    if (meant.words.size() > 1) {
        throw failure(exit_code::usage,
                      fmt::format("health: one SERVICE, but there are {}", meant.words.size()));
    }
    std::string service = meant.words.empty() ? meant.name : meant.words[0];
    reached there = co_await reach(given, std::move(meant));
    rpc::stub<rpc::health> of(there.peer.connection());
    if (wanted.watch) {
        co_return co_await follow(of, std::move(service), there.where, out);
    }
    if (service.empty()) {
        co_return co_await list_all(of, there.where, out);
    }
    auto state = co_await rpc::try_call(of.check(service));
    if (!state) throw_unanswered(state.error(), there.where);
    co_await out.line(text_of(service, *state, out));
    co_return code_of(*state);
}

}  // namespace conduit::tool
