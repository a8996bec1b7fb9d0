// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/buffered_reader.hpp>

#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <conduit/channels/any_stream.hpp>
#include <conduit/channels/memory_stream.hpp>
#include <conduit/channels/pipe.hpp>

#include <array>
#include <string>

using namespace conduit;

namespace {

std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Lends nothing.
class plain_source {
public:
    static constexpr channel_traits traits = pipe_reader::traits;

    explicit plain_source(pipe_reader& from) : from_(&from) {}
    auto read_some(std::span<std::byte> buffer) { return from_->read_some(buffer); }
    void close() {}
    bool is_open() const { return true; }

private:
    pipe_reader* from_;
};

/// Waits until `bytes` are kept.
template <class Source>
task<> keep(buffered_reader<Source>& ahead, std::size_t bytes) {
    while (ahead.bytes().size() < bytes) {
        auto got = co_await ahead.more();
        got.value();
    }
}

}  // namespace

CO_TEST_CASE("a reader holds nothing once all was taken", "[channels][buffered_reader]") {
    auto [in, out] = make_pipe().value();
    auto written = co_await write_all(out, bytes_of("xy"));
    buffered_reader ahead(in);
    co_await keep(ahead, 2);
    ahead.consume(1);
    const std::string left = text_of(ahead.bytes());
    ahead.consume(1);
    REQUIRE(written);
    REQUIRE(left == "y");
    REQUIRE(ahead.bytes().data() == nullptr);
}

CO_TEST_CASE("a reader waits without memory where bytes are lent", "[channels][buffered_reader]") {
    auto [in, out] = make_pipe().value();
    buffered_reader ahead(in);
    auto pending = scope.spawn(ahead.more());
    co_await test::settle();
    REQUIRE_FALSE(pending.is_done());
    REQUIRE(ahead.bytes().data() == nullptr);
    pending.request_stop();
    auto cancelled = co_await pending;
    REQUIRE(cancelled.error() == errc::cancelled);
}

CO_TEST_CASE("a reader reads what lends nothing", "[channels][buffered_reader]") {
    STATIC_REQUIRE_FALSE(lending_source<plain_source>);
    auto [in, out] = make_pipe().value();
    plain_source source(in);
    buffered_reader ahead(source);
    auto written = co_await write_all(out, bytes_of("xy"));
    co_await keep(ahead, 2);
    const std::string all = text_of(ahead.bytes());
    ahead.consume(2);
    out.close();
    auto end = co_await ahead.more();
    REQUIRE(written);
    REQUIRE(all == "xy");
    REQUIRE(end.value() == 0);
    REQUIRE(ahead.bytes().data() == nullptr);
}

CO_TEST_CASE("a reader finds out at run time that nothing is lent",
             "[channels][buffered_reader][any_stream]") {
    auto [in, out] = make_pipe().value();
    auto [spare, other] = make_memory_stream_pair();
    any_stream source(plain_source(in), std::move(spare));
    buffered_reader ahead(source);
    auto written = co_await write_all(out, bytes_of("xy"));
    co_await keep(ahead, 2);
    REQUIRE(written);
    REQUIRE(text_of(ahead.bytes()) == "xy");
}

CO_TEST_CASE("what was read ahead is handed over", "[channels][buffered_reader]") {
    auto [in, out] = make_pipe().value();
    auto written = co_await write_all(out, bytes_of("abcdef"));
    buffered_reader ahead(in);
    co_await keep(ahead, 6);
    std::array<std::byte, 4> buffer{};
    auto four = co_await ahead.read_some(buffer);
    const kept_bytes rest = ahead.release();
    REQUIRE(written);
    REQUIRE(four.value() == 4);
    REQUIRE(text_of(rest.bytes()) == "ef");
    REQUIRE(ahead.bytes().empty());
}

CO_TEST_CASE("a read that the stream cannot fill takes nothing", "[channels][buffered_reader]") {
    auto [in, out] = make_pipe().value();
    auto written = co_await write_all(out, bytes_of("abc"));
    out.close();
    buffered_reader ahead(in);
    std::array<std::byte, 4> buffer{};
    auto got = co_await ahead.read_exact(buffer);
    REQUIRE(written);
    REQUIRE(got.error() == errc::end_of_stream);
    REQUIRE(text_of(ahead.bytes()) == "abc");
}
