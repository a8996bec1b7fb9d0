// SPDX-License-Identifier: BSL-1.0
//
// Two programs talk both ways over a pair of names on disk: the one makes them and asks, the other
// answers. Here the other is this program again, started as a child.

#include <conduit/channels/duplex_fifo.hpp>
#include <conduit/channels/line_reader.hpp>
#include <conduit/channels/process.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/runtime/run.hpp>

#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

using namespace conduit;

namespace {

task<> answer(std::string path) {
    auto link = co_await duplex_fifo::open(path);
    line_reader questions(link.value());
    while (auto question = co_await questions.next()) {
        const std::string reply = std::string(*question) + " to you, too\n";
        auto sent = co_await write_all(*link, bytes_of(reply));
        sent.value();
    }
}

task<> ask(std::string program) {
    const std::string path = "link";
    for (const char* way : {".in", ".out"}) {  // before there is anybody who would look for them
        std::string why;
        auto made = make_fifo(path + way, &why);
        if (!made) throw std::runtime_error(why);
    }
    auto child = start(command(program, path).output(redirect::inherit())).value();
    auto link = co_await duplex_fifo::create(path);
    line_reader replies(link.value());
    for (const char* question : {"Good morning\n", "Good night\n"}) {
        auto sent = co_await write_all(*link, bytes_of(question));
        sent.value();
        auto reply = co_await replies.next();
        std::printf("%s\n", std::string(reply.value()).c_str());
    }
    link->close();  // the other side sees the end
    auto status = co_await child.exited();
    std::printf("the other side ended with %d\n", status.value().code);
    duplex_fifo::remove(path).value();
}

}  // namespace

int main(int argc, char** argv) {
    try {
        conduit::run(argc > 1 ? answer(argv[1]) : ask(argv[0]));
    } catch (const std::exception& why) {
        std::fprintf(stderr, "%s\n", why.what());
        return 1;
    }
}
