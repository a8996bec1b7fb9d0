// SPDX-License-Identifier: BSL-1.0
//
// A room for talk over TCP: what one says, all others read. The server and three guests are tasks
// of one program here; guests on other machines would need tcp_listen_options().beyond_loopback().

#include <conduit/channels/line_reader.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/channels/tcp_listener.hpp>
#include <conduit/channels/tcp_stream.hpp>
#include <conduit/runtime/queue.hpp>
#include <conduit/runtime/run.hpp>
#include <conduit/runtime/task_scope.hpp>

#include <cstdio>
#include <list>
#include <memory>
#include <string>
#include <utility>

using namespace conduit;

namespace {

task<result<void>> say(tcp_stream& to, std::string text) {
    const std::string line = std::move(text) + "\n";
    co_return co_await write_all(to, bytes_of(line));
}

/// What each guest still has to read is in a queue of its own, so that nobody waits for a slow one.
class room {
public:
    task<> welcome(tcp_stream stream) {
        tcp_stream guest = std::move(stream);
        line_reader<tcp_stream> lines(guest);
        auto name = co_await lines.next();
        if (!name) co_return;
        co_await stay(guest, lines, *name);
        tell_all(*name + " has left");
    }

private:
    using unread = queue<std::string>;

    task<> stay(tcp_stream& guest, line_reader<tcp_stream>& lines, std::string name) {
        const std::string who = std::move(name);
        const auto place = guests_.emplace(guests_.end(), 100);
        tell_all(who + " is here");
        task_scope scope;
        auto telling = scope.spawn(pass_on(*place, guest));
        while (auto line = co_await lines.next()) tell_all(who + ": " + *line, &*place);
        telling.request_stop();
        co_await scope.join();
        guests_.erase(place);
    }

    task<> pass_on(unread& heard, tcp_stream& guest) {
        while (auto line = co_await heard.pop()) {
            auto sent = co_await say(guest, std::move(*line));
            if (!sent) co_return;  // that it has left shows where it is listened to
        }
    }

    /// A guest that does not keep up misses what does not fit.
    void tell_all(const std::string& line, const unread* but_not = nullptr) {
        for (unread& each : guests_) {
            if (&each != but_not) static_cast<void>(each.try_push(std::string(line)));
        }
    }

    std::list<unread> guests_;
};

task<> serve(tcp_listener& listener) {
    room here;
    task_scope guests;
    while (auto guest = co_await listener.accept()) guests.spawn(here.welcome(std::move(*guest)));
    co_await guests.join();
}

struct visitor {
    explicit visitor(tcp_stream connected) : stream(std::move(connected)), lines(stream) {}

    tcp_stream stream;
    line_reader<tcp_stream> lines;
};

task<std::unique_ptr<visitor>> enter(socket_address where, std::string name) {
    auto stream = co_await tcp_stream::connect(where);
    auto guest = std::make_unique<visitor>(std::move(stream.value()));
    auto said = co_await say(guest->stream, std::move(name));
    said.value();
    co_return guest;
}

task<> print_next(const char* reader, visitor& guest) {
    auto line = co_await guest.lines.next();
    std::printf("%s reads \"%s\"\n", reader, line.value().c_str());
}

task<> talk(socket_address where) {
    auto anna = co_await enter(where, "Anna");
    co_await print_next("Anna", *anna);
    auto ben = co_await enter(where, "Ben");
    co_await print_next("Anna", *anna);
    co_await print_next("Ben", *ben);
    auto cleo = co_await enter(where, "Cleo");
    co_await print_next("Anna", *anna);
    co_await print_next("Ben", *ben);
    co_await print_next("Cleo", *cleo);

    auto said = co_await say(anna->stream, "hello, all of you");
    said.value();
    co_await print_next("Ben", *ben);
    co_await print_next("Cleo", *cleo);
    cleo->stream.close();
    co_await print_next("Anna", *anna);
    co_await print_next("Ben", *ben);
    said = co_await say(ben->stream, "so soon?");
    said.value();
    co_await print_next("Anna", *anna);
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
