// SPDX-License-Identifier: BSL-1.0
//
// Copies one stream to two at once, as tee(1) does: to go on with it and to keep a record. For one
// sink use copy.hpp.
//
//     auto moved = co_await conduit::tee(in, out, log);      // to the end of `in`

#pragma once

#include <conduit/channels/copy.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/runtime/when_all.hpp>

#include <cstddef>
#include <cstdint>
#include <system_error>
#include <utility>

namespace conduit {

/// Copies from `from` to both sinks until the end of the stream; yields how many bytes each of them
/// took, and leaves them open. All three must outlive the task.
///
/// The slower sink sets the pace: no more is read until both have all there is so far. The first
/// failure of either ends it, and is yielded once the other has taken its part; a stop ends both.
/// Then up to 64 KiB that were read may have reached only one of them, or none.
template <byte_source Source, byte_sink First, byte_sink Second>
task<result<std::uint64_t>> tee(Source& from, First& first, Second& second) {
    copy_state state;
    chunk_reader<Source> chunks(from);
    for (;;) {
        auto got = co_await chunks.next(state);
        if (!got) co_return got.error();
        if (*got == 0) co_return state.moved();
        auto written = co_await when_all(write_all(first, state.unwritten()),
                                         write_all(second, state.unwritten()));
        if (!std::get<0>(written)) co_return std::get<0>(written).error();
        if (!std::get<1>(written)) co_return std::get<1>(written).error();
        state.wrote(*got);
    }
}

}  // namespace conduit
