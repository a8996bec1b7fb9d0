// SPDX-License-Identifier: BSL-1.0
//
// Awaiting Asio's operations in a conduit task. The scheduler is one that an asio::io_context runs:
// asio.hpp, which has the other direction too, and says which Asio is needed. For what another
// library made to be awaited see foreign.hpp.
//
//     auto got = co_await socket.async_read_some(buffer, conduit::from_asio);
//     if (!got) co_return got.error();
//     auto late = co_await within(50ms, timer.async_wait(conduit::from_asio));
//     int n = co_await asio::co_spawn(context, count(), conduit::from_asio);  // an asio::awaitable

#pragma once

#include <conduit/runtime/context.hpp>
#include <conduit/runtime/inbox.hpp>
#include <conduit/runtime/loop.hpp>
#include <conduit/runtime/operation.hpp>
#include <conduit/runtime/result.hpp>

#include <asio/associated_cancellation_slot.hpp>
#include <asio/async_result.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/error.hpp>

#include <atomic>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

namespace conduit {

/// A completion token: with it any operation of Asio's is one that a conduit task awaits, once.
///
/// What has an error code yields a result<T>: a result<std::size_t> for
/// void(std::error_code, std::size_t), a std::tuple where several values come. The code is Asio's
/// own (asio::error::eof at the end of a stream), except that an operation which was cancelled
/// yields errc::cancelled or errc::timed_out. What has an exception_ptr instead, or neither, yields
/// its value or throws; when it could not begin, since a stop was requested already, or its handler
/// was dropped, it throws std::system_error with errc::cancelled or errc::timed_out.
///
/// A stop request or a deadline emits asio::cancellation_type::terminal and waits for the
/// operation's own completion, which may be its result. An operation without cancellation, such as
/// asio::post, is waited for to its end.
///
/// Destroying the task that waits emits it too and waits for nothing. A single operation on a
/// socket, a descriptor or a timer then lets go of the task's memory at once. What is composed, as
/// asio::async_read_until is, or a coroutine, goes on until it notices: it must own what it
/// touches, or the task must be stopped and joined before it is destroyed.
///
/// Asio's objects must outlive the await. They belong to the context that runs the scheduler; one
/// of another context may be awaited if it is safe to begin and to cancel it from this thread.
class from_asio_t {
public:
    constexpr from_asio_t() noexcept {}
};
inline constexpr from_asio_t from_asio;

class asio_wait;

/// An operation of Asio's in flight: shared by who awaits it and by its handler, which may come
/// when nobody waits any more, or be destroyed uncalled.
class asio_flight : public std::enable_shared_from_this<asio_flight>, private wakeup {
public:
    explicit asio_flight(asio_wait& waiter) : home_(loop::running().inbox), waiter_(&waiter) {}
    asio_flight(const asio_flight&) = delete;
    asio_flight& operator=(const asio_flight&) = delete;
    virtual ~asio_flight() = default;

    asio::cancellation_slot slot() noexcept { return signal_.slot(); }

    /// At home. Once the handler was called what the signal refers to may be gone.
    void cancel() {
        if (!has_landed_) signal_.emit(asio::cancellation_type::terminal);
    }
    void abandon_by_waiter() {
        waiter_ = nullptr;
        cancel();
    }

    /// The handler was called, or destroyed: on whichever thread.
    void land() noexcept {
        has_landed_ = true;
        alive_ = shared_from_this();
        if (!home_->send(*this)) alive_.reset();
    }

protected:
    /// Whether it ended because it was cancelled, or nobody can tell.
    virtual bool was_cancelled() const noexcept = 0;

private:
    void deliver() noexcept override;
    void abandon() noexcept override {
        const std::shared_ptr<asio_flight> last = std::move(alive_);
    }

    asio::cancellation_signal signal_;
    std::shared_ptr<inbox> home_;
    asio_wait* waiter_;  // touched at home only
    std::atomic<bool> has_landed_{false};
    std::shared_ptr<asio_flight> alive_;  // on its way home
};

/// Waits for an operation of Asio's; the part that does not depend on which.
class asio_wait : public operation {
public:
    const char* name() const noexcept override { return "Asio operation"; }
    void cancel() noexcept override { flight_->cancel(); }

protected:
    asio_wait() noexcept = default;
    asio_wait(asio_wait&&) noexcept = default;
    ~asio_wait() {
        if (flight_ != nullptr) flight_->abandon_by_waiter();
    }

    std::shared_ptr<asio_flight> flight_;
};

inline void asio_flight::deliver() noexcept {
    const std::shared_ptr<asio_flight> alive = std::move(alive_);
    if (waiter_ != nullptr) {
        waiter_->complete(was_cancelled() ? operation::cancelled_outcome : 0);
    }
}

/// The values from the `First` on: none, the one, or a tuple of them.
template <std::size_t First, class... Values>
auto asio_values_from(std::tuple<Values...>&& values) {
    constexpr std::size_t count = sizeof...(Values) - First;
    if constexpr (count == 1) {
        return std::get<First>(std::move(values));
    } else if constexpr (count > 1) {
        return [&]<std::size_t... Index>(std::index_sequence<Index...>) {
            return std::make_tuple(std::get<First + Index>(std::move(values))...);
        }(std::make_index_sequence<count>());
    }
}

/// What the values of a handler mean to a task. Here: all of them are what it yields.
template <class... Values>
struct asio_outcome {
    using values = std::tuple<Values...>;
    using type = decltype(asio_values_from<0>(std::declval<values>()));

    static bool was_cancelled(const values&) noexcept { return false; }
    static type of(values&& all) { return asio_values_from<0>(std::move(all)); }
    static type failed(std::error_code why) { throw std::system_error(why); }
};

template <class... Values>
struct asio_outcome<std::error_code, Values...> {
    using values = std::tuple<std::error_code, Values...>;
    using type = result<decltype(asio_values_from<1>(std::declval<values>()))>;

    static bool was_cancelled(const values& all) noexcept {
        return std::get<0>(all) == asio::error::operation_aborted;
    }
    static type of(values&& all) {
        if (std::get<0>(all)) return std::get<0>(all);
        if constexpr (sizeof...(Values) == 0) {
            return {};
        } else {
            return asio_values_from<1>(std::move(all));
        }
    }
    static type failed(std::error_code why) { return why; }
};

template <class... Values>
struct asio_outcome<std::exception_ptr, Values...> {
    using values = std::tuple<std::exception_ptr, Values...>;
    using type = decltype(asio_values_from<1>(std::declval<values>()));

    static bool was_cancelled(const values&) noexcept { return false; }
    static type of(values&& all) {
        if (std::get<0>(all)) std::rethrow_exception(std::get<0>(all));
        return asio_values_from<1>(std::move(all));
    }
    static type failed(std::error_code why) { throw std::system_error(why); }
};

/// A flight whose handler takes `Values`.
template <class... Values>
class asio_flight_with final : public asio_flight {
public:
    using asio_flight::asio_flight;

    std::optional<std::tuple<Values...>> values;  // none when the handler was dropped

private:
    bool was_cancelled() const noexcept override {
        return !values || asio_outcome<Values...>::was_cancelled(*values);
    }
};

/// What Asio calls at the end; moved about, owned once.
template <class... Values>
class asio_handler {
public:
    using cancellation_slot_type = asio::cancellation_slot;

    explicit asio_handler(std::shared_ptr<asio_flight_with<Values...>> flight) noexcept
        : flight_(std::move(flight)) {}
    asio_handler(asio_handler&&) noexcept = default;
    asio_handler& operator=(asio_handler&&) = delete;
    ~asio_handler() {
        if (flight_ != nullptr) flight_->land();
    }

    cancellation_slot_type get_cancellation_slot() const noexcept { return flight_->slot(); }

    template <class... Given>
    void operator()(Given&&... given) {
        const std::shared_ptr<asio_flight_with<Values...>> flight = std::move(flight_);
        flight->values.emplace(std::forward<Given>(given)...);
        flight->land();
    }

private:
    std::shared_ptr<asio_flight_with<Values...>> flight_;
};

/// An initiating function of Asio's with its arguments, called when it is awaited.
template <class Initiation, class Arguments, class... Values>
class [[nodiscard]] asio_operation final : public asio_wait {
    using outcome = asio_outcome<Values...>;

public:
    using awaited_once = void;

    asio_operation(Initiation initiation, Arguments arguments)
        : initiation_(std::move(initiation)), arguments_(std::move(arguments)) {}
    asio_operation(asio_operation&&) noexcept = default;

    typename outcome::type await_resume() {
        if (failed()) return outcome::failed(error());
        return outcome::of(std::move(*values_->values));
    }

private:
    progress start() override {
        const auto flight = std::make_shared<asio_flight_with<Values...>>(*this);
        flight_ = flight;
        values_ = flight.get();
        try {
            initiate(asio_handler<Values...>(flight));
        } catch (...) {
            flight_->abandon_by_waiter();
            throw;
        }
        // What ran in there may have stopped this very task, which did not wait yet.
        if (where()->stop_requested()) cancel();
        return progress::waiting;
    }

    void initiate(asio_handler<Values...>&& handler) {
        std::apply(
            [&](auto&... arguments) {
                std::move(initiation_)(std::move(handler), std::move(arguments)...);
            },
            arguments_);
    }

    Initiation initiation_;
    Arguments arguments_;
    asio_flight_with<Values...>* values_ = nullptr;
};

}  // namespace conduit

template <class... Values>
class asio::async_result<conduit::from_asio_t, void(Values...)> {
public:
    template <class Initiation, class... Arguments>
    static auto initiate(Initiation&& initiation, conduit::from_asio_t, Arguments&&... arguments) {
        using tuple = std::tuple<std::decay_t<Arguments>...>;
        return conduit::asio_operation<std::decay_t<Initiation>, tuple, std::decay_t<Values>...>(
            std::forward<Initiation>(initiation), tuple(std::forward<Arguments>(arguments)...));
    }
};
