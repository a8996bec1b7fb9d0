// SPDX-License-Identifier: BSL-1.0
//
// Finds out which task kept a loop from turning, without asking the clock for each: a turn is timed
// as a whole. One in which a single task ran tells by itself. Where there were several, those that
// may have been it are named, and for a while the clock is asked after each.
//
//     watch.turn_began(now, resumed);
//     watch.begins_with(operation);                       // and all that is ready
//     if (watch.is_stall(now)) log(watch.report(now, resumed, loop));

#pragma once

#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/loop.hpp>
#include <conduit/runtime/operation.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

namespace conduit {

/// The tasks that ran in this turn and wait now, at most so many, with where they stand.
std::vector<std::string> tasks_that_ran(loop& here, std::size_t most);

class stall_watch {
public:
    static constexpr std::uint32_t lines_per_second = 10;
    static constexpr clock::duration watches_for = std::chrono::seconds(10);

    /// Zero is for never.
    explicit stall_watch(clock::duration limit) noexcept
        : limit_(limit > clock::duration::zero() ? limit : clock::duration::max()) {}

    clock::duration limit() const noexcept { return limit_; }

    /// `resumed` so far. `sent`: what other threads sent here runs in it too, before any task.
    void turn_began(clock::time_point now, std::uint64_t resumed, bool sent = false) noexcept {
        began_ = now;
        resumed_before_ = resumed;
        sent_ = sent;
        suspect_.size = 0;
    }
    bool is_stall(clock::time_point now) const noexcept { return now - began_ >= limit_; }

    /// Whether to ask the clock after each task.
    bool watches_each(clock::time_point now) const noexcept { return now < watches_until_; }

    /// Keeps a note of a task that goes on now; where several do, of the first.
    void begins_with(const operation& next) noexcept;

    /// Something with a name has ended, whose last await was there, or which is there. The first
    /// that ends when the turn is a stall is the likely cause: those before it ended in time.
    void note_end(std::string_view what, const std::source_location& where,
                  clock::time_point now) noexcept {
        if (!is_stall(now) || suspect_.size != 0) return;
        suspect_.assign(what);
        suspect_where_ = where;
    }

    /// What to log about a stall; empty where there were too many lines already.
    std::string report(clock::time_point now, std::uint64_t resumed, loop& here);

private:
    /// A name of a task that may be gone when it is asked for.
    struct kept_name {
        std::array<char, 96> text{};
        std::size_t size = 0;

        void assign(std::string_view name) noexcept { size = name.copy(text.data(), text.size()); }
        std::string_view view() const noexcept { return {text.data(), size}; }
    };

    bool may_log(clock::time_point now) noexcept;
    std::string name_text() const;
    std::string first_text(loop& here) const;
    std::string suspect_text() const;
    std::string candidates_text(loop& here) const;

    clock::duration limit_;
    clock::time_point began_{};
    std::uint64_t resumed_before_ = 0;
    bool sent_ = false;
    clock::time_point watches_until_ = clock::time_point::min();

    kept_name name_;  // of the task that a turn began with
    std::source_location where_;
    bool is_fresh_ = false;  // it had not run before
    kept_name suspect_;
    std::source_location suspect_where_;

    clock::time_point second_{};  // of the log
    std::uint32_t lines_ = 0;
    std::uint64_t left_out_ = 0;
};

}  // namespace conduit
