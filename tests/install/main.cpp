// SPDX-License-Identifier: BSL-1.0
//
// A small program that needs the object code of each layer as well as its headers.

#include <conduit/channels/pipe.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/timer.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <span>

namespace {

conduit::task<std::byte> answer() {
    auto [in, out] = conduit::make_pipe().value();
    std::array<std::byte, 2> buffer{};
    const auto all = std::span(buffer);
    co_await conduit::sleep_for(std::chrono::milliseconds(1));
    auto sent = co_await conduit::write_all(out, conduit::bytes_of("42"));
    sent.value();
    auto got = co_await conduit::read_exact(in, all);
    got.value();
    co_return buffer[1];
}

}  // namespace

int main() { return conduit::run(answer()) == std::byte{'2'} ? 0 : 1; }
