// SPDX-License-Identifier: BSL-1.0
//
// A room for talk over TCP: what one says, all others read. The server and three guests are tasks
// of one program here; guests on other machines would need tcp_listen_options().beyond_loopback().

#include <conduit/channels/stream.hpp>
#include <conduit/channels/tcp_listener.hpp>
#include <conduit/channels/tcp_stream.hpp>
#include <conduit/runtime/mutex.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/task_scope.hpp>

#include <array>
#include <cstdio>
#include <list>
#include <string>
#include <tuple>
#include <utility>

using namespace conduit;

namespace {

/// One end of a connection, line by line.
class line_talker {
public:
    explicit line_talker(tcp_stream stream) : stream_(std::move(stream)) {}

    /// The next line; empty at the end of the stream.
    task<std::string> listen() {
        std::size_t end = pending_.find('\n');
        while (end == std::string::npos) {
            std::array<char, 256> room{};
            auto got = co_await stream_.read_some(std::as_writable_bytes(std::span(room)));
            if (!got || *got == 0) co_return std::string();
            pending_.append(room.data(), *got);
            end = pending_.find('\n');
        }
        std::string line = pending_.substr(0, end);
        pending_.erase(0, end + 1);
        co_return line;
    }

    task<> say(std::string text) {
        const std::string line = std::move(text) + "\n";
        std::ignore =
            co_await write_all(stream_, bytes_of(line));  // who is gone is told by listen()
    }

    void leave() { stream_.close(); }

private:
    tcp_stream stream_;
    std::string pending_;
};

/// Who is in the room. One at a time speaks, so that no two write to one guest.
class room {
public:
    task<> welcome(tcp_stream stream) {
        guests_.emplace_back(std::move(stream));
        const auto guest = std::prev(guests_.end());
        const std::string name = co_await guest->listen();
        co_await tell_others(nullptr, name + " is here");
        for (;;) {
            const std::string line = co_await guest->listen();
            if (line.empty()) break;
            std::string said = name;
            said.append(": ").append(line);
            co_await tell_others(&*guest, std::move(said));
        }
        guests_.erase(guest);
        co_await tell_others(nullptr, name + " has left");
    }

private:
    task<> tell_others(line_talker* speaker, std::string text) {
        auto speaking = co_await one_speaks_.lock();
        for (line_talker& each : guests_) {
            if (&each != speaker) co_await each.say(text);
        }
    }

    std::list<line_talker> guests_;
    mutex one_speaks_;
};

task<> serve(tcp_listener& listener) {
    room here;
    task_scope guests;
    while (auto guest = co_await listener.accept()) guests.spawn(here.welcome(std::move(*guest)));
    co_await guests.join();
}

task<line_talker> enter(socket_address where, std::string name) {
    auto stream = co_await tcp_stream::connect(where);
    line_talker guest(std::move(stream.value()));
    co_await guest.say(std::move(name));
    co_return guest;
}

task<> print_next(const char* reader, line_talker& guest) {
    const std::string line = co_await guest.listen();
    std::printf("%s reads \"%s\"\n", reader, line.c_str());
}

task<> talk(socket_address where) {
    auto anna = co_await enter(where, "Anna");
    co_await print_next("Anna", anna);
    auto ben = co_await enter(where, "Ben");
    co_await print_next("Anna", anna);
    co_await print_next("Ben", ben);
    auto cleo = co_await enter(where, "Cleo");
    co_await print_next("Anna", anna);
    co_await print_next("Ben", ben);
    co_await print_next("Cleo", cleo);

    co_await anna.say("hello, all of you");
    co_await print_next("Ben", ben);
    co_await print_next("Cleo", cleo);
    cleo.leave();
    co_await print_next("Anna", anna);
    co_await print_next("Ben", ben);
    co_await ben.say("so soon?");
    co_await print_next("Anna", anna);
}

task<> program() {
    auto listener = tcp_listener::listen(0).value();
    const socket_address where = listener.local_address().value();
    task_scope scope;
    auto serving = scope.spawn(serve(listener));
    co_await talk(where);
    listener.close();
    co_await serving;
    co_await scope.join();
}

}  // namespace

int main() { run(program()); }
