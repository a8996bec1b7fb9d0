// SPDX-License-Identifier: BSL-1.0
#include "connection_script.hpp"

#include "require.hpp"

#include <conduit/channels/stream.hpp>
#include <conduit/rpc/detail/wire.hpp>
#include <conduit/runtime/error.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <malloc.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>

#if defined(__SANITIZE_ADDRESS__)
#define CONDUIT_FUZZ_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CONDUIT_FUZZ_ASAN 1
#endif
#endif
#if defined(CONDUIT_FUZZ_ASAN)
#include <sanitizer/allocator_interface.h>
#endif

namespace conduit::fuzz {
namespace {

using namespace std::chrono_literals;
using namespace rpc::detail;
using bytes = std::vector<std::byte>;

constexpr std::size_t actions_max = 200;
constexpr std::size_t memory_max = std::size_t{1024} * 1024;
constexpr std::size_t output_max = std::size_t{128} * 1024;
// Beside those: a cut frame, the bytes on their way, tasks and their frames.
constexpr std::size_t other_memory = std::size_t{2} * 1024 * 1024;

std::size_t allocated_bytes() noexcept {
#if defined(CONDUIT_FUZZ_ASAN)
    return __sanitizer_get_current_allocated_bytes();
#else
    const struct mallinfo2 heap = mallinfo2();
    return heap.uordblks + heap.hblkhd;
#endif
}

std::size_t allocated_before = 0;  // the script was begun

void require_little_memory() {
    require(allocated_bytes() <= allocated_before + memory_max + 3 * output_max + other_memory,
            "more memory is used than a connection may");
}

/// Reads the script; behind its end are zeros.
class cursor {
public:
    explicit cursor(script of) noexcept : rest_(of) {}

    bool at_end() const noexcept { return rest_.empty(); }
    std::uint8_t next() noexcept {
        if (rest_.empty()) return 0;
        const std::uint8_t byte = rest_.front();
        rest_ = rest_.subspan(1);
        return byte;
    }
    bytes next(std::size_t size) {
        const auto part = rest_.first(std::min(size, rest_.size()));
        rest_ = rest_.subspan(part.size());
        bytes out(part.size());
        std::transform(part.begin(), part.end(), out.begin(),
                       [](std::uint8_t byte) { return static_cast<std::byte>(byte); });
        return out;
    }
    frame_header next_header() noexcept {
        frame_header header;
        header.type = static_cast<frame_type>(next());
        header.flags = next();
        const std::uint32_t stream = next();
        header.stream = (stream & 0x7fU) | ((stream & 0x80U) != 0 ? receivers_stream : 0);
        header.aux = next();
        return header;
    }

private:
    script rest_;
};

bytes frame_of(frame_header header, const bytes& payload) {
    header.length = static_cast<std::uint32_t>(payload.size());
    bytes frame(frame_header_size + payload.size());
    std::copy(payload.begin(), payload.end(), put_header(frame.data(), header));
    return frame;
}

task<bool> send(memory_stream& to, bytes what) {
    const bytes sent(std::move(what));
    if (sent.empty()) co_return true;
    const auto done = co_await within(1s, write_all(to, std::span(sent)));
    co_return done.has_value();
}

task<void> read_what_has_come(memory_stream& from) {
    std::array<std::byte, 4096> room;
    for (int i = 0; i < 64; ++i) {
        const auto got = co_await within(1ms, from.read_some(room));
        if (!got || *got == 0) co_return;
    }
}

/// The bytes that an action sends, for those that do nothing else.
bytes bytes_of_action(unsigned action, cursor& in) {
    if (action == 0) return in.next(in.next());
    if (action == 7) return make_greeting(wire_settings());
    const frame_header header = in.next_header();
    const std::size_t size = in.next();
    return frame_of(header, action == 1 ? in.next(size) : bytes(size * 256));
}

}  // namespace

task<> play(memory_stream& with, script actions) {
    cursor in(actions);
    bool goes_on = true;
    const unsigned first = in.next();
    if ((first & 1U) != 0) {
        wire_settings settings;
        if ((first & 2U) != 0) settings.frame_max = 16'384;
        bytes greeting = make_greeting(settings);
        goes_on = co_await send(with, std::move(greeting));
    }
    for (std::size_t i = 0; i < actions_max && goes_on && !in.at_end(); ++i) {
        const unsigned action = in.next() % 8;
        if (action == 3) {
            co_await sleep_for(in.next() * 10ms);
        } else if (action == 4) {
            co_await read_what_has_come(with);
        } else if (action == 5) {
            const auto closed = co_await with.close_writing();
            goes_on = closed.has_value();
        } else if (action == 6) {
            goes_on = false;
        } else {
            bytes what = bytes_of_action(action, in);
            goes_on = co_await send(with, std::move(what));
        }
        require_little_memory();
    }
}

void simulate(script actions, task<> (*body)(script)) {
    const std::uint64_t seed = actions.empty() ? 1 : 1 + actions[0] / 2;
    allocated_before = allocated_bytes();
    auto options = scheduler_options().backend(backend_kind::sim).seed(seed);
    scheduler sched(options.log([](log_level, std::string_view) {}));
    sched.run(body(actions));
    require(sched.counters().tasks_live.value() == 0, "a task is left");
}

rpc::connection_options narrow_options() {
    rpc::connection_options options;
    options.memory_max(memory_max).output_max(output_max).message_max(256 * 1024);
    return options;
}

}  // namespace conduit::fuzz
