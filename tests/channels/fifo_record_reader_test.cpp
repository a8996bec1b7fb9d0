// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/fifo_record_reader.hpp>

#include "../support/co_test.hpp"
#include "../support/fifo_place.hpp"
#include "../support/settle.hpp"

#include <conduit/channels/detail/fifo_record.hpp>
#include <conduit/channels/fifo_record_writer.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/runtime/within.hpp>

#include <vector>

using namespace conduit;
using namespace std::chrono_literals;
using test::fifo_place;
using test::open_pair;
using test::settle;
using test::text_of;

namespace {

std::string record_of(std::string_view text) {
    std::vector<std::byte> bytes(record_bytes_max);
    return test::text_of(std::span(bytes).first(encode_record(bytes_of(text), bytes)));
}

/// What a reader makes of these bytes, up to their end.
struct reading {
    std::vector<std::string> records;
    std::uint64_t skipped = 0;
};

task<reading> read_all(fifo_record_reader& reader) {
    reading seen;
    while (auto record = co_await reader.read_record()) seen.records.push_back(text_of(*record));
    seen.skipped = reader.skipped_bytes();
    co_return seen;
}

task<reading> read_bytes(std::string path, std::string bytes) {
    const std::string own = std::move(bytes);
    auto ends = co_await open_pair(std::move(path));
    fifo_record_reader reader(std::move(ends.in));
    auto written = co_await write_all(ends.out, bytes_of(own));
    REQUIRE(written);
    ends.out.close();
    co_return co_await read_all(reader);
}

}  // namespace

CO_TEST_CASE("records arrive whole and in order, empty ones too", "[channels][fifo][record]") {
    const fifo_place place;
    auto ends = co_await open_pair(place.made("fifo"));
    fifo_record_writer writer(std::move(ends.out));
    fifo_record_reader reader(std::move(ends.in));
    auto one = co_await writer.write_record(bytes_of("one"));
    const std::span<const std::byte> nothing;
    auto none = co_await writer.write_record(nothing);
    auto three = co_await writer.write_record(bytes_of("three"));
    writer.close();
    auto seen = co_await read_all(reader);
    REQUIRE(one);
    REQUIRE(none);
    REQUIRE(three);
    REQUIRE(seen.records == std::vector<std::string>{"one", "", "three"});
    REQUIRE(seen.skipped == 0);
}

CO_TEST_CASE("garbage between records is skipped and counted", "[channels][fifo][record]") {
    const fifo_place place;
    const std::string marks("\xc5\x1f\xc5\x1f\xc5", 5);
    const auto seen = co_await read_bytes(
        place.made("fifo"), "junk" + record_of("a") + marks + record_of("b") + "more junk");
    REQUIRE(seen.records == std::vector<std::string>{"a", "b"});
    REQUIRE(seen.skipped == 4 + marks.size() + 9);
}

CO_TEST_CASE("a record within a damaged one is found, one within a whole one is not",
             "[channels][fifo][record]") {
    const fifo_place place;
    const std::string inner = record_of("inner");
    std::string damaged = record_of(inner);
    damaged[4] = static_cast<char>(damaged[4] ^ 1);
    const auto seen = co_await read_bytes(place.made("fifo"), record_of(inner) + damaged);
    REQUIRE(seen.records == std::vector<std::string>{inner, "inner"});
    REQUIRE(seen.skipped == record_header_bytes);
}

CO_TEST_CASE("nothing waits for the rest of a record that was cut off",
             "[channels][fifo][record]") {
    const fifo_place place;
    auto ends = co_await open_pair(place.made("fifo"));
    fifo_record_reader reader(std::move(ends.in));
    const std::string torn = record_of(std::string(1000, 'x')).substr(0, 300);
    const std::string whole = record_of("short");
    auto sent_torn = co_await ends.out.write_some(bytes_of(torn));
    auto sent_whole = co_await ends.out.write_some(bytes_of(whole));
    auto got = co_await reader.read_record();
    REQUIRE(sent_torn.value() == torn.size());
    REQUIRE(sent_whole.value() == whole.size());
    REQUIRE(text_of(got.value()) == "short");
    REQUIRE(reader.skipped_bytes() == torn.size());
}

CO_TEST_CASE("more records than a buffer holds are read without a gap",
             "[channels][fifo][record]") {
    const fifo_place place;
    const auto options = fifo_options().put_records_together();
    auto ends = co_await open_pair(place.made("fifo"), options);
    fifo_record_reader reader(std::move(ends.in));
    auto write = [](fifo_writer to) -> task<> {
        fifo_record_writer writer(std::move(to));
        for (int i = 0; i < 300; ++i) {
            const std::string text = std::to_string(i) + std::string(1000, '.');
            auto sent = co_await writer.write_record(bytes_of(text));
            REQUIRE(sent);
        }
    };
    auto writing = scope.spawn(write(std::move(ends.out)));
    auto seen = co_await read_all(reader);
    co_await writing;
    REQUIRE(seen.records.size() == 300);
    REQUIRE(seen.records.back().substr(0, 3) == "299");
    REQUIRE(seen.skipped == 0);
}

CO_TEST_CASE("a cancelled read of a record loses none", "[channels][fifo][record][cancel]") {
    const fifo_place place;
    auto ends = co_await open_pair(place.made("fifo"));
    fifo_record_writer writer(std::move(ends.out));
    fifo_record_reader reader(std::move(ends.in));
    auto late = co_await within(5ms, reader.read_record());
    auto sent = co_await writer.write_record(bytes_of("kept"));
    auto got = co_await reader.read_record();
    REQUIRE(late.error() == errc::timed_out);
    REQUIRE(sent);
    REQUIRE(text_of(got.value()) == "kept");
}

CO_TEST_CASE("a reader of records waits without looking at its path when told so",
             "[channels][fifo][record]") {
    const fifo_place place;
    const auto options = fifo_options().check_path_every(0s);
    auto ends = co_await open_pair(place.made("fifo"), options);
    fifo_record_writer writer(std::move(ends.out));
    fifo_record_reader reader(std::move(ends.in));
    auto pending = scope.spawn(reader.read_record());
    co_await settle();
    const bool too_early = pending.is_done();
    auto sent = co_await writer.write_record(bytes_of("x"));
    auto got = co_await pending;
    REQUIRE_FALSE(too_early);
    REQUIRE(sent);
    REQUIRE(text_of(got.value()) == "x");
}

CO_TEST_CASE("after the end a reader of records goes on with the next writer",
             "[channels][fifo][record]") {
    const fifo_place place;
    const std::string path = place.made("fifo");
    auto ends = co_await open_pair(path);
    fifo_record_reader reader(std::move(ends.in));
    ends.out.close();
    auto end = co_await reader.read_record();
    auto both = co_await when_all(reader.reopen(), fifo_record_writer::open(path));
    auto sent = co_await std::get<1>(both)->write_record(bytes_of("next"));
    auto got = co_await reader.read_record();
    REQUIRE(end.error() == errc::end_of_stream);
    REQUIRE(sent);
    REQUIRE(text_of(got.value()) == "next");
}
