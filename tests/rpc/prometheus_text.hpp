// SPDX-License-Identifier: BSL-1.0
//
// Reads the text exposition format 0.0.4 of Prometheus, strictly, and says what is wrong with it:
// https://prometheus.io/docs/instrumenting/exposition_formats/
//
//     const test::prometheus_text read(text);
//     REQUIRE(read.problem() == "");
//     read.value_of("conduit_limit_hits_total{limit=\"pings\"}");

#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace conduit::test {

class prometheus_text {
public:
    explicit prometheus_text(const std::string& text) { read(text); }

    /// Empty where all is well.
    const std::string& problem() const noexcept { return problem_; }
    /// Of a series as it is written; -1 where there is none.
    double value_of(const std::string& series) const {
        const auto found = values_.find(series);
        return found == values_.end() ? -1 : found->second;
    }

private:
    struct histogram {
        std::vector<std::pair<double, double>> buckets;  // bound and count, as they came
        std::optional<double> sum;
        std::optional<double> count;
    };

    void read(std::string_view text) {
        int line = 0;
        while (!text.empty()) {
            ++line;
            const std::size_t end = text.find('\n');
            if (end == std::string_view::npos) return fail("the last line has no end");
            const std::string why = read_line(text.substr(0, end));
            if (!why.empty()) return fail(std::to_string(line) + ": " + why);
            text.remove_prefix(end + 1);
        }
        for (const auto& [name, each] : histograms_) {
            const std::string why = problem_of(each);
            if (!why.empty()) return fail(name.substr(0, name.find('{')) + ": " + why);
        }
    }

    void fail(std::string why) { problem_ = std::move(why); }

    static bool is_name(std::string_view name, bool may_have_colon) {
        const auto good = [&](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                   c == '_' || (may_have_colon && c == ':');
        };
        return !name.empty() && !(name[0] >= '0' && name[0] <= '9') &&
               std::all_of(name.begin(), name.end(), good);
    }

    static std::string_view take_word(std::string_view& rest) {
        const std::size_t end = std::min(rest.find(' '), rest.size());
        const std::string_view word = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        return word;
    }

    std::string read_line(std::string_view line) {
        if (line.starts_with("# ")) {
            line.remove_prefix(2);
            const std::string_view what = take_word(line);
            const std::string name(take_word(line));
            if (!is_name(name, true)) return name + " is no name of a metric";
            if (what == "HELP") return read_help(name);
            if (what == "TYPE") return read_type(name, line);
            return "neither HELP nor TYPE";
        }
        return read_sample(line);
    }

    std::string read_help(const std::string& name) {
        if (!helps_.emplace(name, true).second) return "HELP of " + name + " is there twice";
        return {};
    }

    std::string read_type(const std::string& name, std::string_view type) {
        if (type != "counter" && type != "gauge" && type != "histogram") return "no type";
        if (!types_.emplace(name, type).second) return "TYPE of " + name + " is there twice";
        const bool ends_in_total = name.ends_with("_total");
        if (type == "counter" && !ends_in_total) return "a counter ends in _total: " + name;
        if (type != "counter" && ends_in_total) return "only a counter ends in _total: " + name;
        current_ = name;
        return {};
    }

    std::string read_sample(std::string_view line) {
        const std::size_t name_end = std::min(line.find_first_of("{ "), line.size());
        const std::string name(line.substr(0, name_end));
        if (!is_name(name, true)) return name + " is no name of a metric";
        std::string_view rest = line.substr(name_end);
        std::map<std::string, std::string> labels;
        if (rest.starts_with('{')) {
            const std::string why = read_labels(rest, labels);
            if (!why.empty()) return why;
        }
        const std::string series(line.substr(0, line.size() - rest.size()));
        if (!rest.starts_with(' ')) return "no value";
        rest.remove_prefix(1);
        double value = 0;
        const auto end = rest.data() + rest.size();
        const auto read = std::from_chars(rest.data(), end, value);
        if (read.ec != std::errc() || read.ptr != end) return std::string(rest) + " is no number";
        if (!values_.emplace(series, value).second) return series + " is there twice";
        return file_under(name, std::move(labels), value);
    }

    static std::string read_labels(std::string_view& rest,
                                   std::map<std::string, std::string>& labels) {
        rest.remove_prefix(1);
        while (!rest.starts_with('}')) {
            const std::size_t equals = std::min(rest.find("=\""), rest.size());
            const std::string name(rest.substr(0, equals));
            if (!is_name(name, false)) return name + " is no name of a label";
            rest.remove_prefix(std::min(equals + 2, rest.size()));
            std::string value;
            while (!rest.empty() && rest[0] != '"') {
                if (rest[0] == '\\') {
                    rest.remove_prefix(1);
                    const std::string_view known = "\\\"n";
                    if (rest.empty() || known.find(rest[0]) == std::string_view::npos) {
                        return "a label is not escaped";
                    }
                }
                value += rest[0];
                rest.remove_prefix(1);
            }
            if (rest.empty()) return "labels without an end";
            rest.remove_prefix(1);
            if (!labels.emplace(name, value).second) return name + " is there twice";
            if (rest.starts_with(',')) {
                rest.remove_prefix(1);
            } else if (!rest.starts_with('}')) {
                return "labels without an end";
            }
        }
        rest.remove_prefix(1);
        return {};
    }

    /// All samples of a metric stand behind its TYPE, together.
    std::string file_under(const std::string& name, std::map<std::string, std::string> labels,
                           double value) {
        const auto found = types_.find(current_);
        const bool is_histogram = found != types_.end() && found->second == "histogram";
        const std::string suffix =
            name.starts_with(current_) ? name.substr(current_.size()) : "no suffix";
        const bool fits = is_histogram
                              ? suffix == "_bucket" || suffix == "_sum" || suffix == "_count"
                              : suffix.empty();
        if (current_.empty() || !fits || !helps_.contains(current_)) {
            return name + " has no HELP and TYPE before it";
        }
        if (!is_histogram) return {};
        std::string bound = "none";
        if (const auto le = labels.find("le"); le != labels.end()) {
            bound = le->second;
            labels.erase(le);
        }
        std::string key = current_ + "{";
        for (const auto& [label, text] : labels) key += label + "=" + text + ",";
        histogram& of = histograms_[key];
        if (suffix == "_sum") of.sum = value;
        if (suffix == "_count") of.count = value;
        if (suffix != "_bucket") return bound == "none" ? "" : "only a bucket has le";
        const double infinity = std::numeric_limits<double>::infinity();
        of.buckets.emplace_back(bound == "+Inf" ? infinity : std::stod(bound), value);
        return {};
    }

    static std::string problem_of(const histogram& of) {
        if (of.buckets.empty() || !std::isinf(of.buckets.back().first)) return "no bucket of +Inf";
        if (!std::is_sorted(of.buckets.begin(), of.buckets.end())) {
            return "buckets are not cumulative";
        }
        for (std::size_t i = 1; i < of.buckets.size(); ++i) {
            if (of.buckets[i].second < of.buckets[i - 1].second) {
                return "buckets are not cumulative";
            }
        }
        if (!of.sum) return "no _sum";
        if (!of.count) return "no _count";
        return of.buckets.back().second == *of.count ? "" : "+Inf and _count differ";
    }

    std::string problem_;
    std::string current_;
    std::map<std::string, bool> helps_;
    std::map<std::string, std::string> types_;
    std::map<std::string, double> values_;
    std::map<std::string, histogram> histograms_;
};

}  // namespace conduit::test
