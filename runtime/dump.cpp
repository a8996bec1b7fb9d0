// SPDX-License-Identifier: BSL-1.0
//
// scheduler::dump_tasks(): every logical thread waits in exactly one operation, so walking the
// contexts finds them all, and the chain of frames leads from each operation to its root.

#include <conduit/runtime/backend/signal_numbers.hpp>
#include <conduit/runtime/detail/source_text.hpp>
#include <conduit/runtime/detail/stall_watch.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/signal_set.hpp>
#include <conduit/runtime/task_group.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace conduit {
namespace {

class task_tree {
public:
    task_tree(loop& dumped, clock::time_point now) : now_(now) {
        collect(dumped.root);
        for (operation& op : dumped.ready) note(op);
        for (operation& op : dumped.batch) note(op);
    }

    /// The tasks that have begun to wait at `when`, at most so many.
    std::vector<std::string> waiting_since(clock::time_point when, std::size_t most) {
        std::vector<std::string> lines;
        for (const auto& [each, op] : waiting_) {
            if (each == nullptr || op->waiter()->since != when) continue;
            if (lines.size() < most) lines.push_back(name_of(*each) + stack_text(op->waiter()));
        }
        return lines;
    }

    std::string text() {
        std::string lines;
        print(nullptr, 0, lines);
        return lines;
    }

private:
    void collect(context& at) {
        for (operation& op : at.waiting()) note(op);
        for (context& below : at.children()) {
            job* const inside = below.find_job();
            if (inside != at.find_job()) children_[at.find_job()].push_back(inside);
            collect(below);
        }
    }

    void note(operation& op) { waiting_[op.where()->find_job()] = &op; }

    void print(job* parent, std::size_t depth, std::string& lines) {
        for (job* each : children_[parent]) {
            lines += std::string(2 * depth, ' ') + line_of(*each) + '\n';
            print(each, depth + 1, lines);
        }
    }

    std::string line_of(job& each) {
        const auto found = waiting_.find(&each);
        if (found == waiting_.end()) {
            return fmt::format("{}spawned in {}: running", name_of(each),
                               site_text(each.spawned_at()));
        }
        operation& op = *found->second;
        std::string line = name_of(each) + stack_text(op.waiter());
        line += fmt::format(": {}, {}", op.name(), time_text(now_ - op.waiter()->since));
        const clock::time_point deadline = op.where()->settled_deadline();
        if (deadline != clock::time_point::max()) {
            line += fmt::format(", {} left", time_text(deadline - now_));
        }
        if (op.where()->stop_requested()) line += ", stopping";
        return line;
    }

    static std::string name_of(const job& each) {
        return each.name().empty() ? std::string() : fmt::format("[{}] ", each.name());
    }

    static std::string stack_text(const frame* innermost) {
        std::vector<std::string> sites;
        for (const frame* at = innermost; at != nullptr; at = at->parent) {
            // The coroutine around a spawned task stands in conduit itself: of no interest.
            if (at->parent != nullptr || at == innermost) sites.push_back(site_text(at->where));
        }
        std::reverse(sites.begin(), sites.end());
        return fmt::format("{}", fmt::join(sites, " > "));
    }

    clock::time_point now_;
    std::map<job*, std::vector<job*>> children_;
    std::map<job*, operation*> waiting_;
};

task<> dump_on_each_sigquit(scheduler& here) {
    auto quits = signal_set::open({signal_number::quit});
    if (!quits) {
        here.log(log_level::warning, "SIGQUIT is not watched: " + quits.error().message());
        co_return;
    }
    while (auto signal = co_await quits->next()) write_to_stderr(here.dump_tasks());
}

}  // namespace

std::vector<std::string> tasks_that_ran(loop& here, std::size_t most) {
    return task_tree(here, here.now).waiting_since(here.now, most);
}

void scheduler::watch_sigquit() { guests().spawn(dump_on_each_sigquit(*this), "SIGQUIT"); }

std::string scheduler::dump_tasks() const {
    loop& here = loop::running();
    CONDUIT_ASSERT(here.owner == this, "a scheduler's tasks are dumped on its own thread");
    return task_tree(here, clock::now()).text();
}

}  // namespace conduit
