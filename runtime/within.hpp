// SPDX-License-Identifier: BSL-1.0
//
// Awaits something under a context of its own: with a deadline, a name, a trace value, or tied to a
// std::stop_token. Nothing is passed down as a parameter; everything awaited inside feels it. The
// result is that of what is awaited, and within() returns when that has returned: work is asked to
// end, never abandoned.
//
//     auto got = co_await within(50ms, in.read_some(buffer));     // errc::timed_out after 50 ms
//     auto sum = co_await within(1s, add_remotely(1, 2));         // every wait in it is bounded
//     co_await with_name("reload", reload());                     // how dump_tasks() calls it
//     co_await with_value(request_id, 17, handle(request));       // find_value(request_id) inside
//     co_await with_stop(token, serve());                         // stopped from any thread

#pragma once

#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/context.hpp>
#include <conduit/runtime/frame.hpp>
#include <conduit/runtime/inbox.hpp>
#include <conduit/runtime/loop.hpp>

#include <coroutine>
#include <memory>
#include <optional>
#include <stop_token>
#include <string_view>
#include <type_traits>
#include <utility>

namespace conduit {

/// Awaits `Awaitable` in a context that `Setup` prepares. It is awaited once, where it is written.
template <class Setup, class Awaitable>
class [[nodiscard]] context_awaiter {
    using inner_awaiter = decltype(make_awaiter(std::declval<Awaitable>()));

public:
    using conduit_awaitable = void;
    using awaited_once = void;

    context_awaiter(Setup setup, Awaitable&& awaitable)
        : setup_(std::move(setup)), awaitable_(std::forward<Awaitable>(awaitable)) {}
    context_awaiter(context_awaiter&& other) noexcept
        : setup_(std::move(other.setup_)), awaitable_(std::forward<Awaitable>(other.awaitable_)) {}

    bool await_ready() {
        inner_.emplace(make_in_place(*this));
        return inner_->await_ready();
    }
    template <class Promise>
    auto await_suspend(std::coroutine_handle<Promise> awaiting) {
        loop& l = loop::running();
        setup_.prepare(context_, *l.context);
        outer_ = std::exchange(l.context, &context_);
        return suspend_inner(awaiting, l);
    }
    decltype(auto) await_resume() {
        const leaving guard(*this);
        return inner_->await_resume();
    }

private:
    // Lets optional::emplace build an awaiter that can be neither copied nor moved.
    class make_in_place {
    public:
        explicit make_in_place(context_awaiter& owner) noexcept : owner_(owner) {}
        operator inner_awaiter() const {
            return make_awaiter(std::forward<Awaitable>(owner_.awaitable_));
        }

    private:
        context_awaiter& owner_;
    };

    class leaving {
    public:
        explicit leaving(context_awaiter& owner) noexcept : owner_(owner) {}
        leaving(const leaving&) = delete;
        ~leaving() {
            if (owner_.outer_ == nullptr) return;
            loop::running().context = owner_.outer_;
            owner_.setup_.leave();
            owner_.context_.detach();
        }

    private:
        context_awaiter& owner_;
    };

    template <class Promise>
    auto suspend_inner(std::coroutine_handle<Promise> awaiting, loop& l) {
        try {
            return inner_->await_suspend(awaiting);
        } catch (...) {
            l.context = outer_;
            throw;
        }
    }

    context context_;  // declared before what stops it and what runs in it
    Setup setup_;
    Awaitable awaitable_;
    std::optional<inner_awaiter> inner_;
    context* outer_ = nullptr;
};

/// Prepares a context that ends after a time, or at one.
class deadline_setup {
public:
    explicit deadline_setup(clock::duration limit) noexcept : limit_(limit) {}
    explicit deadline_setup(clock::time_point deadline) noexcept : deadline_(deadline) {}

    void prepare(context& inner, context& outer) const noexcept {
        inner.attach_lazily(outer, limit_, deadline_);
    }
    void leave() const noexcept {}

private:
    clock::duration limit_ = clock::duration::max();
    clock::time_point deadline_ = clock::time_point::max();
};

/// Prepares a context with a name, which is not copied.
class name_setup {
public:
    explicit name_setup(std::string_view name) noexcept : name_(name) {}

    void prepare(context& inner, context& outer) const noexcept {
        inner.attach_lazily(outer, clock::duration::max(), clock::time_point::max());
        inner.set_name(name_);
    }
    void leave() const noexcept {}

private:
    std::string_view name_;
};

/// What trace values of type T are found by. Keys are told apart by their address.
///
///     inline constexpr conduit::trace_key<int> request_id{};
template <class T>
class trace_key {
public:
    using value_type = T;
    constexpr trace_key() noexcept = default;
    trace_key(const trace_key&) = delete;
    trace_key& operator=(const trace_key&) = delete;

private:
    char unused_ = 0;
};

/// Prepares a context that holds a trace value.
template <class T>
class value_setup {
public:
    value_setup(const trace_key<T>& key, T value) : key_(&key), value_(std::move(value)) {}

    void prepare(context& inner, context& outer) const noexcept {
        inner.attach_lazily(outer, clock::duration::max(), clock::time_point::max());
        inner.set_value(key_, &value_);
    }
    void leave() const noexcept {}

private:
    const trace_key<T>* key_;
    T value_;
};

/// The nearest trace value under `key`, or null. It lives as long as the with_value() around.
template <class T>
const T* find_value(const trace_key<T>& key) noexcept {
    return static_cast<const T*>(current_context().find_value(&key));
}

/// Carries a stop request from a std::stop_token, on whichever thread it is made, to a context.
class stop_relay final : private wakeup {
public:
    stop_relay(context& target, const std::stop_token& token);
    ~stop_relay();

private:
    class request {
    public:
        explicit request(stop_relay& owner) noexcept : owner_(&owner) {}
        void operator()() const noexcept { owner_->relay(); }

    private:
        stop_relay* owner_;
    };
    void relay() noexcept;
    void deliver() noexcept override { target_.request_stop(); }

    context& target_;
    loop& home_;
    std::shared_ptr<inbox> inbox_;
    std::optional<std::stop_callback<request>> callback_;
};

/// Prepares a context that a std::stop_token stops.
class stop_setup {
public:
    explicit stop_setup(std::stop_token token) noexcept : token_(std::move(token)) {}
    stop_setup(stop_setup&& other) noexcept : token_(std::move(other.token_)) {}

    void prepare(context& inner, context& outer) {
        inner.attach_lazily(outer, clock::duration::max(), clock::time_point::max());
        relay_.emplace(inner, token_);
    }
    void leave() noexcept { relay_.reset(); }

private:
    std::stop_token token_;
    std::optional<stop_relay> relay_;
};

/// Awaits `work` with `limit` to go. The clock starts when something in it first really waits; what
/// completes at once is never too late.
template <class Awaitable>
context_awaiter<deadline_setup, Awaitable> within(clock::duration limit, Awaitable&& work) {
    return {deadline_setup(limit), std::forward<Awaitable>(work)};
}

/// Awaits `work` with a deadline.
template <class Awaitable>
context_awaiter<deadline_setup, Awaitable> within(clock::time_point deadline, Awaitable&& work) {
    return {deadline_setup(deadline), std::forward<Awaitable>(work)};
}

/// Awaits `work` under a name, which must outlive it.
template <class Awaitable>
context_awaiter<name_setup, Awaitable> with_name(std::string_view name, Awaitable&& work) {
    return {name_setup(name), std::forward<Awaitable>(work)};
}

/// Awaits `work` with a trace value that find_value() finds inside.
template <class T, class Awaitable>
context_awaiter<value_setup<T>, Awaitable> with_value(const trace_key<T>& key,
                                                      std::type_identity_t<T> value,
                                                      Awaitable&& work) {
    return {value_setup<T>(key, std::move(value)), std::forward<Awaitable>(work)};
}

/// Awaits `work`, which is asked to end when a stop is requested through `token`.
template <class Awaitable>
context_awaiter<stop_setup, Awaitable> with_stop(std::stop_token token, Awaitable&& work) {
    return {stop_setup(std::move(token)), std::forward<Awaitable>(work)};
}

}  // namespace conduit
