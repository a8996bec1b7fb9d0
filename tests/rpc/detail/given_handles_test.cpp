// SPDX-License-Identifier: BSL-1.0
//
// For how long handles that were sent are charged: until the kernel says that what brought them was
// read, whatever becomes of the connection meanwhile.
#include "../../skip.hpp"
#include "../../support/co_test.hpp"
#include "../../support/queries.hpp"
#include "../../support/settle.hpp"

#include <conduit/rpc/detail/given_handles.hpp>
#include <conduit/rpc/detail/out_buffer.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/io_handle.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

using namespace conduit;
using namespace conduit::test;
using namespace conduit::rpc::detail;

namespace {

constexpr int piece = 20'000;
constexpr amounts most{0, 0, 8};

/// What a connection does when it sends, and a peer that reads as much as it is told to.
class giver {
public:
    explicit giver(const std::shared_ptr<shared_limits>& all)
        : account_(std::make_shared<limits_account>(most, all->user("user 1"))),
          ends_(attached_socket_pair()),
          given(std::make_unique<given_of_connection>(ends_.out.owned(), output_, account_)) {
        REQUIRE(current_kernel().set_option(ends_.out.owned(), socket_option::send_buffer_bytes,
                                            8 * piece));
    }

    task<> give() {
        auto pipe = current_kernel().make_pipe().value();
        std::vector<unique_fd> handles;
        handles.push_back(std::move(pipe.first));
        account_->add(resource::given, 1);
        output_.append(bytes_of("h"));
        output_.attach(output_.end() - 1, std::move(handles), 1);
        co_await send();
    }
    task<> fill() {
        std::byte* at = output_.append(piece);
        std::fill_n(at, piece, std::byte{'f'});
        co_await send();
    }
    task<> read(std::size_t bytes) {
        std::vector<std::byte> room(bytes);
        std::size_t got = 0;
        while (got < bytes) {
            auto came = co_await ends_.in.read_some(std::span(room).subspan(got));
            got += came.value();
        }
    }
    task<bool> sees_end() {
        std::array<std::byte, 1> room{};
        auto came = co_await ends_.in.read_some(room);
        co_return came.value() == 0;
    }
    /// As a connection does that ends.
    void end(bool with_duplicate = true) {
        unique_fd kept;
        if (with_duplicate) kept = current_kernel().duplicate(ends_.out.owned()).value();
        ends_.out.close();
        given->ended(std::move(kept));
    }
    task<> hang_up() {
        const auto closed = co_await ends_.in.close_and_wait();
        REQUIRE(closed);
    }

    std::size_t charged() const { return account_->taken(resource::given); }

private:
    task<> send() {
        output_.load();
        while (!output_.next().empty()) {
            outgoing_message message(output_.next());
            for (const unique_fd& each : output_.handles()) REQUIRE(message.attach(each));
            auto sent = co_await ends_.out.send(message);
            const std::size_t left = output_.sent(sent.value());
            if (left > 0) given->sent(left);
        }
    }

    std::shared_ptr<limits_account> account_;
    handle_pair ends_;
    out_buffer output_;

public:
    std::unique_ptr<given_of_connection> given;
};

}  // namespace

CO_TEST_CASE("a handle is charged until it was received", "[rpc][given_handles]") {
    const auto all = std::make_shared<shared_limits>(most);
    giver one(all);
    co_await one.give();
    one.given->collect();
    const std::size_t unread = one.charged();
    co_await one.read(1);
    one.given->collect();
    REQUIRE(unread == 1);
    REQUIRE(one.charged() == 0);
    REQUIRE(one.given->unread() == 0);
}

CO_TEST_CASE("what was received is given back although something is always unread",
             "[rpc][given_handles]") {
    const auto all = std::make_shared<shared_limits>(most);
    giver one(all);
    for (int i = 0; i < 2; ++i) {
        co_await one.give();
        co_await one.fill();
        co_await one.fill();
    }
    one.given->collect();
    const std::size_t unread = one.charged();
    co_await one.read(1 + 2 * piece);
    one.given->collect();
    const std::size_t half = one.charged();
    co_await one.give();
    co_await one.read(1 + 2 * piece);
    one.given->collect();
    const std::size_t last = one.charged();
    co_await one.read(1);
    one.given->collect();
    REQUIRE(unread == 2);
    REQUIRE(half == 1);
    REQUIRE(last == 1);
    REQUIRE(one.charged() == 0);
}

CO_TEST_CASE("handles stay charged when their connection has ended, until its peer reads",
             "[rpc][given_handles]") {
    const auto all = std::make_shared<shared_limits>(most);
    given_handles ledger;
    giver one(all);
    ledger.add(*one.given);
    co_await one.give();
    co_await one.give();
    one.end();
    ledger.leave(std::move(one.given));
    ledger.collect();
    const std::size_t ended = one.charged();
    co_await one.read(2);
    auto is_end = co_await one.sees_end();
    while (one.charged() > 0) {
        ledger.collect();
        co_await come_round();
    }
    REQUIRE(ended == 2);
    REQUIRE(is_end);
    REQUIRE(all->taken(resource::given) == 0);
}

CO_TEST_CASE("handles of connections that have ended are looked at without being asked",
             "[rpc][given_handles]") {
    if (test::is_real()) co_return test::skip("it takes a second");
    const auto all = std::make_shared<shared_limits>(most);
    given_handles ledger;
    giver one(all);
    ledger.add(*one.given);
    co_await one.give();
    one.end();
    ledger.leave(std::move(one.given));
    const std::size_t ended = one.charged();
    co_await one.hang_up();
    co_await settle();
    co_await settle();
    REQUIRE(ended == 1);
    REQUIRE(one.charged() == 0);
}

CO_TEST_CASE("a peer that closes receives no more", "[rpc][given_handles]") {
    const auto all = std::make_shared<shared_limits>(most);
    given_handles ledger;
    giver one(all);
    giver other(all);
    ledger.add(*one.given);
    ledger.add(*other.given);
    co_await one.give();
    co_await other.give();
    co_await one.hang_up();
    ledger.collect();
    const std::size_t left = all->taken(resource::given);
    co_await other.hang_up();
    other.end();
    REQUIRE(left == 1);
    REQUIRE(one.charged() == 0);
    REQUIRE(other.charged() == 0);
    REQUIRE(other.given->unread() == 0);
}

CO_TEST_CASE("of a connection without a duplicate nothing is charged any more",
             "[rpc][given_handles]") {
    const auto all = std::make_shared<shared_limits>(most);
    giver one(all);
    co_await one.give();
    const std::size_t before = one.charged();
    one.end(false);
    REQUIRE(before == 1);
    REQUIRE(one.charged() == 0);
}
