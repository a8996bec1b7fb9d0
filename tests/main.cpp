// SPDX-License-Identifier: BSL-1.0
//
// The program that holds every test case. It is Catch2's own, with four additions:
//
//     conduit_tests --write-ctest-cases FILE   each case as one ctest case, each tag as a label
//     conduit_tests --write-ctest-files FILE   each source file as one: starting takes the
//                                              sanitizers longer than most cases
//     conduit_tests --case NAME                runs exactly the case of that name
//     conduit_tests --file NAME                runs exactly the cases of a group
//     conduit_tests --helper NAME ARGUMENT...  is the other process of a test (support/child.hpp)
//     exit code 77                             nothing could run here: ctest reports a skip

// Signals stay as the test case sets them; a crash is reported by ctest, which runs each case
// alone.
#define CATCH_CONFIG_NO_POSIX_SIGNALS
#define CATCH_CONFIG_RUNNER
#include "skip.hpp"
#include "support/child.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr int exit_skipped = 77;

int skips = 0;
int runs = 0;

// Inside Catch2's quotes only these three are special.
std::string spec_for(const std::string& name) {
    std::string spec = "\"";
    for (char c : name) {
        if (c == '\\' || c == '"' || c == ',') {
            spec += '\\';
        }
        spec += c;
    }
    return spec + '"';
}

// A bracket argument takes any text, provided its own end does not occur in it.
std::string cmake_quoted(std::string_view text) {
    std::string equals = "=";
    while (text.find("]" + equals) != std::string_view::npos) {
        equals += '=';
    }
    return "[" + equals + "[" + std::string(text) + "]" + equals + "]";
}

std::set<std::string> labels_of(const Catch::TestCaseInfo& test) {
    std::set<std::string> labels;
    for (const std::string& tag : test.tags) {
        if (tag.front() == '!' || tag.front() == '.' || tag.front() == '@') {
            continue;  // Catch2's own
        }
        if (tag.find_first_of(";[]\\\" \t") != std::string::npos) {
            throw std::runtime_error("a tag must be one plain word: [" + tag + "] of \"" +
                                     test.name + "\"");
        }
        labels.insert(tag);
    }
    return labels;
}

bool has_tag(const Catch::TestCaseInfo& test, std::string_view tag) {
    return std::find(test.tags.begin(), test.tags.end(), tag) != test.tags.end();
}

// What Catch2 would take for another case, or for something else than a name.
void require_selectable(const std::vector<Catch::TestCase>& tests) {
    std::set<std::string> names;
    for (const Catch::TestCase& test : tests) {
        const std::string& name = test.name;
        if (name.empty() || name.front() == '*' || name.back() == '*' ||
            name.rfind("exclude:", 0) == 0 || !names.insert(Catch::toLower(name)).second) {
            throw std::runtime_error("the name \"" + name +
                                     "\" selects other cases too: names must differ by more than "
                                     "case, and none may begin or end with '*' or begin with "
                                     "'exclude:'");
        }
    }
}

// Cases of one file that ctest's presets do not tell apart.
std::string group_of(const Catch::TestCaseInfo& test) {
    const std::filesystem::path file(test.lineInfo.file);
    std::string group = std::filesystem::relative(file, CONDUIT_SOURCE_DIR).string();
    for (const char* tag : {"stress", "threads", "tidy"}) {
        if (has_tag(test, tag)) group += " [" + std::string(tag) + "]";
    }
    return group;
}

struct ctest_case {
    std::string argument;  // that selects it, before its name
    std::string source_line;
    std::set<std::string> labels;
    int timeout = 120;  // seconds; of a stress case beside what it is asked to take
    int stress_cases = 0;
};

std::map<std::string, ctest_case> cases_alone(const std::vector<Catch::TestCase>& tests) {
    std::map<std::string, ctest_case> cases;
    for (const Catch::TestCase& test : tests) {
        if (test.isHidden()) continue;
        ctest_case& one = cases[test.name];
        one.argument = "--case";
        one.source_line =
            std::string(test.lineInfo.file) + ":" + std::to_string(test.lineInfo.line);
        one.labels = labels_of(test);
        if (!has_tag(test, "stress")) continue;
        one.stress_cases = 1;
        one.timeout = 60;
    }
    return cases;
}

std::map<std::string, ctest_case> cases_by_file(const std::vector<Catch::TestCase>& tests) {
    std::map<std::string, ctest_case> cases;
    for (const Catch::TestCase& test : tests) {
        if (test.isHidden()) continue;
        ctest_case& one = cases[group_of(test)];
        one.argument = "--file";
        one.source_line = std::string(test.lineInfo.file) + ":1";
        one.labels.merge(labels_of(test));
        one.timeout = 300;
        if (has_tag(test, "stress")) ++one.stress_cases;
    }
    return cases;
}

void write_ctest_cases(const std::map<std::string, ctest_case>& cases, const std::string& program,
                       const std::string& path) {
    std::ofstream out(path);
    // When ctest runs: it may be asked for more than when this was written.
    out << "set(stress_seconds 15)\n"
        << "if(\"$ENV{CONDUIT_STRESS_SECONDS}\" MATCHES \"^[0-9]+$\")\n"
        << "    set(stress_seconds \"$ENV{CONDUIT_STRESS_SECONDS}\")\n"
        << "endif()\n";
    for (const auto& [plain_name, one] : cases) {
        const std::string name = cmake_quoted(plain_name);
        std::string labels;
        for (const std::string& label : one.labels) labels += (labels.empty() ? "" : ";") + label;
        // On a busy machine they may take twice what they are asked to.
        out << "math(EXPR timeout \"" << one.timeout << " + " << 2 * one.stress_cases
            << " * ${stress_seconds}\")\n";
        out << "add_test(" << name << " " << cmake_quoted(program) << " " << one.argument << " "
            << name << ")\n"
            << "set_tests_properties(" << name << " PROPERTIES\n    SKIP_RETURN_CODE "
            << exit_skipped << " TIMEOUT ${timeout}\n"
            << "    DEF_SOURCE_LINE " << cmake_quoted(one.source_line) << "\n    LABELS "
            << cmake_quoted(labels) << ")\n";
    }
    if (!out.flush()) {
        throw std::runtime_error("cannot write " + path);
    }
}

// Selects the cases of a group, or nothing.
std::string spec_for_group(const std::vector<Catch::TestCase>& tests, const std::string& group) {
    std::string spec;
    for (const Catch::TestCase& test : tests) {
        if (test.isHidden() || group_of(test) != group) continue;
        spec += (spec.empty() ? "" : ",") + spec_for(test.name);
    }
    return spec.empty() ? spec_for(group) : spec;
}

int run(int argc, char** argv) {
    const std::vector<std::string> arguments(argv, argv + argc);
    if (argc >= 3 && arguments[1] == "--helper") {
        return conduit::test::run_helper(arguments[2], {arguments.begin() + 3, arguments.end()});
    }
    Catch::Session session;
    const auto all = [&session]() -> const std::vector<Catch::TestCase>& {
        return Catch::getAllTestCasesSorted(session.config());  // throws on duplicate names
    };
    const std::string option = argc >= 3 ? arguments[1] : std::string();
    if (option == "--write-ctest-cases" || option == "--write-ctest-files") {
        require_selectable(all());
        const bool by_file = option == "--write-ctest-files";
        write_ctest_cases(by_file ? cases_by_file(all()) : cases_alone(all()),
                          std::filesystem::absolute(arguments[0]), arguments[2]);
        return 0;
    }
    if (option == "--case" || option == "--file") {
        session.configData().testsOrTags.push_back(
            option == "--case" ? spec_for(arguments[2]) : spec_for_group(all(), arguments[2]));
        session.configData().warnings = Catch::WarnAbout::NoTests;
        argv[2] = argv[0];
        argc -= 2;
        argv += 2;
    }
    if (const int bad = session.applyCommandLine(argc, argv); bad != 0) {
        return bad;
    }
    if (session.run() != 0) {
        return 1;  // Catch2 returns the number of failures, which could be 77
    }
    return skips != 0 && runs == 0 ? exit_skipped : 0;
}

}  // namespace

namespace conduit::test {

void skip(std::string_view reason) {
    ++skips;
    std::cout << "SKIPPED: " << reason << std::endl;
}

void ran() { ++runs; }

}  // namespace conduit::test

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        std::cerr << "conduit_tests: " << error.what() << '\n';
        return 2;
    }
}
