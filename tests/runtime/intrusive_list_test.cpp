// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/intrusive_list.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstddef>
#include <list>
#include <random>
#include <vector>

using namespace conduit;

namespace {

struct in_first;
struct in_second;

struct item : list_hook<in_first>, list_hook<in_second> {
    explicit item(int given = 0) : number(given) {}
    int number;
};

using first_list = intrusive_list<item, in_first>;
using second_list = intrusive_list<item, in_second>;

template <class List>
std::vector<int> numbers_in(List& list) {
    std::vector<int> numbers;
    for (item& each : list) numbers.push_back(each.number);
    return numbers;
}

}  // namespace

TEST_CASE("a list keeps its elements in order", "[runtime][intrusive_list]") {
    first_list list;
    REQUIRE(list.empty());
    item one(1);
    item two(2);
    list.push_back(one);
    list.push_back(two);
    REQUIRE(numbers_in(list) == std::vector<int>{1, 2});
    REQUIRE(&list.front() == &one);
    REQUIRE(&list.back() == &two);
    list.push_back(one);  // moves to the end
    REQUIRE(numbers_in(list) == std::vector<int>{2, 1});
    REQUIRE(&list.pop_front() == &two);
    REQUIRE_FALSE(first_list::contains(two));
    REQUIRE(first_list::contains(one));
}

TEST_CASE("an element is in lists of different tags at a time", "[runtime][intrusive_list]") {
    first_list first;
    second_list second;
    item both(1);
    first.push_back(both);
    second.push_back(both);
    first_list::remove(both);
    REQUIRE(first.empty());
    REQUIRE(second_list::contains(both));
}

TEST_CASE("elements and lists may be destroyed in any order", "[runtime][intrusive_list]") {
    item stays(1);
    {
        first_list list;
        list.push_back(stays);
        {
            item leaves(2);
            list.push_back(leaves);
        }
        REQUIRE(numbers_in(list) == std::vector<int>{1});
    }
    REQUIRE_FALSE(first_list::contains(stays));
}

TEST_CASE("a list takes over all elements of another", "[runtime][intrusive_list]") {
    first_list from;
    first_list to;
    std::array<item, 3> items{item(1), item(2), item(3)};
    to.take_all(from);
    REQUIRE(to.empty());
    to.push_back(items[0]);
    from.push_back(items[1]);
    from.push_back(items[2]);
    to.take_all(from);
    REQUIRE(from.empty());
    REQUIRE(numbers_in(to) == std::vector<int>{1, 2, 3});
    from.push_back(items[0]);
    REQUIRE(numbers_in(to) == std::vector<int>{2, 3});
}

TEST_CASE("a list does what std::list does", "[runtime][intrusive_list]") {
    std::mt19937 random(1);
    std::vector<item> items(100);
    for (int i = 0; i < 100; ++i) items[static_cast<std::size_t>(i)].number = i;
    first_list list;
    std::list<int> model;
    for (int step = 0; step < 20'000; ++step) {
        const int chosen = static_cast<int>(random() % 100);
        item& one = items[static_cast<std::size_t>(chosen)];
        switch (random() % 3) {
            case 0:
                model.remove(chosen);
                model.push_back(chosen);
                list.push_back(one);
                break;
            case 1:
                model.remove(chosen);
                first_list::remove(one);
                break;
            default:
                if (model.empty()) break;
                REQUIRE(list.pop_front().number == model.front());
                model.pop_front();
        }
        REQUIRE(list.empty() == model.empty());
    }
    REQUIRE(numbers_in(list) == std::vector<int>(model.begin(), model.end()));
}
