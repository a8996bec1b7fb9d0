// SPDX-License-Identifier: BSL-1.0
//
// Runs several things side by side until the first of them has finished. To bound something by a
// time, within.hpp is shorter; to wait for all use when_all.hpp.
//
//     auto first = co_await conduit::when_any(link_a.receive(a), link_b.receive(b));
//     if (first.index == 0) use(std::get<0>(first.value));

#pragma once

#include <conduit/runtime/as_task.hpp>
#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/outcome.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/task_scope.hpp>

#include <cstddef>
#include <exception>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace conduit {

/// Which one finished first, and what it yielded.
template <class Value>
struct first_finished {
    first_finished(std::size_t which, Value what) : index(which), value(std::move(what)) {}

    std::size_t index;
    Value value;
};

/// Notes who is first, and asks the others to end.
class race {
public:
    static constexpr std::size_t undecided = SIZE_MAX;

    explicit race(task_group& contenders) noexcept : contenders_(contenders) {}

    void finish(std::size_t index) noexcept {
        if (winner_ != undecided) return;
        winner_ = index;
        contenders_.request_stop();
    }
    std::size_t winner() const noexcept { return winner_; }

private:
    task_group& contenders_;
    std::size_t winner_ = undecided;
};

template <class T>
task<> contend(task<T> work, outcome_slot<T>& outcome, race& with_others, std::size_t index) {
    task<T> own = std::move(work);
    try {
        if constexpr (std::is_void_v<T>) {
            co_await std::move(own);
        } else {
            T value = co_await std::move(own);
            outcome.return_value(std::move(value));
        }
    } catch (...) {
        outcome.fail(std::current_exception());
    }
    with_others.finish(index);
}

template <class T>
storable<T> take_storable(outcome_slot<T>& outcome) {
    if constexpr (std::is_void_v<T>) {
        outcome.take();
        return {};
    } else {
        return outcome.take();
    }
}

/// Takes the outcome of the winner out of a tuple of all.
template <std::size_t Index, class Variant, class... T>
first_finished<Variant> take_winner(std::tuple<outcome_slot<T>...>& outcomes, std::size_t winner) {
    if constexpr (Index + 1 < sizeof...(T)) {
        if (winner != Index) return take_winner<Index + 1, Variant>(outcomes, winner);
    }
    return {Index, Variant(std::in_place_index<Index>, take_storable(std::get<Index>(outcomes)))};
}

template <std::size_t... Index, class... T>
task<first_finished<std::variant<storable<T>...>>> race_all(std::index_sequence<Index...>,
                                                            task<T>... works) {
    std::tuple<outcome_slot<T>...> outcomes;
    task_scope scope;
    race first(scope);
    (scope.spawn(contend(std::move(works), std::get<Index>(outcomes), first, Index)), ...);
    co_await scope.join();
    co_return take_winner<0, std::variant<storable<T>...>>(outcomes, first.winner());
}

/// Awaits `awaitables` side by side (tasks, operations, within() and the like) and yields a
/// first_finished: the index of the first and a std::variant with what it yielded, std::monostate
/// for nothing.
///
/// The first to finish decides, by a value or by an exception, which is rethrown. The others are
/// asked to end and waited for; what they yield or throw is dropped. Temporaries are owned by the
/// task; lvalues must outlive it. A stop request reaches all.
template <awaitable... Awaitables>
auto when_any(Awaitables&&... awaitables) {
    static_assert(sizeof...(Awaitables) > 0, "of nothing, nothing finishes first");
    return race_all(std::index_sequence_for<Awaitables...>(),
                    as_task(std::forward<Awaitables>(awaitables))...);
}

/// The same for any number of tasks, at least one.
template <class T>
task<first_finished<storable<T>>> when_any(std::vector<task<T>> works) {
    CONDUIT_ASSERT(!works.empty(), "of nothing, nothing finishes first");
    std::vector<outcome_slot<T>> outcomes(works.size());
    task_scope scope;
    race first(scope);
    for (std::size_t i = 0; i < works.size(); ++i) {
        scope.spawn(contend(std::move(works[i]), outcomes[i], first, i));
    }
    co_await scope.join();
    const std::size_t winner = first.winner();
    co_return first_finished<storable<T>>(winner, take_storable(outcomes[winner]));
}

}  // namespace conduit
