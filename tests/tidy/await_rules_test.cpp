// SPDX-License-Identifier: BSL-1.0

#include <catch2/catch.hpp>
#include <check_awaits/await_rules.hpp>

#include <string>
#include <string_view>
#include <vector>

using conduit::lint::check_awaits;

namespace {

struct snippet {
    std::string_view code;
    std::string_view reason;  // a part of it; empty: nothing may be found
};

// Inside a coroutine, so that braces mean what they mean there; the code is on line 2.
std::string in_coroutine(std::string_view code) {
    return "conduit::task<int> body(int n) {\n" + std::string(code) + "\n}\n";
}

void expect_refused(const std::vector<snippet>& snippets) {
    for (const auto& [code, reason] : snippets) {
        INFO(code);
        const auto found = check_awaits(in_coroutine(code));
        REQUIRE(found.size() == 1);
        CHECK(found[0].line == 2);
        CHECK_THAT(found[0].reason, Catch::Contains(std::string(reason)));
    }
}

void expect_taken(const std::vector<std::string_view>& snippets) {
    for (const auto code : snippets) {
        INFO(code);
        const auto found = check_awaits(in_coroutine(code));
        CAPTURE(found.empty() ? "" : found[0].reason);
        CHECK(found.empty());
    }
}

}  // namespace

TEST_CASE("the await lint takes every form that stands alone", "[tidy][lint]") {
    expect_taken({
        "co_await e;",
        "x = co_await e;",
        "auto x = co_await e;",
        "const auto& x = co_await f(a, b);",
        "auto [a, b] = co_await f();",
        "co_return co_await e;",
        "(void)co_await e;",
        "std::ignore = co_await e;",
        "static_cast<void>(co_await e);",
        "auto n = (co_await r.read_some(buffer)).value();",
        "auto n = co_await r.read_some(std::span(buffer).first(4));",
        "co_await within(50ms, calc.add(1, 2));",
        "co_await kv.put(make<entry>(\"k\", \"v\"));",
        "auto e = entry{\"k\", \"v\"}; co_await kv.put(std::move(e));",
        "co_await f([] { return 1; });",
        "co_await f([](int x) -> std::vector<int> { return {x}; });",
        "co_yield x;",
        "co_yield make<item>(1, name);",
        "a[n] = co_await f();",
        "int x = n ? 1 : 2; co_await f(x);",
        "auto x = co_await f(); int y = x ? 1 : 2;",
        "{ co_await f(); }",
        "if (n) co_await f(); else co_await g();",
        "for (int i = 0; i < 3; ++i) { co_await f(i); }",
        "switch (n) { case 1: co_await f(); break; default: co_await g(); }",
        "switch (n ? 1 : 2) { case 1: co_await f(); }",
        "try { co_await f(); } catch (const std::exception& e) { co_return 1; }",
        "auto l = [x]() -> task<int> { co_await f(); co_return 1; };",
        "std::vector<int> v{1, 2, 3}; co_await f(v);",
        "do { auto x = co_await f(); } while (n--);",
    });
}

TEST_CASE("the await lint takes a condition that declares", "[tidy][lint]") {
    expect_taken({
        "while (auto x = co_await s.next()) { use(*x); }",
        "while (std::optional<int> x = co_await s.next()) {}",
        "while (const auto* x = co_await s.next()) {}",
        "if (auto x = co_await f(); x) {}",
        "if (auto [a, b] = co_await f(); a) {}",
        "if (auto x = co_await f()) {}",
        "if (const conduit::result<int> x = co_await f(); !x) {}",
        "switch (auto x = co_await f()) { default: break; }",
        "for (auto x = co_await f(); x; x = co_await f()) {}",
        "for (auto& x : co_await f()) { use(x); }",
        "if (n) { co_await f(); }",
        "while (n) { co_await f(); }",
    });
}

TEST_CASE("the await lint refuses an assertion around co_await", "[tidy][lint]") {
    expect_refused({
        {"REQUIRE(co_await f());", "inside REQUIRE"},
        {"REQUIRE((co_await f()) == 3);", "inside REQUIRE"},
        {"CHECK_FALSE(co_await f());", "inside CHECK_FALSE"},
        {"REQUIRE_THROWS_AS(co_await f(), std::exception);", "write `auto x"},
        {"CHECK(g(co_await f()));", "inside CHECK"},
        {"assert(co_await f());", "inside assert"},
        {"CONDUIT_ASSERT(co_await f(), \"why\");", "inside CONDUIT_ASSERT"},
    });
}

TEST_CASE("the await lint refuses ?: with co_await", "[tidy][lint]") {
    expect_refused({
        {"auto x = n ? co_await f() : 0;", "?:"},
        {"auto x = n ? T() : co_await f();", "?:"},
        {"co_await (n ? f() : g());", "?:"},
        {"auto x = (co_await f()) ? 1 : 2;", "?:"},
        {"co_return n ? co_await f() : g();", "write `if`"},
        {"co_await f(n ? a : b);", "?:"},
        {"co_yield n ? a : b;", "?:"},
    });
}

TEST_CASE("the await lint refuses braces around or beside co_await", "[tidy][lint]") {
    expect_refused({
        {"T x{co_await f()};", "inside braces"},
        {"T x = {co_await f(), 1};", "inside braces"},
        {"v.push_back({1, co_await f()});", "inside braces"},
        {"co_return T{1, co_await f()};", "inside braces"},
        {"co_await kv.put(entry{\"k\", \"v\"});", "make<T>"},
        {"co_await kv.put({\"k\", \"v\"});", "make<T>"},
        {"co_await kv.put({.key = \"k\", .value = \"v\"});", "make<T>"},
        {"auto x = co_await f(std::vector<int>{1, 2});", "make<T>"},
        {"auto x = co_await f(1, T{});", "make<T>"},
        {"co_await guard{lock}.go();", "make<T>"},
        {"co_await awaiter{1};", "make<T>"},
        {"if (auto x = co_await f({1}); x) {}", "make<T>"},
        {"while (auto x = co_await f(T{1})) {}", "make<T>"},
        {"if (n) co_await f(T{1});", "make<T>"},
        {"case 1: co_await f(T{1});", "make<T>"},
        {"co_yield item{1, name};", "co_yield in a braced"},
        {"co_yield {1, name};", "co_yield in a braced"},
        {"for (auto& x : co_await f(T{1})) {}", "make<T>"},
    });
}

TEST_CASE("the await lint refuses a capturing lambda beside co_await", "[tidy][lint]") {
    expect_refused({
        {"co_await blocking([s] { work(s); });", "capturing lambda"},
        {"co_await blocking([=] { work(s); });", "capturing lambda"},
        {"auto x = co_await blocking([&]() -> int { return n; });", "capturing lambda"},
        {"co_await [s]() -> task<int> { co_return 1; }();", "capturing lambda"},
        {"co_await f(1, [s = std::move(s)](int x) mutable { return x; });", "name the lambda"},
        {"auto l = [x = co_await f()] { return x; };", "capturing lambda"},
    });
}

TEST_CASE("the await lint refuses a condition that declares nothing", "[tidy][lint]") {
    expect_refused({
        {"if (co_await f()) {}", "declares nothing"},
        {"if (!co_await f()) {}", "declares nothing"},
        {"while (co_await f()) {}", "declares nothing"},
        {"while ((x = co_await f())) {}", "declares nothing"},
        {"while (x = co_await f()) {}", "declares nothing"},
        {"while (a->b = co_await f()) {}", "declares nothing"},
        {"do { n--; } while (co_await f());", "declares nothing"},
        {"for (; co_await f();) {}", "declares nothing"},
        {"switch (co_await f()) { default: break; }", "declares nothing"},
        {"if (auto x = g(); co_await f(x)) {}", "declares nothing"},
        {"if constexpr (true) { if (co_await f()) {} }", "declares nothing"},
        {"else if (co_await f()) {}", "declares nothing"},
    });
}

TEST_CASE("the await lint ignores comments, strings and preprocessor lines", "[tidy][lint]") {
    expect_taken({
        "// if (co_await f()) {}",
        "/* REQUIRE(co_await f()) */ co_await f();",
        "auto s = \"if (co_await f()) {}\";",
        "auto s = R\"x(if (co_await f()) {} )\" )x\";",
        "auto n = 1'000'000; char c = '\"'; co_await f();",
        "#define TWICE(e) (co_await (e) ? 1 : 2)\n",
        "#define LONG(e) \\\n  if (co_await e) {}\n",
    });
    CHECK(check_awaits("struct x { auto operator co_await() { return awaiter{this}; } };").empty());
}

TEST_CASE("the await lint is told apart from what only looks like a statement", "[tidy][lint]") {
    expect_taken({
        "struct local { int a{1}; }; co_await f();",
        "auto g = [n]<class T>(T x) -> result<T, int> { return {x, n}; }; co_await g(1);",
        "const auto x = T{1}; co_await f(x);",
        "std::array<int, 2> a{{1, 2}}; (void)co_await f(a);",
    });
    CHECK(check_awaits("foo::foo(int n) : a_(n), b_{n} { spawn(n); }\n"
                       "task<> foo::go() const { co_await a_; }\n")
              .empty());
    CHECK(check_awaits("CONDUIT_INTERFACE(foo, \"foo\", a)\n"
                       "class bar : public foo { task<> a() { co_await b(); } };\n")
              .empty());
}

TEST_CASE("the await lint names the line of the co_await itself", "[tidy][lint]") {
    const auto found = check_awaits("task<> f() {\n\n    auto x =\n        co_await g(T{1});\n}\n");
    REQUIRE(found.size() == 1);
    CHECK(found[0].line == 4);
}

TEST_CASE("a comment on the line waives the await lint", "[tidy][lint]") {
    expect_taken({
        "if (co_await f()) {}  // conduit: allow-await",
        "co_await f(T{1},\n    2);  // conduit: allow-await",
    });
    CHECK(check_awaits(in_coroutine("if (co_await f()) {}\n// conduit: allow-await")).size() == 1);
}
