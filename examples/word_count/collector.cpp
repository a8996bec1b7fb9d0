// SPDX-License-Identifier: BSL-1.0
//
// The log collector: reads what all processes of the demo say, from one FIFO. It is told where, and
// asked what came, by calls at its standard input and output, and ends with that connection.

#include "latencies.hpp"
#include "log_collector.hpp"
#include "process_log.hpp"

#include <conduit/channels/fifo_options.hpp>
#include <conduit/channels/fifo_record_reader.hpp>
#include <conduit/channels/file.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task_group.hpp>

#include <algorithm>
#include <csignal>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace rpc = conduit::rpc;
using conduit::task;

namespace word_count {
namespace {

class collector final : public log_collector {
public:
    task<> collect(std::string fifo, std::string file) override {
        const std::string copy_to = std::move(file);
        const auto options =
            conduit::fifo_options().stay_open().when_missing(conduit::fifo_missing::is_made);
        std::string why;
        auto reader = co_await conduit::fifo_record_reader::open(std::move(fifo), options, &why);
        if (!reader) throw rpc::fault(rpc::status::unavailable, why);
        std::optional<conduit::file_writer> copy;
        if (!copy_to.empty()) {
            auto made =
                co_await conduit::file_writer::open(copy_to, conduit::open_mode::write_new, &why);
            if (!made) throw rpc::fault(rpc::status::unavailable, why);
            copy.emplace(std::move(*made));
        }
        readers_.spawn(read(std::move(*reader), std::move(copy)), "log");
    }

    task<log_summary> until(std::string last) override {
        const std::string awaited = std::move(last);
        while (last_said_ != awaited) {
            more_.reset();
            const auto stopped = co_await more_.wait();
            if (stopped) throw rpc::fault(rpc::status::cancelled, "nobody has said it");
        }
        summary_.median = ages_.at(0.5);
        summary_.slowest = ages_.at(0.99);
        co_return summary_;
    }

private:
    task<> read(conduit::fifo_record_reader from, std::optional<conduit::file_writer> copy) {
        conduit::fifo_record_reader records = std::move(from);
        std::optional<conduit::file_writer> file = std::move(copy);
        while (auto record = co_await records.read_record()) {
            const auto* text = reinterpret_cast<const char*>(record->data());
            const auto said = log_record::parse({text, record->size()});
            summary_.skipped_bytes = records.skipped_bytes();
            if (!said) continue;
            note(*said);
            if (!file) continue;
            const std::string line = said->who + ": " + said->what + "\n";
            auto written = co_await conduit::write_all(*file, conduit::bytes_of(line));
            if (written) continue;
            summary_.unwritten = written.error().message();
            file.reset();  // the disk is full: the others go on
        }
    }

    void note(const log_record& said) {
        const auto now = conduit::clock::now();
        if (summary_.records.empty()) begun_ = now;
        ++summary_.records[said.who];
        summary_.took = now - begun_;
        ages_.add(now - said.when);
        last_said_ = said.what;
        more_.set();
    }

    log_summary summary_;
    latencies ages_;
    conduit::clock::time_point begun_;
    std::string last_said_;
    conduit::event more_;
    conduit::task_group readers_;
};

task<int> serve() {
    collector here;
    rpc::server server;
    server.offer<log_collector>(here);
    co_await server.listen("stdio:");
    const auto end = co_await server.run();
    co_return end.exit_status();
}

}  // namespace
}  // namespace word_count

int main() {
    std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is a full disk
    // It may write to a terminal, which may keep it waiting.
    conduit::scheduler scheduler(conduit::scheduler_options().stall_limit({}));
    return scheduler.run(word_count::serve());
}
