// SPDX-License-Identifier: BSL-1.0
//
// Makes one table, and results.json, of what the benchmark programs printed in each round. All of
// them write Google Benchmark's JSON with names of the form "work/who". scripts/bench.sh runs it.
//
//     bench_report build/bench/rounds build/bench/results.json
//
// The folder holds files named <round>-<anything>.json. A ratio is taken within each round, conduit
// against the floor run next to it; the table shows the median of the ratios and their spread.

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
#include <vector>

namespace {

using nlohmann::json;
using ordered = nlohmann::ordered_json;

constexpr double slack_of_other_backend = 1.3;

/// What is measured, which of the two times counts, and what it is held against.
struct work {
    std::string_view name;
    std::string_view unit;
    std::string_view time;  // "cpu_time" for cost, "real_time" for latency
    std::string_view floor;
    std::optional<double> budget;
};

constexpr auto works = std::to_array<work>({
    {"task.await", "ns", "cpu_time", "bare", 1.3},
    {"task.yield", "ns", "cpu_time", "bare", 1.3},
    {"task.spawn", "ns", "cpu_time", "bare", std::nullopt},
    {"timer.set_cancel", "ns", "cpu_time", "bare", 1.3},
    {"post.cross_thread", "ns", "cpu_time", "bare", std::nullopt},
    {"stream.pingpong.unix", "us", "real_time", "raw_epoll", 1.15},
    {"stream.pingpong.pipe", "us", "real_time", "raw_epoll", 1.15},
    {"echo.unix.conns1", "us", "cpu_time", "raw_epoll", std::nullopt},
    {"echo.unix.conns16", "us", "cpu_time", "raw_epoll", std::nullopt},
    {"echo.unix.conns64", "us", "cpu_time", "raw_epoll", std::nullopt},
    {"echo.unix.conns256", "us", "cpu_time", "raw_epoll", std::nullopt},
});

using by_round = std::map<int, double>;
using by_who = std::map<std::string, by_round, std::less<>>;
using all_samples = std::map<std::string, by_who, std::less<>>;

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
    const double value = entry.at(std::string(what->time));
    samples[std::string(what->name)][rest.substr(0, rest.find('/'))][round] =
        in_unit(value, entry.at("time_unit").get<std::string>(), what->unit);
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

/// The ratios of the rounds in which both were run.
std::vector<double> ratios(const by_who& samples, std::string_view who, std::string_view floor) {
    std::vector<double> found;
    const auto above = samples.find(who);
    const auto below = samples.find(floor);
    if (above == samples.end() || below == samples.end()) return found;
    for (const auto& [round, value] : above->second) {
        const auto same = below->second.find(round);
        if (same != below->second.end()) found.push_back(value / same->second);
    }
    return found;
}

/// One line of the table.
struct row {
    const work* what;
    std::optional<double> uring;
    std::optional<double> epoll;
    std::optional<double> floor;
    std::map<std::string, double> peers;
    std::vector<double> ratios;  // of the better backend
    std::optional<double> ratio;
    std::optional<bool> met;
};

void judge(row& made, const by_who& samples) {
    std::vector<double> better = ratios(samples, "conduit_uring", made.what->floor);
    std::vector<double> other = ratios(samples, "conduit_epoll", made.what->floor);
    if (better.empty() || (!other.empty() && median(other) < median(better))) {
        better.swap(other);
    }
    if (better.empty()) return;
    made.ratio = median(better);
    if (made.what->budget) {
        const double budget = *made.what->budget;
        made.met = *made.ratio <= budget &&
                   (other.empty() || median(other) <= slack_of_other_backend * budget);
    }
    made.ratios = std::move(better);
}

std::vector<row> make_rows(const all_samples& samples) {
    std::vector<row> rows;
    for (const work& what : works) {
        const auto found = samples.find(what.name);
        if (found == samples.end()) continue;
        const by_who& of_work = found->second;
        row made{&what,
                 median_of(of_work, "conduit_uring"),
                 median_of(of_work, "conduit_epoll"),
                 median_of(of_work, what.floor),
                 {},
                 {},
                 {},
                 {}};
        for (const auto& [who, values] : of_work) {
            if (who == what.floor || who.starts_with("conduit_")) continue;
            made.peers[who] = *median_of(of_work, who);
        }
        judge(made, of_work);
        rows.push_back(std::move(made));
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
    out["ratio"] = or_null(line.ratio);
    out["budget"] = or_null(line.what->budget);
    out["met"] = or_null(line.met);
    return out;
}

std::string number(const std::optional<double>& value, int decimals) {
    return value ? fmt::format("{:.{}f}", *value, decimals) : "-";
}

std::string short_name(std::string_view who) {
    return std::string(who.starts_with("raw_") ? who.substr(4) : who);
}

std::string floor_and_peers(const row& line) {
    std::string text = number(line.floor, 1) + " " + short_name(line.what->floor);
    for (const auto& [who, value] : line.peers) {
        text += fmt::format(", {:.1f} {}", value, short_name(who));
    }
    return text;
}

std::string spread(const std::vector<double>& ratios) {
    if (ratios.empty()) return "-";
    const auto [low, high] = std::minmax_element(ratios.begin(), ratios.end());
    return fmt::format("{:.2f}-{:.2f}", *low, *high);
}

constexpr std::string_view layout = "{:<21}{:>4}{:>7}{:>7}  {:<40}{:>6}{:>11}{:>7}{:>4}\n";

void print_table(const std::vector<row>& rows) {
    fmt::print(layout, "work", "unit", "uring", "epoll", "floor, peers", "ratio", "spread",
               "budget", "met");
    for (const row& line : rows) {
        fmt::print(layout, line.what->name, line.what->unit, number(line.uring, 1),
                   number(line.epoll, 1), floor_and_peers(line), number(line.ratio, 2),
                   spread(line.ratios), number(line.what->budget, 2),
                   line.met ? (*line.met ? "yes" : "no") : "-");
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
    for (const auto& [name, of_work] : samples) {
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
