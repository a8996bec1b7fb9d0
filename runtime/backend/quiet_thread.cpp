// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/backend/quiet_thread.hpp>

#include <csignal>
#include <utility>

namespace conduit {
namespace {

/// Blocks signals in this thread while a new one inherits its mask.
class signals_blocked {
public:
    signals_blocked() noexcept {
        sigset_t blocked;
        ::sigfillset(&blocked);
        for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS}) {
            ::sigdelset(&blocked, fault);
        }
        ::pthread_sigmask(SIG_SETMASK, &blocked, &before_);
    }
    signals_blocked(const signals_blocked&) = delete;
    ~signals_blocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    sigset_t before_{};
};

}  // namespace

std::thread start_quiet_thread(std::function<void()> body) {
    const signals_blocked inherited;
    return std::thread(std::move(body));
}

}  // namespace conduit
