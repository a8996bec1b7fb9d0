// SPDX-License-Identifier: BSL-1.0
//
// Rows F7, F8 and P6 of the catalogue of faults: what goes wrong with records in a FIFO.

#include "../support/child.hpp"
#include "../support/co_test.hpp"
#include "../support/fifo_place.hpp"
#include "../support/settle.hpp"

#include <conduit/channels/detail/fifo_record.hpp>
#include <conduit/channels/fifo_record_reader.hpp>
#include <conduit/channels/fifo_record_writer.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/timer.hpp>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;
using test::fifo_place;
using test::open_pair;
using test::replace_fifo;
using test::text_of;

namespace {

std::vector<std::byte> record_of(std::string_view text) {
    std::vector<std::byte> bytes(record_bytes_max);
    bytes.resize(encode_record(bytes_of(text), bytes));
    return bytes;
}

}  // namespace

CO_TEST_CASE("F7: records follow their path to the FIFO that replaced theirs",
             "[channels][fifo][fault][F7]") {
    const fifo_place place;
    const std::string path = place.made("fifo");
    auto ends = co_await open_pair(path, fifo_options().check_path_every(1ms));
    fifo_record_reader reader(std::move(ends.in));
    fifo_record_writer writer(std::move(ends.out));
    auto first = co_await writer.write_record(bytes_of("to the old one"));
    replace_fifo(path);
    auto old = co_await reader.read_record();
    const std::string old_text = text_of(old.value());
    // The reader, with nothing to read, changes over and meets another writer there; the old one
    // loses its reader and follows.
    auto reading = scope.spawn(reader.read_record());
    auto newcomer = co_await fifo_writer::open(path);
    auto second = co_await writer.write_record(bytes_of("to the new one"));
    auto got = co_await reading;
    REQUIRE(first);
    REQUIRE(old_text == "to the old one");
    REQUIRE(newcomer);
    REQUIRE(second);
    REQUIRE(text_of(got.value()) == "to the new one");
    REQUIRE(reader.times_followed() == 1);
    REQUIRE(writer.times_followed() == 1);
}

namespace {

/// Until no reader is left, which the kernel says of the writing end.
task<> until_left(fifo_writer& by) {
    if (scheduler::current().backend_name() == "sim") {
        co_await sleep_for(30ms);
        co_return;
    }
    pollfd end{by.handle().native().value(), 0, 0};
    while (::poll(&end, 1, 0) == 0) co_await test::come_round();
}

}  // namespace

CO_TEST_CASE("F7: a reader that was stopped while it changed over goes on with that",
             "[channels][fifo][fault][F7][cancel]") {
    const fifo_place place;
    const std::string path = place.made("fifo");
    auto ends = co_await open_pair(path, fifo_options().check_path_every(1ms));
    fifo_record_reader reader(std::move(ends.in));
    replace_fifo(path);
    auto changing = scope.spawn(reader.read_record());
    co_await until_left(ends.out);
    changing.request_stop();
    auto nobody_there = co_await changing;
    auto told = co_await ends.out.write_some(bytes_of("x"));
    auto reading = scope.spawn(reader.read_record());
    auto next = co_await fifo_record_writer::open(path);
    auto sent = co_await next->write_record(bytes_of("found"));
    auto got = co_await reading;
    REQUIRE(nobody_there.error() == errc::cancelled);
    REQUIRE(told.error() == std::errc::broken_pipe);
    REQUIRE(sent);
    REQUIRE(text_of(got.value()) == "found");
}

namespace {

const test::helper writes_half("F8: writes half a record", [](const test::helper_arguments& given) {
    const int fd = ::open(given.at(0).c_str(), O_WRONLY | O_CLOEXEC);
    const auto record = record_of(std::string(1000, 'x'));
    if (::write(fd, record.data(), 500) != 500) return 1;
    for (;;) ::pause();
});

}  // namespace

TEST_CASE("F8: after a writer was killed amid a record the others' records are found",
          "[channels][fifo][fault][F8]") {
    auto body = []() -> task<> {
        const fifo_place place;
        const std::string path = place.made("fifo");
        auto in = co_await fifo_reader::open(path, fifo_options().stay_open());
        auto killed = test::child_process::helper("F8: writes half a record", {path});
        auto half = co_await in->handle().readable();
        killed.kill();
        auto writer = co_await fifo_record_writer::open(path);
        auto sent = co_await writer->write_record(bytes_of("whole"));
        fifo_record_reader reader(std::move(*in));
        auto got = co_await reader.read_record();
        REQUIRE(half);
        REQUIRE(sent);
        REQUIRE(text_of(got.value()) == "whole");
        REQUIRE(reader.skipped_bytes() == 500);
    };
    test::run_on_each_kernel(body);
}

CO_TEST_CASE("F8: half a record at the end of the stream is no record",
             "[channels][fifo][fault][F8]") {
    const fifo_place place;
    auto ends = co_await open_pair(place.made("fifo"));
    fifo_record_reader reader(std::move(ends.in));
    const auto record = record_of("cut off");
    auto sent = co_await ends.out.write_some(std::span(record).first(record.size() - 1));
    ends.out.close();
    auto end = co_await reader.read_record();
    REQUIRE(sent.value() == record.size() - 1);
    REQUIRE(end.error() == errc::end_of_stream);
    REQUIRE(reader.skipped_bytes() == record.size() - 1);
}

namespace {

/// Writes records that fill PIPE_BUF, each of one letter.
task<> write_letters(std::string path, char letter, int count, fifo_options options) {
    auto writer = co_await fifo_record_writer::open(std::move(path), options);
    const std::string text(fifo_record_writer::payload_bytes_max, letter);
    for (int i = 0; i < count; ++i) {
        auto sent = co_await writer->write_record(bytes_of(text));
        REQUIRE(sent);
    }
}

bool is_of_one_letter(std::span<const std::byte> record) {
    return std::all_of(record.begin(), record.end(), [&](std::byte b) { return b == record[0]; });
}

}  // namespace

CO_TEST_CASE("P6: records of PIPE_BUF bytes of many writers never tear",
             "[channels][fifo][fault][P6]") {
    const fifo_place place;
    for (const bool together : {false, true}) {
        const auto options = fifo_options().put_records_together(together);
        const std::string path = place.made(together ? "together" : "apart");
        auto keeper = scope.spawn(fifo_writer::open(path));
        auto reader = co_await fifo_record_reader::open(path, options);
        for (const char letter : {'a', 'b', 'c', 'd'}) {
            scope.spawn(write_letters(path, letter, 200, options));
        }
        int whole = 0;
        for (int i = 0; i < 800; ++i) {
            auto record = co_await reader->read_record();
            whole += record && is_of_one_letter(*record) ? 1 : 0;
        }
        auto kept = co_await keeper;
        kept->close();
        REQUIRE(whole == 800);
        REQUIRE(reader->skipped_bytes() == 0);
    }
}

CO_TEST_CASE("P6: a frame longer than PIPE_BUF is refused before it can tear",
             "[channels][fifo][fault][P6]") {
    const fifo_place place;
    auto ends = co_await open_pair(place.made("fifo"));
    fifo_record_writer writer(std::move(ends.out));
    const std::vector<std::byte> long_text(fifo_record_writer::payload_bytes_max + 1);
    std::string why;
    auto refused = co_await writer.write_record(long_text, &why);
    auto next = co_await writer.write_record(bytes_of("next"));
    fifo_record_reader reader(std::move(ends.in));
    auto got = co_await reader.read_record();
    REQUIRE(refused.error() == std::errc::message_size);
    REQUIRE(why.find("4097") != std::string::npos);
    REQUIRE(why.find("4096") != std::string::npos);
    REQUIRE(next);
    REQUIRE(text_of(got.value()) == "next");
}

namespace {

/// As somebody would who does not know of the limit: frames that the kernel takes in pieces.
task<> write_torn_frames(fifo_writer to, char letter, int count) {
    fifo_writer out = std::move(to);
    auto frame = record_of(std::string(record_payload_max, letter));
    frame.push_back(std::byte{0});
    for (int i = 0; i < count; ++i) {
        auto sent = co_await write_all(out, frame);
        REQUIRE(sent);
    }
}

}  // namespace

CO_TEST_CASE("P6: what tore in the FIFO is never delivered as a record",
             "[channels][fifo][fault][P6]") {
    const fifo_place place;
    const std::string path = place.made("fifo");
    auto ends = co_await open_pair(path);
    fifo_record_reader reader(std::move(ends.in));
    scope.spawn(write_torn_frames(std::move(ends.out), 'a', 100));
    auto second = co_await fifo_writer::open(path);
    scope.spawn(write_torn_frames(std::move(*second), 'b', 100));
    std::uint64_t bytes = 0;
    int mixed = 0;
    while (auto record = co_await reader.read_record()) {
        bytes += record_header_bytes + record->size();
        mixed += is_of_one_letter(*record) ? 0 : 1;
    }
    REQUIRE(mixed == 0);
    REQUIRE(bytes + reader.skipped_bytes() == 200U * 4097U);
}
