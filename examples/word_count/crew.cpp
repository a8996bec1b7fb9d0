// SPDX-License-Identifier: BSL-1.0
#include "crew.hpp"

#include <conduit/channels/any_stream.hpp>
#include <conduit/channels/command.hpp>
#include <conduit/channels/line_reader.hpp>
#include <conduit/runtime/within.hpp>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace word_count {
namespace {

using conduit::task;
using namespace std::chrono_literals;

constexpr auto patience = 10s;

/// The kernel tells nobody of a parent that is dead when it is asked: the child looks afterwards.
constexpr const char* unless_orphaned = R"([ "$PPID" = "$0" ] || exit 1; exec "$@")";

/// A program that the kernel ends with this process, should that be killed.
template <class... Words>
conduit::command bound_to_this(const char* program, const Words&... words) {
    return conduit::command("setpriv", "--pdeathsig", "KILL", "sh", "-c", unless_orphaned,
                            std::to_string(::getpid()), program, words...);
}

/// Not reached by what the terminal sends to this process's group, such as Ctrl-C: this process
/// sees to its children itself.
conduit::process start_child(conduit::command program) {
    program.own_group();
    conduit::start_failure why;
    auto child = conduit::start(std::move(program), &why);
    if (!child) throw std::runtime_error(why.text());
    return std::move(*child);
}

}  // namespace

std::string words_for(const conduit::exit_status& ended) {
    if (ended.signal != 0) return "was killed by signal " + std::to_string(ended.signal);
    return "ended with status " + std::to_string(ended.code);
}

void crew::start_matchmaker() {
    auto program =
        bound_to_this(WORD_COUNT_CONDUITD, "--state", "", "--listen", matchmaker_address());
    program.input(conduit::redirect::null())
        .output(conduit::redirect::null())
        .error_output(conduit::redirect::pipe());
    matchmaker_.emplace(start_child(std::move(program)));
    matchmaker_errors_.emplace(matchmaker_->take_error_output().value());
}

/// Calls go over any stream: here it is the standard input and output of a child.
void crew::start_collector() {
    collector_child_.emplace(start_child(bound_to_this(WORD_COUNT_COLLECTOR)));
    auto output = collector_child_->take_output();
    auto input = collector_child_->take_input();
    conduit::any_stream stream(std::move(output.value()), std::move(input.value()));
    collector_.emplace(std::move(stream));
}

crew::worker& crew::start_worker() {
    const std::string number = std::to_string(++started_);
    auto program = bound_to_this(WORD_COUNT_WORKER, "--number", number, "--folder", folder_);
    if (miscounts_ && started_ == wanted_ + 1) program.argument("--miscount");
    program.environment("CONDUIT_MATCHMAKER", matchmaker_address());
    program.output(conduit::redirect::null());
    workers_.push_back({"worker " + number, "worker=" + number, start_child(std::move(program))});
    return workers_.back();
}

task<> crew::start(conduit::task_scope& scope, std::string log_file) {
    const std::string file = std::move(log_file);
    const std::string fifo = folder_ + "/log";
    start_collector();
    scope.spawn(follow_collector(), "collector");
    co_await conduit::within(patience, collector().collect(fifo, file));
    auto log = co_await conduit::within(patience, process_log::open(fifo, "demo", from_conduit_));
    log_.emplace(std::move(log));
    auto for_matchmaker =
        co_await conduit::within(patience, process_log::open(fifo, "conduitd", remarks()));
    matchmaker_log_.emplace(std::move(for_matchmaker));
    start_matchmaker();
    scope.spawn(pass_on_errors(), "matchmaker's errors");
    scope.spawn(follow_matchmaker(), "matchmaker");
    for (std::size_t i = 0; i < wanted_; ++i) scope.spawn(keep_replaced(start_worker()), "worker");
}

/// Whoever is killed before all is done has a successor at once.
task<> crew::keep_replaced(worker& first) {
    worker* current = &first;
    for (;;) {
        auto ended = co_await current->child.exited();
        if (!ended || stopping_) co_return;
        const std::string how = words_for(*ended);
        if (current->tag == killed_) killed_ended_ = how;
        co_await log_->say(current->name + " " + how);
        const bool has_failed = ended->signal == 0;  // it has said why
        if (has_failed || started_ >= 2 * wanted_ + replacements_max) {
            throw std::runtime_error(current->name + " " + how);
        }
        current = &start_worker();
    }
}

task<> crew::follow_matchmaker() {
    auto ended = co_await matchmaker_->exited();
    if (!ended || stopping_) co_return;
    const std::string said = ended->signal == 0 ? ": " + last_error_ : std::string();
    throw std::runtime_error("conduitd " + words_for(*ended) + said);
}

task<> crew::follow_collector() {
    auto ended = co_await collector_child_->exited();
    if (!ended || stopping_) co_return;
    throw std::runtime_error("the log collector " + words_for(*ended));
}

/// conduitd knows nothing of the FIFO; what it says there is said for it.
task<> crew::pass_on_errors() {
    conduit::line_reader lines(*matchmaker_errors_);
    while (auto line = co_await lines.next()) {
        last_error_ = *line;
        co_await matchmaker_log_->say(std::move(*line));
    }
}

void crew::kill(std::string_view tag) {
    killed_ = tag;
    replace(tag);
}

void crew::replace(std::string_view tag) {
    for (worker& each : workers_) {
        if (each.tag != tag) continue;
        each.is_given_up = true;
        static_cast<void>(each.child.signal(SIGKILL));
    }
}

task<> crew::stop_workers() {
    stopping_ = true;
    for (worker& each : workers_) {
        if (each.child.has_exited()) continue;
        auto input = co_await each.child.close_writing();
        auto ended = co_await conduit::within(patience, each.child.exited());
        if (!input || !ended) throw std::runtime_error(each.name + " does not end");
        if (ended->code == 0 && ended->signal == 0) continue;
        if (each.is_given_up && ended->signal == SIGKILL) continue;
        throw std::runtime_error(each.name + " " + words_for(*ended));
    }
    auto ended = co_await matchmaker_->stop();
    if (ended && (ended->code != 0 || ended->signal != 0)) {
        throw std::runtime_error("conduitd " + words_for(*ended) + ": " + last_error_);
    }
}

task<> crew::stop_collector() {
    log_.reset();
    matchmaker_log_.reset();
    co_await conduit::within(patience, collector_->close());
    auto ended = co_await conduit::within(patience, collector_child_->exited());
    if (!ended) throw std::runtime_error("the log collector does not end");
    if (ended->code == 0 && ended->signal == 0) co_return;
    throw std::runtime_error("the log collector " + words_for(*ended));
}

task<> crew::kill_all() {
    stopping_ = true;
    for (worker& each : workers_) static_cast<void>(co_await each.child.stop(0s));
    if (matchmaker_) static_cast<void>(co_await matchmaker_->stop(0s));
    if (collector_child_) static_cast<void>(co_await collector_child_->stop(0s));
}

}  // namespace word_count
