// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/signal_set.hpp>

#include <array>
#include <cstddef>
#include <span>

namespace conduit {

result<signal_set> signal_set::open(std::initializer_list<int> signals) {
    auto watched = current_kernel().watch_signals(std::span(signals.begin(), signals.size()));
    if (!watched) return watched.error();
    auto reader = io_handle::attach(std::move(*watched));
    if (!reader) return reader.error();
    return signal_set(std::move(*reader));
}

task<result<int>> signal_set::next() {
    std::array<std::byte, 1> number{};
    auto got = co_await reader_.read_some(number);
    if (!got) co_return got.error();
    if (*got == 0) co_return errc::end_of_stream;
    co_return std::to_integer<int>(number[0]);
}

}  // namespace conduit
