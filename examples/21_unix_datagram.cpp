// SPDX-License-Identifier: BSL-1.0
//
// Notes from several senders to one collector on this host: each arrives as it was sent, whole and
// apart from the others, with the kernel's word on who sent it.

#include <conduit/channels/unix_datagram.hpp>
#include <conduit/runtime/io_message.hpp>
#include <conduit/runtime/run.hpp>

#include <unistd.h>

#include <array>
#include <cstdio>
#include <string>

using namespace conduit;

namespace {

task<> send_note(std::string text) {
    auto socket = unix_datagram::make().value();
    auto sent = co_await socket.send_to("notes", bytes_of(text));
    sent.value();
}

task<> collect() {
    auto options = unix_datagram_options().credentials_with_each();
    auto notes = unix_datagram::bind("notes", options).value();
    co_await send_note("the first note");
    co_await send_note("");
    co_await send_note("a note that is too long for its reader");
    std::array<std::byte, 16> buffer{};
    for (int i = 0; i < 3; ++i) {
        auto got = co_await notes.receive(buffer);
        const auto* const text = reinterpret_cast<const char*>(buffer.data());
        const bool own = got.value().sender.value().pid == ::getpid();
        std::printf("\"%.*s\"%s, from %s\n", static_cast<int>(got->bytes), text,
                    got->truncated ? " and more" : "", own ? "this process" : "another process");
    }
}

}  // namespace

int main() { conduit::run(collect()); }
