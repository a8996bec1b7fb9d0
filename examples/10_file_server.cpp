// SPDX-License-Identifier: BSL-1.0
//
// Keeps files for other processes of this user in its working folder, until SIGINT or SIGTERM:
//
//     10_file_server [--once] [ADDRESS]                with --once until the last client has left
//
// 10_file_client is the other side.

#include "10_file_store.hpp"

#include <conduit/channels/copy.hpp>
#include <conduit/channels/file.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/runtime/run.hpp>

#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

using namespace conduit;

namespace {

/// Where a file of the store is.
std::string path_of(const std::string& name) {
    if (name.empty() || name.find('/') != std::string::npos) {
        throw rpc::fault(rpc::status::invalid_argument, "no name of a file: " + name);
    }
    return "kept_" + name;
}

class folder final : public file_store {
public:
    task<> keep(std::string name, unique_fd file) override {
        unique_fd given = std::move(file);
        auto from = file_reader::adopt(std::move(given));
        if (!from) throw rpc::fault(rpc::status::invalid_argument, from.error().message());
        auto to = co_await file_writer::open(path_of(name));
        if (!to) throw rpc::fault(rpc::status::unavailable, to.error().message());
        auto copied = co_await copy(*from, *to);
        if (!copied) throw rpc::fault(rpc::status::data_loss, copied.error().message());
    }

    task<unique_fd> open(std::string name) override {
        const std::string own = std::move(name);
        auto file = co_await file_reader::open(path_of(own));
        if (!file) throw rpc::fault(rpc::status::not_found, "no file " + own + " here");
        co_return file->detach().value();
    }
};

task<int> serve(std::string where, bool once) {
    const std::string address = std::move(where);
    folder object;
    rpc::server server;
    server.offer<file_store>(object);
    try {
        co_await server.listen(address);
    } catch (const rpc::fault& why) {
        std::fprintf(stderr, "%s\n", why.what());
        co_return 1;
    }
    if (once) {
        co_await server.until_left();
        co_return 0;
    }
    const rpc::drain_outcome end = co_await server.run();
    co_return end.exit_status();
}

}  // namespace

int main(int argc, char** argv) {
    const bool once = argc > 1 && std::string_view(argv[1]) == "--once";
    const int next = once ? 2 : 1;
    return run_until_signal(serve(next < argc ? argv[next] : "unix:files.socket", once));
}
