// SPDX-License-Identifier: BSL-1.0
//
// Makes one table, and results.json, of what the benchmark programs printed in each round. All of
// them write Google Benchmark's JSON with names of the form "work/who". scripts/bench.sh runs it.
//
//     bench_report build/bench/rounds build/bench/results.json
//
// The folder holds files named <round>-<anything>.json. A ratio is taken within each round, conduit
// against the floor run next to it; the table shows the median of the ratios and their spread.
// Where there is no floor, the budget is of the value itself.

#include <fmt/format.h>
#include <sys/utsname.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using nlohmann::json;
using ordered = nlohmann::ordered_json;

constexpr double slack_of_other_backend = 1.3;

/// What is measured, which of the two times counts, and what it is held against.
struct work {
    std::string_view name;
    std::string_view unit;
    std::string_view time;   // "cpu_time" for cost, "real_time" for latency
    std::string_view floor;  // of several, with a bar between them, the lowest
    std::optional<double> budget;
    std::string_view floor_of_uring = "";  // where it has one of its own
};

constexpr std::string_view better_peer = "grpc|capnp";

constexpr auto works = std::to_array<work>({
    {"task.await", "ns", "cpu_time", "bare", 1.3},
    {"task.yield", "ns", "cpu_time", "bare", 1.3},
    {"task.spawn", "ns", "cpu_time", "bare", std::nullopt},
    {"timer.set_cancel", "ns", "cpu_time", "bare", 1.3},
    {"post.cross_thread", "ns", "cpu_time", "bare", std::nullopt},
    {"codec.encode", "ns", "cpu_time", "by_hand", 1.1},
    {"codec.decode", "ns", "cpu_time", "by_hand", 1.1},
    {"table.lookup", "ns", "cpu_time", "names100", std::nullopt},
    {"table.change", "ns", "cpu_time", "names100", std::nullopt},
    {"table.memory", "B", "real_time", "", std::nullopt},
    {"matchmaker.lookup", "us", "real_time", "empty_epoll", 2, "empty_uring"},
    {"matchmaker.connect", "us", "real_time", "direct_epoll", std::nullopt, "direct_uring"},
    {"matchmaker.lookup.names100k", "us", "real_time", "", std::nullopt},
    {"matchmaker.memory", "B", "real_time", "", std::nullopt},
    {"matchmaker.death_to_watcher", "ms", "real_time", "", 5},
    {"matchmaker.restart", "s", "real_time", "", 2},
    {"stream.pingpong.unix", "us", "real_time", "raw_epoll", 1.15},
    {"stream.pingpong.tcp", "us", "real_time", "raw_epoll", 1.15},
    {"stream.pingpong.pipe", "us", "real_time", "raw_epoll", 1.15},
    {"stream.pingpong.fifo", "us", "real_time", "raw_epoll", 1.15},
    {"stream.echo.unix.conns1", "us", "cpu_time", "raw_epoll", std::nullopt},
    {"stream.echo.unix.conns16", "us", "cpu_time", "raw_epoll", std::nullopt},
    {"stream.echo.unix.conns64", "us", "cpu_time", "raw_epoll", std::nullopt},
    {"stream.echo.unix.conns256", "us", "cpu_time", "raw_epoll", std::nullopt},
    {"pipe.throughput", "us", "cpu_time", "raw_blocking", 1 / 0.95},
    {"copy.pipe", "us", "cpu_time", "raw_blocking", 1 / 0.90},
    {"idle.connections.memory", "B", "real_time", "", std::nullopt},
    {"idle.connections.wakeups", "1/s", "real_time", "", std::nullopt},
    {"rpc.unary.unix.conns1.inflight1.size64", "us", "real_time", "raw_epoll", 1.3},
    {"rpc.unary.unix.conns1.inflight64.size64", "us", "cpu_time", "mini_epoll", 1.6,
     "mini_io_uring"},
    {"rpc.unary.unix.conns16.inflight32.size64", "us", "cpu_time", "mini_epoll", 1.6,
     "mini_io_uring"},
    {"rpc.unary.unix.conns64.inflight1.size64", "us", "cpu_time", "mini_epoll", 1.6,
     "mini_io_uring"},
    {"rpc.unary.unix.conns16.inflight1.size64k", "us", "cpu_time", better_peer, 0.8},
    {"rpc.unary.tcp.conns1.inflight1.size64", "us", "real_time", "raw_epoll", 1.3},
    {"rpc.unary.tcp.conns1.inflight64.size64", "us", "cpu_time", "mini_epoll", 1.6,
     "mini_io_uring"},
    {"rpc.unary.tcp.conns16.inflight32.size64", "us", "cpu_time", "mini_epoll", 1.6,
     "mini_io_uring"},
    {"rpc.unary.tcp.conns64.inflight1.size64", "us", "cpu_time", "mini_epoll", 1.6,
     "mini_io_uring"},
    {"rpc.unary.tcp.conns16.inflight1.size64k", "us", "cpu_time", better_peer, 0.8},
    {"rpc.unary.tls.conns1.inflight1.size64", "us", "real_time", "", std::nullopt},
    {"rpc.unary.tls.conns16.inflight32.size64", "us", "cpu_time", "", std::nullopt},
    {"rpc.unary.tls.conns16.inflight1.size64k", "us", "cpu_time", "", std::nullopt},
    {"rpc.stream.unix.size64", "us", "cpu_time", "mini_epoll", std::nullopt, "mini_io_uring"},
    {"rpc.bulk.unix.size1m", "us", "cpu_time", "raw_blocking", 1 / 0.80},
    {"rpc.idle.memory", "B", "real_time", "", 4096},
    {"rpc.idle.wakeups", "1/s", "real_time", "", std::nullopt},
    {"rpc.idle.tls.memory", "B", "real_time", "", std::nullopt},
    {"rpc.idle.tls.wakeups", "1/s", "real_time", "", std::nullopt},
    {"rpc.overload.loss", "x", "real_time", "", 1 / 0.80},
    {"rpc.overload.recovery", "s", "real_time", "", 2},
    {"rpc.neighbour.p99", "x", "real_time", "", 3},
    {"rpc.stop.under_load", "ms", "real_time", "", std::nullopt},
    {"rpc.workers.scaling.us0", "x", "real_time", "", std::nullopt},
    {"rpc.workers.scaling.us20", "x", "real_time", "", std::nullopt},
    {"redis.get.p1", "us", "cpu_time", "redis", std::nullopt},
    {"redis.get.p16", "us", "cpu_time", "redis", std::nullopt},
    {"compile.hello.server", "s", "cpu_time", "", 3},
    {"compile.hello.client", "s", "cpu_time", "", 3},
});

/// What a program may say beside times, and how its table is headed. All are per unit but the rate.
struct figure {
    std::string_view key;
    std::string_view title;
    double scale = 1;
};

constexpr auto figures = std::to_array<figure>({
    {"syscalls", "system calls per unit"},
    {"allocations", "allocations per unit"},
    {"rate", "thousands per second", 1e-3},
    {"p50", "latency, median, us"},
    {"p99", "latency, 99 of 100, us"},
});

using by_round = std::map<int, double>;
using by_who = std::map<std::string, by_round, std::less<>>;
using by_work = std::map<std::string, by_who, std::less<>>;

/// What the programs said in each round.
struct all_samples {
    by_work cost;                                    // time, in the unit of the work
    std::array<by_work, figures.size()> of_figures;  // from those that have them
};

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const std::size_t half = values.size() / 2;
    return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

const work* find_work(std::string_view name) {
    const auto found =
        std::find_if(works.begin(), works.end(), [&](const work& w) { return w.name == name; });
    return found != works.end() ? &*found : nullptr;
}

double in_unit(double value, std::string_view from, std::string_view to) {
    const auto nanoseconds = [](std::string_view unit) {
        return unit == "ns" ? 1.0 : unit == "us" ? 1e3 : unit == "ms" ? 1e6 : 1e9;
    };
    return value * nanoseconds(from) / nanoseconds(to);
}

void add_sample(const json& entry, int round, all_samples& samples) {
    const std::string name = entry.at("name");
    const std::size_t slash = name.find('/');
    const work* what = find_work(name.substr(0, slash));
    if (what == nullptr || slash == std::string::npos) return;
    const std::string rest = name.substr(slash + 1);
    const std::string who = rest.substr(0, rest.find('/'));
    const double value = entry.at(std::string(what->time));
    samples.cost[std::string(what->name)][who][round] =
        in_unit(value, entry.at("time_unit").get<std::string>(), what->unit);
    for (std::size_t i = 0; i < figures.size(); ++i) {
        const auto found = entry.find(figures[i].key);
        if (found == entry.end()) continue;
        samples.of_figures[i][std::string(what->name)][who][round] =
            found->get<double>() * figures[i].scale;
    }
}

all_samples read_rounds(const std::filesystem::path& folder) {
    all_samples samples;
    for (const auto& file : std::filesystem::directory_iterator(folder)) {
        if (file.path().extension() != ".json") continue;
        std::ifstream in(file.path());
        const json content = json::parse(in, nullptr, false);
        if (content.is_discarded()) continue;  // the program had nothing to say on this machine
        const int round = std::stoi(file.path().filename().string());
        for (const json& entry : content.at("benchmarks")) add_sample(entry, round, samples);
    }
    return samples;
}

std::optional<double> median_of(const by_who& samples, std::string_view who) {
    const auto found = samples.find(who);
    if (found == samples.end()) return std::nullopt;
    std::vector<double> values;
    for (const auto& [round, value] : found->second) values.push_back(value);
    return median(std::move(values));
}

bool is_among(std::string_view who, std::string_view several) {
    while (!several.empty()) {
        const std::size_t bar = std::min(several.find('|'), several.size());
        if (several.substr(0, bar) == who) return true;
        several.remove_prefix(std::min(bar + 1, several.size()));
    }
    return false;
}

/// The lowest value that those of `several` have in a round.
std::optional<double> lowest(const by_who& samples, std::string_view several, int round) {
    std::optional<double> found;
    for (const auto& [who, values] : samples) {
        if (!is_among(who, several)) continue;
        const auto same = values.find(round);
        if (same != values.end()) found = std::min(found.value_or(same->second), same->second);
    }
    return found;
}

/// The ratios of the rounds in which both were run; the values themselves where there is no floor.
std::vector<double> ratios(const by_who& samples, std::string_view who, std::string_view floor) {
    std::vector<double> found;
    const auto above = samples.find(who);
    if (above == samples.end()) return found;
    for (const auto& [round, value] : above->second) {
        const std::optional<double> below = floor.empty() ? 1 : lowest(samples, floor, round);
        if (below && *below > 0) found.push_back(value / *below);
    }
    return found;
}

/// One line of the table.
struct row {
    const work* what = nullptr;
    std::optional<double> uring;
    std::optional<double> epoll;
    std::optional<double> floor;
    std::map<std::string, double> peers;
    std::map<std::string, double> multiples;  // what peers cost over conduit's better backend
    std::array<std::map<std::string, double>, figures.size()> of_figures;  // by who
    std::optional<double> uring_over_epoll;  // above 1 where uring loses
    std::vector<double> ratios;              // of the better backend
    std::optional<double> ratio;
    std::optional<bool> met;
};

void judge(row& made, const by_who& samples) {
    const work& what = *made.what;
    std::vector<double> better = ratios(
        samples, "conduit_uring", what.floor_of_uring.empty() ? what.floor : what.floor_of_uring);
    std::vector<double> other = ratios(samples, "conduit_epoll", what.floor);
    if (better.empty() || (!other.empty() && median(other) < median(better))) {
        better.swap(other);
    }
    if (better.empty()) better = ratios(samples, "conduit", what.floor);
    if (better.empty()) return;
    if (what.budget) {
        made.met = median(better) <= *what.budget &&
                   (other.empty() || median(other) <= slack_of_other_backend * *what.budget);
    }
    if (what.floor.empty()) return;
    made.ratio = median(better);
    made.ratios = std::move(better);
}

bool is_conduit(std::string_view who) { return who == "conduit" || who.starts_with("conduit_"); }

/// What each peer costs in multiples of conduit, on the backend that costs less.
std::map<std::string, double> multiples(const by_who& cost) {
    std::map<std::string, double> found;
    for (const auto& [who, values] : cost) {
        const auto over_epoll = ratios(cost, who, "conduit_epoll");
        const auto over_uring = ratios(cost, who, "conduit_uring");
        if (!is_among(who, better_peer) || (over_epoll.empty() && over_uring.empty())) continue;
        found[who] = std::max(over_epoll.empty() ? 0 : median(over_epoll),
                              over_uring.empty() ? 0 : median(over_uring));
    }
    return found;
}

row make_row(const work& what, const by_who& cost) {
    row made;
    made.what = &what;
    const auto of_any = median_of(cost, "conduit");  // what knows no backend
    made.uring = of_any ? of_any : median_of(cost, "conduit_uring");
    made.epoll = of_any ? of_any : median_of(cost, "conduit_epoll");
    made.floor = median_of(cost, what.floor);
    for (const auto& [who, values] : cost) {
        if (who == what.floor || is_conduit(who)) continue;
        made.peers[who] = *median_of(cost, who);
    }
    made.multiples = multiples(cost);
    const auto against = ratios(cost, "conduit_uring", "conduit_epoll");
    if (!against.empty()) made.uring_over_epoll = median(against);
    judge(made, cost);
    return made;
}

std::vector<row> make_rows(const all_samples& samples) {
    std::vector<row> rows;
    for (const work& what : works) {
        const auto cost = samples.cost.find(what.name);
        if (cost == samples.cost.end()) continue;
        rows.push_back(make_row(what, cost->second));
        for (std::size_t i = 0; i < figures.size(); ++i) {
            const auto found = samples.of_figures[i].find(what.name);
            if (found == samples.of_figures[i].end()) continue;
            for (const auto& [who, values] : found->second) {
                rows.back().of_figures[i][who] = *median_of(found->second, who);
            }
        }
    }
    return rows;
}

template <class T>
ordered or_null(const std::optional<T>& value) {
    return value ? ordered(*value) : ordered(nullptr);
}

ordered to_json(const row& line) {
    ordered out;
    out["name"] = line.what->name;
    out["unit"] = line.what->unit;
    out["direction"] = "lower";
    out["conduit"]["uring"] = or_null(line.uring);
    out["conduit"]["epoll"] = or_null(line.epoll);
    out["floor"]["name"] = line.what->floor;
    out["floor"]["value"] = or_null(line.floor);
    out["peers"] = line.peers;
    out["multiples"] = line.multiples;
    for (std::size_t i = 0; i < figures.size(); ++i) {
        out[std::string(figures[i].key)] = line.of_figures[i];
    }
    out["uring_over_epoll"] = or_null(line.uring_over_epoll);
    out["ratio"] = or_null(line.ratio);
    out["budget"] = or_null(line.what->budget);
    out["met"] = or_null(line.met);
    return out;
}

std::string number(const std::optional<double>& value, int decimals) {
    return value ? fmt::format("{:.{}f}", *value, decimals) : "-";
}

/// A time or a count: three digits or more.
std::string amount(const std::optional<double>& value) {
    return number(value, value && *value < 9.995 ? 2 : 1);
}

std::optional<double> amount_of(const std::map<std::string, double>& all, std::string_view who) {
    const auto found = all.find(std::string(who));
    return found != all.end() ? std::optional(found->second) : std::nullopt;
}

/// "2.48 epoll, 3.66 asio, 2.03 io_uring": the floor first, without conduit itself.
std::string floor_and_others(const work& what, const std::optional<double>& floor,
                             const std::map<std::string, double>& others) {
    const auto short_name = [](std::string_view who) {
        return who.starts_with("raw_") ? who.substr(4) : who;
    };
    std::string text;
    if (floor) text = amount(floor) + fmt::format(" {}", short_name(what.floor));
    for (const auto& [who, value] : others) {
        if (who == what.floor || is_conduit(who)) continue;
        text += (text.empty() ? "" : ", ") + amount(value) + fmt::format(" {}", short_name(who));
    }
    return text;
}

std::string spread(const std::vector<double>& ratios) {
    if (ratios.empty()) return "-";
    const auto [low, high] = std::minmax_element(ratios.begin(), ratios.end());
    return fmt::format("{:.2f}-{:.2f}", *low, *high);
}

/// Whether the table's two decimals show a loss.
bool uring_loses(const row& line) {
    return line.uring_over_epoll && *line.uring_over_epoll >= 1.005;
}

/// How wide the column of the names is.
std::size_t name_width(const std::vector<row>& rows) {
    std::size_t widest = 25;
    for (const row& line : rows) widest = std::max(widest, line.what->name.size() + 1);
    return widest;
}

constexpr std::string_view layout = "{:<{}}{:>4}{:>8}{:>8}{:>7}  {:<{}}{:>7}{:>11}{:>8}{:>4}\n";

void print_table(const std::vector<row>& rows) {
    const std::size_t names = name_width(rows);
    std::size_t peers = 40;
    for (const row& line : rows) {
        peers = std::max(peers, floor_and_others(*line.what, line.floor, line.peers).size() + 1);
    }
    fmt::print(layout, "work", names, "unit", "uring", "epoll", "u/e ", "floor, peers", peers,
               "ratio", "spread", "budget", "met");
    for (const row& line : rows) {
        fmt::print(layout, line.what->name, names, line.what->unit, amount(line.uring),
                   amount(line.epoll),
                   number(line.uring_over_epoll, 2) + (uring_loses(line) ? "!" : " "),
                   floor_and_others(*line.what, line.floor, line.peers), peers, amount(line.ratio),
                   spread(line.ratios), amount(line.what->budget),
                   line.met ? (*line.met ? "yes" : "no") : "-");
    }
    fmt::print("u/e: what uring costs over what epoll costs; ! where uring loses\n");
}

/// What peers cost beside conduit.
void print_multiples(const std::vector<row>& rows) {
    bool has_head = false;
    for (const row& line : rows) {
        if (line.multiples.empty()) continue;
        if (!std::exchange(has_head, true)) fmt::print("\npeers, in multiples of conduit\n");
        std::string text;
        for (const auto& [who, value] : line.multiples) {
            text += (text.empty() ? "" : ", ") + amount(value) + " " + who;
        }
        fmt::print("{:<{}}{}\n", line.what->name, name_width(rows), text);
    }
}

/// One of the figures behind each message, round trip or call, where they were counted.
void print_figure(const std::vector<row>& rows, std::size_t which) {
    constexpr std::string_view columns = "{:<{}}{:>8}{:>8}{:>9}{}\n";
    bool has_head = false;
    for (const row& line : rows) {
        const auto& values = line.of_figures[which];
        if (values.empty()) continue;
        if (!std::exchange(has_head, true)) {
            fmt::print("\n");
            fmt::print(columns, figures[which].title, name_width(rows), "uring", "epoll", "",
                       "floor, peers");
        }
        fmt::print(columns, line.what->name, name_width(rows),
                   amount(amount_of(values, "conduit_uring")),
                   amount(amount_of(values, "conduit_epoll")), "",
                   floor_and_others(*line.what, amount_of(values, line.what->floor), values));
    }
}

/// What follows the first "key : " of a file, or its first line when the key is empty.
std::string first_value(const std::string& path, std::string_view key) {
    std::ifstream in(path);
    for (std::string line; std::getline(in, line);) {
        if (!line.starts_with(key)) continue;
        const std::size_t colon = line.find(": ");
        return key.empty() || colon == std::string::npos ? line : line.substr(colon + 2);
    }
    return "unknown";
}

void print_machine(const all_samples& samples) {
    utsname system{};
    ::uname(&system);
    std::size_t rounds = 0;
    for (const auto& [name, of_work] : samples.cost) {
        for (const auto& [who, values] : of_work) rounds = std::max(rounds, values.size());
    }
    const std::string load = first_value("/proc/loadavg", "");
    fmt::print("{}, {} cores, Linux {}, governor {}\n", first_value("/proc/cpuinfo", "model name"),
               std::thread::hardware_concurrency(), system.release,
               first_value("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", ""));
    fmt::print("{} interleaved rounds; medians; load {} at the end{}\n\n", rounds,
               load.substr(0, load.find(' ')),
               std::strtod(load.c_str(), nullptr) > 1.5 ? " (high: repeat when it is quiet)" : "");
}

int run(const std::filesystem::path& folder, const std::filesystem::path& results) {
    const all_samples samples = read_rounds(folder);
    const std::vector<row> rows = make_rows(samples);
    print_machine(samples);
    print_table(rows);
    print_multiples(rows);
    for (std::size_t i = 0; i < figures.size(); ++i) print_figure(rows, i);
    ordered all = ordered::array();
    for (const row& line : rows) all.push_back(to_json(line));
    std::ofstream out(results);
    out << all.dump(2) << '\n';
    out.close();
    if (!out) throw std::runtime_error("cannot write " + results.string());
    return 0;
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc != 3) {
        std::cerr << "usage: bench_report <folder of rounds> <results.json>\n";
        return 2;
    }
    return run(argv[1], argv[2]);
} catch (const std::exception& why) {
    std::cerr << "bench_report: " << why.what() << '\n';
    return 1;
}
