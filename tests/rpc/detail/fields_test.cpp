// SPDX-License-Identifier: BSL-1.0
//
// Reflection of aggregates: numbers, types and names of members, without macros.

#include <conduit/rpc/detail/fields.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace fields_test {

struct plain {
    std::uint32_t id = 7;
    std::string name;
    std::optional<std::string> note;
};

template <class T>
struct of {
    T first_;
    std::map<std::string, T> second2;
};

struct base {
    int x;
};
struct derived : base {
    int y;
};

struct with_array {
    int before;
    int numbers[3];
    int after;
};

struct with_std_array {
    std::array<int, 3> numbers;
    plain nested;
    std::vector<bool> bits;
};

struct widest {
    int m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20,
        m21, m22, m23, m24, m25, m26, m27, m28, m29, m30, m31, last;
};
struct too_wide {
    widest first;
    int m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20,
        m21, m22, m23, m24, m25, m26, m27, m28, m29, m30, m31, last;
};

}  // namespace fields_test

namespace {

using namespace conduit::rpc::detail;
using namespace fields_test;

struct hidden {
    std::unique_ptr<int> pointer;
    std::vector<hidden> children;
    conduit::unique_fd file;
    std::variant<int, std::string> either;
};

struct empty {};

}  // namespace

TEST_CASE("members are counted, whatever their types", "[rpc][fields]") {
    STATIC_REQUIRE(field_count<empty> == 0);
    STATIC_REQUIRE(field_count<plain> == 3);
    STATIC_REQUIRE(field_count<of<double>> == 2);
    STATIC_REQUIRE(field_count<hidden> == 4);
    STATIC_REQUIRE(field_count<with_std_array> == 3);
    STATIC_REQUIRE(field_count<widest> == fields_max);
    STATIC_REQUIRE(field_count<too_wide> == fields_max + 1);
}

TEST_CASE("bases and C arrays are noticed", "[rpc][fields]") {
    STATIC_REQUIRE(has_base<derived>());
    STATIC_REQUIRE_FALSE(has_base<plain>());
    STATIC_REQUIRE_FALSE(has_base<empty>());
    const auto arrays = []<class T>(T) {
        return has_c_array<T>(std::make_index_sequence<field_count<T>>());
    };
    STATIC_REQUIRE(arrays(with_array()));
    STATIC_REQUIRE_FALSE(arrays(base()));
    STATIC_REQUIRE_FALSE(has_c_array<with_std_array>(std::make_index_sequence<3>()));
    STATIC_REQUIRE_FALSE(has_c_array<hidden>(std::make_index_sequence<4>()));
}

TEST_CASE("members are known by their types and names", "[rpc][fields]") {
    STATIC_REQUIRE(
        std::is_same_v<field_types<plain>,
                       type_list<std::uint32_t, std::string, std::optional<std::string>>>);
    STATIC_REQUIRE(std::is_same_v<field_types<empty>, type_list<>>);
    CHECK(field_name<plain, 0>() == "id");
    CHECK(field_name<plain, 2>() == "note");
    CHECK(field_name<of<int>, 0>() == "first_");
    CHECK(field_name<of<int>, 1>() == "second2");
    CHECK(field_name<hidden, 1>() == "children");
    CHECK(field_name<widest, 31>() == "last");
    struct local {
        int inside_a_function;
    };
    CHECK(field_name<local, 0>() == "inside_a_function");
}

TEST_CASE("members are visited in place", "[rpc][fields]") {
    widest all{};
    with_fields(all, [](auto&... member) {
        int number = 0;
        ((member = ++number), ...);
    });
    CHECK(all.m1 == 1);
    CHECK(all.m26 == 26);
    CHECK(all.last == 32);
}
