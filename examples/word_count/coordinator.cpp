// SPDX-License-Identifier: BSL-1.0
#include "coordinator.hpp"

#include "texts.hpp"

#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/within.hpp>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace word_count {
namespace {

namespace rpc = conduit::rpc;
using conduit::clock;
using conduit::stream;
using conduit::task;
using namespace std::chrono_literals;

constexpr auto patience = 10s;
constexpr auto heard_every = 1s;  // a worker that is silent for three of these is lost
constexpr std::uint64_t batch_bytes_min = 64;
constexpr std::uint64_t batch_bytes_max = std::uint64_t{32} * 1024;
constexpr std::uint64_t batches_wished = 512;

std::string tag_of(const rpc::instance& worker) {
    const auto& tags = worker.offer.tags;
    return tags.empty() ? std::string() : tags.front();
}

bool has_come(const rpc::watch_event& event) {
    return event.kind == rpc::watch_event_kind::present ||
           (event.kind == rpc::watch_event_kind::change &&
            event.change == rpc::change_kind::announced);
}
bool has_gone(const rpc::watch_event& event) {
    return event.kind == rpc::watch_event_kind::change && event.change == rpc::change_kind::gone;
}

}  // namespace

task<> coordinator::count(std::vector<std::string> paths, std::size_t workers) {
    std::vector<std::string> own = std::move(paths);
    starting_.begun = clock::now();
    matchmaker here(where_);
    conduit::task_scope scope;
    auto watching = scope.spawn(follow_workers(here, scope), "watch");
    co_await until_workers(workers);
    starting_.ended = counting_.begun = clock::now();
    scope.spawn(read(std::move(own)), "read");
    auto stopped = co_await book_.until_settled();
    counting_.ended = clock::now();
    while (!stopped && at_work_ > 0) {  // the calls end now by themselves
        workers_changed_.reset();
        stopped = co_await workers_changed_.wait();
    }
    watching.request_stop();
    co_await scope.join();
    if (stopped) throw std::system_error(stopped);
}

/// Whoever offers the interface gets work, from when the matchmaker says that it is there.
task<> coordinator::follow_workers(matchmaker& here, conduit::task_scope& scope) {
    static_cast<void>(co_await here.find<word_counter>());  // waits also for the matchmaker
    const rpc::name_pattern workers{std::string(rpc::row_of<word_counter>().name)};
    auto events = here.watch(workers);
    for (;;) {
        auto event = co_await rpc::try_call(events.next());
        if (!event || !*event) co_return;
        if (has_come(**event)) scope.spawn(work_with(here, tag_of((*event)->what)), "worker");
        if (has_gone(**event)) note_gone(**event);
    }
}

task<> coordinator::until_workers(std::size_t wanted) {
    const auto limit = clock::now() + patience;
    while (at_work_ < wanted) {
        workers_changed_.reset();
        const auto stopped = co_await conduit::within(limit, workers_changed_.wait());
        if (stopped == conduit::errc::timed_out) {
            throw std::runtime_error("only " + std::to_string(at_work_) + " of " +
                                     std::to_string(wanted) + " workers came within 10 s");
        }
        if (stopped) throw std::system_error(stopped);
    }
}

/// One call for each worker, which lasts as long as there is text: batches go there, counts come
/// back. It fails when the worker dies or stands still; what it had in its hands goes to others.
task<> coordinator::work_with(matchmaker& here, std::string tag) {
    const std::string worker = std::move(tag);
    const auto that_one = rpc::wanted().tag(worker);
    const auto limits = rpc::connection_options().keep_alive(heard_every);
    const auto options = rpc::connect_options().connection(limits);
    auto connecting = here.connect<word_counter>(that_one, options);
    auto connected = co_await rpc::try_call(conduit::within(patience, std::move(connecting)));
    if (!connected) {
        at_loss_(worker);
        co_return;
    }
    if (!killed_.victim.empty() && killed_.successor.empty()) {
        killed_.successor = worker;
        book_.reserve_for(worker);
    }
    ++at_work_;
    workers_changed_.set();
    {
        auto answers = (*connected)->count(batches_for(worker));
        for (;;) {
            auto answer = co_await rpc::try_call(answers.next());
            if (!answer) at_loss_(worker);
            if (!answer || !*answer) break;
            take_in(**answer);
        }
    }
    const returned_batches returned = book_.give_back(worker);
    if (worker == killed_.victim) {
        killed_.returned = returned;
        killed_.noticed = clock::now() - killed_.when;
    }
    --at_work_;
    workers_changed_.set();
    co_await log_.say(worker + " has left, with " + std::to_string(returned.batches) +
                      " batches in its hands");
}

/// Is asked for the next batch when the worker can be sent more.
stream<batch> coordinator::batches_for(std::string tag) {
    const std::string worker = std::move(tag);
    while (auto next = co_await book_.take(worker)) {
        kill_at_half(worker);
        if (worker == killed_.successor && killed_.replaced == clock::duration::zero()) {
            killed_.replaced = clock::now() - killed_.when;
            book_.let_go();
        }
        co_yield std::move(*next);
    }
}

/// The last part of the text is kept for who comes instead, so that one sees it at work even where
/// the text is short.
void coordinator::kill_at_half(const std::string& worker) {
    if (!at_half_ || book_.bytes_taken() < (bytes_ + 1) / 2) return;
    killed_.victim = worker;
    killed_.when = clock::now();
    book_.reserve((bytes_ + 7) / 8, bytes_);
    const auto kill = std::exchange(at_half_, nullptr);
    kill(worker);
}

void coordinator::take_in(const batch_words& answer) {
    const auto took = book_.settle(answer.number);
    if (!took) return;
    counting_.steps.add(*took);
    const auto begun = clock::now();
    table_.add(answer.words);
    merging_.steps.add(clock::now() - begun);
}

void coordinator::note_gone(const rpc::watch_event& event) {
    if (tag_of(event.what) != killed_.victim) return;
    killed_.told = clock::now() - killed_.when;
    killed_.reason = event.detail.empty() ? std::string(to_string(event.reason)) : event.detail;
}

task<> coordinator::read(std::vector<std::string> paths) {
    const auto bytes = std::clamp(bytes_ / batches_wished, batch_bytes_min, batch_bytes_max);
    auto texts = read_batches(std::move(paths), bytes);
    reading_.begun = clock::now();
    for (;;) {
        const auto begun = clock::now();
        auto text = co_await texts.next();
        if (!text) break;
        reading_.steps.add(clock::now() - begun);
        const auto stopped = co_await book_.add(std::move(*text));
        if (stopped) co_return;
    }
    reading_.ended = clock::now();
    book_.close();
    co_await log_.say("all is read, in " + std::to_string(book_.batches()) + " batches");
}

double coordinator::progress() const noexcept {
    return static_cast<double>(book_.bytes_settled()) / static_cast<double>(bytes_);
}

}  // namespace word_count
