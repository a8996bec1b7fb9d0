// SPDX-License-Identifier: BSL-1.0
//
// The program that runs them all: it finds the texts, starts the processes, has the words counted
// while one worker is killed, checks the counts, and says how it went. scripts/demo.sh builds and
// starts it.

#include "check.hpp"
#include "coordinator.hpp"
#include "crew.hpp"
#include "private_folder.hpp"
#include "report.hpp"
#include "texts.hpp"

#include <conduit/rpc/matchmaker_client_options.hpp>
#include <conduit/runtime/context.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/signal_set.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/when_any.hpp>
#include <conduit/runtime/within.hpp>

#include <CLI/CLI.hpp>

#include <fcntl.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

namespace rpc = conduit::rpc;
using conduit::task;
using namespace std::chrono_literals;

namespace word_count {
namespace {

// Exit codes besides 0.
constexpr int exit_disagrees = 1;
constexpr int exit_usage = 2;   // or there is no text
constexpr int exit_failed = 3;  // the demo itself

constexpr std::string_view last_words = "all is counted";
constexpr auto patience = 10s;

struct options {
    std::vector<std::string> places;
    std::size_t workers = 4;
    std::string log_file;
    bool breaks_a_worker = false;
    remarks from_conduit;
};

/// The licence texts of Debian, and what conduit is made of.
std::vector<std::string> usual_places() {
    std::vector<std::string> places;
    for (const std::string place :
         {"/usr/share/common-licenses", WORD_COUNT_SOURCE "/runtime", WORD_COUNT_SOURCE "/channels",
          WORD_COUNT_SOURCE "/rpc", WORD_COUNT_SOURCE "/tools", WORD_COUNT_SOURCE "/examples",
          WORD_COUNT_SOURCE "/tests", WORD_COUNT_SOURCE "/docs"}) {
        if (std::filesystem::exists(place)) places.push_back(place);
    }
    return places;
}

class demonstration {
public:
    demonstration(options given, texts found)
        : given_(std::move(given)),
          found_(std::move(found)),
          all_(folder_.path(), given_.workers, given_.breaks_a_worker, given_.from_conduit) {}

    /// Yields the exit code.
    task<int> run() {
        out_.begin(found_, given_.workers, conduit::scheduler::current().backend_name());
        co_await count_with_all();
        out_.top_words(counting_->table());
        out_.show_busy("checking the counts with a pipeline");
        check_ = co_await compare(counting_->table(), found_.paths, folder_.path());
        out_.clear_progress();
        out_.stages(found_, *counting_, given_.workers + 2, log_, check_);
        out_.kill(*counting_, all_.how_killed_ended());
        out_.verdict(counting_->table(), check_);
        const std::error_code unwritten = out_.where_next(check_.agrees());
        if (unwritten == std::errc::broken_pipe) co_return exit_failed;  // the reader knows
        if (unwritten) throw std::system_error(unwritten, "standard output");
        co_return check_.agrees() ? 0 : exit_disagrees;
    }

private:
    /// Where a process ends that should not, that is what is thrown, not what came of it.
    task<> count_with_all() {
        conduit::task_scope scope;
        std::exception_ptr failed;
        try {
            co_await all_.start(scope, given_.log_file);
            co_await count_in(scope);
        } catch (...) {
            failed = std::current_exception();
        }
        if (failed) co_await all_.kill_all();
        scope.request_stop();
        co_await scope.join();
        if (failed) std::rethrow_exception(failed);
    }

    task<> count_in(conduit::task_scope& scope) {
        rpc::matchmaker_client_options where;
        where.at(all_.matchmaker_address()).back_off(2ms, 100ms);
        counting_.emplace(std::move(where), all_.log(), found_.bytes);
        counting_->at_half([this](const std::string& worker) { all_.kill(worker); });
        counting_->at_loss([this](const std::string& worker) { all_.replace(worker); });
        auto progress = scope.spawn(out_.show_progress(*counting_, "counting"), "progress");
        co_await counting_->count(found_.paths, given_.workers);
        progress.request_stop();
        co_await all_.stop_workers();
        co_await all_.log().say(std::string(last_words));
        auto summary = all_.collector().until(std::string(last_words));
        log_ = co_await conduit::within(patience, std::move(summary));
        co_await all_.stop_collector();
        out_.clear_progress();
    }

    const options given_;
    const texts found_;
    const private_folder folder_;
    report out_;
    crew all_;
    std::optional<coordinator> counting_;
    log_summary log_;
    comparison check_;
};

task<int> demonstrate(options given) {
    options own = std::move(given);
    texts found = co_await find_texts(own.places);
    demonstration all(std::move(own), std::move(found));
    co_return co_await all.run();
}

/// What fails since it was interrupted is nothing to speak of.
void complain(const std::exception& why) {
    if (!conduit::stop_requested()) std::fprintf(stderr, "demo: %s\n", why.what());
}

task<int> code_of(options given) {
    options own = std::move(given);
    try {
        co_return co_await demonstrate(std::move(own));
    } catch (const no_text& why) {
        complain(why);
        co_return exit_usage;
    } catch (const std::exception& why) {
        complain(why);
        co_return exit_failed;
    }
}

task<int> next_of(conduit::signal_set& signals) {
    auto signal = co_await signals.next();
    co_return signal.value_or(0);
}

/// What came of it: an exit code, or the signal that ended it.
struct ending {
    int code = 0;
    int signal = 0;
};

/// A signal ends it as everything else does: all processes end before, and the folder is removed.
/// More signals wait until then.
task<ending> until_signal(options given) {
    options own = std::move(given);
    auto signals = conduit::signal_set::open({SIGINT, SIGTERM, SIGHUP, SIGQUIT});
    auto first = co_await conduit::when_any(code_of(std::move(own)), next_of(signals.value()));
    ending found;
    if (first.index == 0) {
        found.code = std::get<0>(first.value);
    } else {
        found.signal = std::get<1>(first.value);
        std::fprintf(stderr, "demo: interrupted; nothing is left behind\n");
    }
    co_return found;
}

}  // namespace
}  // namespace word_count

int main(int argc, char** argv) {
    CLI::App app(
        "Counts words by several processes, kills one of them half-way, and checks the counts.\n"
        "Without places it counts the licence texts of Debian and conduit's own sources.",
        "demo");
    word_count::options given;
    app.add_option("places", given.places, "files, and folders of them");
    app.add_option("--workers", given.workers, "how many processes count")
        ->check(CLI::Range(1, 16))
        ->capture_default_str();
    app.add_option("--log", given.log_file, "a file for what all processes say");
    app.add_flag("--break-a-worker", given.breaks_a_worker,
                 "let the worker that comes last miscount, to see that the check finds it");
    app.footer(
        "Exit code: 0 the counts agree, 1 they do not, 2 there is no text or the command line\n"
        "makes no sense, 3 the demo could not go on.");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : word_count::exit_usage;
    }
    if (given.places.empty()) given.places = word_count::usual_places();
    // Who reads the output may leave, or its file be too large: no reason to leave other files.
    for (const int signal : {SIGPIPE, SIGXFSZ}) std::signal(signal, SIG_IGN);
    for (int fd = 0; fd <= 2; ++fd) {  // else some file of ours would be taken for the output
        if (::fcntl(fd, F_GETFD) < 0) static_cast<void>(::open("/dev/null", O_RDWR));
    }
    word_count::ending ended;
    try {
        auto options = conduit::scheduler_options().log(given.from_conduit.sink());
        conduit::scheduler scheduler(options);
        ended = scheduler.run(word_count::until_signal(given));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "demo: %s\n", error.what());
        return word_count::exit_failed;
    }
    if (ended.signal == 0) return ended.code;
    std::signal(ended.signal, SIG_DFL);
    return std::raise(ended.signal);
}
