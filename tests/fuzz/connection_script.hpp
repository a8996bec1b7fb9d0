// SPDX-License-Identifier: BSL-1.0
//
// The peer of a connection, as a fuzzer writes it: a list of things to do with its end of a memory
// stream, in simulated time. And what it talks to: an interface with a method of each shape.
//
//     auto ends = make_memory_stream_pair();
//     rpc::connection peer(any_stream(std::move(ends.first)), offers);
//     co_await fuzz::play(ends.second, script);
//
// The first byte: with bit 0 a greeting is sent to begin with, with bit 1 as well it asks for the
// smallest frames. Then each byte, modulo 8, is
//
//     0  n, n bytes                                   sends them
//     1  type, flags, stream, aux, n, n bytes         sends a frame; bit 7 of stream is bit 31
//     2  type, flags, stream, aux, n                  sends a frame with n * 256 zeros
//     3  n                                            waits for n * 10 ms
//     4                                               reads what has come
//     5                                               closes its half
//     6                                               gives up
//     7                                               sends a greeting

#pragma once

#include <conduit/channels/memory_stream.hpp>
#include <conduit/rpc/connection_options.hpp>
#include <conduit/rpc/interface.hpp>
#include <conduit/rpc/one_way.hpp>
#include <conduit/runtime/stream.hpp>
#include <conduit/runtime/task.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace conduit::fuzz {

using script = std::span<const std::uint8_t>;

/// Returns when the script is at its end, or when nothing can be sent any more. Requires that no
/// more memory is used at any time than narrow_options() allow, and some for what is not counted.
task<> play(memory_stream& with, script actions);

/// Runs `body` in a simulated kernel, of which the script chooses the seed, and requires that it
/// ends with no task left.
void simulate(script actions, task<> (*body)(script));

/// With bounds that are near, so that scripts of a few hundred bytes reach them.
rpc::connection_options narrow_options();

class subject {
public:
    virtual ~subject() = default;
    virtual task<std::string> echo(std::string text) = 0;
    virtual task<std::vector<std::uint32_t>> list(std::uint16_t size) = 0;
    virtual task<void> wait(std::uint16_t ms) = 0;
    virtual task<void> fail(std::uint8_t how) = 0;
    virtual task<rpc::one_way> note(std::string text) = 0;
    virtual stream<std::uint64_t> count(std::uint64_t limit) = 0;
    virtual task<std::uint64_t> sum(stream<std::uint64_t> numbers) = 0;
    virtual stream<std::string> chat(stream<std::string> said) = 0;
};
CONDUIT_INTERFACE(subject, "f", echo, list, wait, fail, note, count, sum, chat)

}  // namespace conduit::fuzz
