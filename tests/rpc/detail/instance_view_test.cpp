// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/instance_view.hpp>

#include "instances.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;
using rpc::detail::instance_view;
using list = std::vector<std::string>;

namespace {

constexpr clock::time_point start{100s};

rpc::instance one(std::string address, std::uint64_t number, std::uint64_t epoch = 1) {
    rpc::instance made;
    made.id = {epoch, number};
    made.offer = test::offer_of("demo.x", std::move(address));
    return made;
}

/// Tells a view what a matchmaker would.
class teller {
public:
    explicit teller(instance_view& to) : to_(to) {}

    void resync(std::uint64_t epoch, const std::vector<rpc::instance>& all) {
        begin(epoch);
        for (const auto& each : all) present(each);
        complete();
    }
    void begin(std::uint64_t epoch) {
        event_.at = {epoch, ++event_.at.revision};
        tell(rpc::watch_event_kind::resync, {});
    }
    void present(const rpc::instance& what) { tell(rpc::watch_event_kind::present, what); }
    void complete() { tell(rpc::watch_event_kind::complete, {}); }
    void announce(const rpc::instance& what) { change(rpc::change_kind::announced, what); }
    void update(const rpc::instance& what) { change(rpc::change_kind::changed, what); }
    void gone(const rpc::instance& what) { change(rpc::change_kind::gone, what); }

    clock::time_point now = start;

private:
    void change(rpc::change_kind kind, const rpc::instance& what) {
        ++event_.at.revision;
        event_.change = kind;
        tell(rpc::watch_event_kind::change, what);
    }
    void tell(rpc::watch_event_kind kind, const rpc::instance& what) {
        event_.kind = kind;
        event_.what = what;
        to_.apply(event_, now);
    }

    instance_view& to_;
    rpc::watch_event event_;
};

}  // namespace

TEST_CASE("a view knows what a resync and the changes after it told", "[rpc][matchmaker]") {
    instance_view view(test::query_of("demo.x"), 10s);
    teller tell(view);
    REQUIRE_FALSE(view.is_known());
    REQUIRE(view.addresses().empty());
    tell.resync(1, {one("unix:/a", 1)});
    REQUIRE(view.is_known());
    REQUIRE(view.addresses() == list{"unix:/a"});
    tell.announce(one("unix:/b", 2));
    REQUIRE(view.addresses() == list{"unix:/a", "unix:/b"});
    tell.gone(one("unix:/a", 1));
    REQUIRE(view.addresses() == list{"unix:/b"});
    REQUIRE(view.kept() == 0);
    REQUIRE(view.at() == rpc::table_position{1, 3});
}

TEST_CASE("a view has only what answers its query", "[rpc][matchmaker]") {
    rpc::instance_query query = test::query_of("demo.x", {"eu"});
    query.version = rpc::interface_version{1, 1};
    instance_view view(query, 10s);
    teller tell(view);
    rpc::instance fits = one("unix:/a", 1);
    fits.offer.version = {1, 2};
    fits.offer.tags = {"eu"};
    rpc::instance old = fits;
    old.id.number = 2;
    old.offer.version = {1, 0};
    rpc::instance elsewhere = fits;
    elsewhere.id.number = 3;
    elsewhere.offer.tags = {"us"};
    tell.resync(1, {fits, old, elsewhere});
    REQUIRE(view.instances().size() == 1);
    fits.offer.tags = {};
    tell.update(fits);
    REQUIRE(view.instances().empty());
}

TEST_CASE("one that leaves is not used, and one that is suspect only if there is no other",
          "[rpc][matchmaker]") {
    instance_view view(test::query_of("demo.x"), 10s);
    teller tell(view);
    rpc::instance a = one("unix:/a", 1);
    rpc::instance b = one("unix:/b", 2);
    tell.resync(1, {a, b});
    a.state = rpc::instance_state::suspect;
    tell.update(a);
    REQUIRE(view.addresses() == list{"unix:/b"});
    b.state = rpc::instance_state::leaving;
    tell.update(b);
    REQUIRE(view.addresses() == list{"unix:/a"});
    a.state = rpc::instance_state::alive;
    tell.update(a);
    REQUIRE(view.addresses() == list{"unix:/a"});
}

TEST_CASE("one address is used once", "[rpc][matchmaker]") {
    instance_view view(test::query_of("demo.x"), 10s);
    teller tell(view);
    tell.resync(1, {one("unix:/a", 1), one("unix:/a", 2)});
    REQUIRE(view.addresses() == list{"unix:/a"});
    tell.gone(one("unix:/a", 1));
    REQUIRE(view.addresses() == list{"unix:/a"});
}

TEST_CASE("until a resync is complete what was known before counts", "[rpc][matchmaker]") {
    instance_view view(test::query_of("demo.x"), 10s);
    teller tell(view);
    tell.resync(1, {one("unix:/a", 1)});
    tell.begin(1);
    REQUIRE(view.addresses() == list{"unix:/a"});
    tell.present(one("unix:/b", 2));
    REQUIRE(view.addresses() == list{"unix:/a"});
    tell.begin(1);  // it broke off, and begins again
    tell.present(one("unix:/c", 3));
    REQUIRE(view.addresses() == list{"unix:/a"});
    tell.complete();
    REQUIRE(view.addresses() == list{"unix:/c"});
}

TEST_CASE("within an epoch what a resync does not tell is gone", "[rpc][matchmaker]") {
    instance_view view(test::query_of("demo.x"), 10s);
    teller tell(view);
    tell.resync(1, {one("unix:/a", 1), one("unix:/b", 2)});
    tell.resync(1, {one("unix:/b", 2)});
    REQUIRE(view.addresses() == list{"unix:/b"});
    REQUIRE_FALSE(view.next_deadline().has_value());
}

TEST_CASE("after a restart what is missing is kept for a while", "[rpc][matchmaker]") {
    instance_view view(test::query_of("demo.x"), 10s);
    teller tell(view);
    tell.resync(1, {one("unix:/a", 1), one("unix:/b", 2), one("unix:/c", 3)});
    tell.resync(2, {one("unix:/c", 1, 2)});
    REQUIRE(view.kept() == 2);
    REQUIRE(view.instances().at(0).offer.address == "unix:/c");
    REQUIRE(view.addresses() == list{"unix:/c", "unix:/a", "unix:/b"});
    REQUIRE(view.next_deadline() == start + 10s);
    tell.announce(one("unix:/b", 2, 2));
    REQUIRE(view.kept() == 1);
    view.expire(start + 9s);
    REQUIRE(view.kept() == 1);
    view.expire(start + 10s);
    REQUIRE(view.kept() == 0);
    REQUIRE(view.addresses() == list{"unix:/c", "unix:/b"});
}

TEST_CASE("what is kept is left when the matchmaker says that it is gone", "[rpc][matchmaker]") {
    instance_view view(test::query_of("demo.x"), 10s);
    teller tell(view);
    tell.resync(1, {one("unix:/a", 1)});
    tell.resync(2, {});
    REQUIRE(view.kept() == 1);
    tell.announce(one("unix:/a", 1, 2));
    tell.gone(one("unix:/a", 1, 2));
    REQUIRE(view.addresses().empty());
}

TEST_CASE("what is kept over one restart is kept over the next", "[rpc][matchmaker]") {
    instance_view view(test::query_of("demo.x"), 10s);
    teller tell(view);
    tell.resync(1, {one("unix:/a", 1), one("unix:/b", 2)});
    tell.resync(2, {one("unix:/b", 1, 2)});
    tell.now += 5s;
    tell.resync(3, {});
    REQUIRE(view.kept() == 2);
    REQUIRE(view.next_deadline() == start + 15s);
    tell.begin(3);
    tell.present(one("unix:/a", 1, 3));
    REQUIRE(view.addresses() == list{"unix:/a", "unix:/b"});
    tell.complete();
    REQUIRE(view.addresses() == list{"unix:/a", "unix:/b"});
    REQUIRE(view.next_deadline() == start + 15s);
}
