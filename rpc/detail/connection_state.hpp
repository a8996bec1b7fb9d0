// SPDX-License-Identifier: BSL-1.0
//
// What is behind a connection: reader, writer, and the tables of the calls of both sides. Calls
// reach the wire through it; users see connection.hpp.

#pragma once

#include <conduit/channels/any_stream.hpp>
#include <conduit/channels/received_handle.hpp>
#include <conduit/rpc/connection.hpp>
#include <conduit/rpc/detail/call_statistics.hpp>
#include <conduit/rpc/detail/connection_terms.hpp>
#include <conduit/rpc/detail/given_handles.hpp>
#include <conduit/rpc/detail/incoming_call.hpp>
#include <conduit/rpc/detail/out_buffer.hpp>
#include <conduit/rpc/detail/outgoing_call.hpp>
#include <conduit/rpc/detail/outgoing_table.hpp>
#include <conduit/rpc/detail/queue_guard.hpp>
#include <conduit/rpc/detail/shared_limits.hpp>
#include <conduit/rpc/detail/token_bucket.hpp>
#include <conduit/rpc/detail/wire.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/rpc/peer_link.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/lent_buffer.hpp>
#include <conduit/runtime/mutex.hpp>
#include <conduit/runtime/task_group.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace conduit::rpc::detail {

/// Who hands out the calls of a connection, and wants to know of what may change its mind. Nothing
/// may be awaited or destroyed from here.
class connection_watcher {
public:
    /// There may be a place for a call where there was none, or none will come any more.
    virtual void places_changed() noexcept = 0;
    /// END of a call has come, with this status.
    virtual void answered(const outgoing_call& call, std::uint32_t status) noexcept = 0;

protected:
    ~connection_watcher() = default;
};

class connection_state final : public caller, private frame_events {
public:
    connection_state(any_stream over, const service_table* offers, connection_terms terms);
    connection_state(const connection_state&) = delete;
    connection_state& operator=(const connection_state&) = delete;
    ~connection_state() override;

    // For those who open calls.
    bool is_open() const noexcept;
    bool can_open(const method_row& method) const noexcept;
    connection_state* ready(const method_row& method) noexcept override {
        return can_open(method) ? this : nullptr;
    }
    task<connection_state*> until_ready(const method_row& method) override;
    /// How many more calls could be opened at once.
    std::size_t free_places() const noexcept;
    /// One at a time, which takes itself out with null before it goes.
    void watch(connection_watcher* by) noexcept { watcher_ = by; }
    /// Whether the other side wants no more calls, and when it said to come back.
    bool peer_is_draining() const noexcept { return peer_draining_; }
    std::optional<std::chrono::milliseconds> peer_comes_back_after() const noexcept {
        return come_back_after_;
    }

    // For calls.
    out_buffer& output() noexcept { return output_; }
    /// Something was put into the output.
    void wake_writer() noexcept {
        if (!work_.is_set()) work_.set();
    }
    /// The same, of a call that put so many bytes there.
    void call_launched(std::size_t bytes) noexcept {
        usual_size_ = std::max(bytes, usual_size_ - usual_size_ / 16);
        wake_writer();
    }
    bool has_room() const noexcept { return !is_over() && output_.size() < options_->output_max(); }
    void wait_for_room(message_outlet& outlet) noexcept;
    void forget_room(message_outlet& outlet) noexcept;
    void add_large(message_outlet& outlet) noexcept;
    /// Memory for a message that is sent for the peer in pieces. False where it must wait: others
    /// are held, and it does not fit beside them. One alone is held however long it is.
    bool hold_large(std::size_t bytes) noexcept;
    void release_large(std::size_t bytes) noexcept;
    /// Of messages in pieces, so far.
    std::uint64_t pieces_sent() const noexcept { return pieces_sent_; }
    void piece_sent() noexcept { ++pieces_sent_; }
    std::chrono::milliseconds progress_within() const noexcept {
        return options_->progress_within();
    }
    /// What the peer takes; outlives the connection where something is charged to it.
    const std::shared_ptr<limits_account>& account() const noexcept { return account_; }
    /// So many frames may come about a call that ends here before the peer can know of it.
    void expect_late(std::uint32_t frames) noexcept { late_frames_ += frames; }
    const wire_limits& theirs() const noexcept { return theirs_; }
    const wire_limits& ours() const noexcept { return ours_; }
    bool greeted() const noexcept { return greeted_.is_set(); }
    outgoing_table& made() noexcept { return made_; }
    std::uint32_t next_sequence() noexcept { return opened_++; }
    /// The alias of a method, and whether the peer must be told its name.
    struct alias {
        std::uint32_t number;
        bool is_new;
    };
    alias alias_of(const method_row& method);
    void alias_sent(const method_row& method);
    void call_abandoned(std::uint32_t number) noexcept;
    void call_ended() noexcept;                               // an outgoing one has its END
    void served(std::uint32_t stream, bool useful) noexcept;  // an incoming one is gone
    /// `name` is not copied: that of a method lives as long as what is offered.
    void start(job_coroutine<void> procedure, std::string_view name) noexcept {
        procedures_.start(procedure, name);
    }
    clock::time_point begin_run() const noexcept;
    void end_run(clock::time_point at) noexcept {
        last_end_ = at;
        if (gate_ != nullptr) gate_->note_end(at);
    }
    /// Lets the users of a server take turns; null where it is none of a server.
    fair_gate* gate() const noexcept { return gate_; }
    turn_queue& turns() const noexcept { return account_->user()->turns; }
    /// Guards the server against a queue of calls; null where it is none of a server.
    queue_guard* queue() const noexcept {
        return account_->user() != nullptr ? &account_->user()->all().queue : nullptr;
    }
    const std::vector<std::shared_ptr<serving_interceptor>>& serving() const noexcept {
        return options_->serving();
    }
    const std::vector<std::shared_ptr<calling_interceptor>>& calling() const noexcept {
        return options_->calling();
    }
    const std::optional<credentials>& peer() const noexcept { return peer_; }
    const std::string& peer_name() const noexcept { return peer_name_; }
    result<unique_fd> peer_process() { return stream_.peer_process(); }
    /// For those who want to know of this connection when their call has ended.
    std::shared_ptr<peer_link> link();
    void ping() { send_ping(); }
    /// For whoever holds the link, and knows why; nothing that the log has to speak of.
    void end_on_request(std::string why) { end(goaway_reason::shutdown, std::move(why)); }
    connection_counters& counters() noexcept { return counters_; }
    /// Something is refused for a limit, which is counted where somebody counts.
    void hit(limit which) noexcept {
        if (statistics_ != nullptr) statistics_->hit(which);
    }
    std::size_t handles_max() const noexcept;
    bool takes_handles(std::size_t count) const noexcept { return count <= handles_max(); }
    /// Whether a result may bring handles, or others were not received yet.
    bool may_give() noexcept { return !giving_.is_locked() && has_room_for_handles(); }
    /// Waits until then, first come, first served. Nothing tells when a peer reads, so that is
    /// looked at.
    task<result<scoped_lock>> until_may_give();
    /// Handles of a result are to be attached to the output: charged until they were received.
    /// Yields as how many; none where nobody can say when that is.
    std::size_t charge_given(std::size_t handles) noexcept;
    /// They were not attached.
    void release_given(std::size_t charged) noexcept {
        account_->give_back(resource::given, charged);
    }
    /// What is to be thrown where it does not.
    fault handles_fault(std::string_view of, std::size_t count) const;

    // For the connection.
    event& greeted_event() noexcept { return greeted_; }
    event& down_event() noexcept { return down_event_; }
    bool is_down() const noexcept { return down_; }
    /// Down, or going: nothing is sent for calls any more.
    bool is_over() const noexcept { return ending_ || down_; }
    const std::optional<wire_fault>& why() const noexcept { return why_; }
    task<void> drain();
    void start_draining();
    void turn_away(std::string why) { end(goaway_reason::refused, std::move(why)); }
    task<void> until_ended();
    void close_now() noexcept;
    /// What the peer must be told cannot be said: the connection goes down without a word, as soon
    /// as whoever runs has suspended.
    void give_up() noexcept;
    std::size_t served_now() const noexcept { return account_->taken(resource::calls); }

private:
    struct incoming_entry {
        incoming_call* call = nullptr;
        std::unique_ptr<incoming_call> gathering;  // its parameter list is not complete
        const service_table::bound_method* bound = nullptr;
    };

    bool on_settings(const wire_settings& theirs) override;
    bool on_open(const open_event& event) override;
    bool on_data(const data_event& event) override;
    bool on_end(const end_event& event) override;
    bool on_cancel(std::uint32_t stream, std::uint32_t status) override;
    bool on_credit(std::uint32_t stream, bool ours, std::uint32_t bytes) override;
    bool on_ping(std::uint64_t value) override;
    bool on_pong(std::uint64_t value) override;
    bool on_goaway(const goaway_event& event) override;
    bool on_ignored(const frame_header& header) override;

    job_coroutine<void> read();
    enum class reading : std::uint8_t { begins, lent, in_place, copies, ended };
    task<reading> read_otherwise(reading how);
    task<reading> read_in_place();
    reading next_reading() const noexcept;
    task<void> read_copied();
    job_coroutine<void> write();
    task<void> write_output();
    task<result<std::size_t>> write_some();
    task<void> finish_writing();
    task<void> force_down();
    task<void> expect_greeting(clock::time_point came);
    void send_ping();
    task<void> keep_alive(clock::duration wished);
    task<void> watch_abandoned();
    task<void> watch_frame();
    void arrived(std::span<const std::byte> bytes, ancillary_data* along);
    /// The handles that came along are taken, or end the connection.
    bool let_in(ancillary_data& along);
    void after_arrival();
    reading arrived(const result<lent_buffer>& got);
    void reading_ended(std::error_code why) noexcept;
    void writing_failed(std::error_code why) noexcept;
    void owner_stopped() noexcept;
    void out_of_memory() noexcept;
    std::string break_text(std::error_code why);

    struct their_alias {
        const service_table::bound_method* bound = nullptr;
        method_statistics* counts = nullptr;  // null where nobody counts
        bool named = false;
    };
    their_alias* alias_in(const open_event& event);
    bool open_named(const open_event& event, const their_alias& called,
                    std::vector<unique_fd> handles);
    bool open_known(const open_event& event, const their_alias& called,
                    std::vector<unique_fd> handles);
    bool begin_gathering(const open_event& event, std::unique_ptr<incoming_call> call,
                         const service_table::bound_method& bound);
    bool gathered(incoming_entry& entry, std::uint32_t stream);
    bool data_of_ours(const data_event& event, std::vector<unique_fd> handles);
    bool data_of_theirs(const data_event& event, std::vector<unique_fd> handles);
    message_inlet::verdict take_message(message_inlet& inlet, const message_piece& piece,
                                        std::vector<unique_fd> handles);
    std::string refusal_text(message_inlet::verdict said, const message_piece& piece) const;
    bool flow_error(message_inlet::verdict said, std::uint32_t stream);
    bool second_result(const outgoing_call& call);
    std::exception_ptr refused_result(const outgoing_call& call, std::size_t size);
    bool refuse_open(std::uint32_t stream, status code, std::string_view text);
    incoming_entry* incoming(std::uint32_t stream) noexcept;
    std::optional<std::vector<unique_fd>> take_handles(std::uint16_t count);
    bool skip_frame();

    /// The connection ends: the peer is told why, what was written is flushed, then it is down.
    bool end(goaway_reason reason, std::string text);
    /// The same for a limit.
    bool end_for(limit which, goaway_reason reason, std::string text) {
        if (!is_over()) hit(which);
        return end(reason, std::move(text));
    }
    /// It is down: everything that waits for it learns so.
    void go_down(goaway_reason reason, std::string_view text) noexcept;
    void stop_calls() noexcept;
    bool has_room_for_handles() noexcept;
    void close_stream() noexcept;
    /// Null where this is no connection of a server.
    given_handles* given_by_all() const noexcept {
        return account_->user() != nullptr ? account_->user()->all().given : nullptr;
    }
    bool may_have_begun(const outgoing_call& call) const noexcept;
    void fill_output();
    void make_room_known() noexcept;
    void admit() noexcept;
    bool calls_may_cross() const noexcept;
    bool is_quiet() const noexcept;
    void note_quiet() noexcept;
    bool has_peer_ended() const noexcept { return peer_ended_; }
    bool may_none_cross() const noexcept { return is_over() || answered_; }
    bool may_end() const noexcept { return is_over() || is_quiet(); }
    bool is_none_abandoned() const noexcept { return is_over() || made_.abandoned() == 0; }
    task<std::error_code> until(bool (connection_state::*is_so)() const noexcept,
                                clock::time_point latest);

    any_stream stream_;
    const service_table* offers_;
    std::shared_ptr<const connection_options> options_;
    call_statistics* statistics_;
    std::shared_ptr<limits_account> account_;
    fair_gate* gate_ = nullptr;
    wire_limits ours_;
    wire_limits theirs_;
    frame_reader reader_;
    out_buffer output_;
    std::unique_ptr<given_of_connection> given_;  // once a result brought a handle
    mutex giving_;                                // of those that wait to bring some

    outgoing_table made_;
    std::uint32_t opened_ = 0;
    std::vector<const method_row*> aliases_;  // ours, by number
    /// Stands for a row that was made at run time, which may go before the connection.
    struct named_row {
        explicit named_row(std::string_view full_name) : name(full_name) { row.full_name = name; }
        named_row(const named_row&) = delete;

        std::string name;
        method_row row;
    };
    std::vector<std::unique_ptr<named_row>> named_rows_;
    intrusive_list<operation, in_queue> openers_;
    class open_operation;
    /// What those who waited may still ask, whose tasks run when the connection is no more.
    struct afterlife {
        bool gone = false;
        std::string why;
    };
    std::shared_ptr<afterlife> afterlife_;  // once somebody has waited
    std::size_t promised_ = 0;              // numbers, to openers that were woken
    std::size_t usual_size_ = 0;  // of calls in the output: the longest, and less with each other

    std::vector<incoming_entry> incoming_;
    std::vector<their_alias> their_aliases_;
    std::uint32_t opens_seen_ = 0;
    clock::time_point last_end_{};

    handle_gate handle_gate_;
    std::vector<unique_fd> handles_;  // arrived, and not taken by a frame
    std::vector<message_outlet*> room_waiters_;
    intrusive_list<message_outlet, with_large_message> large_;
    std::uint64_t pieces_sent_ = 0;

    token_bucket cancels_{1000, 33};
    token_bucket glitches_{10'000, 330};
    std::uint64_t late_frames_ = 0;  // that are no glitches
    token_bucket pings_{1000, 33};
    std::optional<std::uint64_t> pong_;
    std::uint64_t pings_sent_ = 0;
    std::uint64_t last_ping_ = 0;  // behind the GOAWAY that says that this side drains; 0: none

    event work_;     // for the writer
    event greeted_;  // the peer's settings have come
    event moved_;    // what those wait for who end it may have come
    event down_event_;
    connection_watcher* watcher_ = nullptr;
    std::shared_ptr<peer_link> link_;  // once somebody asked for it
    std::optional<wire_fault> why_;
    std::optional<std::chrono::milliseconds> come_back_after_;
    std::optional<credentials> peer_;
    std::string peer_name_;
    connection_counters counters_;
    bool answered_ = false;       // that last ping
    bool peer_ended_ = false;     // nothing more comes
    bool draining_ = false;       // this side opens no more
    bool peer_draining_ = false;  // nor does the other want it
    bool ending_ = false;
    bool down_ = false;
    bool watching_abandoned_ = false;
    bool watching_frame_ = false;
    bool none_crosses_ = false;  // no call of the peer is on its way that may be begun
    std::optional<std::uint32_t> not_begun_from_;  // as the peer's last GOAWAY said
    bool peer_goes_ = false;                       // and has said its last word

    task_group procedures_;  // use what is above
    task_group tasks_;
};

/// Waits for a free number and room in the output, first come, first served.
class connection_state::open_operation final : public operation {
public:
    explicit open_operation(connection_state& on) noexcept : on_(&on), afterlife_(on.afterlife_) {}
    open_operation(open_operation&&) noexcept = default;
    ~open_operation();

    const char* name() const noexcept override { return "rpc open"; }
    void cancel() noexcept override { complete(cancelled_outcome); }
    /// A zero code when there is a number and room, or the connection has gone.
    std::error_code await_resume() noexcept;

private:
    progress start() override;

    connection_state* on_;
    std::shared_ptr<const afterlife> afterlife_;
};

}  // namespace conduit::rpc::detail
