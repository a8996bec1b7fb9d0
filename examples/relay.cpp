// SPDX-License-Identifier: BSL-1.0
//
// Connects two addresses and passes on what comes from either, as socat does:
//     relay stdio: tcp:localhost:80        relay unix:/run/x "exec:ssh host serve"

#include <conduit/channels/address.hpp>
#include <conduit/channels/any_stream.hpp>
#include <conduit/channels/copy.hpp>
#include <conduit/channels/file.hpp>
#include <conduit/channels/process.hpp>
#include <conduit/channels/tcp_stream.hpp>
#include <conduit/channels/unix_stream.hpp>
#include <conduit/runtime/run.hpp>

#include <cstdio>
#include <string>
#include <system_error>

using namespace conduit;

namespace {

task<any_stream> reach(const char* text) {
    std::string why;
    auto to = address::parse(text, &why);
    if (!to) throw std::runtime_error(why);
    if (to->kind() == address_kind::unix_socket) {
        auto peer = co_await unix_stream::connect(to->path());
        co_return std::move(peer.value());
    }
    if (to->kind() == address_kind::tcp) {
        auto peer = co_await tcp_stream::connect(to->host(), to->service());
        co_return std::move(peer.value());
    }
    if (to->kind() == address_kind::exec) {
        command program(to->words().front());
        for (std::size_t i = 1; i < to->words().size(); ++i) program.argument(to->words()[i]);
        co_return start(std::move(program)).value();
    }
    if (to->kind() != address_kind::stdio) throw std::runtime_error("no stream leads there");
    co_return any_stream(standard_input().value(), standard_output().value());
}

task<> relay(const char* one, const char* other) {
    any_stream first = co_await reach(one);
    any_stream second = co_await reach(other);
    const relayed done = co_await copy_both_ways(first, second);
    if (done.error) throw std::system_error(done.error);
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc != 3) throw std::runtime_error("it takes two addresses");
    conduit::run(relay(argv[1], argv[2]));
} catch (const std::exception& error) {
    std::fprintf(stderr, "relay: %s\n", error.what());
    return 1;
}
