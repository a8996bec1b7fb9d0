// SPDX-License-Identifier: BSL-1.0
//
// A worker: counts the words of what it is sent, tells the matchmaker that it is there, and ends
// with its standard input, that is, with whoever has started it.
//
//     word_count_worker --number 3 --folder /run/x       # its socket and the log's FIFO are there

#include "process_log.hpp"
#include "word_counter.hpp"

#include <conduit/channels/file.hpp>
#include <conduit/rpc/matchmaker.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task_scope.hpp>

#include <CLI/CLI.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <string>
#include <utility>

namespace rpc = conduit::rpc;
using conduit::stream;
using conduit::task;
using namespace std::chrono_literals;

namespace word_count {
namespace {

struct options {
    std::string number;
    std::string folder;
    bool miscounts = false;
};

class worker final : public word_counter {
public:
    worker(process_log& log, bool miscounts) noexcept : log_(&log), miscounts_(miscounts) {}

    stream<batch_words> count(stream<batch> batches) override {
        stream<batch> own = std::move(batches);
        while (auto next = co_await own.next()) {
            batch_words answer;
            answer.number = next->number;
            answer.words = words_of(next->text);
            if (miscounts_ && !answer.words.empty()) ++answer.words.front().times;
            co_await log_->say("batch " + std::to_string(answer.number) + ": " +
                               std::to_string(answer.words.size()) + " different words in " +
                               std::to_string(next->text.size()) + " bytes");
            co_yield std::move(answer);
        }
    }

private:
    process_log* log_;
    bool miscounts_;
};

/// Whoever has started this process holds the other end of its input.
task<> stop_with_the_input(conduit::task_scope& all, bool& has_ended) {
    auto input = conduit::standard_input();
    std::array<std::byte, 64> ignored{};
    while (input) {
        auto got = co_await input->read_some(ignored);
        if (!got || *got == 0) break;
    }
    has_ended = true;
    all.request_stop();
}

/// Until it is asked to stop; yields the exit code.
task<int> serve(const options& given, process_log& log) {
    worker here(log, given.miscounts);
    rpc::server server;
    server.offer<word_counter>(here);
    auto at = co_await server.listen("unix:" + given.folder + "/worker-" + given.number);

    const auto waits = rpc::matchmaker_client_options().back_off(2ms, 100ms);
    rpc::matchmaker matchmaker(waits);  // where it is says CONDUIT_MATCHMAKER
    const auto about = rpc::announce_options().tag("worker=" + given.number).in_background();
    auto offer = co_await matchmaker.announce<word_counter>(at, about);
    co_await log.say("it counts on " + std::string(conduit::scheduler::current().backend_name()));
    const auto end = co_await server.run();
    co_return end.exit_status();
}

task<int> work(options given, remarks from_conduit) {
    const options own = std::move(given);
    remarks also = std::move(from_conduit);
    bool input_has_ended = false;
    int code = 0;
    try {
        conduit::task_scope scope;
        auto watching = scope.spawn(stop_with_the_input(scope, input_has_ended), "input");
        auto log = co_await process_log::open(own.folder + "/log", "worker " + own.number, also);
        code = co_await serve(own, log);
        watching.request_stop();
        co_await scope.join();
        co_await log.say("it ends");
    } catch (...) {
        if (!input_has_ended) throw;  // else what has failed was stopped
    }
    co_return code;
}

}  // namespace
}  // namespace word_count

int main(int argc, char** argv) {
    CLI::App app("Counts words for the demo of conduit.", "word_count_worker");
    word_count::options given;
    app.add_option("--number", given.number, "how it is called")->required();
    app.add_option("--folder", given.folder, "where its socket and the log are")->required();
    app.add_flag("--miscount", given.miscounts, "count one word of each batch once too often");
    CLI11_PARSE(app, argc, argv);
    try {
        const word_count::remarks also;
        conduit::scheduler scheduler(conduit::scheduler_options().log(also.sink()));
        return scheduler.run(word_count::work(given, also));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "word_count_worker %s: %s\n", given.number.c_str(), error.what());
        return 1;
    }
}
