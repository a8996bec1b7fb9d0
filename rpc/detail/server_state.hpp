// SPDX-License-Identifier: BSL-1.0
//
// What is behind a server: its listeners and its connections, each a task. Users see server.hpp.

#pragma once

#include <conduit/channels/address.hpp>
#include <conduit/channels/any_stream.hpp>
#include <conduit/channels/fifo_record_reader.hpp>
#include <conduit/channels/listen_fds.hpp>
#include <conduit/rpc/connection.hpp>
#include <conduit/rpc/describe.hpp>
#include <conduit/rpc/detail/call_statistics.hpp>
#include <conduit/rpc/detail/log_limit.hpp>
#include <conduit/rpc/detail/shared_limits.hpp>
#include <conduit/rpc/health.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/rpc/stats.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/task_group.hpp>

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace conduit::rpc::detail {

class server_state {
public:
    explicit server_state(server_options options);
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

    task<void> run();
    void stop() noexcept;
    task<std::error_code> until_left();
    task<void> drain();

    std::size_t connections_now() const noexcept { return sessions_.size(); }
    std::size_t calls_served_now() const noexcept;
    server_counters counters() const;
    server_stats stats() const;
    void set_health(std::string service, health_state state) {
        health_.set(std::move(service), state);
    }

private:
    /// One connection, from when it came until it is gone.
    struct session {
        std::string name;
        std::string user;            // who connected, for people; empty where nobody knows
        connection* link = nullptr;  // once it is there
        bool is_stranger = true;     // has not said who it is
        std::optional<child<void>> running;
    };
    using session_position = std::list<session>::iterator;
    class session_guard;

    /// Nothing is offered any more.
    void begin();
    void listen_at_unix(const address& where);
    task<address> listen_at_tcp(address where);
    task<void> listen_at_fifo(address where);
    void serve_standard_streams();
    void listen_at(listen_fd inherited);

    template <class Listener>
    task<void> accept_from(Listener listener, std::string name);
    task<void> take_hellos(std::string path, fifo_record_reader hellos);
    task<void> until_room_for_stranger();
    void push_out_oldest_stranger() noexcept;

    /// A connection that came; where there is no room for it, it is told so.
    void take(task<result<any_stream>> opening, std::string name, std::string user);
    void take(any_stream over, std::string name, std::string user);
    /// Which limit was reached; empty where there is room.
    std::string no_room_for(const std::string& user);
    task<void> live(session_position self, task<result<any_stream>> opening);
    task<void> talk(session_position self, task<result<any_stream>> opening);
    connection_options limits_of(const session& one) const;
    task<bool> check_sender(session& of, any_stream& stream);
    task<void> say_no(task<result<any_stream>> opening, std::string why);
    void met(session_position self) noexcept;
    void gone(session_position self) noexcept;
    void note_end(const session& of, const connection& link);
    void note_end(const session& of, goaway_reason reason, const std::string& text);
    task<void> close_within(clock::duration grace);
    bool has_work() const noexcept { return listening_ > 0 || !sessions_.empty(); }

    server_options options_;
    connection_options each_;
    std::shared_ptr<shared_limits> limits_;  // of all connections together
    fair_gate gate_;
    service_table offers_;
    describe_service describes_;
    health_service health_;
    std::shared_ptr<call_statistics> statistics_;
    stats_service stats_;
    std::vector<std::shared_ptr<void>> kept_;

    std::list<session> sessions_;                 // in the order in which they came
    std::map<std::string, std::size_t> of_user_;  // connections
    std::size_t strangers_ = 0;
    std::size_t refusals_ = 0;
    std::size_t listening_ = 0;
    bool begun_ = false;  // nothing is offered any more
    bool draining_ = false;

    event room_;     // for a stranger
    event changed_;  // a connection or a listener has gone, or stop() was called
    event over_;     // drained
    bool stopped_ = false;
    server_counters counters_;
    log_limit lines_;

    task_group connections_;  // use what is above
    task_group listeners_;
};

}  // namespace conduit::rpc::detail
