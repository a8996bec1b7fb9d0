// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/detail/busy_mark.hpp>
#include <conduit/channels/detail/tls_engine.hpp>
#include <conduit/channels/tls_stream.hpp>
#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/within.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <new>

namespace conduit {
namespace {

using namespace std::chrono_literals;

constexpr clock::duration parting_time = 1s;
constexpr std::size_t discarded_max = std::size_t{64} * 1024;
/// What one write takes at most, and so what an end that is not read keeps of it.
constexpr std::size_t burst_max = std::size_t{64} * 1024;
/// Of a record that lacks so much the rest is read in one piece, and what follows with it.
constexpr std::size_t worth_a_buffer = 2048;
constexpr std::size_t busy_room = std::size_t{32} * 1024;
constexpr std::size_t idle_room = 1024;
/// A peer may ask for new keys as often as it likes, and each time gets an answer.
constexpr std::size_t answers_max = std::size_t{16} * 1024;

bool is_stop(std::error_code why) noexcept {
    return why == errc::cancelled || why == errc::timed_out;
}

/// Says where the context is in which something waits for the transport, for close() to end it.
class waiting_setup {
public:
    explicit waiting_setup(context*& place) noexcept : place_(&place) {}
    waiting_setup(waiting_setup&& other) noexcept : place_(other.place_) {}
    ~waiting_setup() { leave(); }

    void prepare(context& inner, context& outer) noexcept {
        inner.attach_lazily(outer, clock::duration::max(), clock::time_point::max());
        *place_ = &inner;
        is_there_ = true;
    }
    void leave() noexcept {
        if (is_there_) *place_ = nullptr;
        is_there_ = false;
    }

private:
    context** place_;
    bool is_there_ = false;
};

template <class Awaitable>
context_awaiter<waiting_setup, Awaitable> waiting_at(context*& place, Awaitable&& work) {
    return {waiting_setup(place), std::forward<Awaitable>(work)};
}

std::error_code already_closed() noexcept {
    return std::make_error_code(std::errc::bad_file_descriptor);
}

}  // namespace

/// What is behind a stream. Operations own it as well, so that the stream may go before them.
class tls_session : public std::enable_shared_from_this<tls_session> {
public:
    tls_session(any_stream over, const tls_context& context, std::string_view name)
        : over_(std::move(over)), engine_(context, name), is_server_(context.is_server()) {}
    tls_session(const tls_session&) = delete;
    tls_session& operator=(const tls_session&) = delete;

    static task<result<tls_stream>> begin(std::shared_ptr<tls_session> self, std::string* why);
    static task<result<std::size_t>> read(std::shared_ptr<tls_session> self,
                                          std::span<std::byte> buffer);
    static task<result<lent_buffer>> read_lent(std::shared_ptr<tls_session> self);
    static task<result<std::size_t>> write(std::shared_ptr<tls_session> self,
                                           std::span<const std::byte> bytes);
    static task<result<void>> end_writing(std::shared_ptr<tls_session> self);

    void close() noexcept;
    bool is_open() const noexcept { return !closed_; }
    const tls_engine& engine() const noexcept { return engine_; }

private:
    class pushing;

    task<std::error_code> shake_hands();
    task<std::error_code> fetch();
    task<> discard();

    bool has_unsent() const noexcept { return engine_.has_output() || !sending_.empty(); }
    task<std::error_code> flush();
    task<std::error_code> push();
    void flush_later();
    task<> flush_in_background();
    task<result<void>> end_transport();
    void note_answers(std::size_t before);

    bool has_last_words() const noexcept;
    static task<> part(std::shared_ptr<tls_session> self);
    task<> say_last_words();

    any_stream over_;
    tls_engine engine_;
    std::vector<std::byte> sending_;  // taken out of the engine; must not move while it is written
    std::size_t sent_ = 0;            // of it
    std::size_t answers_ = 0;         // bytes, since all was sent
    std::error_code write_error_;
    context* fetching_at_ = nullptr;
    context* pushing_at_ = nullptr;
    event pushed_;  // nobody writes to the transport any more
    bool is_server_;
    bool lends_ = true;  // the transport does
    bool pushing_ = false;
    bool reading_ = false;
    bool writing_ = false;
    bool ending_ = false;  // nothing more is written here
    bool transport_ended_ = false;
    bool in_background_ = false;
    bool closed_ = false;
    std::unique_ptr<task_group> background_;  // uses what is above
};

// --- the handshake ------------------------------------------------------------------------------

task<result<tls_stream>> tls_session::begin(std::shared_ptr<tls_session> self, std::string* why) {
    const std::shared_ptr<tls_session> own = std::move(self);
    const std::error_code failed = co_await own->shake_hands();
    if (!failed) co_return tls_stream(own);
    if (why != nullptr) *why = own->engine_.failure() ? own->engine_.why() : failed.message();
    if (own->is_server_ && own->engine_.failure()) {
        // Closing now could take the alert back, which the client has not read yet.
        auto ended = co_await own->end_transport();
        if (ended) co_await within(parting_time, own->discard());
    }
    own->closed_ = true;
    own->over_.close();
    co_return failed;
}

task<std::error_code> tls_session::shake_hands() {
    for (;;) {
        const auto reached = engine_.shake_hands();
        const std::error_code unsent = co_await flush();
        if (reached == tls_engine::progress::failed) co_return engine_.failure();
        if (unsent || reached == tls_engine::progress::done) co_return unsent;
        const std::error_code ended = co_await fetch();
        if (ended) co_return ended;
    }
}

/// Reads what comes, to its end, and forgets it.
task<> tls_session::discard() {
    std::array<std::byte, 1024> ignored{};
    std::size_t left = discarded_max;
    while (left > 0) {
        auto got = co_await over_.read_some(std::span(ignored));
        if (!got || *got == 0) co_return;
        left -= std::min(left, *got);
    }
}

// --- reading ------------------------------------------------------------------------------------

/// Waits for more from the transport, or its end. While it waits nothing is kept for it, unless a
/// large record has begun.
task<std::error_code> tls_session::fetch() {
    const bool is_large = engine_.missing() >= worth_a_buffer;
    if (lends_ && !is_large) {
        auto lent = co_await over_.receive_lent();
        if (lent.error() == std::errc::not_supported) {
            lends_ = false;
            co_return std::error_code();
        }
        if (!lent) co_return lent.error();
        if (lent->empty()) engine_.input_ended();
        engine_.came(lent->bytes());
        co_return std::error_code();
    }
    const std::size_t room = is_large ? busy_room : idle_room;
    auto got = co_await over_.read_some(engine_.input_room(room));
    engine_.came(got ? *got : 0);
    if (!got) co_return got.error();
    if (*got == 0) engine_.input_ended();
    co_return std::error_code();
}

task<result<std::size_t>> tls_session::read(std::shared_ptr<tls_session> self,
                                            std::span<std::byte> buffer) {
    const std::shared_ptr<tls_session> own = std::move(self);
    const busy_mark mark(own->reading_, "one read of a TLS stream at a time");
    if (own->closed_) co_return already_closed();
    for (;;) {
        const std::size_t before = own->engine_.output_size();
        const auto got = own->engine_.read(buffer);
        own->note_answers(before);
        if (got) co_return *got;
        const std::error_code ended = co_await waiting_at(own->fetching_at_, own->fetch());
        if (own->closed_) co_return make_error_code(errc::cancelled);
        if (ended) co_return ended;
    }
}

task<result<lent_buffer>> tls_session::read_lent(std::shared_ptr<tls_session> self) {
    const std::shared_ptr<tls_session> own = std::move(self);
    const busy_mark mark(own->reading_, "one read of a TLS stream at a time");
    if (own->closed_) co_return already_closed();
    for (;;) {
        const std::size_t before = own->engine_.output_size();
        auto got = own->engine_.read_lent();
        own->note_answers(before);
        if (got) co_return std::move(*got);
        const std::error_code ended = co_await waiting_at(own->fetching_at_, own->fetch());
        if (own->closed_) co_return make_error_code(errc::cancelled);
        if (ended) co_return ended;
    }
}

/// What reading has put into the output goes out while nobody waits for it.
void tls_session::note_answers(std::size_t before) {
    const std::size_t after = engine_.output_size();
    if (after <= before) return;
    answers_ = has_unsent() ? answers_ + after - before : 0;
    if (answers_ > answers_max) {
        engine_.fail(tls_errc::too_many_answers, std::to_string(answers_) +
                                                     " bytes of them wait, of at most " +
                                                     std::to_string(answers_max) + ": answers_max");
    }
    flush_later();
}

// --- writing ------------------------------------------------------------------------------------

/// The transport is being written to. One that is destroyed while it waits leaves it unknown how
/// much of a record went out.
class tls_session::pushing {
public:
    explicit pushing(tls_session& of) noexcept : of_(of) { of_.pushing_ = true; }
    pushing(const pushing&) = delete;
    pushing& operator=(const pushing&) = delete;
    ~pushing() {
        of_.pushing_ = false;
        if (!ended_) of_.write_error_ = std::make_error_code(std::errc::io_error);
        of_.pushed_.set();
    }
    void ended() noexcept { ended_ = true; }

private:
    tls_session& of_;
    bool ended_ = false;
};

/// Waits until the transport has taken all there is. Yields why it did not: after a stop it is
/// there still.
task<std::error_code> tls_session::flush() {
    while (!write_error_ && has_unsent()) {
        std::error_code stopped;
        if (pushing_) {
            pushed_.reset();
            stopped = co_await pushed_.wait();
        } else {
            stopped = co_await push();
        }
        if (stopped) co_return stopped;
    }
    if (!has_unsent()) answers_ = 0;
    co_return write_error_;
}

task<std::error_code> tls_session::push() {
    pushing mark(*this);
    if (sending_.empty()) {
        sending_ = engine_.take_output();
        sent_ = 0;
    }
    const auto rest = std::span<const std::byte>(sending_).subspan(sent_);
    auto sent = co_await waiting_at(pushing_at_, over_.write_some(rest));
    mark.ended();
    if (sent) {
        sent_ += *sent;
        if (sent_ == sending_.size()) std::vector<std::byte>().swap(sending_);
        co_return std::error_code();
    }
    if (!is_stop(sent.error())) write_error_ = sent.error();
    co_return sent.error();
}

task<result<std::size_t>> tls_session::write(std::shared_ptr<tls_session> self,
                                             std::span<const std::byte> bytes) {
    const std::shared_ptr<tls_session> own = std::move(self);
    const busy_mark mark(own->writing_, "one write of a TLS stream at a time");
    if (own->closed_) co_return already_closed();
    if (own->ending_) co_return std::make_error_code(std::errc::broken_pipe);
    if (bytes.empty()) co_return std::size_t{0};
    if (own->has_unsent() || own->write_error_) {
        const std::error_code stopped = co_await own->flush();
        if (own->closed_) co_return make_error_code(errc::cancelled);
        if (stopped) co_return stopped;
    }
    const auto burst = bytes.first(std::min(bytes.size(), burst_max));
    const auto taken = own->engine_.write(burst);
    if (!taken) co_return taken.error();
    const std::error_code stopped = co_await own->flush();
    if (stopped && !is_stop(stopped)) co_return stopped;
    if (stopped) own->flush_later();
    co_return burst.size();
}

/// The rest goes out by itself, whatever becomes of the task that had written it.
void tls_session::flush_later() {
    if (in_background_ || closed_ || !has_unsent()) return;
    scheduler& here = scheduler::current();
    if (!here.has_guests()) return;
    if (!background_) {
        background_ = std::make_unique<task_group>(here.guests().group_context());
    }
    in_background_ = true;
    background_->spawn(flush_in_background(), "tls flush");
}

task<> tls_session::flush_in_background() {
    const std::error_code stopped = co_await flush();
    if (!stopped && ending_) {
        auto ended = co_await end_transport();
        static_cast<void>(ended);
    }
    in_background_ = false;
}

task<result<void>> tls_session::end_writing(std::shared_ptr<tls_session> self) {
    const std::shared_ptr<tls_session> own = std::move(self);
    const busy_mark mark(own->writing_, "one write of a TLS stream at a time");
    if (own->closed_) co_return already_closed();
    own->ending_ = true;
    own->engine_.end_writing();
    const std::error_code stopped = co_await own->flush();
    if (stopped && is_stop(stopped)) own->flush_later();
    if (stopped) co_return stopped;
    co_return co_await own->end_transport();
}

task<result<void>> tls_session::end_transport() {
    if (transport_ended_) co_return result<void>();
    transport_ended_ = true;
    co_return co_await over_.close_writing();
}

// --- the end ------------------------------------------------------------------------------------

bool tls_session::has_last_words() const noexcept {
    const bool is_silent = ending_ || !engine_.is_established() || engine_.failure();
    return !write_error_ && (has_unsent() || !is_silent);
}

/// What waits here ends now; the transport when the last words have been said.
void tls_session::close() noexcept {
    if (closed_) return;
    closed_ = true;
    for (context* waiting : {fetching_at_, pushing_at_}) {
        if (waiting != nullptr) waiting->request_stop();
    }
    if (has_last_words() && loop::current != nullptr) {
        scheduler& here = scheduler::current();
        if (here.has_guests() && !here.guests().stop_requested()) {
            try {
                here.guests().spawn(part(shared_from_this()), "tls close");
                return;
            } catch (const std::bad_alloc&) {  // then without a word
            }
        }
    }
    over_.close();
}

task<> tls_session::part(std::shared_ptr<tls_session> self) {
    const std::shared_ptr<tls_session> own = std::move(self);
    co_await within(parting_time, own->say_last_words());
    own->over_.close();
}

task<> tls_session::say_last_words() {
    engine_.end_writing();
    co_await flush();
}

// --- a stream -----------------------------------------------------------------------------------

task<result<tls_stream>> tls_stream::connect(any_stream over, const tls_context& context,
                                             std::string_view server_name, std::string* why) {
    CONDUIT_ASSERT(!context.is_server(), "connect() takes a context for clients");
    return tls_session::begin(std::make_shared<tls_session>(std::move(over), context, server_name),
                              why);
}

task<result<tls_stream>> tls_stream::accept(any_stream over, const tls_context& context,
                                            std::string* why) {
    CONDUIT_ASSERT(context.is_server(), "accept() takes a context for servers");
    return tls_session::begin(std::make_shared<tls_session>(std::move(over), context, ""), why);
}

task<result<std::size_t>> tls_stream::read_some(std::span<std::byte> buffer) {
    CONDUIT_ASSERT(!buffer.empty(), "a read needs room for at least one byte");
    CONDUIT_ASSERT(session_ != nullptr, "a TLS stream that was moved from was used");
    return tls_session::read(session_, buffer);
}

task<result<lent_buffer>> tls_stream::receive_lent() {
    CONDUIT_ASSERT(session_ != nullptr, "a TLS stream that was moved from was used");
    return tls_session::read_lent(session_);
}

task<result<std::size_t>> tls_stream::write_some(std::span<const std::byte> bytes) {
    CONDUIT_ASSERT(session_ != nullptr, "a TLS stream that was moved from was used");
    return tls_session::write(session_, bytes);
}

task<result<void>> tls_stream::close_writing() {
    CONDUIT_ASSERT(session_ != nullptr, "a TLS stream that was moved from was used");
    return tls_session::end_writing(session_);
}

void tls_stream::close() noexcept {
    if (session_ != nullptr) session_->close();
}

bool tls_stream::is_open() const noexcept { return session_ != nullptr && session_->is_open(); }

std::optional<tls_certificate> tls_stream::peer_certificate() const {
    if (session_ == nullptr) return std::nullopt;
    return session_->engine().peer_certificate();
}

std::string tls_stream::failure_text() const {
    if (session_ == nullptr || !session_->engine().failure()) return {};
    return session_->engine().why();
}

std::string tls_stream::peer_name() const {
    return session_ == nullptr ? std::string() : session_->engine().peer_name();
}

}  // namespace conduit
