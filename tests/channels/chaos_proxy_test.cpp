// SPDX-License-Identifier: BSL-1.0
//
// The chaos that other tests rely on does what it says.
#include "../support/chaos_proxy.hpp"

#include "../support/co_test.hpp"

#include <conduit/channels/pipe.hpp>
#include <conduit/channels/unix_stream.hpp>

#include <array>
#include <cstdint>
#include <vector>

using namespace conduit;

namespace {

std::vector<std::byte> numbered(std::size_t bytes) {
    std::vector<std::byte> all(bytes);
    for (std::size_t i = 0; i < bytes; ++i) all[i] = static_cast<std::byte>(i * 31 + i / 256);
    return all;
}

template <byte_sink Sink>
task<result<void>> send_all(Sink& to, std::vector<std::byte> bytes) {
    const std::vector<std::byte> own = std::move(bytes);
    auto sent = co_await write_all(to, own);
    if (!sent) co_return sent;
    co_return co_await to.close_writing();
}

template <byte_source Source>
task<std::vector<std::byte>> read_to_end(Source& from) {
    std::vector<std::byte> all;
    std::array<std::byte, 512> buffer{};
    for (;;) {
        auto got = co_await from.read_some(buffer);
        if (!got || *got == 0) co_return all;
        all.insert(all.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(*got));
    }
}

}  // namespace

CO_TEST_CASE("chaos in chunks and delays loses and mixes nothing", "[channels][chaos_proxy]") {
    auto [in, proxy_out] = make_pipe().value();
    auto [proxy_in, out] = make_pipe().value();
    auto plan = test::chaos_plan(7).chunk_max(13).delay_percent(50);
    auto passing = scope.spawn(test::pass_on(proxy_in, proxy_out, plan));
    auto sending = scope.spawn(send_all(out, numbered(5000)));
    auto came = co_await read_to_end(in);
    auto sent = co_await sending;
    co_await passing;
    REQUIRE(sent);
    REQUIRE(came == numbered(5000));
    REQUIRE(plan.chunks() >= 5000 / 13);
    REQUIRE(plan.corrupted() == 0);
}

CO_TEST_CASE("chaos passes on both ways, and the end of each", "[channels][chaos_proxy]") {
    auto [client, client_side] = make_unix_pair().value();
    auto [server_side, server] = make_unix_pair().value();
    auto plan = test::chaos_plan(8).chunk_max(100).delay_percent(20);
    auto passing = scope.spawn(test::proxy(client_side, server_side, plan));
    auto asking = scope.spawn(send_all(client, numbered(3000)));
    auto question = co_await read_to_end(server);
    auto answering = scope.spawn(send_all(server, numbered(2000)));
    auto answer = co_await read_to_end(client);
    auto asked = co_await asking;
    auto answered = co_await answering;
    co_await passing;
    REQUIRE(asked);
    REQUIRE(answered);
    REQUIRE(question == numbered(3000));
    REQUIRE(answer == numbered(2000));
}

CO_TEST_CASE("chaos flips bits when asked, the same ones for the same seed",
             "[channels][chaos_proxy]") {
    std::array<std::vector<std::byte>, 2> runs;
    for (std::vector<std::byte>& run : runs) {
        auto [in, proxy_out] = make_pipe().value();
        auto [proxy_in, out] = make_pipe().value();
        auto plan = test::chaos_plan(9).chunk_max(1).corrupt_per_million(100'000);
        auto sending = scope.spawn(send_all(out, numbered(1000)));
        auto passing = scope.spawn(test::pass_on(proxy_in, proxy_out, plan));
        run = co_await read_to_end(in);
        auto sent = co_await sending;
        co_await passing;
        REQUIRE(sent);
        REQUIRE(plan.corrupted() > 0);
    }
    REQUIRE(runs[0].size() == 1000);
    REQUIRE(runs[0] != numbered(1000));
    REQUIRE(runs[0] == runs[1]);
}

CO_TEST_CASE("chaos cuts both directions after so many bytes", "[channels][chaos_proxy]") {
    auto [client, client_side] = make_unix_pair().value();
    auto [server_side, server] = make_unix_pair().value();
    auto plan = test::chaos_plan(10).cut_after(100);
    auto passing = scope.spawn(test::proxy(client_side, server_side, plan));
    auto sent = co_await write_all(client, numbered(300));
    auto came = co_await read_to_end(server);
    auto back = co_await read_to_end(client);
    co_await passing;
    REQUIRE(sent);
    REQUIRE(plan.is_cut());
    REQUIRE(came.size() == 100);
    REQUIRE(back.empty());
}
