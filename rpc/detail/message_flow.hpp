// SPDX-License-Identifier: BSL-1.0
//
// The messages of one direction of a call: what a message_outlet sends arrives at the message_inlet
// at the other side, paced by credit. Parameter lists and single results that fit into one frame
// need neither; see outgoing_call.hpp and incoming_call.hpp.
//
//     auto may = co_await outlet.until_ready();               // credit, and room in the output
//     if (!may) co_return;                                    // the call is over or was stopped
//     encode_fields(outlet.begin(size), outlet.handles(), item);
//     outlet.send();
//
//     while (true) {
//         auto came = co_await inlet.next();                  // result<bool>
//         if (!came || !*came) break;
//         decode_fields(inlet.front().bytes, limits, inlet.front().handles, item);
//         inlet.pop();                                        // its credit goes back
//     }

#pragma once

#include <conduit/channels/kept_bytes.hpp>
#include <conduit/rpc/detail/wire.hpp>
#include <conduit/runtime/intrusive_list.hpp>
#include <conduit/runtime/operation.hpp>
#include <conduit/runtime/pooled_block.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace conduit::rpc::detail {

class connection_state;
class limits_account;

/// How many CREDITs may be on their way for a call that has ended: they give half a window each.
inline constexpr std::uint32_t late_credits = 4;

struct with_large_message;  // tag: an outlet that has pieces to send

/// A message where it arrived: valid until the call that handed it over returns, or until pop().
struct received_message {
    std::span<const std::byte> bytes;
    std::span<unique_fd> handles;
};

/// A whole message that is to be sent in pieces.
struct large_message {
    explicit large_message(std::size_t whole) : bytes(whole), size(whole) {}

    pooled_block bytes;
    std::size_t size;
    std::size_t sent = 0;
    bool last = false;
    std::vector<unique_fd> handles;  // with the last piece
    std::size_t charged = 0;         // for those
};

/// Sends the messages of a call. One task at a time; belongs to its call, which outlives it.
class message_outlet : public list_hook<with_large_message> {
public:
    /// `stream` as this side writes it, with receivers_stream where the peer opened the call.
    message_outlet(connection_state& on, std::uint32_t stream, std::uint32_t window) noexcept
        : on_(&on), credit_(window), stream_(stream) {}
    message_outlet(const message_outlet&) = delete;
    message_outlet& operator=(const message_outlet&) = delete;
    ~message_outlet();

    class wait_operation;
    /// Waits until a message of `size` bytes may be begun. Fails with errc::closed when the call is
    /// over or the connection down, and with errc::cancelled or errc::timed_out when this wait was
    /// ended. What is sent for the peer's calls in pieces is kept until the peer takes it, so
    /// there it waits for memory as well, which is then charged.
    wait_operation until_ready(std::size_t size = 0) noexcept;
    bool is_ready(std::size_t size = 0) noexcept;
    /// Waits until a message that goes in pieces has left; fails likewise. Before END.
    wait_operation until_sent() noexcept;

    /// Where to write a message of `size` bytes, all of it, before anything else is sent on the
    /// connection; then send(). Handles that go with it are put into handles() meanwhile.
    std::byte* begin(std::size_t size);
    std::vector<unique_fd>& handles() noexcept { return handles_; }
    /// Throws fault(failed_precondition), having sent nothing, for handles where the connection
    /// takes none, or not so many.
    void send(bool last = false);
    /// Instead of send(): nothing was begun.
    void take_back() noexcept;

    /// Says that no further message comes, where the last one was not sent as such.
    void finish();

    /// The call is over: whoever waits learns errc::closed.
    void close() noexcept;
    bool is_closed() const noexcept { return closed_; }
    /// Of messages, encoded, so far.
    std::uint64_t bytes_sent() const noexcept { return bytes_sent_; }
    /// Of a message that goes in pieces, what has left and how long it is; zeros where none goes.
    std::pair<std::size_t, std::size_t> pieces_sent() const noexcept {
        return large_ ? std::pair(large_->sent, large_->size)
                      : std::pair<std::size_t, std::size_t>();
    }

    // For the connection.
    void room_came() noexcept;
    bool add_credit(std::uint32_t bytes) noexcept;  // false: more than there can be
    bool has_pieces() const noexcept { return large_ != nullptr && credit_ > 0; }
    void send_piece();
    void begin_large(std::unique_ptr<large_message> message) noexcept;
    void wake_if_ready() noexcept;

private:
    friend class wait_operation;

    void write_header(std::byte* at, std::size_t size, std::uint8_t flags, std::uint64_t position,
                      std::vector<unique_fd> handles, std::size_t charged);
    bool is_large(std::size_t size) const noexcept;
    bool has_memory_for(std::size_t size) noexcept;
    void drop_large() noexcept;

    connection_state* on_;
    std::int64_t credit_;
    std::uint32_t stream_;
    bool closed_ = false;
    bool finished_ = false;
    bool waits_for_room_ = false;
    std::byte* header_ = nullptr;  // of the message that was begun
    std::size_t begun_size_ = 0;
    std::uint64_t bytes_sent_ = 0;
    std::size_t charged_ = 0;  // for large_, or for one that is to be begun
    wait_operation* waiting_ = nullptr;
    std::vector<unique_fd> handles_;
    std::unique_ptr<large_message> large_;
};

class message_outlet::wait_operation final : public operation {
public:
    enum class goal : std::uint8_t { ready, sent };

    wait_operation(message_outlet& awaited, goal until, std::size_t size = 0) noexcept
        : outlet_(&awaited), size_(size), until_(until) {}
    wait_operation(wait_operation&&) noexcept = default;
    ~wait_operation();

    const char* name() const noexcept override { return "rpc send"; }
    void cancel() noexcept override;
    result<void> await_resume() const;

private:
    friend class message_outlet;
    progress start() override;
    bool is_reached() const noexcept;
    bool waits_for_room() const noexcept;

    message_outlet* outlet_;
    std::size_t size_;
    goal until_;
};

inline message_outlet::wait_operation message_outlet::until_ready(std::size_t size) noexcept {
    return wait_operation(*this, wait_operation::goal::ready, size);
}
inline message_outlet::wait_operation message_outlet::until_sent() noexcept {
    return wait_operation(*this, wait_operation::goal::sent);
}

/// Queues the messages of a call until they are taken. One task at a time; belongs to its call.
class message_inlet {
public:
    /// Throws std::bad_alloc.
    message_inlet(connection_state& on, std::uint32_t stream, std::uint32_t window);
    message_inlet(const message_inlet&) = delete;
    message_inlet& operator=(const message_inlet&) = delete;
    ~message_inlet();

    class next_operation;
    /// Waits for a message: true when front() is one, false at the end of them, also where the call
    /// has failed. Fails with errc::cancelled or errc::timed_out when this wait was ended; nothing
    /// is lost then.
    next_operation next() noexcept;

    /// The oldest message. To be called after next() said true, until pop().
    received_message front() noexcept;
    void pop() noexcept;
    /// Nothing of front() is charged any more: it is about to be decoded and popped.
    void release_front() noexcept;

    // For the connection.
    enum class verdict : std::uint8_t { taken, too_long, no_memory, no_handles, no_credit, misfit };
    enum class origin : std::uint8_t { data, open };  // what comes in OPEN costs no credit
    verdict take(const message_piece& piece, std::vector<unique_fd> handles, origin from);
    bool has_message() const noexcept { return has_front(); }
    /// Whether the last message has come in part.
    bool is_amid() const noexcept { return missing_ != 0; }
    /// How many the peer may still send at most, by the credit it has.
    std::uint32_t messages_to_come() const noexcept;
    /// No more comes, and what came in part is dropped. The connection may go before the rest is
    /// read; it stays charged until then.
    void end(std::exception_ptr why = nullptr) noexcept;
    /// Why it ended before its time, or null.
    const std::exception_ptr& failure() const noexcept { return failure_; }

private:
    friend class next_operation;
    struct message {
        std::vector<unique_fd> handles;
        std::size_t handles_charged = 0;
        std::uint32_t size = 0;
        bool cut = false;  // its credit was given when it began
        bool charged = false;

        /// Of one that is cut; whole ones are bounded by their credit.
        static std::size_t cost_of(std::size_t bytes) noexcept { return bytes + sizeof(message); }
    };
    bool has_front() const noexcept { return whole_ > 0; }
    bool fits(const message_piece& piece, bool first) const noexcept;
    void keep(const message_piece& piece, bool first, std::vector<unique_fd> handles);
    bool charge_overdraft() noexcept;
    void give_credit(std::uint32_t bytes);
    void wake() noexcept;
    void drop_piece() noexcept;
    void release(std::size_t& charged, std::size_t bytes) noexcept;

    connection_state* on_;  // null when it has ended
    std::shared_ptr<limits_account> account_;
    std::uint32_t stream_;
    std::uint32_t window_;
    std::int64_t allowed_;       // what the peer may still send
    std::uint32_t owed_ = 0;     // consumed, and not yet given back as credit
    std::size_t reserved_ = 0;   // charged to the connection, for messages that are cut
    std::size_t overdrawn_ = 0;  // and for what the last whole one had beyond its credit
    kept_bytes bytes_;           // of the messages in messages_
    std::deque<message> messages_;
    std::size_t whole_ = 0;      // how many of them have come in full
    std::uint32_t missing_ = 0;  // of the last one
    next_operation* waiting_ = nullptr;
    std::exception_ptr failure_;
    bool ended_ = false;
};

class message_inlet::next_operation final : public operation {
public:
    explicit next_operation(message_inlet& awaited) noexcept : inlet_(&awaited) {}
    next_operation(next_operation&&) noexcept = default;
    ~next_operation();

    const char* name() const noexcept override { return "rpc receive"; }
    void cancel() noexcept override;
    result<bool> await_resume() const;

private:
    progress start() override;

    message_inlet* inlet_;
};

inline message_inlet::next_operation message_inlet::next() noexcept {
    return next_operation(*this);
}

}  // namespace conduit::rpc::detail
