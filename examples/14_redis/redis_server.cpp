// SPDX-License-Identifier: BSL-1.0
//
// A small Redis server, which redis-cli and redis-benchmark talk to: PING, GET, SET, DEL and INCR
// on strings, as Redis 7 answers them, until SIGINT or SIGTERM:
//
//     redis_server [unix:PATH | tcp:127.0.0.1:PORT]    unix:redis.socket unless said
//
//     redis-cli -s redis.socket incr visits
//     redis-benchmark -s redis.socket -t get,set -P 16
//
// It keeps what it is told in memory, and forgets it when it ends. How requests look is in
// request_parser.hpp, what the commands do in database.hpp.

#include "database.hpp"
#include "reply.hpp"
#include "request_parser.hpp"

#include <conduit/channels/address.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/channels/tcp_listener.hpp>
#include <conduit/channels/unix_listener.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/task_scope.hpp>

#include <cstddef>
#include <cstdio>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>

using namespace conduit;

namespace {

constexpr std::size_t clients_max = 1000;
/// So much of replies is collected before it is sent, and no more is executed meanwhile: a client
/// that does not read costs this, and one value at most.
constexpr std::size_t replies_bytes_max = std::size_t{64} * 1024;

std::string_view text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// One client, from its first byte to its last.
template <class Stream>
class session {
public:
    session(Stream stream, database& data) : stream_(std::move(stream)), data_(data) {}

    task<> talk() {
        bool goes_on = true;
        while (goes_on) {
            goes_on = co_await receive();
            // All that has come is answered together: one write, however many were pipelined. So it
            // is where the client ends its side, and waits for the answers to what it said before.
            while (execute_some()) {
                const bool sent = co_await send();
                if (!sent) co_return;
            }
            const bool sent = co_await send();
            goes_on = goes_on && sent && !is_over_;
        }
    }

private:
    /// False at the end of the stream. Who is idle needs no buffer: bytes come in one of the
    /// scheduler's, which goes back at once.
    task<bool> receive() {
        auto arrived = co_await stream_.receive_lent();
        if (!arrived || arrived->empty()) co_return false;
        received_.append(text_of(arrived->bytes()));
        co_return true;
    }

    /// Executes what is complete. True if there may be more, but replies are to be sent first.
    bool execute_some() {
        std::string_view rest = received_;
        bool is_full = false;
        while (!is_over_ && !is_full && !rest.empty()) {
            const auto found = parser_.parse(rest);
            if (found == request_parser::state::incomplete) break;
            if (found == request_parser::state::broken) {
                replies_.add_error("ERR " + parser_.complaint());
                is_over_ = true;
                break;
            }
            if (!parser_.words().empty()) {
                is_over_ = data_.execute(parser_.words(), replies_) == database::then::close;
            }
            rest.remove_prefix(parser_.size());
            is_full = replies_.bytes().size() >= replies_bytes_max;
        }
        received_.erase(0, received_.size() - rest.size());
        if (received_.empty() && received_.capacity() > replies_bytes_max) {
            received_.shrink_to_fit();
        }
        return is_full && !is_over_;
    }

    task<bool> send() {
        if (replies_.bytes().empty()) co_return true;
        auto sent = co_await write_all(stream_, bytes_of(replies_.bytes()));
        replies_.clear();
        co_return sent.has_value();
    }

    Stream stream_;
    database& data_;
    request_parser parser_;
    std::string received_;  // what is not executed yet
    reply replies_;         // what is not sent yet
    bool is_over_ = false;  // the last reply is among them
};

template <class Stream>
task<> serve_client(Stream stream, database& data, std::size_t& clients) {
    try {
        session<Stream> client(std::move(stream), data);
        co_await client.talk();
    } catch (const std::bad_alloc&) {
        std::fprintf(stderr, "a client was closed for want of memory\n");  // it alone
    }
    --clients;
}

template <class Stream>
task<> refuse(Stream stream) {
    Stream own = std::move(stream);
    auto told = co_await write_all(own, bytes_of("-ERR max number of clients reached\r\n"));
    static_cast<void>(told);  // it is closed anyhow
}

template <class Listener>
task<int> serve(result<Listener> made, std::string where) {
    auto listener = std::move(made);
    if (!listener) {
        const std::string reason = listener.error().message();
        std::fprintf(stderr, "cannot listen at %s: %s\n", where.c_str(), reason.c_str());
        co_return 1;
    }
    std::printf("ready at %s\n", where.c_str());
    std::fflush(stdout);
    database data;
    std::size_t clients = 0;
    task_scope scope;
    while (auto client = co_await listener->accept()) {
        if (clients == clients_max) {
            scope.spawn(refuse(std::move(*client)));
        } else {
            ++clients;
            scope.spawn(serve_client(std::move(*client), data, clients));
        }
    }
    co_await scope.join();
    co_return 0;
}

task<int> serve_at(std::string text) {
    const std::string own = std::move(text);
    std::string why;
    const auto where = address::parse(own, &why);
    if (where && where->kind() == address_kind::unix_socket) {
        co_return co_await serve(unix_listener::listen(where->path()), own);
    }
    if (where && where->kind() == address_kind::tcp) {
        auto listener = co_await tcp_listener::listen(where->host(), where->service());
        co_return co_await serve(std::move(listener), own);
    }
    std::fprintf(stderr, "%s\n", where ? "it listens at unix: and tcp: addresses" : why.c_str());
    co_return 2;
}

}  // namespace

int main(int argc, char** argv) {
    return run_until_signal(serve_at(argc > 1 ? argv[1] : "unix:redis.socket"));
}
