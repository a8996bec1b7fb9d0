// SPDX-License-Identifier: BSL-1.0
//
// Where the connections of a server come from.
#include <conduit/channels/detail/quoted.hpp>
#include <conduit/channels/fifo_record_reader.hpp>
#include <conduit/channels/file.hpp>
#include <conduit/channels/listen_fds.hpp>
#include <conduit/channels/tcp_listener.hpp>
#include <conduit/channels/tls_stream.hpp>
#include <conduit/channels/unix_listener.hpp>
#include <conduit/rpc/detail/fifo_hello.hpp>
#include <conduit/rpc/detail/server_state.hpp>
#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/yield.hpp>

#include <chrono>
#include <memory>
#include <new>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

namespace conduit::rpc::detail {
namespace {

constexpr clock::duration shortage_pause = std::chrono::milliseconds(10);
constexpr const char* beyond_loopback =
    "beyond loopback others can read and change what is said; "
    "server_options::tls() prevents it, allow_plain_tcp_beyond_loopback() permits it";
constexpr const char* anonymous_beyond_loopback =
    "beyond loopback anybody can call whom no certificate keeps out; "
    "tls_options::require_client_certificate() asks for one, "
    "server_options::allow_anonymous_tls_beyond_loopback() permits it";

[[noreturn]] void refuse(status code, const std::string& where, const std::string& why) {
    throw fault(code, "cannot listen at " + quoted(where) + ": " + why);
}

/// Those who count as one, for people.
std::string user_of(const unix_stream& peer) {
    const auto who = peer.connected_by();
    return who ? "user " + std::to_string(who->uid) : std::string();
}

std::string user_of(const tcp_stream& peer) {
    const auto at = peer.peer_address();
    return at ? "host " + at->host() : std::string();
}

task<result<any_stream>> refused_opening(std::error_code why) { co_return why; }

task<result<any_stream>> with_tls(any_stream over, std::shared_ptr<const tls_context> context,
                                  server_state& at) {
    any_stream own = std::move(over);
    const std::shared_ptr<const tls_context> by = std::move(context);
    auto accepted = co_await tls_stream::accept(std::move(own), *by);
    if (accepted) co_return any_stream(std::move(*accepted));
    at.note_handshake(accepted.error());
    co_return accepted.error();
}

task<result<any_stream>> arrived(unix_stream::in_transit moving) {
    auto stream = unix_stream::arrive(std::move(moving));
    if (!stream) co_return stream.error();
    co_return any_stream(std::move(*stream));
}

task<result<any_stream>> arrived(unique_fd moving) {
    auto stream = tcp_stream::adopt(std::move(moving));
    if (!stream) co_return stream.error();
    co_return any_stream(std::move(*stream));
}

task<result<any_stream>> arrived_with_tls(unique_fd moving,
                                          std::shared_ptr<const tls_context> context,
                                          server_state& at) {
    const std::shared_ptr<const tls_context> by = std::move(context);
    auto stream = tcp_stream::adopt(std::move(moving));
    if (!stream) co_return stream.error();
    any_stream plain(std::move(*stream));
    co_return co_await with_tls(std::move(plain), by, at);
}

template <class Moving, class Arrive>
opener opens_there(result<Moving> departed, const Arrive& arrive) {
    if (!departed) {
        return [why = departed.error()](server_state&) { return refused_opening(why); };
    }
    auto moving = std::make_shared<Moving>(std::move(*departed));
    return [moving, arrive](server_state& there) { return arrive(std::move(*moving), there); };
}

opener leave(unix_stream peer) {
    return opens_there(peer.depart(), [](unix_stream::in_transit moving, server_state&) {
        return arrived(std::move(moving));
    });
}

opener leave(tcp_stream peer, std::shared_ptr<const tls_context> context) {
    if (context == nullptr) {
        return opens_there(peer.detach(), [](unique_fd moving, server_state&) {
            return arrived(std::move(moving));
        });
    }
    return opens_there(peer.detach(),
                       [by = std::move(context)](unique_fd moving, server_state& there) {
                           return arrived_with_tls(std::move(moving), by, there);
                       });
}

/// One more listener, for as long as it lives.
class listening_guard {
public:
    listening_guard(std::size_t& count, event& changed) noexcept
        : count_(count), changed_(changed) {}
    listening_guard(const listening_guard&) = delete;
    ~listening_guard() {
        --count_;
        changed_.set();
    }

private:
    std::size_t& count_;
    event& changed_;
};

}  // namespace

task<address> server_state::listen(address where) {
    address own = std::move(where);
    CONDUIT_ASSERT(!draining_, "a server that was drained does not listen again");
    begin();
    switch (own.kind()) {
        case address_kind::unix_socket: listen_at_unix(own); break;
        case address_kind::tcp: co_return co_await listen_at_tcp(std::move(own));
        case address_kind::fifo: co_await listen_at_fifo(own); break;
        case address_kind::stdio: serve_standard_streams(); break;
        case address_kind::udp:
        case address_kind::exec:
            refuse(status::invalid_argument, to_string(own), "nobody can connect to such a place");
    }
    co_return own;
}

void server_state::listen_at_unix(const address& where) {
    const auto options =
        unix_listen_options().mode(options_.socket_mode()).clients(options_.clients());
    auto made = unix_listener::listen(where.path(), options);
    if (!made) {
        const std::string trouble = socket_path_trouble(where.path());
        refuse(status::unavailable, to_string(where),
               trouble.empty() ? made.error().message() : trouble);
    }
    listen(std::move(*made), to_string(where));
}

task<address> server_state::listen_at_tcp(address where) {
    const address own = std::move(where);
    const std::string why_not = why_loopback_only();
    const auto options = tcp_listen_options().beyond_loopback(why_not.empty());
    auto made = co_await tcp_listener::listen(own.host(), own.service(), options);
    if (made.error() == std::errc::operation_not_permitted) {
        refuse(status::permission_denied, to_string(own), why_not);
    }
    if (!made) refuse(status::unavailable, to_string(own), made.error().message());
    const auto bound = made->local_address();
    if (!bound) refuse(status::unavailable, to_string(own), bound.error().message());
    const auto at = address::tcp(bound->host(), std::to_string(bound->port()));
    if (!at) refuse(status::internal, to_string(own), at.error().message());
    listen(std::move(*made), to_string(*at));
    co_return *at;
}

std::string server_state::why_loopback_only() const {
    if (options_.plain_tcp_beyond_loopback()) return {};
    const tls_context* tls = options_.tls().get();
    if (tls == nullptr) return beyond_loopback;
    if (tls->requires_client_certificate() || options_.anonymous_tls_beyond_loopback()) return {};
    return anonymous_beyond_loopback;
}

task<void> server_state::listen_at_fifo(address where) {
    const address own = std::move(where);
    std::string why;
    const auto options = fifo_options().stay_open().when_missing(fifo_missing::is_made);
    auto made = co_await fifo_record_reader::open(own.path(), options, &why);
    if (!made) {
        refuse(status::unavailable, to_string(own), why.empty() ? made.error().message() : why);
    }
    ++listening_;
    listeners_.spawn(take_hellos(own.path(), std::move(*made)), "rpc fifo listener");
}

void server_state::serve_standard_streams() {
    auto input = standard_input();
    if (!input) refuse(status::unavailable, "stdio:", input.error().message());
    auto output = standard_output();
    if (!output) refuse(status::unavailable, "stdio:", output.error().message());
    serve(any_stream(std::move(*input), std::move(*output)), "stdio:");
}

template <class Listener>
void server_state::listen(Listener listener, std::string name) {
    begin();
    ++listening_;
    listeners_.spawn(accept_from(std::move(listener), std::move(name)), "rpc listener");
}
template void server_state::listen(unix_listener listener, std::string name);
template void server_state::listen(tcp_listener listener, std::string name);

template <class Listener>
task<void> server_state::accept_from(Listener listener, std::string name) {
    Listener own = std::move(listener);
    const std::string where = std::move(name);
    const listening_guard guard(listening_, changed_);
    std::uint64_t told = 0;  // of those refused, by on_refusal()
    if constexpr (std::is_same_v<Listener, unix_listener>) {
        own.on_refusal([this, &where, &told](const credentials& who) {
            ++told;
            ++counters_.accepted;
            refuse_user(where, who);
        });
    }
    bool is_short = false;
    for (bool goes_on = true; goes_on;) {
        bool came = false;
        try {
            if (std::exchange(is_short, false)) {
                co_await sleep_for(shortage_pause);
            }
            goes_on = co_await accept_one(own, where, told, came);
        } catch (const std::bad_alloc&) {  // nobody else is to suffer from that
            is_short = true;
            if (came) count_refused();
        }
        if (is_short) co_await yield();  // where there is no memory to sleep
    }
}

/// `came` is set while there is one that is not counted. False: there will be none any more.
template <class Listener>
task<bool> server_state::accept_one(Listener& from, const std::string& where, std::uint64_t& told,
                                    bool& came) {
    const std::uint64_t before = from.counters().refused - told;
    auto peer = co_await from.accept();
    const std::uint64_t refused = from.counters().refused - told - before;
    counters_.accepted += refused;
    counters_.refused += refused;
    if (!peer) {
        if (peer.error() != errc::cancelled) {
            warn([&] { return where + ": listens no more: " + peer.error().message(); });
        }
        co_return false;
    }
    came = true;
    std::string user = user_of(*peer);
    co_await until_room_for_stranger();
    take_or_hand_over(std::move(*peer), where, std::move(user));
    co_return true;
}

void server_state::take_or_hand_over(unix_stream peer, std::string name, std::string user) {
    const std::size_t there = next_worker();
    if (there == index_) {
        return take(any_stream(std::move(peer)), std::move(name), std::move(user));
    }
    hand_over(there, leave(std::move(peer)), std::move(name), std::move(user));
}

void server_state::take_or_hand_over(tcp_stream peer, std::string name, std::string user) {
    const std::size_t there = next_worker();
    if (there != index_) {
        return hand_over(there, leave(std::move(peer), options_.tls()), std::move(name),
                         std::move(user));
    }
    any_stream stream(std::move(peer));
    if (options_.tls() == nullptr) return take(std::move(stream), std::move(name), std::move(user));
    take(with_tls(std::move(stream), options_.tls(), *this), std::move(name), std::move(user));
}

/// Each record is a client. What is none is counted and left.
task<void> server_state::take_hellos(std::string path, fifo_record_reader hellos) {
    fifo_record_reader own = std::move(hellos);
    const std::string where = std::move(path);
    const listening_guard guard(listening_, changed_);
    bool is_short = false;
    for (bool goes_on = true; goes_on;) {
        bool came = false;
        try {
            if (std::exchange(is_short, false)) {
                co_await sleep_for(shortage_pause);
            }
            goes_on = co_await take_one_hello(own, where, came);
        } catch (const std::bad_alloc&) {  // nobody else is to suffer from that
            is_short = true;
            if (came) count_refused();
        }
        if (is_short) co_await yield();  // where there is no memory to sleep
    }
    const auto there = own.channel().look_at_path();
    if (there && *there == fifo_path::same) static_cast<void>(remove_fifo(where));
}

void server_state::count_refused() noexcept {
    ++counters_.accepted;
    ++counters_.refused;
}

/// As accept_one().
task<bool> server_state::take_one_hello(fifo_record_reader& from, const std::string& where,
                                        bool& came) {
    auto record = co_await from.read_record();
    if (!record) {
        if (record.error() != errc::cancelled) {
            warn(
                [&] { return "fifo:" + where + ": listens no more: " + record.error().message(); });
        }
        co_return false;
    }
    came = true;
    const auto pair = pair_named_by(*record, where);
    if (pair) {
        co_await until_room_for_stranger();
        take_hello(*pair, "fifo:" + where);
        co_return true;
    }
    came = false;
    count_refused();
    warn([&] {
        return "fifo:" + where + ": a record of " + std::to_string(record->size()) +
               " bytes is no client's";
    });
    co_return true;
}

void server_state::take_hello(const std::string& pair, std::string name) {
    const std::size_t there = next_worker();
    if (there == index_) return take(open_named_pair(pair), std::move(name), std::string());
    const auto open = [pair](server_state&) { return open_named_pair(pair); };
    hand_over(there, open, std::move(name), std::string());
}

std::size_t server_state::listen_at_inherited() {
    auto passed = listen_fds();
    if (!passed) {
        throw fault(status::unavailable,
                    "cannot listen at inherited sockets: " + passed.error().message());
    }
    for (listen_fd& each : *passed) listen_at(std::move(each));
    return passed->size();
}

void server_state::listen_at(listen_fd inherited) {
    const std::string name = "inherited descriptor " +
                             std::to_string(inherited.fd.native().value()) + " (" + inherited.name +
                             ")";
    const auto at = current_kernel().local_address(inherited.fd);
    if (!at) refuse(status::unavailable, name, at.error().message());
    if (at->get_family() == socket_address::family::unix_path) {
        auto adopted = unix_listener::adopt(std::move(inherited.fd),
                                            unix_listen_options().clients(options_.clients()));
        if (!adopted) refuse(status::unavailable, name, adopted.error().message());
        return listen(std::move(*adopted), "unix:" + std::string(at->path()));
    }
    const std::string why_not = why_loopback_only();
    if (!at->is_loopback() && !why_not.empty()) {
        refuse(status::permission_denied, name + " at " + to_string(*at), why_not);
    }
    auto adopted = tcp_listener::adopt(std::move(inherited.fd));
    if (!adopted) refuse(status::unavailable, name, adopted.error().message());
    listen(std::move(*adopted), "tcp:" + to_string(*at));
}

}  // namespace conduit::rpc::detail
