// SPDX-License-Identifier: BSL-1.0
//
// File handles where none belong: not declared, too many, too few, more than were declared, cut off
// on their way. Descriptors are counted before and after each case.

#include "hostile.hpp"

#include "../skip.hpp"
#include "../support/co_test.hpp"
#include "../support/queries.hpp"
#include "../support/rlimit.hpp"
#include "../support/settle.hpp"

#include <conduit/channels/pipe.hpp>
#include <conduit/channels/unix_stream.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/unique_fd.hpp>
#include <conduit/runtime/yield.hpp>

#include <catch2/catch.hpp>

#include <fcntl.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace connection_handles_test {

class keeper {
public:
    virtual ~keeper() = default;
    virtual conduit::task<std::uint32_t> keep(std::vector<conduit::unique_fd> files) = 0;
    virtual conduit::task<std::uint32_t> plain(std::uint32_t number) = 0;
};
CONDUIT_INTERFACE(keeper, "test.keeper", keep, plain)

}  // namespace connection_handles_test

using namespace conduit;
using namespace conduit::test;
using namespace conduit::rpc::detail;
using namespace connection_handles_test;
using rpc::status;
namespace flag = conduit::rpc::detail::frame_flag;

namespace {

class keeper_service final : public keeper {
public:
    task<std::uint32_t> keep(std::vector<unique_fd> files) override {
        co_return static_cast<std::uint32_t>(files.size());
    }
    task<std::uint32_t> plain(std::uint32_t number) override { co_return number; }
};

std::vector<unique_fd> handles(std::size_t count, const char* path) {
    std::vector<unique_fd> all;
    for (std::size_t i = 0; i < count; ++i) {
        all.push_back(unique_fd(::open(path, O_RDONLY | O_CLOEXEC)));
    }
    return all;
}

std::string indices(std::uint32_t count) {
    std::string out = encoded_number(count);
    for (std::uint32_t i = 0; i < count; ++i) out += encoded_number(i);
    return out;
}

bytes keep_frame(std::uint32_t count, std::uint16_t declared) {
    const std::string message = indices(count);
    return open_frame(0, 0, {.name = "test.keeper/keep", .message = message}, declared);
}

bytes plain_frame(std::uint16_t declared) {
    const std::string number = encoded_number(7);
    return open_frame(0, 1, {.name = "test.keeper/plain", .message = number}, declared);
}

struct kept {
    verdict said;
    bool is_open = false;
};

enum class descriptors : std::uint8_t { enough, none };

/// A greeting, and then these bytes with so many handles.
task<kept> keep(bytes frames, std::size_t count, descriptors room = descriptors::enough,
                const char* path = "/proc/self/exe") {
    bytes own = std::move(frames);
    if (scheduler::current().backend_name() == "sim") {  // these are the real kernel's
        throw std::system_error(std::make_error_code(std::errc::not_supported));
    }
    keeper_service object;
    rpc::service_table offers;
    offers.add<keeper>(object);
    unix_pair ends = make_unix_pair().value();
    rpc::connection server(any_stream(std::move(ends.first)), offers);
    raw_peer peer(any_stream(std::move(ends.second)));
    co_await peer.send(greeting());
    co_await peer.until_greeted();
    std::vector<unique_fd> along = handles(count, path);
    std::optional<no_more_descriptors> starved;
    if (room == descriptors::none) starved.emplace();
    co_await peer.send_with(std::move(own), std::move(along));
    co_await peer.until_ends(1);
    starved.reset();
    kept result;
    result.is_open = server.is_open();
    peer.hang_up();
    co_await server.until_down();
    result.said = {peer.goaway, *server.why(), server.counters(), peer.ends};
    co_return result;
}

/// Of which the kernel refuses the first messages, since too many handles are on their way.
class crowded_stream : public unix_stream {
public:
    crowded_stream(unix_stream of, int* refusals) noexcept
        : unix_stream(std::move(of)), refusals_(refusals) {}

    task<result<std::size_t>> send(const outgoing_message& message) {
        if (*refusals_ > 0) {
            --*refusals_;
            co_return error_from_kernel(ETOOMANYREFS);
        }
        co_return co_await unix_stream::send(message);
    }

private:
    int* refusals_;
};

}  // namespace

CO_TEST_CASE("handles wait while too many others are on their way, and the connection stays",
             "[rpc][connection][handles]") {
    if (!test::is_real()) co_return test::skip("these are the real kernel's");
    keeper_service object;
    rpc::service_table offers;
    offers.add<keeper>(object);
    int refusals = 3;
    unix_pair ends = make_unix_pair().value();
    rpc::connection server(any_stream(std::move(ends.first)), offers);
    rpc::connection client(any_stream(crowded_stream(std::move(ends.second), &refusals)));
    rpc::stub<keeper> there(client);
    std::vector<unique_fd> along = handles(2, "/proc/self/exe");
    auto kept = co_await there.keep(std::move(along));
    auto later = co_await there.plain(7);
    REQUIRE(refusals == 0);
    REQUIRE(kept == 2);
    REQUIRE(later == 7);
}

CO_TEST_CASE("handles that do not belong end the connection", "[rpc][connection][handles]") {
    struct wrong {
        const char* what;
        bytes sent;
        std::size_t count;
        std::vector<std::string> words;
    };
    const bytes number(4);
    const std::vector<wrong> all = {
        {"not declared", plain_frame(0), 1, {"1 handles", "no frame declared"}},
        {"declared for a method without", plain_frame(1), 1, {"takes no handles", "1 came"}},
        {"too few", keep_frame(2, 2), 1, {"declares 2", "1 came"}},
        {"none of those declared", keep_frame(2, 2), 0, {"declares 2", "0 came"}},
        {"more than declared", keep_frame(1, 1), 2, {"1 handles", "no frame declared"}},
        {"more than handles_max", keep_frame(17, 17), 3, {"17", "handles_max 16"}},
        {"on a first piece",
         raw_frame({0, frame_type::open, flag::message | flag::more | flag::sized, 1, 0, 0},
                   bytes(100)),
         1,
         {"does not end a message"}},
        {"on a PING", raw_frame({0, frame_type::ping, 0, 1, 0, 0}, bytes(8)), 1, {"1 handles"}},
    };
    for (const wrong& each : all) {
        auto attack = keep(each.sent, each.count);
        const kept ended = co_await std::move(attack);
        INFO(each.what);
        REQUIRE(differs(ended.said, goaway_reason::handles, each.words) == "");
        REQUIRE_FALSE(ended.is_open);
    }
}

CO_TEST_CASE("what a message says of its handles is held against them",
             "[rpc][connection][handles]") {
    for (const std::uint32_t said : {0U, 1U, 2U, 3U}) {
        auto asked = keep(keep_frame(said, 2), 2);
        const kept ended = co_await std::move(asked);
        const auto& answer = ended.said.ends.at(0);

        REQUIRE(ended.is_open);
        REQUIRE(answer.status == (said == 2 ? 0U : 3U));
    }
}

CO_TEST_CASE("handles of a kind that is not let in end the connection",
             "[rpc][connection][handles]") {
    auto attack = keep(keep_frame(1, 1), 1, descriptors::enough, "/dev/null");
    const kept ended = co_await std::move(attack);

    REQUIRE(differs(ended.said, goaway_reason::handles, {"not let in"}) == "");
}

CO_TEST_CASE("calls to what does not exist close their handles", "[rpc][connection][handles]") {
    auto asked = keep(open_frame(0, 0, {.name = "no/such"}, 16), 16);
    const kept ended = co_await std::move(asked);

    REQUIRE(ended.is_open);
    REQUIRE(ended.said.ends.at(0).status == 12);
}

CO_TEST_CASE("handles that are cut off on their way end the connection",
             "[rpc][connection][handles]") {
    auto attack = keep(keep_frame(2, 2), 2, descriptors::none);
    const kept ended = co_await std::move(attack);

    REQUIRE(differs(ended.said, goaway_reason::handles, {"cut off"}) == "");
}
