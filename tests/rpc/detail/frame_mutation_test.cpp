// SPDX-License-Identifier: BSL-1.0
//
// Frames that were damaged on purpose: a frame_reader yields events or names what is wrong, keeps
// little, and reads nothing outside of what it was given (a sanitizer would see).

#include "../../support/sanitized.hpp"
#include "../../support/wire_frames.hpp"

#include <conduit/rpc/detail/wire.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

using namespace conduit;
using namespace conduit::rpc::detail;
using test::bytes;

namespace {

/// Touches all that an event refers to.
class event_counter final : public frame_events {
public:
    bool on_settings(const wire_settings&) override { return count(); }
    bool on_open(const open_event& event) override {
        touch(event.metadata);
        touch(event.message.bytes);
        sum_ += event.name.size();
        return count();
    }
    bool on_data(const data_event& event) override {
        touch(event.message.bytes);
        return count();
    }
    bool on_end(const end_event& event) override {
        touch(event.metadata);
        touch(event.message);
        return count();
    }
    bool on_cancel(std::uint32_t, std::uint32_t) override { return count(); }
    bool on_credit(std::uint32_t, bool, std::uint32_t) override { return count(); }
    bool on_ping(std::uint64_t) override { return count(); }
    bool on_pong(std::uint64_t) override { return count(); }
    bool on_goaway(const goaway_event& event) override {
        sum_ += event.text.size();
        return count();
    }
    bool on_ignored(const frame_header&) override { return count(); }

    std::size_t events = 0;

private:
    void touch(std::span<const std::byte> held) {
        if (!held.empty()) sum_ += static_cast<std::size_t>(held.front() ^ held.back());
    }
    bool count() {
        ++events;
        return true;
    }
    std::size_t sum_ = 0;
};

const bytes& no_greeting() {
    static const bytes none;
    return none;
}
const bytes& a_greeting() {
    static const bytes whole = test::greeting();
    return whole;
}

enum outcome { events_only, wants_more, was_refused };

outcome outcome_of(const bytes& greeting, const bytes& frame, goaway_reason* why = nullptr) {
    frame_reader reader(test::reader_settings());
    event_counter of_greeting;
    reader.feed(greeting, of_greeting);
    event_counter events;
    reader.feed(frame, events);
    if (reader.broken()) {
        if (reader.why().text.empty()) throw std::logic_error("a refusal without a reason");
        if (why != nullptr) *why = reader.why().reason;
        return was_refused;
    }
    if (reader.memory() > 2 * frame.size() + 64)
        throw std::logic_error("more is kept than has come");
    if (reader.between_frames() && events.events == 0) throw std::logic_error("nothing came of it");
    return reader.between_frames() ? events_only : wants_more;
}

void flip(bytes& frame, std::size_t bit) {
    frame[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
}

/// One to four changes of the kinds that have broken other parsers.
void mutate(bytes& frame, std::mt19937_64& choices) {
    constexpr std::array<std::uint32_t, 12> numbers = {
        0,       1,       15,          16,          127,         128,
        147'456, 147'457, 0x7fff'ffff, 0x8000'0000, 0xffff'fff0, 0xffff'ffff};
    const std::uint64_t changes = 1 + choices() % 4;
    for (std::uint64_t i = 0; i < changes; ++i) {
        const std::uint64_t choice = choices();
        const std::size_t at = (choice >> 8) % std::min<std::size_t>(frame.size(), 48);
        switch (choice % 5) {
            case 0: flip(frame, at * 8 + (choice >> 40) % 8); break;
            case 1: frame[at] = static_cast<std::byte>(choice >> 40); break;
            case 2:
                put_u32(frame.data() + at / 4 % 4 * 4, numbers[(choice >> 40) % numbers.size()]);
                break;
            case 3: frame[4] = static_cast<std::byte>((choice >> 40) % 12); break;
            case 4: frame[5] = static_cast<std::byte>(choice >> 40); break;
        }
    }
}

}  // namespace

TEST_CASE("every flip of one or two bits of a frame's beginning is taken or refused",
          "[rpc][wire]") {
    std::array<std::size_t, 3> outcomes{};
    for (const bytes& sample : test::samples()) {
        bytes frame(sample);
        const std::size_t bits = std::min<std::size_t>(frame.size(), frame_header_size + 16) * 8;
        for (std::size_t first = 0; first < bits; ++first) {
            flip(frame, first);
            ++outcomes[outcome_of(a_greeting(), frame)];
            for (std::size_t second = first + 1; second < bits; ++second) {
                flip(frame, second);
                ++outcomes[outcome_of(a_greeting(), frame)];
                flip(frame, second);
            }
            flip(frame, first);
        }
    }
    REQUIRE(outcomes[events_only] > 1000);
    REQUIRE(outcomes[wants_more] > 1000);
    REQUIRE(outcomes[was_refused] > 100'000);
}

TEST_CASE("every flip of one or two bits of a greeting is taken or refused", "[rpc][wire]") {
    std::array<std::size_t, 3> outcomes{};
    bytes greeting = test::greeting();
    constexpr std::size_t bits = (preface_size + frame_header_size + 16) * 8;
    for (std::size_t first = 0; first < bits; ++first) {
        flip(greeting, first);
        for (std::size_t second = first; second < bits; ++second) {
            if (second != first) flip(greeting, second);
            ++outcomes[outcome_of(no_greeting(), greeting)];
            if (second != first) flip(greeting, second);
        }
        flip(greeting, first);
    }
    REQUIRE(outcomes[events_only] > 100);
    REQUIRE(outcomes[was_refused] > 10'000);
}

TEST_CASE("the fuzzer of frames starts from one of each", "[rpc][wire]") {
    // To write them anew: CONDUIT_WRITE_SEEDS=1 conduit_tests --case "the fuzzer of frames ..."
    const std::filesystem::path folder = CONDUIT_SOURCE_DIR "/tests/fuzz/corpus/fuzz_frame";
    for (const auto& [name, seed] : test::frame_seeds()) {
        const auto* const text = static_cast<const char*>(static_cast<const void*>(seed.data()));
        if (std::getenv("CONDUIT_WRITE_SEEDS") != nullptr) {
            std::ofstream(folder / name, std::ios::binary)
                .write(text, static_cast<std::streamsize>(seed.size()));
        }
        std::ifstream in(folder / name, std::ios::binary);
        const std::string written{std::istreambuf_iterator<char>(in), {}};
        CAPTURE(name);
        REQUIRE(written == std::string(text, seed.size()));
    }
}

TEST_CASE("a million malformed frames are refused, each for a reason", "[rpc][wire]") {
    constexpr std::size_t wanted = test::is_sanitized ? 200'000 : 1'000'000;
    constexpr std::array<const char*, 10> names = {"draining", "shutdown", "protocol", "too_large",
                                                   "version",  "too_much", "timeout",  "refused",
                                                   "handles",  "internal"};
    const std::vector<bytes> samples = test::samples();
    std::array<std::size_t, names.size()> reasons{};
    std::array<std::size_t, 3> outcomes{};
    std::mt19937_64 choices(20'261'122);
    bytes frame;
    while (outcomes[was_refused] < wanted) {
        frame = samples[choices() % samples.size()];
        mutate(frame, choices);
        goaway_reason why{};
        const outcome found = outcome_of(a_greeting(), frame, &why);
        ++outcomes[found];
        if (found == was_refused) ++reasons[static_cast<std::size_t>(why)];
    }

    std::cout << "malformed frames refused: " << outcomes[was_refused] << " (";
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (reasons[i] != 0) std::cout << names[i] << ' ' << reasons[i] << ", ";
    }
    std::cout << "others: " << outcomes[events_only] << " taken, " << outcomes[wants_more]
              << " want more)\n";
    REQUIRE(reasons[static_cast<std::size_t>(goaway_reason::protocol)] > wanted / 10);
    REQUIRE(reasons[static_cast<std::size_t>(goaway_reason::too_large)] > wanted / 100);
    REQUIRE(reasons[static_cast<std::size_t>(goaway_reason::handles)] > wanted / 100);
}
