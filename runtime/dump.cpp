// SPDX-License-Identifier: BSL-1.0
//
// scheduler::dump_tasks(): every logical thread waits in exactly one operation, so walking the
// contexts finds them all, and the chain of frames leads from each operation to its root.

#include <conduit/runtime/backend/signal_numbers.hpp>
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

using std::chrono::duration;

std::string time_text(clock::duration d) {
    const double seconds = duration<double>(d).count();
    if (seconds >= 1) return fmt::format("{:.1f} s", seconds);
    if (seconds >= 1e-3) return fmt::format("{:.1f} ms", seconds * 1e3);
    return fmt::format("{:.0f} us", seconds * 1e6);
}

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

void remove_all(std::string& from, std::string_view part) {
    for (std::size_t at = 0; (at = from.find(part, at)) != from.npos;) from.erase(at, part.size());
}

// g++ 12 says "conduit::task<> {anonymous}::f(int)::_Z1fi.Frame*" or the like; clang 19
// "task<> (anonymous namespace)::f(int)". Wanted: "f".
std::string function_name(std::string pretty) {
    remove_all(pretty, "{anonymous}::");
    remove_all(pretty, "(anonymous namespace)::");
    pretty.resize(std::min(pretty.find('('), pretty.size()));
    return pretty.substr(pretty.rfind(' ') + 1);
}

std::string site_text(const std::source_location& at) {
    return fmt::format("{} ({}:{})", function_name(at.function_name()), base_name(at.file_name()),
                       at.line());
}

class task_tree {
public:
    task_tree(loop& dumped, clock::time_point now) : now_(now) {
        collect(dumped.root);
        for (operation& op : dumped.ready) note(op);
        for (operation& op : dumped.batch) note(op);
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

void scheduler::watch_sigquit() { guests().spawn(dump_on_each_sigquit(*this), "SIGQUIT"); }

std::string scheduler::dump_tasks() const {
    loop& here = loop::running();
    CONDUIT_ASSERT(here.owner == this, "a scheduler's tasks are dumped on its own thread");
    return task_tree(here, clock::now()).text();
}

}  // namespace conduit
