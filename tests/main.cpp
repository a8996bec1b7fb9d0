// SPDX-License-Identifier: BSL-1.0
//
// The program that holds every test case. It is Catch2's own, with four additions:
//
//     conduit_tests --write-ctest-cases FILE   each case as one ctest case, each tag as a label
//     conduit_tests --case NAME                runs exactly the case of that name
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

std::string labels_of(const Catch::TestCaseInfo& test) {
    std::string labels;
    for (const std::string& tag : test.tags) {
        if (tag.front() == '!' || tag.front() == '.' || tag.front() == '@') {
            continue;  // Catch2's own
        }
        if (tag.find_first_of(";[]\\\" \t") != std::string::npos) {
            throw std::runtime_error("a tag must be one plain word: [" + tag + "] of \"" +
                                     test.name + "\"");
        }
        labels += (labels.empty() ? "" : ";") + tag;
    }
    return labels;
}

bool has_tag(const Catch::TestCaseInfo& test, std::string_view tag) {
    return std::find(test.tags.begin(), test.tags.end(), tag) != test.tags.end();
}

void require_selectable(const Catch::IConfig& config, const std::vector<Catch::TestCase>& tests,
                        const std::string& name) {
    const auto spec = Catch::parseTestSpec(spec_for(name));
    const auto matches = std::count_if(tests.begin(), tests.end(), [&](const auto& test) {
        return Catch::matchTest(test, spec, config);
    });
    if (matches != 1) {
        throw std::runtime_error("the name \"" + name + "\" selects " + std::to_string(matches) +
                                 " cases; names must differ by more than case, and none may begin "
                                 "or end with '*' or begin with 'exclude:'");
    }
}

void write_ctest_cases(const Catch::IConfig& config, const std::string& program,
                       const std::string& path) {
    const auto& tests = Catch::getAllTestCasesSorted(config);  // throws on duplicate names
    std::ofstream out(path);
    for (const Catch::TestCase& test : tests) {
        if (test.isHidden()) {
            continue;
        }
        require_selectable(config, tests, test.name);
        const std::string name = cmake_quoted(test.name);
        out << "add_test(" << name << " " << cmake_quoted(program) << " --case " << name << ")\n"
            << "set_tests_properties(" << name << " PROPERTIES\n    SKIP_RETURN_CODE "
            << exit_skipped << " TIMEOUT " << (has_tag(test, "stress") ? 60 : 120) << "\n"
            << "    DEF_SOURCE_LINE "
            << cmake_quoted(std::string(test.lineInfo.file) + ":" +
                            std::to_string(test.lineInfo.line))
            << "\n    LABELS " << cmake_quoted(labels_of(test)) << ")\n";
    }
    if (!out.flush()) {
        throw std::runtime_error("cannot write " + path);
    }
}

int run(int argc, char** argv) {
    const std::vector<std::string> arguments(argv, argv + argc);
    if (argc >= 3 && arguments[1] == "--helper") {
        return conduit::test::run_helper(arguments[2], {arguments.begin() + 3, arguments.end()});
    }
    Catch::Session session;
    if (argc == 3 && arguments[1] == "--write-ctest-cases") {
        write_ctest_cases(session.config(), std::filesystem::absolute(arguments[0]), arguments[2]);
        return 0;
    }
    if (argc >= 3 && arguments[1] == "--case") {
        require_selectable(session.config(), Catch::getAllTestCasesSorted(session.config()),
                           arguments[2]);
        session.configData().testsOrTags.push_back(spec_for(arguments[2]));
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
