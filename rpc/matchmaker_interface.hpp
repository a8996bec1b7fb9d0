// SPDX-License-Identifier: BSL-1.0
//
// What a matchmaker is asked over the wire: the interface `conduit.matchmaker`. Programs use the
// verbs of matchmaker.hpp, which keep an announcement up and know where the matchmaker is; this is
// for who writes another client or another matchmaker. Byte by byte it is in
// docs/reference/matchmaker-protocol.md.
//
//     auto there = co_await rpc::connect<rpc::matchmaker_interface>(where);
//     rpc::found_instances found = co_await there->lookup({"demo.calculator.v1"});

#pragma once

#include <conduit/rpc/instance.hpp>
#include <conduit/rpc/interface.hpp>
#include <conduit/runtime/stream.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace conduit::rpc {

/// How much an answer is worth.
enum class answer_source : std::uint8_t {
    live,     // the matchmaker's table, now
    warming,  // the same shortly after a restart: what is missing may still come back
    cache,    // what was so when the matchmaker was last heard of, `age` ago
    file,     // a list that somebody wrote; nobody looks whether it is true
};

/// "live"; "unknown" for a number that is none of them.
std::string_view to_string(answer_source source) noexcept;

/// Instances in the order in which to prefer them, and how far to trust that.
struct found_instances {
    table_position at;
    answer_source source = answer_source::live;
    std::chrono::milliseconds age{0};  // since it was so; 0 where the source is live
    std::vector<instance> instances;
    /// How many more there are, for which this answer has no room.
    std::uint32_t left_out = 0;
};

/// An announcement that was taken up.
struct announcement {
    table_position at;
    instance_id id;
    /// Over how long a time whoever loses the matchmaker should spread coming back, so that all
    /// together do not come at once. It grows with the number of instances.
    std::chrono::milliseconds spread{0};
};

/// A connection that the matchmaker made for the caller.
struct connected_instance {
    table_position at;
    instance who;
    unique_fd stream;  // a Unix socket; the caller says the first bytes, so it is seen as who it is
};

enum class watch_event_kind : std::uint8_t {
    resync,    // forget all that was told; there is no position to resume from until `complete`
    present,   // after a resync: this is there
    complete,  // after a resync: that was all, and is what was so at this position
    change,    // what happened; from here one may resume, unless a resync is not complete yet
};

/// Revisions of an epoch never go back. Of `resync` and `complete` there is only the position.
struct watch_event {
    watch_event_kind kind = watch_event_kind::change;
    table_position at;
    change_kind change = change_kind::announced;  // of change
    gone_reason reason = gone_reason::none;       // of a change that is `gone`
    std::string detail;                           // more of the reason: "killed by signal 9"
    instance what;                                // as it is from then on; of gone as it was last
};

/// Somebody who waits in find() or connect().
struct waiting_client {
    std::string name;  // waited for
    std::int32_t pid = 0;
    std::uint32_t uid = 0;
    std::chrono::milliseconds since{0};
    std::uint64_t number = 0;  // greater than that of each who came before
};

/// How the matchmaker is.
struct matchmaker_status {
    table_position at;
    answer_source source = answer_source::live;
    std::chrono::milliseconds up{0};
    std::map<std::string, std::uint64_t> counts;  // "names", "instances", "watches", ...
};

/// What `conduit.matchmaker` is.
///
/// Faults are permission_denied for what is not the caller's, resource_exhausted for a limit, which
/// the text names with both figures, invalid_argument for what can never be right, and not_found.
class matchmaker_interface {
public:
    virtual ~matchmaker_interface() = default;

    /// Takes up an instance, which stays for as long as this connection and its process do.
    virtual task<announcement> announce(instance_offer offer) = 0;
    virtual task<table_position> update(instance_id id, instance_update update) = 0;
    /// One's own is not found any more; it stays, as leaving, until the connection ends.
    virtual task<table_position> withdraw(instance_id id) = 0;

    /// Who offers it now. An answer has room for 2 MiB of them, and says how many it leaves out.
    virtual task<found_instances> lookup(instance_query query) = 0;
    /// At most `most` (1 to 256) of all there is, by name and then by id, from behind `after`. One
    /// that leaves some out, for want of room, goes on behind its last like every page.
    virtual task<found_instances> list(name_pattern pattern, std::optional<index_key> after,
                                       std::uint32_t most) = 0;
    /// Waits until somebody offers it, for as long as the call's deadline allows.
    virtual task<found_instances> find(instance_query query) = 0;
    /// The same, and connects to it at its Unix socket: for callers over a Unix socket only. Fails
    /// with failed_precondition where it is offered over TCP only: then find() says where.
    virtual task<connected_instance> connect(instance_query query) = 0;

    /// Each change from a position on; where that is too long ago, or is not given, all there is
    /// and then each change.
    virtual stream<watch_event> watch(name_pattern pattern, std::optional<table_position> from) = 0;

    /// The caller could not reach it: the matchmaker looks whether it is there.
    virtual task<void> report_unreachable(instance_id id) = 0;

    virtual task<matchmaker_status> status() = 0;
    /// In the order in which they came, at most `most` (up to 1,024; 0 means so many) of those
    /// whose number is greater than `after`. Where none are left there are none.
    virtual task<std::vector<waiting_client>> waits(std::uint64_t after, std::uint32_t most) = 0;
};
CONDUIT_INTERFACE(matchmaker_interface, "conduit.matchmaker", (announce, offer),
                  (update, id, update), (withdraw, id), (lookup, query),
                  (list, pattern, after, most), (find, query), (connect, query),
                  (watch, pattern, from), (report_unreachable, id), status, (waits, after, most))

constexpr auto conduit_methods(contract<matchmaker_interface>) {
    return methods(method<&matchmaker_interface::announce>().text(
                       "Offers an interface at an address, for as long as the connection lasts."),
                   method<&matchmaker_interface::update>().idempotent().text(
                       "Changes the weight and the tags of one's own instance."),
                   method<&matchmaker_interface::withdraw>().idempotent().text(
                       "Leaves: the instance is not found any more."),
                   method<&matchmaker_interface::lookup>().idempotent().text("Who offers it now."),
                   method<&matchmaker_interface::list>().idempotent().text(
                       "All that is offered, a page at a time."),
                   method<&matchmaker_interface::find>().idempotent().text(
                       "Who offers it, as soon as somebody does."),
                   method<&matchmaker_interface::connect>().idempotent().text(
                       "A connection to who offers it, as soon as somebody does."),
                   method<&matchmaker_interface::watch>().idempotent().text(
                       "What is offered, and each change."),
                   method<&matchmaker_interface::report_unreachable>().idempotent().text(
                       "Asks to look whether an instance is there."),
                   method<&matchmaker_interface::status>().idempotent().essential().text(
                       "How the matchmaker is, and how much it has to do."),
                   method<&matchmaker_interface::waits>().idempotent().text(
                       "Who waits for what, and for how long."));
}

}  // namespace conduit::rpc
