// SPDX-License-Identifier: BSL-1.0
//
// Messages that are small on the wire and large when they are decoded, as arguments and as results:
// the call fails with what was wanted and what is allowed, and the connection goes on.

#include "hostile.hpp"

#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/yield.hpp>

#include <catch2/catch.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace connection_bomb_test {

struct tree {
    std::vector<tree> below;
};

class bombs {
public:
    virtual ~bombs() = default;
    virtual conduit::task<void> take_tree(tree one) = 0;
    virtual conduit::task<std::uint32_t> take_words(std::vector<std::string> words) = 0;
    virtual conduit::task<std::vector<std::string>> give_words() = 0;
};
CONDUIT_INTERFACE(bombs, "test.bombs", take_tree, take_words, give_words)

}  // namespace connection_bomb_test

using namespace conduit;
using namespace conduit::test;
using namespace conduit::rpc::detail;
using namespace connection_bomb_test;
using rpc::status;
namespace flag = conduit::rpc::detail::frame_flag;

namespace {

class bombed_service final : public bombs {
public:
    task<void> take_tree(tree /*one*/) override { co_return; }
    task<std::uint32_t> take_words(std::vector<std::string> words) override {
        co_return static_cast<std::uint32_t>(words.size());
    }
    task<std::vector<std::string>> give_words() override { co_return std::vector<std::string>(); }
};

/// Trees within each other.
std::string nested(int depth) {
    std::string out = encoded_number(4) + encoded_number(0);
    for (int i = 1; i < depth; ++i) {
        out = encoded_number(static_cast<std::uint32_t>(out.size() + 4)) + encoded_number(1) + out;
    }
    return out;
}

std::string empty_words(std::uint32_t count) {
    return encoded_number(count) + std::string(std::size_t{4} * count, '\0');
}

/// An OPEN and as many pieces as the message needs.
bytes cut_call(std::uint32_t stream, std::string_view name, std::string_view message) {
    const auto size = static_cast<std::uint32_t>(message.size());
    bytes out = open_frame(stream, 0,
                           {.name = name, .size = size, .message = message.substr(0, piece_max)});
    for (std::size_t at = piece_max; at < message.size(); at += piece_max) {
        const bool is_last = at + piece_max >= message.size();
        const std::uint8_t flags = flag::message | (is_last ? flag::fin : flag::more);
        out = joined({out, data_frame(stream, flags, message.substr(at, piece_max))});
    }
    return out;
}

struct bombed {
    explicit bombed(const rpc::connection_options& options = {})
        : bombed(make_memory_stream_pair(), options) {}
    bombed(memory_stream_ends ends, const rpc::connection_options& options)
        : offers(table_of(service)),
          server(any_stream(std::move(ends.first)), offers, options),
          peer(any_stream(std::move(ends.second))) {}
    static rpc::service_table table_of(bombs& object) {
        rpc::service_table made;
        made.add<bombs>(object);
        return made;
    }

    bombed_service service;
    rpc::service_table offers;
    rpc::connection server;
    raw_peer peer;
};

task<raw_peer::end_seen> answer_to(bytes call, rpc::connection_options options = {}) {
    bombed with(options);
    bytes sent = joined({greeting(), call});
    co_await with.peer.send(std::move(sent));
    co_await with.peer.until_ends(1);
    // The connection goes on, and has nothing left of it.
    bytes again = open_frame(1, 9, {.name = "test.bombs/give_words"});
    co_await with.peer.send(std::move(again));
    co_await with.peer.until_ends(2);
    if (with.peer.ends.size() != 2) co_return raw_peer::end_seen{99, 99, false, {}};
    co_return with.peer.ends[0];
}

using tried = result<std::vector<std::string>, rpc::fault>;

task<tried> try_words(rpc::stub<bombs> there) {
    auto call = there.give_words();
    auto came = co_await rpc::try_call(std::move(call));
    co_return came;
}

constexpr auto invalid = static_cast<std::uint32_t>(status::invalid_argument);
constexpr auto exhausted = static_cast<std::uint32_t>(status::resource_exhausted);

}  // namespace

CO_TEST_CASE("arguments that are a bomb are refused", "[rpc][connection][bomb]") {
    struct bomb {
        const char* what;
        bytes sent;
        std::uint32_t status;
        const char* limit;
        const char* wanted;
    };
    const auto tree_of = [](int depth) {
        const std::string message = nested(depth);
        return open_frame(0, 0, {.name = "test.bombs/take_tree", .message = message});
    };
    const auto words_of = [](const std::string& message) {
        return open_frame(0, 0, {.name = "test.bombs/take_words", .message = message});
    };
    const std::vector<bomb> all = {
        {"32 deep", tree_of(32), 0, "", ""},
        {"33 deep", tree_of(33), invalid, "32", ""},
        {"5000 deep", tree_of(5000), invalid, "32", ""},
        {"2^31 words", words_of(encoded_number(0x8000'0000)), invalid, "8589934592", ""},
        {"2^32-1 words", words_of(encoded_number(0xffff'ffff) + "xxxx"), invalid, "17179869180",
         ""},
        {"a word of 2^32-1", words_of(encoded_number(1) + encoded_number(0xffff'ffff)), invalid,
         "4294967295", ""},
        {"30000 empty words", words_of(empty_words(30'000)), 0, "", ""},
        {"a million tiny words", cut_call(0, "test.bombs/take_words", empty_words(1'000'001)),
         invalid, "1000000", "1000001"},
    };
    for (const bomb& each : all) {
        auto asked = answer_to(each.sent);
        const raw_peer::end_seen ended = co_await std::move(asked);
        INFO(each.what << ": " << first_string(ended.message));
        REQUIRE(ended.status == each.status);
        REQUIRE_THAT(first_string(ended.message),
                     Catch::Contains(each.limit) && Catch::Contains(each.wanted));
        REQUIRE(ended.not_started == (each.status != 0));
    }
}

CO_TEST_CASE("arguments are decoded into no more memory than the connection has",
             "[rpc][connection][bomb]") {
    const std::string words = empty_words(30'000);  // 960,000 bytes when decoded
    auto asked = answer_to(open_frame(0, 0, {.name = "test.bombs/take_words", .message = words}),
                           rpc::connection_options().memory_max(300'000));
    const raw_peer::end_seen ended = co_await std::move(asked);

    REQUIRE(ended.status == exhausted);
    REQUIRE(ended.not_started);
    REQUIRE_THAT(first_string(ended.message), Catch::Contains("300000"));
}

CO_TEST_CASE("results that are a bomb are a fault of their call", "[rpc][connection][bomb]") {
    for (const std::string& result :
         {encoded_number(0xffff'ffff), encoded_number(1) + encoded_number(0x8000'0000)}) {
        auto ends = make_memory_stream_pair();
        rpc::connection client{any_stream(std::move(ends.first))};
        raw_peer peer(any_stream(std::move(ends.second)));
        rpc::stub<bombs> there(client);
        const bytes answer = joined({greeting(), end_frame(0, 0, result)});
        const bytes good = end_frame(0, 0, empty_words(3));

        auto first = scope.spawn(try_words(there));
        while (peer.opens.empty()) co_await yield();
        co_await peer.send(answer);
        const tried failed = co_await first;
        auto second = scope.spawn(try_words(there));
        while (peer.opens.size() < 2) co_await yield();
        co_await peer.send(good);
        const tried words = co_await second;

        REQUIRE(failed.error().code() == status::internal);
        REQUIRE(words.value().size() == 3);
    }
}
