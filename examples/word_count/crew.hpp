// SPDX-License-Identifier: BSL-1.0
//
// The processes of the demo: a matchmaker, a log collector, and workers, of which there are always
// so many: one that is killed is replaced. What they do is none of its business; for that see
// worker.cpp, collector.cpp and coordinator.hpp.
//
//     crew all(folder.path(), 4, false, remarks());
//     co_await all.start(scope, "");
//     all.kill("worker=2");
//     co_await all.stop_workers();        // they end by themselves; destroying it kills them

#pragma once

#include "log_collector.hpp"
#include "process_log.hpp"

#include <conduit/channels/pipe.hpp>
#include <conduit/channels/process.hpp>
#include <conduit/rpc/client.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/io_operation.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/task_scope.hpp>

#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace word_count {

/// How one ended, in words: "was killed by signal 9".
std::string words_for(const conduit::exit_status& ended);

class crew {
public:
    /// `folder` is where the sockets and the FIFO are made. With `miscounts` the first worker that
    /// replaces another one counts wrongly.
    crew(std::string folder, std::size_t workers, bool miscounts, remarks from_conduit)
        : folder_(std::move(folder)),
          wanted_(workers),
          miscounts_(miscounts),
          from_conduit_(std::move(from_conduit)) {}

    /// Returns once all are started and the collector reads. Who ends without being asked to is
    /// seen by tasks in `scope`: they start another worker where one was killed, as
    /// often as there are workers and nine times more, and throw std::runtime_error otherwise.
    conduit::task<> start(conduit::task_scope& scope, std::string log_file);

    /// The log of the demo's own process.
    process_log& log() noexcept { return *log_; }
    log_collector& collector() const noexcept { return **collector_; }

    /// "unix:/...": where the matchmaker is.
    std::string matchmaker_address() const { return "unix:" + folder_ + "/matchmaker"; }

    /// SIGKILL to the worker with that tag.
    void kill(std::string_view tag);
    /// The same, where it was lost and not chosen: one that stands still would keep its place.
    void replace(std::string_view tag);
    /// How the one that was killed ended.
    const std::string& how_killed_ended() const noexcept { return killed_ended_; }

    /// Ends the workers' input, and waits until they and the matchmaker have ended of themselves.
    conduit::task<> stop_workers();
    /// The same for the collector.
    conduit::task<> stop_collector();
    /// SIGKILL to all, and waits until there is none, in spite of a stop request.
    conduit::task<> kill_all();

private:
    struct worker {
        std::string name;
        std::string tag;
        conduit::process child;
        bool is_given_up = false;  // it was sent SIGKILL
    };

    void start_matchmaker();
    void start_collector();
    worker& start_worker();
    conduit::task<> keep_replaced(worker& first);
    conduit::task<> follow_matchmaker();
    conduit::task<> follow_collector();
    conduit::task<> pass_on_errors();

    static constexpr std::size_t replacements_max = 9;

    std::string folder_;
    std::size_t wanted_;
    bool miscounts_;
    remarks from_conduit_;
    bool stopping_ = false;
    std::size_t started_ = 0;
    std::string killed_;
    std::string killed_ended_;
    std::string last_error_;  // of the matchmaker
    // The last of them is killed first, so that none has something to complain of.
    std::optional<conduit::process> collector_child_;
    std::optional<conduit::rpc::client<log_collector>> collector_;
    std::optional<conduit::process> matchmaker_;
    std::optional<conduit::pipe_reader> matchmaker_errors_;
    std::list<worker> workers_;
    std::optional<process_log> log_;
    std::optional<process_log> matchmaker_log_;
};

}  // namespace word_count
