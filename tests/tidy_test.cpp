// SPDX-License-Identifier: BSL-1.0
//
// The style of this repository, as a test: the rules (tests/tidy/) hold for the tree, and each of
// them can fail.

#include "tidy/rules.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

using conduit::tidy::check;
using conduit::tidy::finding;
using conduit::tidy::tree;

namespace {

const std::string licence = "// SPDX-License-Identifier: BSL-1.0\n";
const std::string header_head = licence + "#pragma once\n";

std::string contents_of(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

bool is_read(const std::filesystem::path& path) {
    constexpr std::array<std::string_view, 6> extensions = {".hpp", ".cpp",   ".c",
                                                            ".sh",  ".cmake", ".md"};
    const bool known =
        std::find(extensions.begin(), extensions.end(), path.extension()) != extensions.end();
    return (known && path.extension() != ".md") || path.filename() == "CMakeLists.txt" ||
           path.filename() == "README.md" || path.filename() == "CONTRIBUTING.md";
}

tree read_tree(const std::filesystem::path& root) {
    constexpr std::array<std::string_view, 9> folders = {
        "runtime", "channels", "rpc", "tools", "examples", "tests", "bench", "cmake", "scripts"};
    tree files;
    const auto add = [&](const std::filesystem::path& path) {
        if (is_read(path)) {
            files[path.lexically_relative(root).generic_string()] = contents_of(path);
        }
    };
    for (const auto& entry : std::filesystem::directory_iterator(root)) {
        if (entry.is_regular_file()) {
            add(entry.path());
        }
    }
    for (const auto folder : folders) {
        if (!std::filesystem::exists(root / folder)) {
            continue;
        }
        for (const auto& entry : std::filesystem::recursive_directory_iterator(root / folder)) {
            if (entry.is_regular_file()) {
                add(entry.path());
            }
        }
    }
    return files;
}

std::string all_of(const std::vector<finding>& findings) {
    std::ostringstream out;
    for (const auto& found : findings) {
        out << to_string(found) << '\n';
    }
    return out.str();
}

// Whether the rule, and no other, finds something in a file of this text.
void expect(const std::string& rule, int line, const std::string& path, const std::string& text) {
    tree files{
        {path, text}, {"runtime/README.md", ""}, {"channels/README.md", ""}, {"rpc/README.md", ""}};
    if (path.ends_with(".hpp")) {
        files["tests/" + path.substr(0, path.size() - 4) + "_test.cpp"] = licence;
    }
    const auto findings = check(files);
    INFO(text);
    CAPTURE(all_of(findings));
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].rule == rule);
    CHECK(findings[0].file == path);
    CHECK(findings[0].line == line);
}

void expect_clean(const std::string& path, const std::string& text) {
    const auto findings = check({{path, text}, {"runtime/README.md", ""}});
    INFO(text);
    CAPTURE(all_of(findings));
    CHECK(findings.empty());
}

std::string repeat(const std::string& text, int times) {
    std::string out;
    for (int i = 0; i < times; ++i) {
        out += text;
    }
    return out;
}

}  // namespace

TEST_CASE("the tree keeps to its style", "[tidy]") {
    const tree files = read_tree(CONDUIT_SOURCE_DIR);
    REQUIRE(files.contains("tests/tidy_test.cpp"));
    const auto findings = check(files);
    std::cout << all_of(findings);  // Catch2 would wrap the lines
    CHECK(findings.empty());
}

TEST_CASE("a file begins with its licence, a header with its guard", "[tidy]") {
    expect("licence", 1, "runtime/a.cpp", "int x;\n");
    expect("licence", 1, "tests/a.cpp", "\n" + licence);
    expect("pragma-once", 1, "tests/a.hpp", licence + "#include <string>\n#pragma once\n");
    expect("pragma-once", 1, "runtime/a.hpp", licence + "int x;\n");
}

TEST_CASE("lines, functions and files have a largest size", "[tidy]") {
    expect("columns", 2, "runtime/a.cpp", licence + "// " + std::string(98, 'x') + "\n");
    expect("columns", 1, "CMakeLists.txt", std::string(101, '#') + "\n");
    expect_clean("runtime/a.cpp", licence + "// " + repeat("\xc3\xa9", 97) + "\n");
    expect("tab", 2, "runtime/a.cpp", licence + "\tint x;\n");
    expect("blanks", 2, "runtime/a.cpp", licence + "int x; \n");
    expect("file-length", 801, "runtime/a.cpp", licence + repeat("int f();\n", 801));

    const std::string body = repeat("    g();\n", 69);
    expect("function-length", 2, "runtime/a.cpp", licence + "void f() {\n" + body + "}\n");
    expect("function-length", 4, "runtime/a.cpp",
           licence + "namespace n {\nstruct s {\nint f() const noexcept {\n" + body + "}\n};\n}\n");
    expect("function-length", 3, "runtime/a.cpp",
           licence + "s::s(int x)\n    : a_(x), b_{x} {\n" + body + "}\n");
    expect_clean("runtime/a.cpp", licence + "namespace n {\n" + body + body + "}\n");
    expect_clean("runtime/a.cpp", licence + "void f() {\n" + repeat("    g();\n", 68) + "}\n");
}

TEST_CASE("comments use plain words and typed reminders", "[tidy]") {
    const std::string reminder = "TO" + std::string("DO");
    expect("todo", 2, "runtime/a.cpp", licence + "// " + reminder + ": later\n");
    expect("todo", 2, "runtime/a.cpp", licence + "/* " + reminder + "(me): later */\n");
    expect_clean("runtime/a.cpp", licence + "// " + reminder + "(perf): measure\n");
    expect("words", 2, "runtime/a.cpp", licence + "// FIX" + "ME\n");
    expect("words", 2, "runtime/a.cpp", licence + "// It is simply so.\n");
    expect("words", 2, "runtime/a.cpp", licence + "// The wait is canceled.\n");
    expect_clean("runtime/a.cpp",
                 licence + "// The wait is cancelled: std::errc::operation_canceled\n");
}

TEST_CASE("a layer includes only what it may know", "[tidy]") {
    const auto include = [](const std::string& what) {
        return licence + "#include " + what + "\n";
    };
    const auto in_header = [](const std::string& what) {
        return header_head + "#include " + what + "\n";
    };
    expect("layers", 2, "runtime/a.cpp", include("<conduit/channels/pipe.hpp>"));
    expect("layers", 2, "channels/a.cpp", include("<conduit/rpc/client.hpp>"));
    expect("layers", 2, "examples/a.cpp", include("\"../tests/support/x.hpp\""));
    expect("spelling", 2, "runtime/a.cpp", include("\"a.hpp\""));
    expect("private-header", 3, "runtime/a.hpp",
           in_header("<conduit/runtime/backend/backend.hpp>"));
    expect("private-header", 3, "rpc/a.hpp", in_header("<conduit/channels/detail/x.hpp>"));
    expect("private-header", 2, "examples/a.cpp", include("<conduit/runtime/detail/x.hpp>"));
    expect("asio", 2, "channels/a.cpp", include("<asio.hpp>"));
    expect("asio", 2, "runtime/timer.cpp", include("<asio/io_context.hpp>"));
    expect("openssl", 2, "channels/a.cpp", include("<openssl/ssl.h>"));
    expect("openssl", 2, "rpc/tls_a.cpp", include("<openssl/ssl.h>"));
    expect("openssl", 3, "channels/tls_a.hpp", in_header("<openssl/ssl.h>"));
    expect("catch2", 2, "bench/a.cpp", include("<catch2/catch.hpp>"));
    expect("fmt", 3, "runtime/a.hpp", in_header("<fmt/format.h>"));
    expect("kernel-header", 3, "runtime/a.hpp", in_header("<sys/socket.h>"));
    expect("backend", 2, "tests/runtime/a.cpp", include("<liburing.h>"));
    expect("backend", 2, "examples/a.cpp", include("<sys/epoll.h>"));

    const auto of_templates = check({{"rpc/a.hpp", in_header("<conduit/rpc/detail/x.hpp>")},
                                     {"rpc/README.md", ""},
                                     {"tests/rpc/a_test.cpp", licence}});
    CHECK(of_templates.empty());
    expect_clean("runtime/asio.hpp.cpp", include("<asio.hpp>"));
    const auto with_openssl = check({{"channels/tls_a.cpp", include("<openssl/ssl.h>")},
                                     {"channels/detail/tls_a.cpp", include("<openssl/ssl.h>")},
                                     {"channels/README.md", ""}});
    CHECK(with_openssl.empty());
    expect_clean("tests/support/a.cpp", include("<openssl/ssl.h>"));
    expect_clean("runtime/backend/a.cpp", include("<sys/epoll.h>"));
    expect_clean("runtime/backend/a.hpp", in_header("<conduit/runtime/backend/backend.hpp>"));
    expect_clean("runtime/a.cpp", include("<conduit/runtime/backend/backend.hpp>"));
    expect_clean("tests/a.cpp", include("<conduit/rpc/client.hpp>"));
    expect_clean("tests/a.cpp", include("<unistd.h>"));
}

TEST_CASE("banned calls are named with their replacement", "[tidy]") {
    const auto body = [](const std::string& line) {
        return licence + "void f() { " + line + " }\n";
    };
    const std::vector<std::pair<std::string, std::string>> in_library = {
        {"this_thread::sleep_for", "std::this_thread::sleep_for(1ms);"},
        {"usleep", "usleep(10);"},
        {"std::cout", "std::cout << 1;"},
        {"printf", "std::printf(\"x\");"},
        {"rand", "int x = rand();"},
        {"random_device", "std::random_device d;"},
        {"system_clock::now", "auto t = std::chrono::system_clock::now();"},
        {"steady_clock::now", "auto t = std::chrono::steady_clock::now();"},
        {"std::time", "auto t = std::time(nullptr);"},
        {"CLOCK_REALTIME", "int which = CLOCK_REALTIME;"},
        {"getenv", "auto x = std::getenv(\"HOME\");"},
        {"errno", "if (errno == 4) {}"},
        {"reinterpret_cast", "auto p = reinterpret_cast<char*>(q);"},
        {"strerror", "log(strerror(n));"},
        {"atoi", "return atoi(s);"},
        {"exit", "std::exit(1);"},
        {"assert", "assert(x);"},
        {"detach", "std::thread(f).detach();"},
        {"kernel-call", "auto n = ::read(fd, p, 1);"},
        {"kernel-call", "return ::read(fd, p, 1);"},
    };
    for (const auto& [rule, line] : in_library) {
        expect(rule, 2, "runtime/a.cpp", body(line));
    }
    expect("using-namespace", 3, "tests/a.hpp", header_head + "using namespace std;\n");
    expect("this_thread::sleep_for", 2, "tests/a.cpp", body("std::this_thread::sleep_for(1ms);"));
    expect("fixed-path", 2, "tests/a.cpp", body("open(\"/tmp/socket\");"));
    expect("CLOCK_REALTIME", 2, "runtime/backend/a.cpp",
           body("clock_gettime(CLOCK_REALTIME, &t);"));

    expect_clean("runtime/a.cpp", body("std::chrono::steady_clock::time_point t;"));
    expect_clean("runtime/a.cpp", body("scope.exit(1); conduit::exit(2); log(\"errno\");"));
    expect_clean("runtime/a.cpp", body("::conduit::assertion_failed(s); conduit::sleep_for(1ms);"));
    expect_clean("runtime/a.cpp", body("list.detach(); ::new (p) int; ::strnlen(s, 1);"));
    expect_clean("runtime/error.cpp", body("auto e = errno;"));
    expect_clean("runtime/backend/a.cpp", body("auto n = ::read(fd, p, 1); auto e = errno;"));
    expect_clean("runtime/backend/a.cpp", body("clock_gettime(CLOCK_MONOTONIC, &t);"));
    expect_clean("runtime/log.cpp", body("std::cerr << text;"));
    expect_clean("tests/a.cpp", body("auto t = std::chrono::steady_clock::now();"));
}

TEST_CASE("the await lint holds for every source but the compiler's own test", "[tidy]") {
    const std::string wrong = licence + "task<> f() {\n    if (co_await g()) {}\n}\n";
    expect("co_await", 3, "runtime/a.cpp", wrong);
    expect("co_await", 3, "examples/a.cpp", wrong);
    expect_clean("tests/compiler/a.cpp", wrong);
}

TEST_CASE("a public header has its test, a layer its README", "[tidy]") {
    const auto findings =
        check({{"runtime/a.hpp", header_head}, {"runtime/detail/b.hpp", header_head}});
    REQUIRE(findings.size() == 2);
    CHECK(to_string(findings[0]) ==
          "runtime/a.hpp:1: a public header has its test, tests/runtime/a_test.cpp [header-test]");
    CHECK(findings[1].rule == "layer-readme");

    const auto long_one = check({{"CONTRIBUTING.md", repeat("line\n", 81)}});
    REQUIRE(long_one.size() == 1);
    CHECK(long_one[0].rule == "contributing");
}

TEST_CASE("a line may waive one rule by name", "[tidy]") {
    const std::string line = "void f() { g(errno); }  // tidy: allow(errno) it is C's own here\n";
    expect_clean("runtime/a.cpp", licence + line);
    expect("atoi", 2, "runtime/a.cpp",
           licence + "void f() { g(errno, atoi(x)); }  // tidy: allow(errno)\n");
}
