// SPDX-License-Identifier: BSL-1.0
#include "rpc_subject.hpp"

#include "child.hpp"

#include <conduit/channels/pipe.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/rpc/call_info.hpp>
#include <conduit/rpc/connect.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/run.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <chrono>
#include <filesystem>
#include <utility>

namespace conduit::test {
namespace {

/// Counts a call of hold() in and out.
class holding_guard {
public:
    explicit holding_guard(local_subject& of) noexcept : of_(of) {
        ++of_.holding;
        of_.changed.set();
    }
    holding_guard(const holding_guard&) = delete;
    ~holding_guard() {
        --of_.holding;
        ++of_.released;
        of_.changed.set();
    }

private:
    local_subject& of_;
};

stream<std::uint32_t> numbers_up_to(std::uint32_t last) {
    for (std::uint32_t i = 1; i <= last; ++i) co_yield std::uint32_t(i);
}

stream<std::string> some_words() {
    co_yield std::string("one");
    co_yield std::string("two");
    co_yield std::string("three");
}

task<> serve_standard_streams() {
    subject_server there;
    co_await there.server.listen("stdio:");
    co_await there.server.run();
}

const helper serves("serves the subject", [](const helper_arguments& given) {
    if (!given.empty()) return std::stoi(given.front());
    run(serve_standard_streams());
    return 0;
});

}  // namespace

task<std::int64_t> local_subject::add(std::int64_t lhs, std::int64_t rhs) { co_return lhs + rhs; }

task<> local_subject::touch() {
    ++touched;
    co_return;
}

task<rpc::one_way> local_subject::note(std::string line) {
    notes.push_back(std::move(line));
    co_return rpc::one_way();
}

task<std::string> local_subject::describe(subject_record what, std::optional<bool> sure,
                                          std::string end) {
    std::string text = what.name;
    for (const std::uint32_t each : what.numbers) text += " " + std::to_string(each);
    co_return text + (sure ? (*sure ? " yes" : " no") : " maybe") + end;
}

task<std::string> local_subject::echo(std::string text) { co_return text; }

stream<std::uint32_t> local_subject::count(std::uint32_t up_to) { return numbers_up_to(up_to); }

task<std::uint64_t> local_subject::sum(stream<std::uint32_t> numbers) {
    stream<std::uint32_t> own = std::move(numbers);
    std::uint64_t total = 0;
    while (auto each = co_await own.next()) total += *each;
    co_return total;
}

stream<std::string> local_subject::shout(stream<std::string> words) {
    stream<std::string> own = std::move(words);
    while (auto each = co_await own.next()) co_yield *each + "!";
}

task<std::string> local_subject::read_all(unique_fd from) {
    unique_fd own = std::move(from);
    auto reader = pipe_reader::adopt(std::move(own)).value();
    std::array<std::byte, 256> buffer{};
    std::string text;
    for (;;) {
        auto got = co_await reader.read_some(buffer);
        if (got.value() == 0) co_return text;
        for (const std::byte each : std::span(buffer).first(*got)) text += static_cast<char>(each);
    }
}

task<unique_fd> local_subject::pipe_with(std::string text) {
    const std::string own = std::move(text);
    auto ends = make_pipe().value();
    auto sent = co_await write_all(ends.writer, bytes_of(own));
    sent.value();
    co_return ends.reader.detach().value();
}

task<> local_subject::hold() {
    const holding_guard guard(*this);
    event never;
    co_await never.wait();
}

task<std::int64_t> local_subject::time_left() {
    const rpc::call_info& call = co_await rpc::this_call();
    if (call.deadline() == clock::time_point::max()) co_return -1;
    co_return std::chrono::floor<std::chrono::milliseconds>(call.deadline() - clock::now()).count();
}

task<std::int64_t> local_subject::who_calls() {
    const rpc::call_info& call = co_await rpc::this_call();
    co_return call.peer() ? std::int64_t{call.peer()->uid} : -1;
}

task<std::int64_t> local_subject::ask_back(std::int64_t lhs, std::int64_t rhs) {
    const rpc::call_info& call = co_await rpc::this_call();
    rpc::stub<subject> back(call.caller());
    co_return co_await back.add(lhs, rhs);
}

subject_server::subject_server(rpc::server_options options) : server(std::move(options)) {
    server.offer<subject>(object);
}

subject_client::subject_client(rpc::client<subject> made)
    : inside_(std::make_unique<rpc::client<subject>>(std::move(made))) {}
subject_client::subject_client(any_stream over)
    : inside_(std::make_unique<rpc::client<subject>>(std::move(over))) {}
subject_client::subject_client(any_stream over, local_subject& offered)
    : inside_(std::make_unique<rpc::client<subject>>(
          std::move(over), rpc::connect_options().offer<subject>(offered))) {}
subject_client::subject_client(subject_client&&) noexcept = default;
subject_client::~subject_client() = default;

subject& subject_client::operator*() const noexcept { return **inside_; }
rpc::connection& subject_client::connection() const noexcept { return inside_->connection(); }
task<> subject_client::close() { return inside_->close(); }

task<subject_client> connect_subject(std::string where) {
    return connect_subject(std::move(where), rpc::connect_options());
}

task<subject_client> connect_subject(std::string where, rpc::connect_options options) {
    auto made = co_await rpc::connect<subject>(std::move(where), std::move(options));
    co_return subject_client(std::move(made));
}

task<result<void, rpc::fault>> try_hold(subject& remote) {
    co_return co_await rpc::try_call(remote.hold());
}

task<> until_held(local_subject& object, int count) {
    while (object.holding < count) {
        object.changed.reset();
        co_await object.changed.wait();
    }
}

task<> until_released(local_subject& object, int count) {
    while (object.released < count) {
        object.changed.reset();
        co_await object.changed.wait();
    }
}

task<> try_every_shape(subject& remote, std::size_t longest) {
    auto five = co_await remote.add(2, 3);
    co_await remote.touch();
    co_await remote.note("a note");
    subject_record record;
    record.name = "record";
    record.numbers = {1, 2};
    auto described = co_await remote.describe(record, true, ".");
    std::uint64_t counted = 0;
    auto counting = remote.count(1000);
    while (auto each = co_await counting.next()) counted += *each;
    auto summed = co_await remote.sum(numbers_up_to(1000));
    std::string shouted;
    auto shouting = remote.shout(some_words());
    while (auto word = co_await shouting.next()) shouted += *word;
    std::vector<bool> intact;
    for (const std::size_t size : {std::size_t{0}, longest / 5, longest}) {
        std::string text(size, 'x');
        if (size > 0) text.back() = 'y';
        auto back = co_await remote.echo(text);
        intact.push_back(back == text);
    }
    REQUIRE(five == 5);
    REQUIRE(described == "record 1 2 yes.");
    REQUIRE(counted == 500'500);
    REQUIRE(summed == 500'500);
    REQUIRE(shouted == "one!two!three!");
    REQUIRE(intact == std::vector<bool>{true, true, true});
}

task<> try_handles(subject& remote) {
    auto ends = make_pipe().value();
    auto sent = co_await write_all(ends.writer, bytes_of("to be read there"));
    sent.value();
    ends.writer.close();
    unique_fd reader = ends.reader.detach().value();
    auto read_there = co_await remote.read_all(std::move(reader));
    auto given = co_await remote.pipe_with("to be read here");
    local_subject here;
    auto read_here = co_await here.read_all(std::move(given));
    REQUIRE(read_there == "to be read there");
    REQUIRE(read_here == "to be read here");
}

task<> try_handles_in_vain(subject& remote) {
    auto ends = make_pipe().value();
    unique_fd reader = ends.reader.detach().value();
    auto giving = co_await rpc::try_call(remote.read_all(std::move(reader)));
    auto taking = co_await rpc::try_call(remote.pipe_with("text"));
    auto five = co_await remote.add(2, 3);
    REQUIRE_FALSE(giving);
    REQUIRE(giving.error().code() == rpc::status::failed_precondition);
    REQUIRE(giving.error().text().find("carries no handles") != std::string_view::npos);
    REQUIRE_FALSE(giving.error().may_have_run());
    REQUIRE_FALSE(taking);
    REQUIRE(taking.error().code() == rpc::status::failed_precondition);
    REQUIRE(taking.error().text().find("carries no handles") != std::string_view::npos);
    REQUIRE(five == 5);
}

std::string subject_program(const std::string& arguments) {
    const std::string self = std::filesystem::read_symlink("/proc/self/exe");
    return "exec:'" + self + "' --helper 'serves the subject' " + arguments;
}

}  // namespace conduit::test
