// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/connect.hpp>
#include <conduit/channels/detail/quoted.hpp>
#include <conduit/channels/duplex_fifo.hpp>
#include <conduit/channels/file.hpp>
#include <conduit/channels/process.hpp>
#include <conduit/channels/tcp_stream.hpp>
#include <conduit/channels/unix_stream.hpp>

#include <cstddef>
#include <system_error>
#include <utility>

namespace conduit {
namespace {

template <class Stream>
task<result<any_stream>> erased(task<result<Stream>> connecting) {
    auto stream = co_await std::move(connecting);
    if (!stream) co_return stream.error();
    co_return any_stream(std::move(*stream));
}

result<any_stream> start_program(const address& where, std::string& reason) {
    command program(where.words().front());
    for (std::size_t i = 1; i < where.words().size(); ++i) program.argument(where.words()[i]);
    start_failure failure;
    auto started = start(std::move(program), &failure);
    if (started) return any_stream(std::move(*started));
    reason = failure.text();
    return started.error();
}

result<any_stream> standard_streams() {
    auto input = standard_input();
    if (!input) return input.error();
    auto output = standard_output();
    if (!output) return output.error();
    return any_stream(std::move(*input), std::move(*output));
}

/// `reason` is set where there is more to say than the error does.
task<result<any_stream>> open_channel(address where, std::string& reason) {
    switch (where.kind()) {
        case address_kind::unix_socket:
            co_return co_await erased(unix_stream::connect(where.path()));
        case address_kind::tcp:
            co_return co_await erased(tcp_stream::connect(where.host(), where.service()));
        case address_kind::fifo: {
            auto opening = duplex_fifo::open(where.path(), fifo_options(), &reason);
            co_return co_await erased(std::move(opening));
        }
        case address_kind::exec: co_return start_program(where, reason);
        case address_kind::stdio: co_return standard_streams();
        case address_kind::udp: break;
    }
    reason = "UDP carries messages, which are no stream of bytes";
    co_return std::make_error_code(std::errc::protocol_not_supported);
}

}  // namespace

task<result<any_stream>> connect(address where, std::string* why) {
    const std::string name = quoted(to_string(where));
    std::string reason;
    auto stream = co_await open_channel(std::move(where), reason);
    if (!stream && why != nullptr) {
        if (reason.empty()) reason = stream.error().message();
        *why = "cannot connect to " + name + ": " + reason;
    }
    co_return stream;
}

}  // namespace conduit
