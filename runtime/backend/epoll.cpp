// SPDX-License-Identifier: BSL-1.0
//
// Readiness: an operation is tried at once; one that would wait is tried again when epoll says that
// its side of the handle is ready. Each handle is watched, edge-triggered, from when something
// first waits on it; for room to write from when a write first waits.

#include <conduit/runtime/backend/backend.hpp>
#include <conduit/runtime/backend/lent_buffers.hpp>
#include <conduit/runtime/backend/linux_calls.hpp>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace conduit {
namespace {

constexpr std::uint32_t taking_events = EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR;
constexpr std::uint32_t giving_events = EPOLLOUT | EPOLLHUP | EPOLLERR;

struct epoll_registration final : registration {
    using registration::registration;

    bool& ready(side which) noexcept { return ready_[static_cast<std::size_t>(which)]; }

    descriptor_traits traits;
    bool known = false;         // epoll watches it
    bool never_dry = false;     // a hang-up, an error or urgent data was seen
    std::uint32_t watched = 0;  // for which events, besides a hang-up
    bool brings_much = false;   // a large buffer is lent next
    int lent = 0;               // buffers lent in turn `lent_in`
    std::uint64_t lent_in = 0;

private:
    std::array<bool, 2> ready_{true, true};  // whether a try may succeed
};

epoll_registration& epoll_registration_of(const io_operation& op) noexcept {
    return static_cast<epoll_registration&>(*op.target());
}

class epoll_backend final : public backend {
public:
    explicit epoll_backend(const scheduler_options& options);
    ~epoll_backend() override {
        CONDUIT_ASSERT(attached_ == 0, "a channel outlived its scheduler");
    }

    std::string_view name() const noexcept override { return "epoll"; }
    conduit::kernel& kernel() noexcept override { return linux_kernel(); }
    void enter() override { CONDUIT_ASSERT(forks_ == forks_so_far(), made_before_fork); }

    result<registration*> attach(unique_fd handle) override;
    result<unique_fd> detach(registration& idle) noexcept override;
    void close(registration& ended) noexcept override;

    io_operation::progress start(io_operation& op) override;
    void cancel(io_operation& op) noexcept override;
    void withdraw(io_operation& op) noexcept override { forget(op); }
    bool poll(clock::duration wait) override;
    bool has_work() const noexcept override {
        return !next_turn_.empty() || !wait_for_large_.empty();
    }
    int native_handle() const noexcept override { return epoll_.handle(); }
    void wake() noexcept override;

private:
    std::int32_t attempt(io_operation& op) noexcept;
    std::int32_t attempt_lent(lent_operation& op) noexcept;
    io_operation::progress wait_for(io_operation& op);
    int watch(epoll_registration& target, io_code code) noexcept;
    void unwatch(epoll_registration& target) noexcept;
    void forget(io_operation& op) noexcept;
    void feed_starved() noexcept;
    void serve_large() noexcept;
    void retry_in_turn() noexcept;
    void retry(io_operation& op) noexcept;
    void handle(const epoll_event& event) noexcept;
    int wait_events(std::span<epoll_event> events, clock::duration wait) noexcept;

    unique_fd epoll_;
    unique_fd wakeup_;
    lent_buffers buffers_;
    lent_buffers large_;
    std::uint64_t turn_ = 1;
    int attached_ = 0;  // handles
    int forks_ = forks_so_far();
    bool has_pwait2_ = true;
    // Receivers that wait for a buffer, and those whose turn it is again, both in order.
    intrusive_list<operation, in_queue> starved_;
    intrusive_list<operation, in_queue> next_turn_;
    intrusive_list<operation, in_queue> wait_for_large_;
    bool serves_large_ = false;
};

unique_fd required(int fd, const char* what) {
    if (fd < 0) throw std::system_error(error_from_kernel(errno), what);
    return unique_fd(fd);
}

epoll_backend::epoll_backend(const scheduler_options& options)
    : epoll_(required(::epoll_create1(EPOLL_CLOEXEC), "backend epoll: epoll_create1")),
      wakeup_(required(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "backend epoll: eventfd")),
      buffers_(options.lent_buffers(), options.lent_buffer_bytes(), [this] { feed_starved(); }),
      large_(options.lent_buffers() / others_per_large, options.lent_buffer_bytes() * large_by,
             [this] { serve_large(); }) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;  // each write is an edge, so it is never read
    if (::epoll_ctl(epoll_.handle(), EPOLL_CTL_ADD, wakeup_.handle(), &event) != 0) {
        throw std::system_error(error_from_kernel(errno), "backend epoll: epoll_ctl");
    }
}

result<registration*> epoll_backend::attach(unique_fd handle) {
    const auto kind = kernel().kind_of(handle);
    if (!kind) return kind.error();
    auto made = std::make_unique<epoll_registration>(*this, std::move(handle), *kind);
    made->traits = traits_of(*made);
    ++attached_;
    return made.release();
}

result<unique_fd> epoll_backend::detach(registration& idle) noexcept {
    unwatch(static_cast<epoll_registration&>(idle));
    idle.closed = true;
    --attached_;
    return std::move(idle.handle);
}

void epoll_backend::close(registration& ended) noexcept {
    for (const side which : {side::taking, side::giving}) {
        io_operation* op = ended.pending(which);
        if (op == nullptr) continue;
        forget(*op);
        op->complete(io_operation::cancelled_outcome);
    }
    unwatch(static_cast<epoll_registration&>(ended));
    end_connection(ended);
    ended.closed = true;
    ended.handle.reset();
    --attached_;
}

io_operation::progress epoll_backend::start(io_operation& op) {
    if (op.code() == io_code::close) {
        close(*op.target());
        op.set_outcome(0);
        return io_operation::progress::done;
    }
    const bool must_try =
        op.target() == nullptr || op.code() == io_code::shutdown || op.code() == io_code::connect;
    const bool may_succeed = must_try || epoll_registration_of(op).ready(side_of(op.code()));
    const std::int32_t outcome = may_succeed ? attempt(op) : would_wait;
    if (outcome == would_wait) return wait_for(op);
    op.set_outcome(outcome);
    return io_operation::progress::done;
}

/// Whether a receive that filled only a part of its buffer has left nothing, so that an edge will
/// tell of more. A stream socket also stops after what came along with bytes, at urgent data, and
/// in front of its end, of which no edge tells twice.
bool ran_dry(const epoll_registration& target, const ancillary_data* came) noexcept {
    return target.kind == handle_kind::stream_socket && came == nullptr && target.known &&
           !target.never_dry;
}

/// One try; remembers what it says about the next one.
std::int32_t epoll_backend::attempt(io_operation& op) noexcept {
    if (op.code() == io_code::receive_lent) return attempt_lent(static_cast<lent_operation&>(op));
    if (op.target() == nullptr) return try_now(op, {});
    epoll_registration& target = epoll_registration_of(op);
    const std::int32_t outcome = try_now(op, target.traits);
    const bool plain_read = op.code() == io_code::read && !target.traits.carries_handles;
    const bool part = outcome > 0 && static_cast<std::size_t>(outcome) < op.size();
    const bool found_nothing = outcome == would_wait && op.code() != io_code::splice;
    if (found_nothing || (plain_read && part && ran_dry(target, nullptr))) {
        target.ready(side_of(op.code())) = false;
    }
    return outcome;
}

std::int32_t epoll_backend::attempt_lent(lent_operation& op) noexcept {
    epoll_registration& target = epoll_registration_of(op);
    if (std::exchange(target.lent_in, turn_) != turn_) target.lent = 0;
    if (target.lent >= lent_per_turn_max) {
        next_turn_.push_back(op);
        return would_wait;
    }
    lent_buffers& lender = target.brings_much ? large_ : buffers_;
    if (target.brings_much && large_.empty()) {
        if (!wait_for_large_.contains(op)) wait_for_large_.push_back(op);
        return would_wait;
    }
    const auto number = lender.take();
    if (!number) {  // in order: who is parked already keeps its place
        if (!starved_.contains(op)) starved_.push_back(op);
        return would_wait;
    }
    const std::span<std::byte> memory = lender.memory(*number);
    std::unique_ptr<ancillary_data> came;
    const std::int32_t outcome = read_lent_now(target, target.traits, memory, came);
    if (outcome > 0) {
        ++target.lent;
        const auto bytes = static_cast<std::size_t>(outcome);
        target.brings_much = bytes >= buffers_.bytes_each() && large_.count() > 0 &&
                             target.kind == handle_kind::stream_socket;
        if (bytes < memory.size() && ran_dry(target, came.get()))
            target.ready(side::taking) = false;
        lent_buffer lent = lender.lend(*number, memory.first(bytes));
        lent.set_ancillary(std::move(came));
        op.lend(std::move(lent));
        return outcome;
    }
    lender.give_back(*number);
    if (outcome == would_wait) target.ready(side::taking) = false;
    return outcome;
}

io_operation::progress epoll_backend::wait_for(io_operation& op) {
    epoll_registration& target = epoll_registration_of(op);
    target.pending(side_of(op.code())) = &op;
    int error = watch(target, op.code());
    if (error == 0 && op.code() == io_code::splice) {
        auto& to = static_cast<epoll_registration&>(*op.second_target());
        to.giver = &op;
        error = watch(to, io_code::poll_writable);
    }
    if (error == 0) return io_operation::progress::waiting;
    forget(op);
    op.set_outcome(-error);
    return io_operation::progress::done;
}

// Room for writing is watched from the first write that waits: on a Unix socket each read of the
// peer's would else be an edge, and wake this thread for nothing. Who waits for a hang-up alone is
// told of nothing else.
int epoll_backend::watch(epoll_registration& target, io_code code) noexcept {
    std::uint32_t wanted = target.watched;
    if (code != io_code::poll_hang_up) wanted |= EPOLLIN | EPOLLPRI | EPOLLRDHUP;
    if (side_of(code) == side::giving) wanted |= EPOLLOUT;
    if (target.known && wanted == target.watched) return 0;
    epoll_event event{};
    event.events = wanted | EPOLLET;
    event.data.ptr = &target;
    loop::running().counters.system_calls.add();
    const int change = target.known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (::epoll_ctl(epoll_.handle(), change, target.handle.handle(), &event) != 0) return errno;
    target.known = true;
    target.watched = wanted;
    return 0;
}

void epoll_backend::unwatch(epoll_registration& target) noexcept {
    // By hand, since closing does not end the watch while a duplicate of the descriptor lives.
    target.watched = 0;
    if (!std::exchange(target.known, false)) return;
    ::epoll_ctl(epoll_.handle(), EPOLL_CTL_DEL, target.handle.handle(), nullptr);
}

void epoll_backend::forget(io_operation& op) noexcept {
    if (op.target() == nullptr) return;
    io_operation*& own = op.target()->pending(side_of(op.code()));
    if (own == &op) own = nullptr;
    if (op.code() == io_code::splice) {
        io_operation*& other = op.second_target()->giver;
        if (other == &op) other = nullptr;
    }
    intrusive_list<operation, in_queue>::remove(op);
    if (op.code() == io_code::receive_lent) feed_starved();  // it may have been promised a buffer
}

void epoll_backend::feed_starved() noexcept {
    if (!buffers_.empty() && !starved_.empty()) next_turn_.push_back(starved_.pop_front());
}

void epoll_backend::cancel(io_operation& op) noexcept {
    forget(op);
    op.complete(io_operation::cancelled_outcome);
}

void epoll_backend::retry_in_turn() noexcept {
    intrusive_list<operation, in_queue> again;
    again.take_all(wait_for_large_);
    for (operation& op : again) {  // all large ones are held for longer: the others do
        epoll_registration_of(static_cast<io_operation&>(op)).brings_much = false;
    }
    again.take_all(next_turn_);
    while (!again.empty()) retry(static_cast<io_operation&>(again.pop_front()));
}

void epoll_backend::serve_large() noexcept {
    if (std::exchange(serves_large_, true)) return;  // one came back unused
    while (!large_.empty() && !wait_for_large_.empty()) {
        retry(static_cast<io_operation&>(wait_for_large_.pop_front()));
    }
    serves_large_ = false;
}

void epoll_backend::retry(io_operation& op) noexcept {
    const std::int32_t outcome =
        op.code() == io_code::connect ? connect_outcome(op.target()->handle.handle()) : attempt(op);
    if (outcome == would_wait) return;
    forget(op);
    op.complete(outcome);
}

void epoll_backend::handle(const epoll_event& event) noexcept {
    if (event.data.ptr == nullptr) return;  // the wake-up
    auto& target = *static_cast<epoll_registration*>(event.data.ptr);
    if ((event.events & (EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
        target.never_dry = true;
    }
    if ((event.events & taking_events) != 0) {
        target.ready(side::taking) = true;
        if (target.taker != nullptr) retry(*target.taker);
    }
    if ((event.events & giving_events) != 0) {
        target.ready(side::giving) = true;
        if (target.giver != nullptr) retry(*target.giver);
    }
}

bool epoll_backend::poll(clock::duration wait) {
    CONDUIT_ASSERT(forks_ == forks_so_far(), made_before_fork);
    ++turn_;
    if (has_work()) wait = clock::duration::zero();
    retry_in_turn();
    std::array<epoll_event, 128> events;
    const int count = wait_events(events, wait);
    for (int i = 0; i < count; ++i) handle(events[static_cast<std::size_t>(i)]);
    return true;
}

int epoll_backend::wait_events(std::span<epoll_event> events, clock::duration wait) noexcept {
    const auto count = static_cast<int>(events.size());
    const bool endless = wait == clock::duration::max();
    loop::running().counters.system_calls.add();
    if (endless || wait == clock::duration::zero()) {  // the older call is the quicker one
        return ::epoll_wait(epoll_.handle(), events.data(), count, endless ? -1 : 0);
    }
    if (has_pwait2_) {
        const auto seconds = std::chrono::floor<std::chrono::seconds>(wait);
        const timespec limit{seconds.count(), static_cast<long>((wait - seconds).count())};
        const int n = ::epoll_pwait2(epoll_.handle(), events.data(), count, &limit, nullptr);
        if (n >= 0 || (errno != ENOSYS && errno != EPERM)) return n;
        has_pwait2_ = false;  // a filter that knows older calls only
    }
    constexpr std::chrono::milliseconds day = std::chrono::hours(24);
    const auto rounded =
        std::chrono::ceil<std::chrono::milliseconds>(std::min<clock::duration>(wait, day));
    return ::epoll_wait(epoll_.handle(), events.data(), count, static_cast<int>(rounded.count()));
}

void epoll_backend::wake() noexcept {
    constexpr std::uint64_t one = 1;
    static_cast<void>(!::write(wakeup_.handle(), &one, sizeof one));
}

}  // namespace

std::unique_ptr<backend> make_epoll_backend(const scheduler_options& options) {
    return std::make_unique<epoll_backend>(options);
}

}  // namespace conduit
