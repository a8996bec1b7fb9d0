// SPDX-License-Identifier: BSL-1.0
//
// What time is it? A question and an answer by UDP in the form of RFC 868: four bytes, the seconds
// since 1900. A datagram may get lost, so who asks must be ready to ask again; here the server
// drops the first question to show it.

#include <conduit/channels/udp_datagram.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/io_message.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/task_scope.hpp>
#include <conduit/runtime/within.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <utility>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

using time_answer = std::array<std::byte, 4>;

/// Modulo 2^32, which is exceeded in 2036.
std::uint32_t seconds_since_1900() {
    constexpr std::uint32_t from_1900_to_1970 = 2'208'988'800;
    return static_cast<std::uint32_t>(std::time(nullptr)) + from_1900_to_1970;
}

time_answer encoded(std::uint32_t seconds) {
    return {std::byte(seconds >> 24U), std::byte(seconds >> 16U), std::byte(seconds >> 8U),
            std::byte(seconds)};
}

std::uint32_t decoded(const time_answer& answer) {
    std::uint32_t seconds = 0;
    for (const std::byte each : answer) seconds = seconds << 8U | std::to_integer<unsigned>(each);
    return seconds;
}

task<> serve(udp_datagram& socket) {
    std::array<std::byte, 16> question{};
    bool first = true;
    while (auto got = co_await socket.receive_from(question)) {
        if (std::exchange(first, false)) continue;
        const time_answer answer = encoded(seconds_since_1900());
        auto sent = co_await socket.send_to(answer, got->from);
        if (!sent) std::printf("not sent: %s\n", sent.error().message().c_str());
    }
}

task<> ask(socket_address server) {
    auto socket = co_await udp_datagram::connect(server);
    clock::duration patience = 200ms;
    for (int tries = 0; tries < 5; ++tries) {
        const std::uint32_t asked = seconds_since_1900();
        auto sent = co_await socket.value().send(bytes_of("time?"));
        time_answer answer{};
        auto got = co_await within(patience, socket->receive_from(answer));
        if (!sent || !got || got->bytes != answer.size()) {
            std::puts("no answer; asking again");
            patience = 10s;  // perhaps it was slow, and not lost
            continue;
        }
        // By our clock it was answered between then and now.
        const bool agree = decoded(answer) - asked <= seconds_since_1900() - asked;
        std::printf("an answer of %zu bytes; %s\n", got->bytes,
                    agree ? "our clocks agree" : "our clocks differ");
        co_return;
    }
}

task<> program() {
    auto socket = udp_datagram::bind(0).value();
    const socket_address where = socket.local_address().value();
    task_scope scope;
    auto serving = scope.spawn(serve(socket));
    co_await ask(where);
    socket.close();
    co_await serving;
    co_await scope.join();
}

}  // namespace

int main() { run(program()); }
