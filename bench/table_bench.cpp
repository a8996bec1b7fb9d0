// SPDX-License-Identifier: BSL-1.0
//
// What the matchmaker's table costs with many names in it: a lookup, a change that two watchers are
// told of, and the memory of a name. docs/guide/benchmarks.md says how the figures are read.
//
//     table_bench --benchmark_filter=table.lookup

#include <benchmark/benchmark.h>
#include <conduit/rpc/detail/registry.hpp>

#include <malloc.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace conduit::rpc;
using namespace conduit::rpc::detail;

constexpr std::uint32_t uid = 1000;
constexpr instance_owner owner{uid, 1, {}, 1};

registry_limits no_limits() {
    registry_limits limits;
    for (std::size_t i = 0; i < registry_resources; ++i) {
        limits.most(static_cast<registry_resource>(i), {SIZE_MAX, SIZE_MAX});
    }
    return limits;
}

// Like names that people give: they begin alike, and differ in the middle.
std::string name_of(std::uint32_t i) { return "demo.part-" + std::to_string(i) + ".service.v1"; }

instance_offer offer_of(std::uint32_t i) {
    return {name_of(i), "unix:/run/user/1000/demo/" + std::to_string(i) + ".sock", {1, 0}, 100, {}};
}

std::unique_ptr<registry> table_of(std::uint32_t names) {
    auto table = std::make_unique<registry>(1, uid, no_limits());
    for (std::uint32_t i = 0; i < names; ++i) {
        if (!table->announce(owner, offer_of(i))) return nullptr;
    }
    return table;
}

void lookup(benchmark::State& state, std::uint32_t names) {
    const auto table = table_of(names);
    std::vector<instance_query> queries;
    std::minstd_rand random(1);
    for (int i = 0; i < 1024; ++i) {
        queries.push_back({name_of(static_cast<std::uint32_t>(random()) % names), {}, {}});
    }
    std::size_t i = 0;
    for (auto _ : state) {
        const auto found = table->lookup(queries[++i % queries.size()]);
        if (!found || found->instances.size() != 1) state.SkipWithError("not found");
    }
}
BENCHMARK_CAPTURE(lookup, few, 100)->Name("table.lookup/names100");
BENCHMARK_CAPTURE(lookup, many, 100'000)->Name("table.lookup/conduit");

// One is replaced: two changes, each told to a watcher of its name and one of all names.
void change(benchmark::State& state, std::uint32_t names) {
    const auto table = table_of(names);
    std::array<watch_id, 2> watches{};
    for (std::size_t i = 0; i < watches.size(); ++i) {
        const name_pattern pattern{i == 0 ? name_of(0) : "demo.", i != 0};
        watches[i] = table->watch(uid, pattern, table->at())->id;
    }
    const instance_offer offer = offer_of(0);
    for (auto _ : state) {
        if (!table->announce(owner, offer)) state.SkipWithError("refused");
        for (const watch_id id : table->take_readable()) {
            if (table->take(id, 64).size() != 2) state.SkipWithError("not told");
        }
    }
}
BENCHMARK_CAPTURE(change, few, 100)->Name("table.change/names100");
BENCHMARK_CAPTURE(change, many, 100'000)->Name("table.change/conduit");

// In the allocator's own words. A byte is a second here, for want of a unit.
void memory(benchmark::State& state) {
    constexpr std::uint32_t names = 100'000;
    for (auto _ : state) {
        const std::size_t before = ::mallinfo2().uordblks;
        const auto table = table_of(names);
        const auto taken = static_cast<double>(::mallinfo2().uordblks - before);
        state.SetIterationTime(taken / names);
        const auto counted = static_cast<double>(table->counters().bytes);
        state.counters["counted"] = counted / names;  // in the user's share
    }
}
BENCHMARK(memory)
    ->Name("table.memory/conduit")
    ->Unit(benchmark::kSecond)
    ->Iterations(1)
    ->UseManualTime();

}  // namespace

BENCHMARK_MAIN();
