// SPDX-License-Identifier: BSL-1.0
//
// The forms that conduit's code and documents use instead. Every compiler must get them right:
// these assert, whatever the compiler.
//
//     safe_forms <name>     exit code 0: it does

#include "minimal_task.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using probe::counted;
using probe::sequence;
using probe::task;

struct record {
    int id;
    counted owned;
};

// An options type as conduit writes them: a constructor, chained setters.
class options {
public:
    explicit options(int id) : id_(id), owned_(2) {}
    options& id(int value) {
        id_ = value;
        return *this;
    }
    [[nodiscard]] int id() const { return id_; }

private:
    int id_;
    counted owned_;
};

template <class T, class... Arguments>
T make(Arguments&&... arguments) {
    return T{std::forward<Arguments>(arguments)...};
}

task<int> one() { co_return 1; }
task<bool> yes() { co_return true; }
task<record> make_record() { co_return make<record>(1, counted(2)); }
task<int> take(record r) { co_return r.id; }
task<int> take_reference(const record& r) { co_return r.id; }
task<int> take_options(options o) { co_return o.id(); }
task<int> take_values(std::string text, std::unique_ptr<int> number, std::optional<counted> maybe,
                      std::pair<int, counted> pair) {
    co_return static_cast<int>(text.size()) + *number + maybe->value() + pair.second.value();
}
template <class F>
task<int> call(F function) {
    function();
    co_return 1;
}

task<int> named_then_moved() {
    record named{1, counted(2)};
    co_return co_await take(std::move(named));
}

task<int> made_by_a_function() { co_return co_await take(make<record>(1, counted(2))); }

task<int> made_and_bound_to_a_reference() {
    co_return co_await take_reference(make<record>(1, counted(2)));
}

task<int> type_with_a_constructor() { co_return co_await take_options(options(3).id(1)); }

task<int> standard_types() {
    int sum = co_await take_values(std::string("ab"), std::make_unique<int>(3),
                                   std::optional<counted>(counted(4)), std::pair(5, counted(6)));
    co_return sum == 15 ? 1 : 0;
}

task<int> task_named_first() {
    auto named = take({1, counted(2)});
    co_return co_await std::move(named);
}

task<int> lambda_named_first() {
    counted owned(1);
    auto named = [owned] { (void)owned.value(); };
    co_return co_await call(std::move(named));
}

task<int> lambda_without_captures() {
    co_return co_await call([] {});
}

task<int> result_named_before_a_condition() {
    bool answer = co_await yes();
    if (answer) {
        co_return 1;
    }
    co_return 0;
}

task<std::optional<counted>> next(int& left) {
    if (left == 0) {
        co_return std::nullopt;
    }
    co_return counted(left--);
}

task<int> condition_that_declares() {
    int left = 3;
    int sum = 0;
    while (auto item = co_await next(left)) {
        sum += item->value();
    }
    if (auto answer = co_await yes(); answer) {
        ++sum;
    }
    co_return sum == 7 ? 1 : 0;
}

// The same in a body whose only variable is the condition's own.
task<int> condition_that_declares_alone() {
    if (auto answer = co_await yes()) {
        co_return answer ? 1 : 0;
    }
    co_return 0;
}

task<int> loop_that_declares_alone() {
    while (auto answer = co_await yes()) {
        co_return answer ? 1 : 0;
    }
    co_return 0;
}

task<int> switch_that_declares_alone() {
    switch (auto answer = co_await one()) {
        case 1: co_return answer;
        default: co_return 0;
    }
}

task<int> aggregate_as_result() {
    auto [id, owned] = co_await make_record();
    (void)co_await make_record();
    co_await make_record();
    co_return id + owned.value() == 3 ? 1 : 0;
}

task<int> assigned() {
    int x = 0;
    x = co_await one();
    co_return x;
}

sequence<record> yields_what_a_function_made() {
    co_yield make<record>(1, counted(2));
    record named{1, counted(2)};
    co_yield std::move(named);
}

template <task<int> (*Body)()>
bool yields_one() {
    return Body().run() == 1;
}

constexpr probe::test tests[] = {
    {"named_then_moved", yields_one<named_then_moved>},
    {"made_by_a_function", yields_one<made_by_a_function>},
    {"made_and_bound_to_a_reference", yields_one<made_and_bound_to_a_reference>},
    {"type_with_a_constructor", yields_one<type_with_a_constructor>},
    {"standard_types", yields_one<standard_types>},
    {"task_named_first", yields_one<task_named_first>},
    {"lambda_named_first", yields_one<lambda_named_first>},
    {"lambda_without_captures", yields_one<lambda_without_captures>},
    {"result_named_before_a_condition", yields_one<result_named_before_a_condition>},
    {"condition_that_declares", yields_one<condition_that_declares>},
    {"condition_that_declares_alone", yields_one<condition_that_declares_alone>},
    {"loop_that_declares_alone", yields_one<loop_that_declares_alone>},
    {"switch_that_declares_alone", yields_one<switch_that_declares_alone>},
    {"aggregate_as_result", yields_one<aggregate_as_result>},
    {"assigned", yields_one<assigned>},
    {"yields_what_a_function_made", [] { return yields_what_a_function_made().count() == 2; }},
};

}  // namespace

int main(int argc, char** argv) { return argc == 2 ? probe::run_by_name(tests, argv[1]) : 2; }
