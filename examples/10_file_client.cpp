// SPDX-License-Identifier: BSL-1.0
//
// Hands an open file to 10_file_server, and gets one from it:
//
//     10_file_client [ADDRESS]
//
// The server may be started a little later: the client waits for it for 10 seconds.

#include "10_file_store.hpp"

#include <conduit/channels/copy.hpp>
#include <conduit/channels/file.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/rpc/connect.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <chrono>
#include <cstdio>
#include <exception>
#include <string>
#include <utility>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

task<rpc::client<file_store>> connect_when_it_is_there(std::string where) {
    const std::string address = std::move(where);
    for (;;) {
        auto made = co_await rpc::try_call(rpc::connect<file_store>(address));
        if (made) co_return std::move(*made);
        if (made.error().code() != rpc::status::unavailable) throw made.error();
        co_await sleep_for(10ms);
    }
}

task<unique_fd> new_file(std::string path, std::string text) {
    const std::string where = std::move(path);
    const std::string what = std::move(text);
    auto writer = co_await file_writer::open(where);
    auto written = co_await write_all(writer.value(), bytes_of(what));
    written.value();
    auto reader = co_await file_reader::open(where);
    co_return reader.value().detach().value();
}

task<int> use(std::string where) {
    const std::string address = std::move(where);
    auto store = co_await within(10s, connect_when_it_is_there(address));
    auto missing = co_await rpc::try_call(store->open("letter"));
    if (!missing) std::printf("%s\n", missing.error().what());
    std::fflush(stdout);

    auto mine = co_await new_file("draft", "a letter that was handed over open\n");
    co_await store->keep("letter", std::move(mine));
    auto theirs = co_await store->open("letter");
    auto reader = file_reader::adopt(std::move(theirs)).value();
    auto out = standard_output().value();
    auto copied = co_await copy(reader, out);
    co_await store.close();
    co_return copied ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(use(argc > 1 ? argv[1] : "unix:files.socket"));
    } catch (const std::exception& why) {
        std::fprintf(stderr, "%s\n", why.what());
        return 1;
    }
}
