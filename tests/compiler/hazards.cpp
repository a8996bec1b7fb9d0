// SPDX-License-Identifier: BSL-1.0
//
// What conduit's rules refuse, each as small as it gets. Which of them the compiler at hand breaks
// is recorded in CMakeLists.txt; when none is broken any more, the rules may go.
//
//     hazards <name>     exit code 0: this compiler gets it right

#include "minimal_task.hpp"

#include <functional>
#include <utility>

namespace {

using probe::counted;
using probe::sequence;
using probe::task;

// An aggregate: it has no constructor, but its member has a destructor.
struct record {
    int id;
    counted owned;
};

task<int> one() { co_return 1; }
task<bool> yes() { co_return true; }
task<counted> make_counted() { co_return counted(1); }
task<int> take(record) { co_return 1; }
task<int> take_with_default(record = record{1, counted(2)}) { co_return 1; }
template <class F>
task<int> call(F function) {
    function();
    co_return 1;
}
task<int> call_erased(std::function<void()> function) {
    function();
    co_return 1;
}

// --- A: temporaries of aggregate type are destroyed twice (GCC PR 99576, 101367) ----------------

task<int> aggregate_argument() { co_return co_await take(record{1, counted(2)}); }

task<int> braced_argument() { co_return co_await take({1, counted(2)}); }

task<int> designated_argument() { co_return co_await take({.id = 1, .owned = counted(2)}); }

task<int> default_argument() { co_return co_await take_with_default(); }

task<int> capturing_lambda() {
    counted owned(1);
    co_return co_await call([owned] { (void)owned.value(); });
}

task<int> capturing_lambda_erased() {
    counted owned(1);
    co_return co_await call_erased([owned] { (void)owned.value(); });
}

task<int> lambda_coroutine() {
    counted owned(1);
    co_return co_await [owned]() -> task<int> { co_return owned.value(); }();
}

task<int> aggregate_built_around() {
    record built{co_await one(), co_await make_counted()};
    co_return built.id;
}

sequence<record> aggregate_yielded() { co_yield record{1, counted(2)}; }

// --- B: a condition in a body without variables (GCC PR 106188) ---------------------------------

task<int> condition_of_if() {
    if (co_await yes()) {
        co_return 1;
    }
    co_return 0;
}

task<int> condition_of_while() {
    while (co_await yes()) {
        co_return 1;
    }
    co_return 0;
}

task<int> condition_of_switch() {
    switch (co_await one()) {
        case 1: co_return 1;
        default: co_return 0;
    }
}

// --- C: the conditional operator ----------------------------------------------------------------

task<int> choice_of_values(bool first) {
    counted chosen = first ? co_await make_counted() : counted(1);
    co_return chosen.value();
}

task<int> choice_of_tasks(bool first) { co_return co_await (first ? one() : one()); }

// --- F: an assertion macro names its expression twice (GCC PR 101027) ---------------------------

int evaluations = 0;

task<bool> counted_yes() {
    ++evaluations;
    co_return true;
}

// As Catch2 does: the second occurrence is for the compiler's warnings and must never run.
#define ASSERT_LIKE_CATCH2(...)               \
    do {                                      \
        if (!(__VA_ARGS__)) std::terminate(); \
    } while ((void)0, (false) && static_cast<bool>(!!(__VA_ARGS__)))

task<int> assertion_macro() {
    int before = evaluations;
    ASSERT_LIKE_CATCH2(co_await counted_yes());
    co_return evaluations - before;
}

template <task<int> (*Body)()>
bool yields_one() {
    return Body().run() == 1;
}
template <task<int> (*Body)(bool)>
bool yields_one_either_way() {
    return Body(true).run() == 1 && Body(false).run() == 1;
}

constexpr probe::test tests[] = {
    {"aggregate_argument", yields_one<aggregate_argument>},
    {"braced_argument", yields_one<braced_argument>},
    {"designated_argument", yields_one<designated_argument>},
    {"default_argument", yields_one<default_argument>},
    {"capturing_lambda", yields_one<capturing_lambda>},
    {"capturing_lambda_erased", yields_one<capturing_lambda_erased>},
    {"lambda_coroutine", yields_one<lambda_coroutine>},
    {"aggregate_built_around", yields_one<aggregate_built_around>},
    {"aggregate_yielded", [] { return aggregate_yielded().count() == 1; }},
    {"condition_of_if", yields_one<condition_of_if>},
    {"condition_of_while", yields_one<condition_of_while>},
    {"condition_of_switch", yields_one<condition_of_switch>},
    {"choice_of_values", yields_one_either_way<choice_of_values>},
    {"choice_of_tasks", yields_one_either_way<choice_of_tasks>},
    {"assertion_macro", yields_one<assertion_macro>},
};

}  // namespace

int main(int argc, char** argv) { return argc == 2 ? probe::run_by_name(tests, argv[1]) : 2; }
