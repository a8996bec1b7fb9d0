// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/given_handles.hpp>

#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/timer.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <new>
#include <utility>

namespace conduit::rpc::detail {
namespace {

using namespace std::chrono_literals;

constexpr clock::duration collected_every = 10ms;
constexpr clock::duration looked_at_every = 1s;

}  // namespace

void given_of_connection::sent(std::size_t handles) noexcept {
    group& with = older_.handles == 0 ? older_ : newer_;
    with.handles += handles;
    with.end = output_->sent();
}

/// What is in the kernel takes at least as much memory as it has bytes. Where it does not say, all
/// counts as read.
std::uint64_t given_of_connection::read_up_to() const noexcept {
    const auto unread = current_kernel().unread_by_peer(*socket_);
    if (!unread || *unread == 0) return UINT64_MAX;
    if (output_ == nullptr) return 0;
    return output_->sent() - std::min<std::uint64_t>(output_->sent(), *unread);
}

void given_of_connection::collect() noexcept {
    if (unread() == 0) return;
    const std::uint64_t read = read_up_to();
    while (older_.handles > 0 && older_.end <= read) {
        account_->give_back(resource::given, older_.handles);
        older_ = std::exchange(newer_, group());
    }
    if (unread() == 0) kept_.reset();
}

void given_of_connection::ended(unique_fd socket) noexcept {
    // What waited to be sent may have been on its way.
    older_.handles = unread() + output_->charged();
    older_.end = 1;
    newer_ = group();
    output_ = nullptr;
    kept_ = std::move(socket);
    socket_ = &kept_;
    if (kept_) return collect();
    account_->give_back(resource::given, std::exchange(older_.handles, 0));
}

given_handles::given_handles() : looks_(scheduler::current().guests().group_context()) {}

given_handles::~given_handles() {
    while (!left_.empty()) delete &left_.pop_front();
}

void given_handles::leave(std::unique_ptr<given_of_connection> one) noexcept {
    if (one->unread() == 0) return;
    left_.push_back(*one.release());
    if (looking_) return;
    try {
        looks_.spawn(look(), "rpc given handles");
        looking_ = true;
    } catch (const std::bad_alloc&) {  // whoever lacks room looks, too
    }
}

task<void> given_handles::look() {
    while (!left_.empty()) {
        const auto stopped = co_await sleep_for(looked_at_every);
        if (stopped) break;
        collect();
    }
    looking_ = false;
}

void given_handles::collect() noexcept {
    const clock::time_point now = clock::now();
    if (now - collected_every < collected_) return;
    collected_ = now;
    for (given_of_connection& each : open_) each.collect();
    intrusive_list<given_of_connection, among_given> all;
    all.take_all(left_);
    while (!all.empty()) {
        std::unique_ptr<given_of_connection> one(&all.pop_front());
        one->collect();
        leave(std::move(one));
    }
}

}  // namespace conduit::rpc::detail
