// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/schema_lock.hpp>

#include "local_calculator.hpp"

#include <conduit/rpc/interface.hpp>
#include <conduit/rpc/one_way.hpp>
#include <conduit/runtime/stream.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

using namespace conduit;
using namespace conduit::rpc;
using namespace std::chrono_literals;

namespace lock_test {

enum class colour : std::uint8_t { red, green = 7 };

struct no_paint {
    colour wanted = colour::red;
};

struct point {
    std::int32_t x = 0;
    std::int32_t y = 0;
};
struct longer_point {
    std::int32_t x = 0;
    std::int32_t y = 0;
    std::optional<std::string> label;
};
struct shorter_point {
    std::int32_t x = 0;
};
struct turned_point {
    std::int32_t y = 0;
    std::int32_t x = 0;
};
struct renamed_point {
    std::int32_t x = 0;
    std::int32_t height = 0;
};
struct wider_point {
    std::int32_t x = 0;
    std::int64_t y = 0;
};
struct point_before {
    std::int32_t z = 0;
    std::int32_t x = 0;
    std::int32_t y = 0;
};
struct point_with_file {
    std::int32_t x = 0;
    std::int32_t y = 0;
    std::vector<unique_fd> files;
};
struct tree {
    std::string name;
    std::vector<tree> below;
};
struct taller_tree {
    std::string name;
    std::vector<taller_tree> below;
    std::uint32_t height = 0;
};
struct other_tree {
    std::uint64_t name = 0;
    std::vector<other_tree> below;
};

class painter {
public:
    virtual ~painter() = default;
    virtual task<void> paint(point from, std::vector<std::optional<colour>> with) = 0;
    virtual task<one_way> note(std::string line) = 0;
    virtual stream<tree> grow(stream<point> seeds, std::uint8_t times) = 0;
};
CONDUIT_INTERFACE(painter, "test.painter", (paint, from, with), (note, line), (grow, seeds, times))

constexpr auto conduit_methods(contract<painter>) {
    return methods(method<&painter::paint>().throws<no_paint>().idempotent().deadline(2s).text(
                       "Paints \"it\"."),
                   method<&painter::note>().since("1.1"));
}

}  // namespace lock_test

namespace {

using lock_test::point;

std::vector<locked_interface> painters() { return {lock_of<lock_test::painter>()}; }

std::string lines(const std::vector<schema_change>& changes) {
    std::string text;
    for (const schema_change& each : changes) {
        text += (text.empty() ? "" : "\n") + to_string(each);
        if (each.breaks) text.erase(text.rfind("\n      "));  // the advice
        CHECK(each.advice.empty() != each.breaks);
    }
    return text;
}

/// What is said of a change to what was recorded of the painter.
std::string after(const std::function<void(locked_interface&)>& change) {
    const std::vector<locked_interface> was = painters();
    std::vector<locked_interface> is = was;
    change(is[0]);
    return lines(changes_between(was, is));
}

/// The same of the result of a method.
std::string after(const type_schema& was, const type_schema& is) {
    std::vector<locked_interface> before = painters();
    before[0].what.methods.resize(1);
    before[0].what.methods[0].result = was;
    std::vector<locked_interface> now = before;
    now[0].what.methods[0].result = is;
    return lines(changes_between(before, now));
}

template <class Was, class Is>
std::string after() {
    return after(schema_of<Was>(), schema_of<Is>());
}

/// The same of its parameters.
std::string after_parameters(const type_schema& was, const type_schema& is) {
    std::vector<locked_interface> before = painters();
    before[0].what.methods.resize(1);
    before[0].what.methods[0].parameters = was;
    std::vector<locked_interface> now = before;
    now[0].what.methods[0].parameters = is;
    return lines(changes_between(before, now));
}

const std::string of_result = "BREAKS test.painter/paint, the result";

}  // namespace

TEST_CASE("what is locked of an interface is read back the same", "[rpc][schema_lock]") {
    std::vector<locked_interface> now = painters();
    now.push_back(lock_of<rpc::test::calculator>());
    REQUIRE(now[0].what.methods.size() == 3);
    CHECK(now[0].enums == std::vector<locked_enum>{{"colour", "u8", {{"red", 0}, {"green", 7}}}});
    CHECK(now[0].what.methods[0].deadline == 2s);
    const std::string text = to_lock_text(now);
    auto read = parse_lock(text);
    REQUIRE(read.error() == "");
    CHECK(*read == now);
    CHECK(to_lock_text(*read) == text);
    CHECK(changes_between(*read, now).empty());
    CHECK(text.find("\"reads\": \"note(line: string) -> one_way\"") != std::string::npos);
}

TEST_CASE("interfaces and methods may come, and none may go", "[rpc][schema_lock]") {
    const std::vector<locked_interface> one = painters();
    std::vector<locked_interface> two = one;
    two.push_back(lock_of<rpc::test::calculator>());
    CHECK(lines(changes_between(one, two)) == "adds   test.calculator.v1: new: an interface");
    CHECK(lines(changes_between(two, one)) ==
          "BREAKS test.calculator.v1: was an interface, is gone");
    const auto fewer = [](locked_interface& now) {
        now.what.methods.erase(now.what.methods.begin() + 1);
    };
    CHECK(after(fewer) == "BREAKS test.painter/note: was note(line: string) -> one_way, is gone");
    std::vector<locked_interface> less = one;
    fewer(less[0]);
    CHECK(lines(changes_between(less, one)) ==
          "adds   test.painter/note: new: note(line: string) -> one_way");
    CHECK(after([](locked_interface& now) {
              std::swap(now.what.methods[0], now.what.methods[2]);
          }) == "");
}

TEST_CASE("a method that got another name is guessed", "[rpc][schema_lock]") {
    std::vector<locked_interface> now = painters();
    now[0].what.methods[1].name = "remark";
    const auto changes = changes_between(painters(), now);
    REQUIRE(changes.size() == 2);
    CHECK(changes[0].breaks);
    CHECK(changes[0].advice.ends_with("if it is called remark now, offer both names"));
    CHECK_FALSE(changes[1].breaks);
}

TEST_CASE("parameters are appended, and neither go, move, nor get other names or types",
          "[rpc][schema_lock]") {
    const type_schema was = schema_of_fields<double, std::string>({"size", "name"});
    const std::string parameter = "test.painter/paint, parameter ";
    CHECK(after_parameters(
              was, schema_of_fields<double, std::string, bool>({"size", "name", "again"})) ==
          "adds   " + parameter + "again: new: bool");
    CHECK(after_parameters(was, schema_of_fields<double>({"size"})) ==
          "BREAKS " + parameter + "name: was string, is gone");
    CHECK(after_parameters(was, schema_of_fields<float, std::string>({"size", "name"})) ==
          "BREAKS " + parameter + "size: was f64, is f32");
    CHECK(after_parameters(was, schema_of_fields<double, std::string>({"size", "title"})) ==
          "BREAKS " + parameter + "name: was named name, is named title");
    CHECK(after_parameters(was, schema_of_fields<std::string, double>({"name", "size"})) ==
          "BREAKS " + parameter + "size: was f64, is name: string\n" + "BREAKS " + parameter +
              "name: was string, is size: f64");
    CHECK(after_parameters(
              was, schema_of_fields<double, std::string, unique_fd>({"size", "name", "file"})) ==
          "BREAKS " + parameter + "file: new: fd");
    const type_schema unnamed = schema_of_fields<double, std::string>();
    CHECK(after_parameters(unnamed, was) == "adds   " + parameter +
                                                "1: was no name, is named size\n" + "adds   " +
                                                parameter + "2: was no name, is named name");
    CHECK(after_parameters(was, unnamed) == "BREAKS " + parameter +
                                                "size: was named size, is no name\n" + "BREAKS " +
                                                parameter + "name: was named name, is no name");
    CHECK(after_parameters(unnamed, schema_of_fields<double, bool>()) ==
          "BREAKS " + parameter + "2: was string, is bool");
}

TEST_CASE("members are appended to structs wherever they are, and nothing else",
          "[rpc][schema_lock]") {
    using namespace lock_test;
    CHECK(after<point, point>() == "");
    CHECK(after<point, longer_point>() ==
          "adds   test.painter/paint, the result.label: new: string?");
    CHECK(after<longer_point, point>() == of_result + ".label: was string?, is gone");
    CHECK(after<point, shorter_point>() == of_result + ".y: was i32, is gone");
    CHECK(after<point, turned_point>() ==
          of_result + ".x: was i32, is y: i32\n" + of_result + ".y: was i32, is x: i32");
    CHECK(after<point, renamed_point>() == of_result + ".y: was named y, is named height");
    CHECK(after<point, wider_point>() == of_result + ".y: was i32, is i64");
    CHECK(after<point, point_with_file>() == of_result + ".files: new: [fd]");
    CHECK(after<point, point_before>().starts_with(of_result + ".x: was i32, is z: i32\n"));
    CHECK(after<std::vector<point>, std::vector<wider_point>>() ==
          of_result + "[].y: was i32, is i64");
    CHECK(after<std::map<std::string, point>, std::map<std::string, wider_point>>() ==
          of_result + "[].y: was i32, is i64");
    CHECK(after<std::map<std::string, point>, std::map<std::uint8_t, point>>() ==
          of_result + "'s key: was string, is u8");
    CHECK(after<std::optional<point>, std::optional<longer_point>>() ==
          "adds   test.painter/paint, the result.label: new: string?");
    CHECK(after<std::array<point, 2>, std::array<wider_point, 2>>() ==
          of_result + "[].y: was i32, is i64");
}

TEST_CASE("structs that contain themselves are compared to their end", "[rpc][schema_lock]") {
    using namespace lock_test;
    CHECK(after<tree, tree>() == "");
    CHECK(after<tree, taller_tree>() == "adds   test.painter/paint, the result.height: new: u32");
    CHECK(after<tree, other_tree>() == of_result + ".name: was string, is u64");
    CHECK(after<tree, std::string>() == of_result + ": was {name: string, below: [^]}, is string");
}

TEST_CASE("a type that is sent otherwise breaks", "[rpc][schema_lock]") {
    CHECK(after<std::uint32_t, std::int32_t>() == of_result + ": was u32, is i32");
    CHECK(after<std::string, std::vector<std::byte>>() == of_result + ": was string, is bytes");
    CHECK(after<point, std::optional<point>>() ==
          of_result + ": was {x: i32, y: i32}, is {x: i32, y: i32}?");
    CHECK(after<std::vector<int>, std::set<int>>() == of_result + ": was [i32], is set<i32>");
    CHECK(after<std::array<int, 2>, std::array<int, 3>>() ==
          of_result + ": was [i32; 2], is [i32; 3]");
    CHECK(after<std::tuple<int>, std::tuple<int, int>>() ==
          of_result + ": was (i32), is (i32, i32)");
    CHECK(after<std::tuple<int, int>, std::tuple<int, bool>>() ==
          of_result + "<1>: was i32, is bool");
    CHECK(after<std::chrono::milliseconds, std::int64_t>() == of_result + ": was duration, is i64");
    CHECK(after<std::chrono::milliseconds, std::chrono::hours>() == "");
    CHECK(after<lock_test::colour, std::uint8_t>() == "");  // the same bytes
}

TEST_CASE("alternatives are appended to a variant, and neither go, move nor change",
          "[rpc][schema_lock]") {
    using was = std::variant<int, std::string>;
    CHECK(after<was, std::variant<int, std::string, bool>>() ==
          "adds   test.painter/paint, the result|2|: new: bool");
    CHECK(after<was, std::variant<int>>() == of_result + ": was (i32 | string), is (i32)");
    CHECK(after<was, std::variant<std::string, int>>() ==
          of_result + "|0|: was i32, is string\n" + of_result + "|1|: was string, is i32");
    CHECK(after<was, std::variant<int, std::string, unique_fd>>() == of_result + "|2|: new: fd");
}

TEST_CASE("what comes back, and how, stays", "[rpc][schema_lock]") {
    const std::string paint = "BREAKS test.painter/paint, ";
    CHECK(after([](locked_interface& now) { now.what.methods[0].result = schema_of<bool>(); }) ==
          paint + "the result: was nothing, is bool");
    CHECK(after([](locked_interface& now) { now.what.methods[0].one_way = true; }) ==
          paint + "what comes back: was one result, is one-way");
    CHECK(after([](locked_interface& now) { now.what.methods[1].one_way = false; }) ==
          "BREAKS test.painter/note, what comes back: was one-way, is one result");
    CHECK(after([](locked_interface& now) { now.what.methods[2].streams = false; }) ==
          "BREAKS test.painter/grow, what comes back: was a stream, is one result");
    CHECK(after([](locked_interface& now) { now.what.methods[2].result = schema_of<bool>(); }) ==
          "BREAKS test.painter/grow, the result: was {name: string, below: [^]}, is bool");
}

TEST_CASE("the stream among the parameters stays", "[rpc][schema_lock]") {
    const std::string grow = "BREAKS test.painter/grow, ";
    CHECK(after([](locked_interface& now) {
              now.what.methods[2].stream_items = std::nullopt;
              now.what.methods[2].stream_name = "";
          }) == grow + "the items of its stream: was {x: i32, y: i32}, is nothing");
    CHECK(after([](locked_interface& now) {
              now.what.methods[0].stream_items = schema_of<bool>();
          }) == "BREAKS test.painter/paint, the items of its stream: was nothing, is bool");
    CHECK(after([](locked_interface& now) {
              now.what.methods[2].stream_items = schema_of<lock_test::wider_point>();
          }) == grow + "the items of its stream.y: was i32, is i64");
    CHECK(after([](locked_interface& now) {
              now.what.methods[2].stream_items = schema_of<lock_test::longer_point>();
          }) == "adds   test.painter/grow, the items of its stream.label: new: string?");
    CHECK(after([](locked_interface& now) { now.what.methods[2].stream_name = "nuts"; }) ==
          grow + "its stream: was named seeds, is named nuts");
}

TEST_CASE("listed errors may come, and neither go nor change", "[rpc][schema_lock]") {
    const std::string error = "test.painter/paint, error ";
    CHECK(after([](locked_interface& now) {
              now.what.methods[0].errors.push_back({"too_dark", schema_of<point>()});
          }) == "adds   " + error + "too_dark: new: {x: i32, y: i32}");
    CHECK(after([](locked_interface& now) { now.what.methods[0].errors.clear(); }) ==
          "BREAKS " + error + "no_paint: was {wanted: u8}, is gone");
    CHECK(after([](locked_interface& now) {
              now.what.methods[0].errors[0].fields = schema_of<lock_test::shorter_point>();
          }) == "BREAKS " + error + "no_paint.wanted: was named wanted, is named x\n" + "BREAKS " +
                    error + "no_paint.wanted: was u8, is i32");
}

TEST_CASE("a method may become idempotent, and may not cease to be", "[rpc][schema_lock]") {
    CHECK(after([](locked_interface& now) { now.what.methods[1].idempotent = true; }) ==
          "adds   test.painter/note: was not idempotent, is idempotent");
    CHECK(after([](locked_interface& now) { now.what.methods[0].idempotent = false; }) ==
          "BREAKS test.painter/paint: was idempotent, is not idempotent");
}

TEST_CASE("deadlines and texts may change", "[rpc][schema_lock]") {
    CHECK(after([](locked_interface& now) { now.what.methods[0].deadline = 1ns; }) ==
          "adds   test.painter/paint: was a deadline of 2000000000 ns, is a deadline of 1 ns");
    CHECK(after([](locked_interface& now) { now.what.methods[0].deadline.reset(); }) ==
          "adds   test.painter/paint: was a deadline of 2000000000 ns, is no deadline");
    CHECK(after([](locked_interface& now) { now.what.methods[0].text = "Paints."; }) ==
          "adds   test.painter/paint: was other texts, is \"Paints.\"");
}

TEST_CASE("enums get values, and none goes or gets another number", "[rpc][schema_lock]") {
    const std::string colour = "test.painter, enum colour";
    CHECK(after([](locked_interface& now) { now.enums[0].values.push_back({"blue", 8}); }) ==
          "adds   " + colour + "::blue: new: 8");
    CHECK(after([](locked_interface& now) { now.enums[0].values.pop_back(); }) ==
          "BREAKS " + colour + "::green: was 7, is gone");
    CHECK(after([](locked_interface& now) { now.enums[0].values[1].number = 1; }) ==
          "BREAKS " + colour + "::green: was 7, is 1");
    CHECK(after([](locked_interface& now) { now.enums[0].type = "u16"; }) ==
          "BREAKS " + colour + ": was u8, is u16");
    CHECK(after([](locked_interface& now) { now.enums.clear(); }) ==
          "BREAKS " + colour + ": was 2 values, is gone");
    CHECK(after([](locked_interface& now) { now.enums[0].name = "hue"; }) ==
          "adds   test.painter, enum hue: new: 2 values");
}

TEST_CASE("a change says where, what, and what to do instead", "[rpc][schema_lock]") {
    std::vector<locked_interface> now = painters();
    now[0].what.methods[1].parameters = schema_of_fields<bool>({"line"});
    const auto changes = changes_between(painters(), now);
    REQUIRE(changes.size() == 1);
    CHECK(to_string(changes[0]) ==
          "BREAKS test.painter/note, parameter line: was string, is bool\n"
          "       the bytes mean something else to older programs: leave it as it is, and append "
          "a new field or add a new method");
}

TEST_CASE("the test passes where nothing breaks, and says how to go on where something does",
          "[rpc][schema_lock]") {
    const std::string file = to_lock_text(painters());
    std::vector<locked_interface> more = painters();
    more.push_back(lock_of<rpc::test::calculator>());
    std::vector<locked_interface> broken = painters();
    broken[0].what.methods.pop_back();

    const auto same = check_lock(file, painters(), lock_strictness::complete, "make up");
    CHECK(same == lock_verdict{true, "", {}});
    const auto none = check_lock(std::nullopt, painters(), lock_strictness::breaks, "make up");
    CHECK(none == lock_verdict{false, "Nothing is recorded yet. Record it: make up\n", {}});
    const auto lax = check_lock(file, more, lock_strictness::breaks, "make up");
    CHECK(lax.passes);
    CHECK(lax.text ==
          "adds   test.calculator.v1: new: an interface\n"
          "Nothing breaks. Record what is new, so that it is kept: make up\n");
    const auto strict = check_lock(file, more, lock_strictness::complete, "make up");
    CHECK_FALSE(strict.passes);
    CHECK(strict.text == lax.text);
    const auto breaks = check_lock(file, broken, lock_strictness::breaks, "make up");
    CHECK_FALSE(breaks.passes);
    CHECK(
        breaks.text.ends_with("1 of these changes breaks programs that know the recorded "
                              "contract. Where it was never released, record the new one "
                              "instead: make up_force\n"));
    const auto torn = check_lock("{", painters(), lock_strictness::breaks, "make up");
    CHECK_FALSE(torn.passes);
    CHECK(torn.text.starts_with("it is no lock file: "));
}

TEST_CASE("what is new is recorded, and what breaks only by force", "[rpc][schema_lock]") {
    const std::string file = to_lock_text(painters());
    std::vector<locked_interface> more = painters();
    more.push_back(lock_of<rpc::test::calculator>());
    std::vector<locked_interface> broken = painters();
    broken[0].what.methods.pop_back();

    CHECK(update_lock(std::nullopt, painters(), lock_force::no, "do it") ==
          lock_verdict{true, "", file});
    CHECK(update_lock(file, painters(), lock_force::no, "do it") == lock_verdict{true, "", {}});
    const auto added = update_lock(file, more, lock_force::no, "do it");
    CHECK(added.passes);
    CHECK(added.new_file == to_lock_text(more));
    const auto refused = update_lock(file, broken, lock_force::no, "do it");
    CHECK_FALSE(refused.passes);
    CHECK_FALSE(refused.new_file.has_value());
    CHECK(refused.text.ends_with(
        "Nothing was recorded. Where the recorded contract was never released: do it\n"));
    const auto forced = update_lock(file, broken, lock_force::yes, "do it");
    CHECK(forced == lock_verdict{true, "", to_lock_text(broken)});
    CHECK_FALSE(update_lock("{", painters(), lock_force::no, "do it").passes);
    CHECK(update_lock("{", painters(), lock_force::yes, "do it").new_file == file);
}

TEST_CASE("a file that is no lock file is refused with a sentence", "[rpc][schema_lock]") {
    const auto why = [](std::string_view text) { return parse_lock(text).error(); };
    CHECK(why("").starts_with("it is no lock file: "));
    CHECK(why("[]").starts_with("it is no lock file: "));
    CHECK(why("{\"conduit_schema_lock\": 2, \"interfaces\": []}") ==
          "a lock file of version 2, where 1 is known");
    CHECK(why(std::string(100'000, '[')) == "a lock file is not nested so deep");
    std::string text = to_lock_text(painters());
    const auto with = [&](std::string_view was, std::string_view is) {
        std::string changed = text;
        const std::size_t at = changed.find(was);
        REQUIRE(at != std::string::npos);
        return why(changed.replace(at, was.size(), is));
    };
    CHECK(with("\"kind\":\"i32\"", "\"kind\":\"i31\"") ==
          "it is no lock file: there is no kind i31");
    CHECK(with("\"kind\":\"i32\"", "\"kin\":\"i32\"").starts_with("it is no lock file: "));
    CHECK(with("\"test.painter\"", "\"Test\"") ==
          "it is no lock file: the name of a described interface is none");
    CHECK(with("\"parts\":[1,", "\"parts\":[99,").starts_with("it is no lock file: "));
    CHECK(with("\"green\": 7", "\"green\": \"7\"").starts_with("it is no lock file: "));
}
