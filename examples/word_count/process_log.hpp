// SPDX-License-Identifier: BSL-1.0
//
// What a process has to say, as records in the FIFO that the log collector reads. Any number of
// processes write there; each record arrives whole, also where its writer is killed.
//
//     auto log = co_await process_log::open(fifo, "worker 3", remarks());
//     co_await log.say("batch 17: 812 words");

#pragma once

#include <conduit/channels/fifo_record_writer.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/log.hpp>
#include <conduit/runtime/mutex.hpp>
#include <conduit/runtime/task.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace word_count {

/// What is in a record: when it was said, by the monotonic clock that all processes of a host
/// share, by whom, and what.
struct log_record {
    conduit::clock::time_point when;
    std::string who;
    std::string what;

    std::string to_text() const;
    /// None where it is not of that form.
    static std::optional<log_record> parse(std::string_view text);
};

/// What conduit itself has to say in a process, such as a warning: it comes when nobody can wait,
/// so it is kept, and said together with what is said next.
class remarks {
public:
    conduit::log_sink sink() const {
        return [kept = kept_](conduit::log_level level, std::string_view line) {
            if (level == conduit::log_level::warning || level == conduit::log_level::error) {
                kept->emplace_back(line);
            }
        };
    }
    std::vector<std::string> take() const { return std::exchange(*kept_, {}); }

private:
    std::shared_ptr<std::vector<std::string>> kept_ = std::make_shared<std::vector<std::string>>();
};

/// A log is there for others: where nobody reads it, nothing is said, and work goes on.
class process_log {
public:
    /// Waits for the collector. Throws std::runtime_error where the FIFO is none.
    static conduit::task<process_log> open(std::string fifo, std::string who, remarks also);

    /// Waits for room in the FIFO: who says more than the collector can read goes at its pace.
    conduit::task<> say(std::string what);

private:
    struct inside {
        inside(conduit::fifo_record_writer to, std::string name, remarks from_conduit)
            : writer(std::move(to)), who(std::move(name)), also(std::move(from_conduit)) {}

        conduit::fifo_record_writer writer;
        std::string who;
        remarks also;
        conduit::mutex one_at_a_time;
    };

    conduit::task<> write(std::string what);

    explicit process_log(std::unique_ptr<inside> made) noexcept : inside_(std::move(made)) {}

    std::unique_ptr<inside> inside_;
};

}  // namespace word_count
