// SPDX-License-Identifier: BSL-1.0
#include "reach.hpp"

#include "failure.hpp"

#include <conduit/channels/address.hpp>
#include <conduit/channels/tls_context.hpp>
#include <conduit/rpc/connect.hpp>
#include <conduit/rpc/matchmaker_address.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <fmt/format.h>
#include <pwd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <memory>
#include <utility>

namespace conduit::tool {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::string_view, 6> kinds{
    "unix:", "tcp:", "udp:", "fifo:", "exec:", "stdio:"};

std::uint32_t user_number(const std::string& name) {
    std::uint32_t number = 0;
    const char* const end = name.data() + name.size();
    const auto [stop, error] = std::from_chars(name.data(), end, number);
    if (error == std::errc() && stop == end) return number;
    std::array<char, 16'384> room{};
    passwd entry{};
    passwd* found = nullptr;
    ::getpwnam_r(name.c_str(), &entry, room.data(), room.size(), &found);
    if (found != nullptr) return found->pw_uid;
    throw failure(exit_code::usage, fmt::format("--server-user: there is no user {}", name));
}

std::shared_ptr<const tls_context> tls_of(const request& wanted) {
    tls_options options;
    if (wanted.tls) options.trust_system();
    for (const std::string& path : wanted.tls_trust) options.trust(path);
    if (!wanted.tls_certificate.empty()) {
        options.certificate(wanted.tls_certificate, wanted.tls_key);
    }
    std::string why;
    auto made = tls_context::for_client(std::move(options), &why);
    if (!made) throw failure(exit_code::usage, "TLS: " + why);
    return std::move(*made);
}

rpc::instance_query query_of(const request& wanted, std::string name) {
    rpc::instance_query query;
    query.name = std::move(name);
    query.version = wanted.version;
    query.tags = wanted.tags;
    return query;
}

/// Between two attempts, with --wait.
constexpr clock::duration wait_pause = 50ms;
/// How long somebody who is offered may take to be reached, without --wait.
constexpr clock::duration connect_patience = 3s;

/// Connects as the matchmaker's clients do: by its hand or at the address that it tells.
task<any_stream> open_named(const surroundings& given, std::string name,
                            rpc::connect_options* options) {
    const rpc::instance_query query = query_of(given.wanted, std::move(name));
    const clock::duration patience = given.wanted.wait ? clock::duration::max() : connect_patience;
    auto opened = co_await rpc::try_call(within(patience, given.matchmaker->open(query, options)));
    if (opened) co_return std::move(*opened);
    failure made = failure::of(opened.error(), {});
    const bool is_own_patience = current_context().why_stopped() == stop_reason::none;
    if (is_own_patience && made.code() == exit_code::timed_out) made.code(exit_code::not_found);
    if (is_own_patience) throw failure(made);
    throw_unanswered(opened.error(), {});
}

}  // namespace

bool is_address(std::string_view word) noexcept {
    return std::any_of(kinds.begin(), kinds.end(),
                       [&](std::string_view kind) { return word.starts_with(kind); });
}

target target_of(const request& wanted, std::string_view expected) {
    target meant;
    meant.address = wanted.at;
    meant.words = wanted.words;
    if (!meant.address.empty()) return meant;
    if (meant.words.empty()) {
        throw failure(exit_code::usage, fmt::format("{}: expected {}", wanted.verb, expected));
    }
    const std::string& first = meant.words[0];
    if (!is_address(first) && first.find(':') != std::string::npos) {
        std::string why;
        static_cast<void>(address::parse(first, &why));
        throw failure(exit_code::usage, fmt::format("{}: {}", wanted.verb, why));
    }
    (is_address(first) ? meant.address : meant.name) = first;
    meant.words.erase(meant.words.begin());
    return meant;
}

rpc::connect_options connect_options_of(const request& wanted) {
    rpc::connect_options options;
    allowed_users users;
    for (const std::string& each : wanted.server_users) {
        if (each == "any") {
            users.allow_any();
        } else {
            users.allow_uid(user_number(each));
        }
    }
    options.servers(std::move(users));
    if (wanted.uses_tls()) options.tls(tls_of(wanted), wanted.tls_name);
    return options;
}

void throw_unanswered(const rpc::fault& why, std::string_view what) {
    if (current_context().why_stopped() == stop_reason::cancelled) throw rpc::fault(why);
    failure made = failure::of(why, what);
    if (why.code() == rpc::status::unavailable) made.code(exit_code::not_found);
    // Whoever was asked has looked at the words of the command line, and called nothing.
    if (why.code() == rpc::status::invalid_argument) made.code(exit_code::usage);
    throw failure(made);
}

task<reached> reach_address(const request& wanted, std::string address) {
    const std::string where = std::move(address);
    if (where.starts_with("stdio:")) {
        throw failure(exit_code::usage, "stdio: is this program's own input and output");
    }
    if (where.starts_with("udp:")) {
        throw failure(exit_code::usage, "udp: carries datagrams, and a server is behind a stream");
    }
    for (;;) {
        auto connecting = rpc::connect<rpc::describer>(where, connect_options_of(wanted));
        auto made = co_await rpc::try_call(std::move(connecting));
        if (made) co_return reached(where, std::move(*made));
        const bool may_come = made.error().code() == rpc::status::unavailable;
        if (!wanted.wait || !may_come) throw_unanswered(made.error(), {});
        const std::error_code stopped = co_await sleep_for(wait_pause);
        if (stopped == errc::cancelled) throw rpc::fault(made.error());
        if (stopped) throw failure::of(made.error(), {}).code(exit_code::timed_out);
    }
}

rpc::matchmaker_client_options matchmaker_options_of(const request& wanted) {
    auto place = wanted.matchmaker.empty() ? rpc::matchmaker_address::of_this_process()
                                           : rpc::matchmaker_address::parse(wanted.matchmaker);
    if (!place) throw failure(exit_code::usage, std::string(place.error().text()));
    rpc::matchmaker_client_options options;
    options.at(place->text()).connect(connect_options_of(wanted));
    return options;
}

bool asks_matchmaker(const request& wanted) noexcept {
    if (wanted.verb == "doctor") return true;
    if (!wanted.at.empty()) return false;
    return wanted.words.empty() || !is_address(wanted.words[0]);
}

task<rpc::found_instances> find_instances(const surroundings& given, std::string name) {
    const rpc::instance_query query = query_of(given.wanted, std::move(name));
    rpc::matchmaker& asked = *given.matchmaker;
    auto asking = given.wanted.wait ? asked.find(query) : asked.lookup(query);
    auto found = co_await rpc::try_call(std::move(asking));
    if (!found) throw_unanswered(found.error(), {});
    if (!found->instances.empty()) co_return std::move(*found);
    throw failure(exit_code::not_found, fmt::format("nobody offers {}", query.name));
}

task<reached> reach(const surroundings& given, target meant) {
    const target own = std::move(meant);
    if (!own.address.empty()) co_return co_await reach_address(given.wanted, own.address);
    const rpc::found_instances found = co_await find_instances(given, own.name);
    static_cast<void>(found);  // somebody is there: else it were to be waited for
    rpc::connect_options options = connect_options_of(given.wanted);
    any_stream stream = co_await open_named(given, own.name, &options);
    const std::string where = options.connection().name();
    rpc::client<rpc::describer> peer(std::move(stream), std::move(options));
    co_return reached(where, std::move(peer));
}

}  // namespace conduit::tool
