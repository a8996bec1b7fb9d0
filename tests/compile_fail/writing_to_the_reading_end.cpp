// SPDX-License-Identifier: BSL-1.0
// refused: no member named .*write_some

#include <conduit/channels/pipe.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/runtime/run.hpp>

conduit::task<> speak() {
    auto [in, out] = conduit::make_pipe().value();
#ifdef FIXED
    auto sent = co_await out.write_some(conduit::bytes_of("hello"));
#else
    auto sent = co_await in.write_some(conduit::bytes_of("hello"));
#endif
    sent.value();
}

int main() { conduit::run(speak()); }
