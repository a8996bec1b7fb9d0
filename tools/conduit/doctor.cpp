// SPDX-License-Identifier: BSL-1.0
//
// conduit doctor: which backend this host would use and why, what it forbids, what both cost here,
// and whether there is a matchmaker.

#include "calibration.hpp"
#include "commands.hpp"
#include "duration.hpp"
#include "host_facts.hpp"
#include "json_of.hpp"
#include "printable.hpp"
#include "reach.hpp"

#include <conduit/runtime/blocking.hpp>

#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <utility>

namespace conduit::tool {

/// With --json. Has linkage since clang 19 wants that of what is in an optional.
struct shown_cost {
    std::int64_t one_at_a_time_ns = 0;
    std::int64_t many_at_once_ns = 0;
};

namespace {

using namespace std::chrono_literals;

constexpr auto calibration_time = 50ms;  // each of two

/// Whether a backend can be had, and what it said of that.
struct probe {
    bool works = false;
    std::string name;  // of the one that was made
    std::string said;
    std::error_code refused;
};

probe try_backend(backend_kind kind) {
    probe done;
    const auto note = [&](log_level, std::string_view line) { done.said = line; };
    try {
        const scheduler made(scheduler_options().backend(kind).log(note));
        done.works = true;
        done.name = made.backend_name();
    } catch (const std::system_error& why) {
        done.said = why.what();
        done.refused = why.code();
    }
    return done;
}

struct findings {
    host_facts host;
    std::string wish;  // CONDUIT_BACKEND
    probe chosen;
    probe uring;
    std::optional<calibration> on_epoll;
    std::optional<calibration> on_uring;
    std::string matchmaker;
    std::string matchmaker_state;
};

std::optional<calibration> measure(backend_kind kind) {
    try {
        return calibrate(kind, calibration_time);
    } catch (const std::system_error&) {
        return std::nullopt;  // the probe has said why
    }
}

/// Blocks its thread for as long as the calibration takes.
findings examine() {
    findings all;
    all.host = read_host_facts("/proc");
    const char* wish = std::getenv("CONDUIT_BACKEND");
    if (wish != nullptr) all.wish = wish;
    all.chosen = try_backend(backend_kind::automatic);
    all.uring = try_backend(backend_kind::uring);
    all.on_epoll = measure(backend_kind::epoll);
    if (all.uring.works) all.on_uring = measure(backend_kind::uring);
    return all;
}

task<void> ask(rpc::matchmaker& matchmaker, findings& into) {
    try {
        into.matchmaker = matchmaker.where();
        const rpc::matchmaker_status status = co_await matchmaker.status();
        into.matchmaker_state = fmt::format("{}, up {}, epoch {}", to_string(status.source),
                                            shown_duration(status.up), status.at.epoch);
    } catch (const rpc::fault& why) {
        if (current_context().why_stopped() == stop_reason::cancelled) throw;
        into.matchmaker_state = why.what();
    }
}

// --- for people ---------------------------------------------------------------------------------

std::string limit_text(const std::optional<std::uint64_t>& limit) {
    return limit ? std::to_string(*limit) : "no limit";
}

std::string seccomp_text(const host_facts& host) {
    if (!host.seccomp) return "unknown";
    return *host.seccomp == 2 ? "filters" : *host.seccomp == 1 ? "strict" : "none";
}

std::string cost_text(std::string_view what, const findings& all,
                      std::chrono::nanoseconds calibration::* number) {
    const auto shown = [&](const std::optional<calibration>& of) {
        return of ? shown_duration((*of).*number) : std::string("-");
    };
    std::string text = fmt::format("{:<32} epoll {:>8}   io_uring {:>8}", what, shown(all.on_epoll),
                                   shown(all.on_uring));
    if (all.on_epoll && all.on_uring) {
        const auto epoll = static_cast<double>(((*all.on_epoll).*number).count());
        const auto uring = static_cast<double>(((*all.on_uring).*number).count());
        text += fmt::format("   io_uring/epoll {:.2f}", uring / epoll);
    }
    return text + '\n';
}

std::string text_of(const findings& all, const output& out) {
    const auto row = [&](std::string_view name, std::string_view what) {
        return fmt::format("{:<12} {}\n", name, printable(what));
    };
    const std::string wish = all.wish.empty() ? "is not set" : "is " + all.wish;
    std::string text = out.strong("backend") + '\n';
    text += row("chosen", all.chosen.works ? all.chosen.name : "none");
    text += row("because", all.chosen.said);
    text += row("asked for", "CONDUIT_BACKEND " + wish);
    text += row("io_uring", all.uring.works ? "can be had" : "cannot be had: " + all.uring.said);
    if (!all.uring.works) text += row("why", why_no_io_uring(all.uring.refused, all.host));
    text += '\n' + out.strong("host") + '\n';
    text += row("kernel", all.host.kernel);
    text += row("seccomp", seccomp_text(all.host));
    text += row("sysctl", all.host.io_uring_disabled ? fmt::format("kernel.io_uring_disabled = {}",
                                                                   *all.host.io_uring_disabled)
                                                     : std::string("no kernel.io_uring_disabled"));
    text +=
        row("open files", fmt::format("{} (ulimit -n; at most {})", limit_text(all.host.open_files),
                                      limit_text(all.host.open_files_most)));
    text += row("locked", fmt::format("{} bytes (ulimit -l)", limit_text(all.host.locked_bytes)));
    text += row("matchmaker", all.matchmaker);
    text += row("", all.matchmaker_state);
    text += '\n' + out.strong("processor time for a byte there and back") + '\n';
    text += cost_text("one Unix socket", all, &calibration::one_at_a_time);
    text += cost_text(fmt::format("{} Unix sockets at once", calibration_sockets), all,
                      &calibration::many_at_once);
    return text;
}

// --- for programs -------------------------------------------------------------------------------

struct shown_findings {
    std::optional<std::string> backend;
    std::string because;
    std::string asked_for;
    bool io_uring = false;
    std::optional<std::string> io_uring_refusal;
    std::optional<std::string> io_uring_cause;
    std::string kernel;
    std::optional<std::int64_t> io_uring_disabled;
    std::optional<std::int64_t> seccomp;
    std::optional<std::uint64_t> open_files;
    std::optional<std::uint64_t> open_files_most;
    std::optional<std::uint64_t> locked_bytes;
    std::string matchmaker;
    std::string matchmaker_state;
    std::optional<shown_cost> cost_of_epoll;
    std::optional<shown_cost> cost_of_io_uring;
};

std::optional<shown_cost> shown(const std::optional<calibration>& of) {
    if (!of) return std::nullopt;
    return shown_cost{of->one_at_a_time.count(), of->many_at_once.count()};
}

std::string as_json(const findings& all) {
    shown_findings said;
    if (all.chosen.works) said.backend = all.chosen.name;
    said.because = all.chosen.said;
    said.asked_for = all.wish;
    said.io_uring = all.uring.works;
    if (!all.uring.works) {
        said.io_uring_refusal = all.uring.said;
        said.io_uring_cause = why_no_io_uring(all.uring.refused, all.host);
    }
    said.kernel = all.host.kernel;
    said.io_uring_disabled = all.host.io_uring_disabled;
    said.seccomp = all.host.seccomp;
    said.open_files = all.host.open_files;
    said.open_files_most = all.host.open_files_most;
    said.locked_bytes = all.host.locked_bytes;
    said.matchmaker = all.matchmaker;
    said.matchmaker_state = all.matchmaker_state;
    said.cost_of_epoll = shown(all.on_epoll);
    said.cost_of_io_uring = shown(all.on_uring);
    return json_of(said) + '\n';
}

}  // namespace

task<exit_code> doctor(const surroundings& given) {
    output& out = given.out;
    auto examined = co_await blocking(examine);
    if (!examined) throw rpc::fault(rpc::status::cancelled, examined.error().message());
    findings all = std::move(*examined);
    co_await ask(*given.matchmaker, all);
    std::string text = out.json() ? as_json(all) : text_of(all, out);
    co_await out.write(std::move(text));
    co_return all.chosen.works ? exit_code::ok : exit_code::failed;
}

}  // namespace conduit::tool
