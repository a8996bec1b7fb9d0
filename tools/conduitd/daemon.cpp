// SPDX-License-Identifier: BSL-1.0
#include "daemon.hpp"

#include "service_manager.hpp"

#include <conduit/channels/address.hpp>
#include <conduit/channels/unix_stream.hpp>
#include <conduit/rpc/matchmaker_address.hpp>
#include <conduit/rpc/matchmaker_server.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/log.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/signal_set.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>
#include <utility>

namespace conduit::daemon {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view system_policy = "/etc/conduit/matchmaker.policy";
/// A lock may outlive a process that used io_uring, by some milliseconds.
constexpr clock::duration lock_patience = 200ms;
/// What is under way has this long, and its own clients would not wait longer either.
constexpr clock::duration take_over_patience = 15s;

void log(log_level level, const std::string& line) { scheduler::current().log(level, line); }

rpc::fault unavailable(const std::string& why) { return {rpc::status::unavailable, why}; }

rpc::server_options served_to(bool everybody, const descriptor_shares& shares) {
    rpc::server_options options;
    options.connections_max(shares.connections)
        .connections_per_user_max(shares.connections_per_user)
        .strangers_max(256)
        .handles_given_max(shares.handles);
    rpc::connection_options each;
    each.handles_given_max(static_cast<std::uint32_t>(shares.handles_per_user));
    options.each(std::move(each));
    if (everybody) options.clients(allowed_users().allow_any()).socket_mode(0666);
    return options;
}

/// The name of a process's program; empty where there is none. A service manager that keeps the
/// socket is what listens until its daemon has taken that over.
std::string program_of(std::int32_t pid) {
    std::ifstream name("/proc/" + std::to_string(pid) + "/comm");
    std::string line;
    std::getline(name, line);
    return line;
}

/// Of a process by its pidfd.
bool has_ended(const unique_fd& process) {
    pollfd asked{process.native().value(), POLLIN, 0};
    return ::poll(&asked, 1, 0) > 0;
}

rpc::matchmaker_address place_of(const options& given) {
    if (given.system) return rpc::matchmaker_address::of_system();
    if (!given.listen) return rpc::matchmaker_address::of_user();
    auto named = rpc::matchmaker_address::parse(*given.listen);
    if (!named) throw named.error();
    if (!named->is_file() && named->where().kind() == address_kind::unix_socket) return *named;
    throw rpc::fault(rpc::status::invalid_argument,
                     *given.listen + ": it listens at a Unix socket; see --tcp");
}

/// A Unix socket is named by --listen, whose folder is looked at; others are none to listen at.
void check_tcp(const std::string& text) {
    const auto named = address::parse(text);
    if (named && named->kind() == address_kind::tcp) return;
    throw rpc::fault(rpc::status::invalid_argument, text + ": --tcp takes tcp:HOST:PORT");
}

std::size_t descriptor_limit() noexcept {
    rlimit limit{};
    return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 1024;
}

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

class matchmaker_daemon {
public:
    explicit matchmaker_daemon(options given)
        : given_(std::move(given)), place_(place_of(given_)), matchmaker_(options_for()) {}

    task<int> run();

private:
    rpc::matchmaker_options options_for() const {
        const descriptor_shares shares = shares_of(descriptor_limit(), serves_everybody());
        rpc::matchmaker_options made;
        made.server(served_to(serves_everybody(), shares));
        made.handles_max(shares.handles_per_user, shares.handles);
        made.state(given_.state ? *given_.state : folder_of(place_.path()) + "/state");
        made.ping_every(std::chrono::milliseconds(given_.ping_ms));
        made.confirm_within(std::chrono::milliseconds(given_.confirm_ms));
        return made;
    }
    bool serves_everybody() const { return place_ == rpc::matchmaker_address::of_system(); }

    void check_place() const;
    task<bool> read_policy();
    task<void> listen();
    task<void> listen_at_place();
    task<void> take_over();
    task<void> follow_signals(signal_set signals);

    options given_;
    rpc::matchmaker_address place_;
    rpc::matchmaker_server matchmaker_;
    std::string where_;
};

/// Before anything is made beside it, such as the folder of the state.
void matchmaker_daemon::check_place() const {
    struct stat there{};
    if (::lstat(place_.path().c_str(), &there) != 0 || S_ISSOCK(there.st_mode)) return;
    throw unavailable(place_.text() + ": something else is there, that is no socket");
}

/// False where the rules are not to be used; those of before stay.
task<bool> matchmaker_daemon::read_policy() {
    if (!given_.policy && !serves_everybody()) co_return true;
    const std::string path = given_.policy.value_or(std::string(system_policy));
    const bool may_be_missing = !given_.policy;
    if (may_be_missing && ::access(path.c_str(), F_OK) != 0 && errno == ENOENT) {
        const std::string closed = "* uid:0 uid:" + std::to_string(::geteuid());
        matchmaker_.use_policy(rpc::matchmaker_policy::parse(closed, path).value());
        log(log_level::warning, "there is no " + path + ", so only root and this user announce");
        co_return true;
    }
    auto policy = co_await rpc::matchmaker_policy::read(path);
    if (!policy) {
        log(log_level::error, "the policy is not taken: " + std::string(policy.error().text()));
        co_return false;
    }
    const std::size_t rules = policy->rules();
    const std::size_t removed = matchmaker_.use_policy(std::move(*policy));
    log(log_level::info, path + ": " + std::to_string(rules) + " rules, by which " +
                             std::to_string(removed) + " instances are removed");
    co_return true;
}

/// Asks who serves there to end, and waits until it has.
task<void> matchmaker_daemon::take_over() {
    auto other = co_await unix_stream::connect(place_.path());
    if (!other) co_return;
    auto process = other->peer_process();
    // The socket of one that used io_uring goes on listening for a moment.
    if (!process || has_ended(*process)) co_return;
    auto who = other->connected_by();
    if (!who || program_of(who->pid) != "conduitd") {
        throw unavailable(place_.text() + ": it is no conduitd that listens there");
    }
    const long asked =
        ::syscall(SYS_pidfd_send_signal, process->native().value(), SIGTERM, nullptr, 0);
    if (asked != 0) throw unavailable("the daemon that serves cannot be asked to end");
    log(log_level::info, place_.text() + ": the daemon that serves there is asked to end");
    other->close();
    auto handle = io_handle::attach(std::move(*process));
    if (!handle) co_return;
    auto ended = co_await within(take_over_patience, handle->readable());
    if (!ended)
        throw unavailable(
            "the daemon that serves has not ended within 15 s; it stays asked to, "
            "and ends once it can (it may be stopped)");
}

task<void> matchmaker_daemon::listen_at_place() {
    const clock::time_point patience = clock::now() + lock_patience;
    for (;;) {
        auto at = co_await rpc::try_call(matchmaker_.server().listen(place_.where()));
        if (at) co_return;
        if (clock::now() >= patience) throw at.error();
        const auto stopped = co_await sleep_for(10ms);
        if (stopped) throw at.error();
    }
}

task<void> matchmaker_daemon::listen() {
    rpc::server& server = matchmaker_.server();
    const std::size_t inherited = server.listen_at_inherited();
    if (inherited > 0) {
        where_ = std::to_string(inherited) + " sockets of the service manager";
    } else {
        co_await listen_at_place();
        where_ = place_.text();
    }
    if (!given_.tcp) co_return;
    auto at = co_await server.listen(*given_.tcp);
    where_ += " and " + to_string(at);
}

task<void> matchmaker_daemon::follow_signals(signal_set signals) {
    signal_set own = std::move(signals);
    while (auto came = co_await own.next()) {
        if (*came == SIGHUP) {
            tell_reloading();
            static_cast<void>(co_await read_policy());
            tell_ready("serving at " + where_);
            continue;
        }
        log(log_level::info, "it is asked to end by signal " + std::to_string(*came));
        tell_stopping();
        matchmaker_.stop();
        co_return;
    }
}

task<int> matchmaker_daemon::run() {
    if (given_.tcp) check_tcp(*given_.tcp);
    check_place();
    auto made = place_.make_folder();
    if (!made) throw made.error();
    auto signals = signal_set::open({SIGHUP, SIGTERM, SIGINT});
    if (!signals) throw unavailable(signals.error().message());
    const bool has_policy = co_await read_policy();
    if (!has_policy) co_return exit_policy;
    if (given_.takes_over) co_await take_over();
    co_await matchmaker_.start();
    co_await listen();
    log(log_level::info,
        "serving at " + where_ + ", epoch " + std::to_string(matchmaker_.at().epoch));
    tell_ready("serving at " + where_);
    task_scope scope;
    auto running = scope.spawn(matchmaker_.run(), "matchmaker");
    scope.spawn(follow_signals(std::move(*signals)), "signals");
    const auto outcome = co_await running;
    scope.request_stop();
    log(log_level::info, outcome.is_clean() ? "it has ended" : "it has ended with calls under way");
    co_return outcome.exit_status();
}

}  // namespace

task<int> serve(options given) {
    options own = std::move(given);
    try {
        matchmaker_daemon daemon(std::move(own));
        const int code = co_await daemon.run();
        co_return code;
    } catch (const rpc::fault& why) {
        log(log_level::error, std::string(why.text()));
        co_return why.code() == rpc::status::invalid_argument ? exit_usage : exit_unavailable;
    }
}

descriptor_shares shares_of(std::size_t descriptors, bool everybody) noexcept {
    constexpr std::size_t own_most = 128;  // besides, there are refusals under way
    const std::size_t others = descriptors - std::min(descriptors / 4, own_most);
    descriptor_shares made;
    made.connections = std::clamp<std::size_t>(others / 3, 1, 65'536);
    made.connections_per_user =
        std::clamp<std::size_t>(everybody ? made.connections / 4 : made.connections, 1, 16'384);
    made.handles = std::clamp<std::size_t>(others / 8, 1, 8192);
    made.handles_per_user =
        std::clamp<std::size_t>(everybody ? made.handles / 4 : made.handles, 1, 1024);
    return made;
}

void raise_descriptor_limit() noexcept {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
}

}  // namespace conduit::daemon
