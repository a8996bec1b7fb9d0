// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/fifo_record_writer.hpp>

#include "../support/co_test.hpp"
#include "../support/fifo_place.hpp"
#include "../support/settle.hpp"

#include <conduit/channels/fifo_record_reader.hpp>

#include <array>
#include <vector>

using namespace conduit;
using test::fifo_place;
using test::open_pair;
using test::settle;
using test::text_of;

CO_TEST_CASE("a record of PIPE_BUF bytes goes through, one byte more is refused by name",
             "[channels][fifo][record]") {
    const fifo_place place;
    auto ends = co_await open_pair(place.made("fifo"));
    fifo_record_writer writer(std::move(ends.out));
    fifo_record_reader reader(std::move(ends.in));
    const std::vector<std::byte> longest(4096 - 8, std::byte{'x'});
    const std::vector<std::byte> too_long(4097 - 8, std::byte{'y'});
    std::string why;
    auto sent = co_await writer.write_record(longest);
    auto refused = co_await writer.write_record(too_long, &why);
    writer.close();
    auto got = co_await reader.read_record();
    const std::size_t length = got.value().size();
    auto end = co_await reader.read_record();
    REQUIRE(sent);
    REQUIRE(refused.error() == std::errc::message_size);
    REQUIRE(why == "a record of 4089 bytes, with its header 4097, is longer than 4096");
    REQUIRE(length == longest.size());
    REQUIRE(end.error() == errc::end_of_stream);
    REQUIRE(reader.skipped_bytes() == 0);
}

CO_TEST_CASE("a writer of records waits for room and can be stopped meanwhile",
             "[channels][fifo][record][cancel]") {
    const fifo_place place;
    auto ends = co_await open_pair(place.made("fifo"));
    fifo_record_writer writer(std::move(ends.out));
    fifo_record_reader reader(std::move(ends.in));
    int written = 0;
    for (;;) {
        auto pending = scope.spawn(writer.write_record(bytes_of("one of many")));
        co_await settle();
        if (!pending.is_done()) {
            pending.request_stop();
            auto stopped = co_await pending;
            REQUIRE(stopped.error() == errc::cancelled);
            break;
        }
        auto sent = co_await pending;
        REQUIRE(sent);
        ++written;
        if (written == 20'000) break;
    }
    writer.close();
    int read = 0;
    while (auto record = co_await reader.read_record()) ++read;
    REQUIRE(read == written);
    REQUIRE(reader.skipped_bytes() == 0);
}

CO_TEST_CASE("a writer of records whose reader has left is told, and goes on with the next",
             "[channels][fifo][record]") {
    const fifo_place place;
    const std::string path = place.made("fifo");
    auto ends = co_await open_pair(path);
    fifo_record_writer writer(std::move(ends.out));
    ends.in.close();
    auto told = co_await writer.write_record(bytes_of("x"));
    auto both = co_await when_all(writer.reopen(), fifo_record_reader::open(path));
    auto sent = co_await writer.write_record(bytes_of("y"));
    auto got = co_await std::get<1>(both)->read_record();
    REQUIRE(told.error() == std::errc::broken_pipe);
    REQUIRE(std::get<0>(both));
    REQUIRE(sent);
    REQUIRE(text_of(got.value()) == "y");
    REQUIRE(writer.times_followed() == 0);
}

TEST_CASE("records are packets of the kernel's unless together", "[channels][fifo][record]") {
    auto body = []() -> task<> {
        const fifo_place place;
        for (const bool together : {false, true}) {
            const auto options = fifo_options().put_records_together(together);
            const std::string path = place.made(together ? "together" : "apart");
            auto ends = co_await open_pair(path, options);
            fifo_record_writer writer(std::move(ends.out));
            auto one = co_await writer.write_record(bytes_of("1"));
            auto two = co_await writer.write_record(bytes_of("2"));
            std::array<std::byte, 64> buffer{};
            auto got = co_await ends.in.read_some(buffer);
            REQUIRE(one);
            REQUIRE(two);
            REQUIRE(got.value() == (together ? 18 : 9));
            REQUIRE(writer.serves_several_readers() != together);
        }
    };
    test::run_on_each_kernel(body);
}
