// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/address.hpp>
#include <conduit/channels/connect.hpp>
#include <conduit/channels/detail/quoted.hpp>
#include <conduit/channels/tls_stream.hpp>
#include <conduit/channels/unix_stream.hpp>
#include <conduit/rpc/connect.hpp>
#include <conduit/rpc/detail/fifo_hello.hpp>
#include <conduit/rpc/detail/program_stream.hpp>
#include <conduit/runtime/within.hpp>

#include <chrono>
#include <system_error>

namespace conduit::rpc::detail {
namespace {

using namespace std::chrono_literals;

constexpr clock::duration fifo_time = 5s;

task<result<any_stream>> open_unix(std::string path, allowed_users servers) {
    auto stream = co_await unix_stream::connect(std::move(path), std::move(servers));
    if (!stream) co_return stream.error();
    co_return any_stream(std::move(*stream));
}

task<result<any_stream>> open_fifo(std::string path, std::string* why) {
    const std::string own = std::move(path);
    auto stream = co_await within(fifo_time, connect_by_fifo(own, why));
    if (stream.error() == errc::timed_out && why->empty()) *why = "no server answered within 5 s";
    co_return stream;
}

task<result<any_stream>> open_tls(address where, const connect_options& options, std::string* why) {
    const address own = std::move(where);
    auto stream = co_await conduit::connect(own);
    if (!stream) co_return stream.error();
    const std::string& name = options.tls_name().empty() ? own.host() : options.tls_name();
    const auto limit = options.connection().greeting_within();
    auto shaking = tls_stream::connect(std::move(*stream), *options.tls(), name, why);
    auto secured = co_await within(limit, std::move(shaking));
    if (secured) co_return any_stream(std::move(*secured));
    if (secured.error() == errc::timed_out) {
        *why = "no handshake within " + std::to_string(limit.count()) + " ms (greeting_within)";
    }
    *why = "TLS: " + *why;
    co_return secured.error();
}

/// `why` is set where there is more to say than the error does.
task<result<any_stream>> open_at(address where, const connect_options& options, std::string* why) {
    const address own = std::move(where);
    switch (own.kind()) {
        case address_kind::unix_socket: co_return co_await open_unix(own.path(), options.servers());
        case address_kind::fifo: co_return co_await open_fifo(own.path(), why);
        case address_kind::exec: co_return start_program(own, why);
        case address_kind::tcp:
            if (options.tls() != nullptr) co_return co_await open_tls(own, options, why);
            break;
        case address_kind::stdio:
        case address_kind::udp: break;
    }
    auto stream = co_await conduit::connect(own);
    co_return stream;
}

[[noreturn]] void throw_failure(const std::string& where, std::error_code reason,
                                const std::string& why) {
    const stop_reason stopped = current_context().why_stopped();
    const status code = stopped == stop_reason::timed_out   ? status::deadline_exceeded
                        : stopped == stop_reason::cancelled ? status::cancelled
                                                            : status::unavailable;
    throw fault(
        code, "cannot connect to " + quoted(where) + ": " + (why.empty() ? reason.message() : why))
        .ran(false, true);
}

}  // namespace

task<any_stream> open_stream(std::string where, connect_options* options) {
    const std::string text = std::move(where);
    std::string why;
    auto parsed = address::parse(text, &why);
    if (!parsed) throw fault(status::invalid_argument, "cannot connect: " + why).ran(false, true);
    auto stream = co_await open_at(std::move(*parsed), *options, &why);
    if (!stream) throw_failure(text, stream.error(), why);
    connection_options named = options->connection();
    options->connection(named.name(text));
    co_return std::move(*stream);
}

}  // namespace conduit::rpc::detail
