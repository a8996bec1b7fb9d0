// SPDX-License-Identifier: BSL-1.0
//
// A proxy between two streams that does what networks and slow peers do: it delays (by turns of the
// loop, never by time), takes bytes apart and puts them together anew, flips bits, and cuts. All is
// drawn from a seed, so a run can be had again. Sources and sinks are whatever has read_some and
// write_some: Unix and TCP streams, pipes, FIFOs.
//
//     test::chaos_plan plan(seed);
//     plan.delay_percent(30).chunk_max(7);
//     scope.spawn(test::proxy(client_side, server_side, plan));

#pragma once

#include <conduit/channels/stream.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/when_all.hpp>
#include <conduit/runtime/yield.hpp>

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

namespace conduit::test {

/// What shall happen, and what has happened so far. By itself a plan only takes bytes apart.
class chaos_plan {
public:
    explicit chaos_plan(std::uint64_t seed) : random_(seed) {}

    /// How often a chunk waits, for 1 to 8 turns.
    chaos_plan& delay_percent(unsigned percent) noexcept;
    /// How many bytes are passed on at once, at most; each chunk is of a size of its own.
    chaos_plan& chunk_max(std::size_t bytes) noexcept;
    /// How many chunks of a million have a bit flipped.
    chaos_plan& corrupt_per_million(unsigned chunks) noexcept;
    /// Closes both sides when that many bytes have passed in one of the directions.
    chaos_plan& cut_after(std::uint64_t bytes) noexcept;

    // For the proxy.
    std::size_t draw_chunk();
    int draw_turns();
    void maybe_corrupt(std::span<std::byte> chunk);
    /// How much of a chunk is passed on before the cut.
    std::size_t before_cut(std::size_t bytes, std::uint64_t passed) const noexcept;
    /// To be called once so many bytes have been passed on, and not earlier: the other direction
    /// closes both sides when it sees the cut.
    void note_passed(std::uint64_t passed) noexcept { is_cut_ = is_cut_ || passed == cut_after_; }

    bool is_cut() const noexcept { return is_cut_; }
    std::uint64_t corrupted() const noexcept { return corrupted_; }
    std::uint64_t chunks() const noexcept { return chunks_; }

private:
    std::uint64_t below(std::uint64_t bound) { return random_() % bound; }

    std::mt19937_64 random_;
    unsigned delay_percent_ = 0;
    std::size_t chunk_max_ = 4096;
    unsigned corrupt_per_million_ = 0;
    std::uint64_t cut_after_ = UINT64_MAX;
    bool is_cut_ = false;
    std::uint64_t corrupted_ = 0;
    std::uint64_t chunks_ = 0;
};

/// Passes on until the end of `from`, an error or the cut, and then ends `to`. All three must
/// outlive the task.
template <byte_source Source, byte_sink Sink>
task<> pass_on(Source& from, Sink& to, chaos_plan& plan) {
    std::vector<std::byte> chunk;
    std::uint64_t passed = 0;
    while (!plan.is_cut()) {
        chunk.resize(plan.draw_chunk());
        const std::span<std::byte> room(chunk);
        auto got = co_await from.read_some(room);
        if (!got || *got == 0) break;
        for (int turns = plan.draw_turns(); turns > 0; --turns) co_await yield();
        const std::span<std::byte> came = room.first(*got);
        plan.maybe_corrupt(came);
        const std::size_t kept = plan.before_cut(came.size(), passed);
        auto sent = co_await write_all(to, came.first(kept));
        if (!sent) break;
        passed += kept;
        plan.note_passed(passed);
    }
    if (plan.is_cut()) co_return;
    auto ended = co_await to.close_writing();
    static_cast<void>(ended);
}

/// As pass_on(); a cut closes both, which ends the other direction as well.
template <class From, class To>
task<> pass_on_until_cut(From& from, To& to, chaos_plan& plan) {
    co_await pass_on(from, to, plan);
    if (!plan.is_cut()) co_return;
    from.close();
    to.close();
}

/// Both directions between two streams, until both have ended. All must outlive the task.
template <byte_stream One, byte_stream Other>
task<> proxy(One& one, Other& other, chaos_plan& plan) {
    co_await when_all(pass_on_until_cut(one, other, plan), pass_on_until_cut(other, one, plan));
}

}  // namespace conduit::test
