// SPDX-License-Identifier: BSL-1.0
//
// The floor of the rpc rows: calls between processes with coroutines and nothing around them. The
// frames of coroutines come from a pool, what is sent in a turn of the loop leaves in one write per
// connection, frames of the wire are parsed where they lie, both ends decode in full. No limits, no
// deadlines, no cancellation, no errors, no contracts. Nothing of conduit is included here. The
// same work in conduit is in rpc_bench.cpp; rpc_run.hpp measures both.
//
//     mini_rpc epoll|io_uring unary|stream unix|tcp <connections> <in flight> <bytes> [ms]

#include "rpc_run.hpp"
#include "rpc_sockets.hpp"

#include <liburing.h>
#include <poll.h>
#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

constexpr std::size_t flush_bytes = 64 * 1024;

/// Free lists by size, in steps of 64 bytes.
class frame_memory {
public:
    void* take(std::size_t bytes) {
        const std::size_t step = (bytes + 63) / 64;
        if (step >= free_.size() || free_[step] == nullptr) return ::operator new(step * 64);
        return std::exchange(free_[step], free_[step]->next);
    }
    void give_back(void* memory, std::size_t bytes) noexcept {
        const std::size_t step = (bytes + 63) / 64;
        if (step >= free_.size()) return ::operator delete(memory);
        free_[step] = ::new (memory) block{free_[step]};
    }

private:
    struct block {
        block* next;
    };
    std::array<block*, 32> free_{};
};

constinit frame_memory frames;

struct pooled_promise {
    static void* operator new(std::size_t bytes) { return frames.take(bytes); }
    static void operator delete(void* memory, std::size_t bytes) noexcept {
        frames.give_back(memory, bytes);
    }
    void unhandled_exception() const noexcept { std::terminate(); }
};

/// A lazy task that yields a string, with symmetric transfer both ways.
class task {
public:
    struct promise_type : pooled_promise {
        struct to_parent {
            bool await_ready() const noexcept { return false; }
            std::coroutine_handle<> await_suspend(
                std::coroutine_handle<promise_type> ended) const noexcept {
                return ended.promise().parent;
            }
            void await_resume() const noexcept {}
        };
        task get_return_object() noexcept {
            return task(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        to_parent final_suspend() const noexcept { return {}; }
        void return_value(std::string result) noexcept { value = std::move(result); }

        std::coroutine_handle<> parent;
        std::string value;
    };

    task(task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
    ~task() {
        if (handle_) handle_.destroy();
    }

    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept {
        handle_.promise().parent = awaiting;
        return handle_;
    }
    std::string await_resume() noexcept { return std::move(handle_.promise().value); }

private:
    explicit task(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}

    std::coroutine_handle<promise_type> handle_;
};

/// A coroutine that begins at once and owns itself.
struct detached {
    struct promise_type : pooled_promise {
        detached get_return_object() const noexcept { return {}; }
        std::suspend_never initial_suspend() const noexcept { return {}; }
        std::suspend_never final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
    };
};

enum class frame_kind : std::uint8_t { call, reply, subscribe, item };

/// What each frame on the wire begins with. The payload is a length and so many bytes.
struct frame_head {
    std::uint32_t bytes = 0;
    frame_kind kind{};
    std::uint8_t flags = 0;
    std::uint16_t descriptors = 0;
    std::uint32_t stream = 0;
    std::uint32_t reserved = 0;
};
static_assert(sizeof(frame_head) == 16);

/// Who waits for the next frame of a stream, and what that brought.
struct waiter {
    std::coroutine_handle<> handle;
    std::string result;
};

class connection;

/// Waits for the kernel; what comes in goes to connection::receive().
class poller {
public:
    explicit poller(rpc_side& side) noexcept : mine(side) {}
    virtual ~poller() = default;
    virtual void watch(connection& c) = 0;
    virtual void watch_until_writable(connection& c) = 0;
    virtual void wait() = 0;

    rpc_side& mine;
    std::vector<connection*> dirty;  // they have something to send
};

class connection {
public:
    connection(int fd, poller& on) : fd_(fd), poller_(on) { on.watch(*this); }

    int fd() const noexcept { return fd_; }

    void send(frame_kind kind, std::uint32_t stream, const std::string& payload) {
        const auto length = static_cast<std::uint32_t>(payload.size());
        frame_head head;
        head.bytes = length + static_cast<std::uint32_t>(sizeof length);
        head.kind = kind;
        head.stream = stream;
        out_.append(reinterpret_cast<const char*>(&head), sizeof head);
        out_.append(reinterpret_cast<const char*>(&length), sizeof length);
        out_.append(payload);
        if (!std::exchange(is_dirty_, true)) poller_.dirty.push_back(this);
    }

    /// The number of a stream whose frames go to `who`.
    std::uint32_t open_stream(waiter& who) {
        if (free_streams_.empty()) {
            waiters_.push_back(&who);
            return static_cast<std::uint32_t>(waiters_.size() - 1);
        }
        const std::uint32_t stream = free_streams_.back();
        free_streams_.pop_back();
        waiters_[stream] = &who;
        return stream;
    }

    /// Resumed once little is left to be sent.
    void wait_until_drained(std::coroutine_handle<> who) noexcept { producer_ = who; }
    bool is_full() const noexcept { return out_.size() >= flush_bytes; }

    void flush() {
        std::size_t sent = 0;
        while (sent < out_.size()) {
            poller_.mine.called_system();
            const ssize_t n =
                ::send(fd_, out_.data() + sent, out_.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (n < 0 && errno != EAGAIN) fail("send");
            if (n < 0) {
                out_.erase(0, sent);
                return poller_.watch_until_writable(*this);
            }
            sent += static_cast<std::size_t>(n);
        }
        out_.clear();
        is_dirty_ = false;
        if (producer_) std::exchange(producer_, {}).resume();
    }

    void receive(std::string_view bytes) {
        if (in_.empty()) {
            const std::size_t used = parse(bytes);
            in_.assign(bytes.substr(used));
        } else {
            in_.append(bytes);
            in_.erase(0, parse(in_));
        }
    }

private:
    std::size_t parse(std::string_view bytes) {
        std::size_t used = 0;
        frame_head head;
        while (bytes.size() - used >= sizeof head) {
            std::memcpy(&head, bytes.data() + used, sizeof head);
            if (bytes.size() - used - sizeof head < head.bytes) break;
            std::uint32_t length = 0;
            const char* payload = bytes.data() + used + sizeof head;
            std::memcpy(&length, payload, sizeof length);
            if (length + sizeof length != head.bytes) fail("a frame");
            arrived(head, std::string(payload + sizeof length, length));
            used += sizeof head + head.bytes;
        }
        return used;
    }

    void arrived(const frame_head& head, std::string payload);

    int fd_;
    poller& poller_;
    bool is_dirty_ = false;
    std::string in_;
    std::string out_;
    std::coroutine_handle<> producer_;
    std::vector<waiter*> waiters_;  // by stream
    std::vector<std::uint32_t> free_streams_;
};

// --- the server ---------------------------------------------------------------------------------

/// What a user would have written.
task echo(std::string text) { co_return text; }

detached serve_call(connection& c, std::uint32_t stream, std::string argument) {
    task called = echo(std::move(argument));
    const std::string result = co_await called;
    c.send(frame_kind::reply, stream, result);
}

class drained {
public:
    explicit drained(connection& c) noexcept : connection_(c) {}
    bool await_ready() const noexcept { return !connection_.is_full(); }
    void await_suspend(std::coroutine_handle<> awaiting) noexcept {
        connection_.wait_until_drained(awaiting);
    }
    void await_resume() const noexcept {}

private:
    connection& connection_;
};

detached serve_items(connection& c, std::uint32_t stream, std::string pattern) {
    for (;;) {
        const std::string item = pattern;
        c.send(frame_kind::item, stream, item);
        co_await drained(c);
    }
}

void connection::arrived(const frame_head& head, std::string payload) {
    switch (head.kind) {
        case frame_kind::call: serve_call(*this, head.stream, std::move(payload)); return;
        case frame_kind::subscribe: serve_items(*this, head.stream, std::move(payload)); return;
        case frame_kind::reply: free_streams_.push_back(head.stream); break;
        case frame_kind::item: break;
    }
    waiter& who = *waiters_.at(head.stream);
    who.result = std::move(payload);
    who.handle.resume();
}

// --- the client ---------------------------------------------------------------------------------

class remote_echo : waiter {
public:
    remote_echo(connection& c, const std::string& argument) noexcept
        : connection_(c), argument_(argument) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiting) {
        handle = awaiting;
        connection_.send(frame_kind::call, connection_.open_stream(*this), argument_);
    }
    std::string await_resume() noexcept { return std::move(result); }

private:
    connection& connection_;
    const std::string& argument_;
};

task echo_stub(connection& c, std::string argument) { co_return co_await remote_echo(c, argument); }

detached call_for_ever(connection& c, std::string text, rpc_side& mine) {
    for (;;) {
        const std::int64_t begun = mine.begin();
        task called = echo_stub(c, text);
        const std::string result = co_await called;
        if (result.size() != text.size()) fail("a reply");
        mine.done(begun);
    }
}

class next_item {
public:
    explicit next_item(waiter& on) noexcept : on_(on) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiting) noexcept { on_.handle = awaiting; }
    std::string await_resume() noexcept { return std::move(on_.result); }

private:
    waiter& on_;
};

detached read_items(connection& c, std::string pattern, rpc_side& mine) {
    waiter items;
    c.send(frame_kind::subscribe, c.open_stream(items), pattern);
    for (;;) {
        const std::string item = co_await next_item(items);
        if (item.size() != pattern.size()) fail("an item");
        mine.done(0);
    }
}

// --- the kernel ---------------------------------------------------------------------------------

class epoll_poller : public poller {
public:
    explicit epoll_poller(rpc_side& side) : poller(side), buffer_(256 * 1024) {}

    void watch(connection& c) override { control(EPOLL_CTL_ADD, c, EPOLLIN); }
    void watch_until_writable(connection& c) override {
        control(EPOLL_CTL_MOD, c, EPOLLIN | EPOLLOUT);
    }

    void wait() override {
        mine.called_system();
        const int count =
            ::epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), -1);
        for (int i = 0; i < count; ++i) {
            const epoll_event& event = events_[static_cast<std::size_t>(i)];
            auto& c = *static_cast<connection*>(event.data.ptr);
            if ((event.events & EPOLLOUT) != 0) {
                control(EPOLL_CTL_MOD, c, EPOLLIN);
                c.flush();
            }
            if ((event.events & ~unsigned{EPOLLOUT}) != 0) read(c);
        }
    }

private:
    void control(int what, connection& c, unsigned events) {
        epoll_event event{};
        event.events = events;
        event.data.ptr = &c;
        mine.called_system();
        if (::epoll_ctl(epoll_, what, c.fd(), &event) != 0) fail("epoll_ctl");
    }

    void read(connection& c) {
        mine.called_system();
        const ssize_t n = ::recv(c.fd(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
        if (n <= 0) ::_exit(1);
        c.receive({buffer_.data(), static_cast<std::size_t>(n)});
    }

    const int epoll_ = ::epoll_create1(0);
    std::array<epoll_event, 256> events_{};
    std::vector<char> buffer_;
};

/// The kernel receives into buffers of a ring; a buffer goes back once it has been parsed.
class ring_poller : public poller {
public:
    explicit ring_poller(rpc_side& side) : poller(side), memory_(buffers * buffer_bytes) {
        io_uring_params params{};
        params.flags =
            IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
        params.cq_entries = 8192;
        const int error = ::io_uring_queue_init_params(1024, &ring_, &params);
        if (error < 0) {
            std::cerr << "io_uring_queue_init_params: error " << -error << '\n';
            ::_exit(3);  // this kernel, or this container, has none
        }
        ::io_uring_register_ring_fd(&ring_);
        void* pool = ::mmap(nullptr, buffers * sizeof(io_uring_buf), PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (pool == MAP_FAILED) fail("mmap");
        pool_ = static_cast<io_uring_buf_ring*>(pool);
        io_uring_buf_reg registered{};
        registered.ring_addr = reinterpret_cast<std::uintptr_t>(pool);
        registered.ring_entries = buffers;
        registered.bgid = group;
        if (::io_uring_register_buf_ring(&ring_, &registered, 0) != 0) ::_exit(3);
        ::io_uring_buf_ring_init(pool_);
        for (unsigned i = 0; i < buffers; ++i) give_back(i);
    }

    void watch(connection& c) override {
        io_uring_sqe* sqe = next_sqe();
        ::io_uring_prep_recv_multishot(sqe, c.fd(), nullptr, 0, 0);
        sqe->flags |= IOSQE_BUFFER_SELECT;
        sqe->buf_group = group;
        sqe->user_data = reinterpret_cast<std::uintptr_t>(&c);
    }

    void watch_until_writable(connection& c) override {
        io_uring_sqe* sqe = next_sqe();
        ::io_uring_prep_poll_add(sqe, c.fd(), POLLOUT);
        sqe->user_data = reinterpret_cast<std::uintptr_t>(&c) | writable;
    }

    void wait() override {
        io_uring_cqe* cqe = nullptr;
        unsigned head = 0;
        unsigned count = 0;
        mine.called_system();
        ::io_uring_submit_and_wait(&ring_, 1);
        io_uring_for_each_cqe(&ring_, head, cqe) {
            ++count;
            completed(*cqe);
        }
        ::io_uring_cq_advance(&ring_, count);
    }

private:
    static constexpr unsigned buffers = 512;
    static constexpr std::size_t buffer_bytes = 32 * 1024;
    static constexpr int group = 1;
    static constexpr std::uintptr_t writable = 1;  // beside the address of a connection

    void completed(const io_uring_cqe& cqe) {
        auto& c = *reinterpret_cast<connection*>(cqe.user_data & ~writable);
        if ((cqe.user_data & writable) != 0) return c.flush();
        if (cqe.res <= 0 && cqe.res != -ENOBUFS) ::_exit(1);
        if (cqe.res > 0) {
            const unsigned number = cqe.flags >> IORING_CQE_BUFFER_SHIFT;
            c.receive({buffer_at(number), static_cast<std::size_t>(cqe.res)});
            give_back(number);
        }
        if ((cqe.flags & IORING_CQE_F_MORE) == 0) watch(c);
    }

    char* buffer_at(unsigned number) { return memory_.data() + number * buffer_bytes; }

    void give_back(unsigned number) {
        ::io_uring_buf_ring_add(pool_, buffer_at(number), buffer_bytes,
                                static_cast<unsigned short>(number), buffers - 1, 0);
        ::io_uring_buf_ring_advance(pool_, 1);
    }

    io_uring_sqe* next_sqe() {
        io_uring_sqe* sqe = ::io_uring_get_sqe(&ring_);
        if (sqe != nullptr) return sqe;
        mine.called_system();
        ::io_uring_submit(&ring_);
        return ::io_uring_get_sqe(&ring_);
    }

    io_uring ring_{};
    io_uring_buf_ring* pool_ = nullptr;
    std::vector<char> memory_;
};

// --- both ---------------------------------------------------------------------------------------

/// A turn: what has come in is worked on, then each connection writes once.
[[noreturn]] void run_loop(poller& loop) {
    for (;;) {
        for (std::size_t i = 0; i < loop.dirty.size(); ++i) loop.dirty[i]->flush();
        loop.dirty.clear();
        loop.wait();
    }
}

template <class Poller>
void serve(const rpc_shape& shape, const std::string& address, rpc_side& mine) {
    Poller loop(mine);
    const int listener = listen_at(address, mine);
    std::vector<std::unique_ptr<connection>> clients;
    for (int i = 0; i < shape.connections; ++i) {
        clients.push_back(std::make_unique<connection>(accept_from(listener), loop));
    }
    run_loop(loop);
}

template <class Poller>
void call(const rpc_shape& shape, const std::string& address, rpc_side& mine) {
    Poller loop(mine);
    const std::string text(shape.size, 'a');
    std::vector<std::unique_ptr<connection>> servers;
    for (int i = 0; i < shape.connections; ++i) {
        servers.push_back(std::make_unique<connection>(connect_to(address), loop));
    }
    for (const auto& server : servers) {
        if (shape.mode == "stream") {
            read_items(*server, text, mine);
        } else {
            for (int n = 0; n < shape.in_flight; ++n) call_for_ever(*server, text, mine);
        }
    }
    run_loop(loop);
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view way = argc > 1 ? argv[1] : "";
    if (way == "io_uring") {
        return run_rpc({"mini_io_uring", serve<ring_poller>, call<ring_poller>}, argc - 1,
                       argv + 1);
    }
    if (way == "epoll") {
        return run_rpc({"mini_epoll", serve<epoll_poller>, call<epoll_poller>}, argc - 1, argv + 1);
    }
    std::cerr << "usage: mini_rpc epoll|io_uring unary|stream unix|tcp ...\n";
    return 2;
}
