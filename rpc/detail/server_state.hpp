// SPDX-License-Identifier: BSL-1.0
//
// What is behind a server: its listeners and its connections, each a task. Users see server.hpp.

#pragma once

#include <conduit/channels/address.hpp>
#include <conduit/channels/any_stream.hpp>
#include <conduit/channels/fifo_record_reader.hpp>
#include <conduit/channels/listen_fds.hpp>
#include <conduit/channels/tcp_stream.hpp>
#include <conduit/channels/unix_stream.hpp>
#include <conduit/rpc/connection.hpp>
#include <conduit/rpc/describe.hpp>
#include <conduit/rpc/detail/call_statistics.hpp>
#include <conduit/rpc/detail/given_handles.hpp>
#include <conduit/rpc/detail/log_limit.hpp>
#include <conduit/rpc/detail/server_places.hpp>
#include <conduit/rpc/detail/server_team.hpp>
#include <conduit/rpc/detail/shared_limits.hpp>
#include <conduit/rpc/health.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/rpc/stats.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/task_group.hpp>

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace conduit::rpc::detail {

class server_state {
public:
    explicit server_state(server_options options);
    /// One of several: see server_team.hpp.
    server_state(server_options options, std::shared_ptr<server_team> team, std::size_t index);
    server_state(const server_state&) = delete;
    server_state& operator=(const server_state&) = delete;
    ~server_state();

    void add(const interface_row& row, void* object);
    void keep(std::shared_ptr<void> object) { kept_.push_back(std::move(object)); }

    task<address> listen(address where);
    template <class Listener>
    void listen(Listener listener, std::string name);
    std::size_t listen_at_inherited();
    void serve(any_stream over, std::string name);

    task<drain_outcome> run();
    /// Waits until it is asked to stop, or nothing can come any more.
    task<void> until_asked();
    void stop() noexcept;
    task<std::error_code> until_left();
    task<drain_outcome> drain();

    // For the others of a team.
    task<void> stop_listening();
    /// A connection that another one accepted, and has a place for.
    void begin(const opener& open, const std::string& name,
               std::shared_ptr<server_place> place) noexcept;
    void note_room() noexcept { room_.set(); }
    void note_change() noexcept { changed_.set(); }

    std::size_t connections_now() const noexcept { return sessions_.size(); }
    std::size_t calls_served_now() const noexcept;
    server_counters counters() const;
    server_stats stats() const;
    /// Of its whole team, where it has one.
    task<server_stats> stats_of_all();
    /// A client could not be shaken hands with.
    void note_handshake(std::error_code failure) noexcept;
    void set_health(std::string service, health_state state) {
        health_.set(std::move(service), state);
    }

private:
    /// One connection, from when it came until it is gone.
    struct session {
        std::string name;
        std::shared_ptr<server_place> place;
        connection* link = nullptr;  // once it is there
        std::string pushed_out;      // why, if it was
        std::optional<child<void>> running;
    };
    using session_position = std::list<session>::iterator;
    class session_guard;

    /// Nothing is offered any more.
    void begin();
    void listen_at_unix(const address& where);
    task<address> listen_at_tcp(address where);
    /// Empty where tcp: may be listened at beyond it.
    std::string why_loopback_only() const;
    task<void> listen_at_fifo(address where);
    void serve_standard_streams();
    void listen_at(listen_fd inherited);

    template <class Listener>
    task<void> accept_from(Listener listener, std::string name);
    template <class Listener>
    task<bool> accept_one(Listener& from, const std::string& where, std::uint64_t& told,
                          bool& came);
    task<void> take_hellos(std::string path, fifo_record_reader hellos);
    task<bool> take_one_hello(fifo_record_reader& from, const std::string& where, bool& came);
    void count_refused() noexcept;
    void take_hello(const std::string& pair, std::string name);
    task<void> until_room_for_stranger();
    void push_out_stranger();
    void push_out_oldest_stranger() noexcept;

    /// A connection that came; where there is no room for it, it is told so.
    void take(task<result<any_stream>> opening, std::string name, std::string user);
    void take(any_stream over, std::string name, std::string user);
    /// The same where another one of the team may have less to do.
    void take_or_hand_over(unix_stream peer, std::string name, std::string user);
    void take_or_hand_over(tcp_stream peer, std::string name, std::string user);
    void hand_over(std::size_t there, opener open, std::string name, std::string user);
    void begin(task<result<any_stream>> opening, std::string name,
               std::shared_ptr<server_place> place);
    void turn_down(task<result<any_stream>> opening, const std::string& name,
                   std::string why) noexcept;
    void tell_no(task<result<any_stream>> opening, std::string why,
                 goaway_reason reason = goaway_reason::refused) noexcept;
    void refuse_user(const std::string& where, const credentials& who);
    bool is_welcome(const credentials& who, any_stream& stream) const;
    std::size_t next_worker() const;
    std::shared_ptr<server_place> place_for(std::string user, std::size_t worker, std::string& why);
    task<void> live(session_position self, task<result<any_stream>> opening);
    task<void> talk(session_position self, task<result<any_stream>> opening);
    task<bool> check_sender(session& of, any_stream& stream);
    task<std::string> count_for_sender(session& of, any_stream& stream);
    task<void> say_no(task<result<any_stream>> opening, std::string why, goaway_reason reason);
    void met(session_position self) noexcept;
    void gone(session_position self) noexcept;
    void note_end(const session& of, const connection& link);
    void note_end(const session& of, goaway_reason reason, std::string_view text);
    /// A line that `line` makes; none where there is no memory for it.
    template <class Line>
    void warn(const Line& line);
    task<drain_outcome> close_within(clock::duration grace);
    void cut_off() noexcept;
    bool has_work() const { return listening_ > 0 || places_->connections() > 0; }

    server_options options_;
    std::shared_ptr<const connection_options> each_;
    std::shared_ptr<shared_limits> limits_;  // of all connections together
    fair_gate gate_;
    given_handles given_;
    service_table offers_;
    describe_service describes_;
    health_service health_;
    std::unique_ptr<call_statistics> statistics_;
    stats_service stats_;
    std::vector<std::shared_ptr<void>> kept_;

    std::shared_ptr<server_team> team_;  // null for a server that is alone
    std::size_t index_ = 0;              // in the team
    std::shared_ptr<server_places> places_;
    std::list<session> sessions_;  // in the order in which they came
    std::size_t refusals_ = 0;
    std::size_t listening_ = 0;
    bool begun_ = false;  // nothing is offered any more
    bool draining_ = false;

    event room_;     // for a stranger
    event changed_;  // a connection or a listener has gone, or stop() was called
    event over_;     // drained
    drain_outcome outcome_;
    bool stopped_ = false;
    server_counters counters_;
    log_limit lines_;

    task_group connections_;  // use what is above
    task_group listeners_;
};

template <class Line>
void server_state::warn(const Line& line) {
    try {
        lines_.warn(line());
    } catch (...) {  // what goes on is worth more than what is said about it
    }
}

}  // namespace conduit::rpc::detail
