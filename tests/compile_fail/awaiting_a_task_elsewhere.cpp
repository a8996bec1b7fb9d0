// SPDX-License-Identifier: BSL-1.0
// refused: a conduit task is awaited by a conduit task or stream
#include <conduit/runtime/task.hpp>

#include <coroutine>
#include <exception>

/// Somebody else's coroutine.
struct stranger {
    struct promise_type {
        stranger get_return_object() { return {}; }
        std::suspend_never initial_suspend() { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };
};

conduit::task<int> number();

#ifdef FIXED
conduit::task<> ask() {
#else
stranger ask() {
#endif
    co_await number();
}
