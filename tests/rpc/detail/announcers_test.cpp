// SPDX-License-Identifier: BSL-1.0
//
// Announcers whose processes have no number here, as those of another PID namespace: the kernel
// then says process 0. The others are in matchmaker_server_test.cpp and matchmaker_fault_test.cpp.
#include <conduit/rpc/detail/announcers.hpp>

#include "../../support/co_test.hpp"
#include "../../support/matchmaker_place.hpp"
#include "../../support/queries.hpp"

#include <conduit/channels/any_stream.hpp>
#include <conduit/channels/memory_stream.hpp>
#include <conduit/rpc/connection.hpp>
#include <conduit/rpc/detail/matchmaker_service.hpp>
#include <conduit/rpc/matchmaker_interface.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/backend/kernel.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

/// A stream to somebody of this user whose process is not seen from here.
class from_elsewhere : public memory_stream {
public:
    explicit from_elsewhere(memory_stream of) noexcept : memory_stream(std::move(of)) {}

    static result<credentials> peer_credentials() {
        credentials unseen;
        unseen.uid = current_kernel().effective_user();
        unseen.pid = 0;
        return unseen;
    }
};

/// A client of a matchmaker in this process, which sees it as one from elsewhere.
class unseen_client {
public:
    explicit unseen_client(test::matchmaker_place& of) {
        auto ends = make_memory_stream_pair();
        of.server->server().serve(any_stream(from_elsewhere(std::move(ends.first))));
        link_.emplace(any_stream(std::move(ends.second)));
        stub_.emplace(*link_);
    }

    rpc::stub<rpc::matchmaker_interface>* operator->() noexcept { return &*stub_; }
    void leave() noexcept { link_->close(); }

private:
    std::optional<rpc::connection> link_;
    std::optional<rpc::stub<rpc::matchmaker_interface>> stub_;
};

}  // namespace

CO_TEST_CASE("of two processes that have no number here neither is taken for the other",
             "[rpc][matchmaker]") {
    test::matchmaker_place there;
    co_await there.start();
    unseen_client one(there);
    unseen_client other(there);
    auto first = there.listen("first");
    auto second = there.listen("second");
    auto a = co_await one->announce(first.offer("demo.a"));
    auto b = co_await other->announce(second.offer("demo.b"));
    auto refused = co_await rpc::try_call(other->withdraw(a.id));
    auto changed = co_await rpc::try_call(other->update(a.id, rpc::instance_update()));
    auto found = co_await other->lookup(test::query_of("demo.a"));
    auto own = co_await other->withdraw(b.id);
    REQUIRE(refused.error().code() == rpc::status::permission_denied);
    REQUIRE(changed.error().code() == rpc::status::permission_denied);
    REQUIRE(found.instances.size() == 1);
    REQUIRE(found.instances[0].owner.pid == 0);
    REQUIRE(found.instances[0].owner.uid == current_kernel().effective_user());
    REQUIRE(own.revision > b.at.revision);
}

CO_TEST_CASE("a process that has no number here lives as long as its connection",
             "[rpc][matchmaker]") {
    test::matchmaker_place there;
    co_await there.start();
    auto client = co_await there.connect();
    unseen_client one(there);
    auto socket = there.listen("echo");
    auto announced = co_await one->announce(socket.offer("demo.echo"));
    auto watch = client->watch(test::all_names(), announced.at);
    auto found = co_await client->lookup(test::query_of("demo.echo"));
    one.leave();
    auto gone = co_await test::next_of(watch);
    REQUIRE(found.instances.size() == 1);
    REQUIRE(found.instances[0].state == rpc::instance_state::alive);
    REQUIRE(gone.change == rpc::change_kind::gone);
    REQUIRE(gone.reason == rpc::gone_reason::connection_lost);
    REQUIRE(gone.what.id == announced.id);
}

CO_TEST_CASE("a successor believes in a process that has no number here until its time is over",
             "[rpc][matchmaker]") {
    const rpc::detail::first_come_policy policy;
    rpc::matchmaker_options options;
    options.confirm_within(10ms);
    rpc::detail::matchmaker_service service(options, 8, policy);
    rpc::detail::registry_snapshot before;
    before.epoch = 7;
    rpc::instance one;
    one.id = {7, 1};
    one.owner = {current_kernel().effective_user(), 0, current_kernel().identity_of(0).value().boot,
                 4711};
    one.offer.name = "demo.echo";
    one.offer.address = "unix:/run/x";
    before.instances.push_back(one);
    const auto adopted = service.adopt(before);
    const std::size_t at_first = service.snapshot().instances.size();
    while (!service.snapshot().instances.empty()) {
        service.changed().reset();
        co_await service.changed().wait();
    }
    REQUIRE(adopted.taken == 1);
    REQUIRE(at_first == 1);
}
