// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/detail/source_text.hpp>
#include <conduit/runtime/detail/stall_watch.hpp>
#include <conduit/runtime/task_group.hpp>

#include <fmt/format.h>

namespace conduit {
namespace {

bool are_same(const std::source_location& a, const std::source_location& b) noexcept {
    return a.line() == b.line() && a.column() == b.column() && a.file_name() == b.file_name();
}

}  // namespace

void stall_watch::begins_with(const operation& next) noexcept {
    const job* task = next.where()->find_job();
    name_.assign(task != nullptr ? task->name() : std::string_view());
    where_ = next.waiter()->where;
    is_fresh_ = task != nullptr && are_same(where_, task->spawned_at());
}

std::string stall_watch::report(clock::time_point now, std::uint64_t resumed, loop& here) {
    watches_until_ = now + watches_for;
    if (!may_log(now)) {
        ++left_out_;
        return {};
    }
    const bool is_alone = !sent_ && resumed - resumed_before_ == 1;
    std::string line =
        fmt::format("{} kept the loop from turning for {}: ", is_alone ? "a task" : "tasks",
                    time_text(now - began_));
    line += resumed == resumed_before_ ? "what other threads sent"
            : suspect_.size > 0        ? suspect_text()
            : is_alone                 ? first_text(here)
                                       : candidates_text(here);
    if (left_out_ > 0) {
        line += fmt::format(" (and {} lines that were left out before)", left_out_);
        left_out_ = 0;
    }
    return line;
}

bool stall_watch::may_log(clock::time_point now) noexcept {
    if (now - second_ >= std::chrono::seconds(1)) {
        second_ = now;
        lines_ = 0;
    }
    return lines_++ < lines_per_second;
}

std::string stall_watch::name_text() const {
    return name_.size > 0 ? fmt::format("[{}] ", name_.view()) : std::string();
}

std::string stall_watch::first_text(loop& here) const {
    const std::string name = name_text();
    if (!is_fresh_) return name + "from " + site_text(where_);
    if (name.empty()) return "spawned in " + site_text(where_);
    constexpr std::size_t most = 64;
    for (const std::string& line : tasks_that_ran(here, most)) {
        if (line.starts_with(name)) {
            return fmt::format("{}from its beginning up to {}", name, line.substr(name.size()));
        }
    }
    return fmt::format("{}from its beginning, spawned in {}", name, site_text(where_));
}

std::string stall_watch::suspect_text() const {
    return fmt::format("[{}] up to its end, most likely, from {}", suspect_.view(),
                       site_text(suspect_where_));
}

std::string stall_watch::candidates_text(loop& here) const {
    constexpr std::size_t most = 4;
    std::vector<std::string> all = tasks_that_ran(here, most);
    // It is known how the first of them began; where it stands now helps nobody.
    std::erase_if(all, [name = name_text()](const std::string& line) {
        return !name.empty() && line.starts_with(name);
    });
    all.insert(all.begin(), first_text(here));
    return fmt::format("one of {}; or one that has ended since", fmt::join(all, "; "));
}

}  // namespace conduit
