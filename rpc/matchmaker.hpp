// SPDX-License-Identifier: BSL-1.0
//
// How processes find each other by what they offer: the verbs of the matchmaker, a small daemon at
// a fixed place (matchmaker_address.hpp), or of a list that stands in its place. Where the address
// is known anyway use connect.hpp.
//
//     rpc::matchmaker here;                               // connects by itself
//     auto at = co_await server.listen("unix:/run/x/sock");
//     auto offer = co_await here.announce<calculator>(at);    // for as long as `offer` lives
//
//     auto calc = co_await here.connect<calculator>();    // waits until somebody offers it
//     double three = co_await calc->add(1, 2);
//
//     auto pool = here.balanced<calculator>();            // over all who offer it, as they come

#pragma once

#include <conduit/channels/address.hpp>
#include <conduit/channels/any_stream.hpp>
#include <conduit/rpc/announced.hpp>
#include <conduit/rpc/balanced_client.hpp>
#include <conduit/rpc/client.hpp>
#include <conduit/rpc/connect_options.hpp>
#include <conduit/rpc/instance.hpp>
#include <conduit/rpc/interface.hpp>
#include <conduit/rpc/matchmaker_client_options.hpp>
#include <conduit/rpc/matchmaker_interface.hpp>
#include <conduit/rpc/pool_options.hpp>
#include <conduit/rpc/wanted.hpp>
#include <conduit/runtime/stream.hpp>
#include <conduit/runtime/task.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace conduit::rpc {

/// A client of the matchmaker. It keeps a connection to it up, from its construction on, by a task
/// of its own: when the matchmaker goes it is looked for without end. It belongs to the scheduler
/// and the context it was made in; any number of tasks may use it.
///
/// find(), connect() and balanced() wait, also for the matchmaker itself, each until the deadline
/// of its task. The others throw fault(unavailable) at once where there is no matchmaker, which
/// says where it was looked for. All are cancelled through the awaiting task.
///
/// Refusals of the matchmaker are permission_denied, resource_exhausted for a limit, and
/// invalid_argument for what can never be right, such as a name that is none.
///
/// Destroying it withdraws what it announced and ends what it watches.
class matchmaker {
public:
    /// Throws fault(invalid_argument) where the options, or CONDUIT_MATCHMAKER, name no place, and
    /// failed_precondition for a list: that is not well-formed.
    explicit matchmaker(matchmaker_client_options options = {});
    matchmaker(const matchmaker&) = delete;
    matchmaker& operator=(const matchmaker&) = delete;
    ~matchmaker();

    // --- for servers ----------------------------------------------------------------------------

    /// Waits until the matchmaker knows of the offer, and keeps it there (announced.hpp). `at` is a
    /// unix: address with an absolute path, or a tcp: one, at which this process listens already.
    ///
    /// Where a list stands for the matchmaker this fails with failed_precondition unless the list
    /// has that interface at that address.
    template <class Interface>
    task<announced> announce(std::string at, announce_options options = announce_options()) {
        return announce(offer_of(row_of<Interface>().name, std::move(at), options), options);
    }
    template <class Interface>
    task<announced> announce(const address& at, announce_options options = announce_options()) {
        return announce<Interface>(to_string(at), std::move(options));
    }

    // --- for clients ----------------------------------------------------------------------------

    /// Who offers it now; maybe nobody.
    template <class Interface>
    task<found_instances> lookup(const wanted& like = wanted()) {
        return lookup(like.of(row_of<Interface>().name));
    }
    /// Waits until somebody offers it; at least one instance then.
    template <class Interface>
    task<found_instances> find(const wanted& like = wanted()) {
        return find(like.of(row_of<Interface>().name));
    }

    /// Waits until there is a connection to somebody who offers it.
    ///
    /// A matchmaker at a Unix socket makes the connection and hands it over, so that servers are
    /// reached that have another view of the file system, or that have only just come. Else the
    /// instances are tried one after the other; who cannot be reached is reported, and after all
    /// were tried it waits for a change, or a little.
    ///
    /// Taken at a Unix socket is a server of connect_options::servers(), or of the user to whom
    /// root gave the socket's folder. Addresses of other kinds than unix: and tcp: are refused.
    template <class Interface>
    task<client<Interface>> connect(wanted like = wanted(),
                                    connect_options options = connect_options()) {
        connect_options own = std::move(options);
        instance_query query = like.of(row_of<Interface>().name);
        any_stream stream = co_await open(std::move(query), &own);
        co_return client<Interface>(std::move(stream), std::move(own));
    }

    /// All who offer it, as they come and go, in one object. It is made at once; calls wait.
    template <class Interface>
    balanced_client<Interface> balanced(const wanted& like = wanted(),
                                        pool_options options = pool_options()) {
        using inside = typename balanced_client<Interface>::inside;
        return balanced_client<Interface>(std::make_unique<inside>(
            state_, like.of(row_of<Interface>().name), std::move(options)));
    }

    /// What is offered under a name, or names that begin so, from now on: what there is, and then
    /// each change, without end and without a gap. Where changes may be missing, since the
    /// matchmaker restarted or the reader was too slow, it begins anew with an explicit resync.
    /// Over times without a matchmaker it says nothing. A wait for its next event may be given a
    /// deadline, and can be repeated.
    stream<watch_event> watch(name_pattern pattern);

    // --- the same by name, for tools ------------------------------------------------------------

    task<announced> announce(instance_offer offer, announce_options options = announce_options());
    task<found_instances> lookup(instance_query query);
    task<found_instances> find(instance_query query);
    /// `options` must outlive the task, and get the name of the instance.
    task<any_stream> open(instance_query query, connect_options* options);
    /// At most `most` (1 to 256) of all there is, by name and then by id, from behind `after`.
    task<found_instances> list(name_pattern pattern, std::optional<index_key> after,
                               std::uint32_t most);
    task<matchmaker_status> status();
    /// Who waits for what, in the order in which they came. What changes meanwhile may be in it or
    /// not.
    task<std::vector<waiting_client>> waits();

    /// Whether the matchmaker answers, as far as is known.
    bool is_connected() const noexcept;
    /// Where it is looked for, for people: "'unix:/run/conduit/matchmaker.sock'".
    std::string where() const;

private:
    static instance_offer offer_of(std::string_view name, std::string at,
                                   const announce_options& options);

    std::shared_ptr<detail::matchmaker_verbs> state_;
};

}  // namespace conduit::rpc
