// SPDX-License-Identifier: BSL-1.0
//
// Gives the text to whatever workers there are and adds up what they answer. It knows no address
// and no process: the matchmaker says who is there, and who is gone.
//
//     coordinator here(where_the_matchmaker_is, log, found.bytes);
//     here.at_half([&](const std::string& worker) { all.kill(worker); });
//     here.at_loss([&](const std::string& worker) { all.replace(worker); });
//     co_await here.count(found.paths, 4);                // begins when 4 workers are there
//     here.table().sorted();

#pragma once

#include "latencies.hpp"
#include "ledger.hpp"
#include "process_log.hpp"
#include "word_counter.hpp"
#include "words.hpp"

#include <conduit/rpc/matchmaker.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/stream.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/task_scope.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace word_count {

/// What it cost that a worker was killed; times are from the kill on.
struct kill_report {
    std::string victim;     // empty: nobody was
    std::string successor;  // the first worker that came afterwards
    conduit::clock::time_point when;
    conduit::clock::duration noticed{0};   // until the calls to it had failed
    conduit::clock::duration told{0};      // until the matchmaker said so
    std::string reason;                    // and what it said
    conduit::clock::duration replaced{0};  // until its successor had a batch
    returned_batches returned;
};

/// When a stage began and ended, and how long each of its steps took.
struct stage_times {
    conduit::clock::time_point begun;
    conduit::clock::time_point ended;
    latencies steps;

    conduit::clock::duration took() const { return ended - begun; }
};

class coordinator {
public:
    /// For a text of so many bytes; a batch is a small part of them.
    coordinator(conduit::rpc::matchmaker_client_options where, process_log& log,
                std::uint64_t bytes)
        : where_(std::move(where)), log_(log), bytes_(bytes) {}

    /// Is called with the tag of a worker that has just got a batch, when half of the text has been
    /// given out, and is to kill it.
    void at_half(std::function<void(const std::string& worker)> then) {
        at_half_ = std::move(then);
    }
    /// Is called with the tag of a worker that is not there for its work any more, as nothing is
    /// heard of it: there is to be another one.
    void at_loss(std::function<void(const std::string& worker)> then) {
        at_loss_ = std::move(then);
    }

    /// Waits until all is counted. Throws what reading a file throws, and std::runtime_error where
    /// there are not so many workers within 10 seconds.
    conduit::task<> count(std::vector<std::string> paths, std::size_t workers);

    const word_table& table() const noexcept { return table_; }
    const ledger& book() const noexcept { return book_; }
    const kill_report& killed() const noexcept { return killed_; }
    /// How far it is, 0 to 1.
    double progress() const noexcept;

    /// Until there were enough workers.
    const stage_times& starting() const noexcept { return starting_; }
    const stage_times& reading() const noexcept { return reading_; }
    const stage_times& counting() const noexcept { return counting_; }
    const stage_times& merging() const noexcept { return merging_; }

private:
    using matchmaker = conduit::rpc::matchmaker;

    conduit::task<> follow_workers(matchmaker& here, conduit::task_scope& scope);
    conduit::task<> work_with(matchmaker& here, std::string tag);
    conduit::stream<batch> batches_for(std::string tag);
    conduit::task<> read(std::vector<std::string> paths);
    void kill_at_half(const std::string& worker);
    void take_in(const batch_words& answer);
    void note_gone(const conduit::rpc::watch_event& event);
    conduit::task<> until_workers(std::size_t wanted);

    const conduit::rpc::matchmaker_client_options where_;
    process_log& log_;
    const std::uint64_t bytes_;
    std::function<void(const std::string&)> at_half_;
    std::function<void(const std::string&)> at_loss_ = [](const std::string&) {};
    ledger book_;
    word_table table_;
    kill_report killed_;
    stage_times starting_;
    stage_times reading_;
    stage_times counting_;
    stage_times merging_;
    std::size_t at_work_ = 0;
    conduit::event workers_changed_;
};

}  // namespace word_count
