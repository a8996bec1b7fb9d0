// SPDX-License-Identifier: BSL-1.0
#include "io_subjects.hpp"

#include "loopback.hpp"
#include "settle.hpp"
#include "temp_dir.hpp"

#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/io_handle.hpp>

#include <catch2/catch.hpp>

#include <signal.h>
#include <sys/wait.h>

#include <array>
#include <optional>
#include <utility>

namespace conduit::test {
namespace {

constexpr const char* letter = "k";

/// Something on one end of a pair, satisfied through the other.
class on_pair : public io_subject {
public:
    explicit on_pair(bool socket) : socket_(socket) {}

    task<> prepare() override {
        pair_ = socket_ ? attached_socket_pair() : attached_pipe();
        co_return;
    }
    void close() override { own().close(); }

protected:
    virtual io_handle& own() { return pair_.in; }

    task<> send_letter() {
        auto sent = co_await pair_.out.write_some(bytes_of(letter));
        REQUIRE(sent.value() == 1);
    }

    bool socket_;
    handle_pair pair_;
};

class reading : public on_pair {
public:
    using on_pair::on_pair;
    const char* name() const override { return socket_ ? "read, socket" : "read, pipe"; }
    task<std::error_code> perform() override {
        std::array<std::byte, 16> buffer{};
        auto got = co_await pair_.in.read_some(buffer);
        if (got) REQUIRE(*got == 1);
        if (got) REQUIRE(buffer[0] == std::byte('k'));
        co_return got.error();
    }
    task<> satisfy() override { return send_letter(); }
};

class receiving_lent : public on_pair {
public:
    using on_pair::on_pair;
    const char* name() const override {
        return socket_ ? "receive_lent, socket" : "receive_lent, pipe";
    }
    task<std::error_code> perform() override {
        auto got = co_await pair_.in.receive_lent();
        if (got) REQUIRE(got->bytes().size() == 1);
        if (got) REQUIRE(got->bytes()[0] == std::byte('k'));
        co_return got.error();
    }
    task<> satisfy() override { return send_letter(); }
};

class polling_readable : public on_pair {
public:
    using on_pair::on_pair;
    const char* name() const override { return socket_ ? "readable, socket" : "readable, pipe"; }
    task<std::error_code> perform() override {
        auto ready = co_await pair_.in.readable();
        co_return ready.error();
    }
    task<> satisfy() override { return send_letter(); }
};

/// An operation that waits because the other side does not read.
class on_full_pair : public on_pair {
public:
    using on_pair::on_pair;
    task<> prepare() override {
        co_await on_pair::prepare();
        const std::size_t bytes = co_await fill(pair_.out);
        REQUIRE(bytes > 0);
    }
    task<> satisfy() override {
        const std::size_t bytes = co_await drain(pair_.in);
        REQUIRE(bytes > 0);
    }

protected:
    io_handle& own() override { return pair_.out; }
    std::array<std::byte, 4096> chunk_{};
};

class writing : public on_full_pair {
public:
    using on_full_pair::on_full_pair;
    const char* name() const override { return socket_ ? "write, socket" : "write, pipe"; }
    task<std::error_code> perform() override {
        auto written = co_await pair_.out.write_some(chunk_);
        if (written) REQUIRE(*written > 0);
        co_return written.error();
    }
};

class polling_writable : public on_full_pair {
public:
    using on_full_pair::on_full_pair;
    const char* name() const override { return socket_ ? "writable, socket" : "writable, pipe"; }
    task<std::error_code> perform() override {
        auto ready = co_await pair_.out.writable();
        co_return ready.error();
    }
};

class sending : public on_full_pair {
public:
    sending() : on_full_pair(true) {}
    const char* name() const override { return "send"; }
    task<std::error_code> perform() override {
        const outgoing_message message(chunk_);
        auto sent = co_await pair_.out.send(message);
        if (sent) REQUIRE(*sent > 0);
        co_return sent.error();
    }
};

/// Receives a byte, a handle and credentials.
class receiving : public on_pair {
public:
    receiving() : on_pair(true) {}
    const char* name() const override { return "receive"; }
    task<> prepare() override {
        auto ends = current_kernel().make_socket_pair(socket_kind::stream).value();
        constexpr auto option = socket_option::pass_credentials;
        REQUIRE(current_kernel().set_option(ends.first, option, 1));
        pair_.in = io_handle::attach(std::move(ends.first)).value();
        pair_.out = io_handle::attach(std::move(ends.second)).value();
        co_return;
    }
    task<std::error_code> perform() override {
        std::array<std::byte, 16> buffer{};
        incoming_message message(buffer);
        auto got = co_await pair_.in.receive(message);
        if (got) REQUIRE(*got == 1);
        if (got) REQUIRE(message.handles.size() == 1);
        if (got) REQUIRE(message.sender.has_value());
        co_return got.error();
    }
    task<> satisfy() override {
        auto sent_along = current_kernel().make_pipe().value();
        outgoing_message message(bytes_of(letter));
        REQUIRE(message.attach(sent_along.first));
        message.with_credentials();
        auto sent = co_await pair_.out.send(message);
        REQUIRE(sent.value() == 1);
    }
};

class splicing : public io_subject {
public:
    const char* name() const override { return "splice"; }
    task<> prepare() override {
        from_ = attached_pipe();
        to_ = attached_pipe();
        co_return;
    }
    task<std::error_code> perform() override {
        auto moved = co_await from_.in.splice_to(to_.out, 16);
        if (moved) REQUIRE(*moved == 1);
        co_return moved.error();
    }
    task<> satisfy() override {
        auto sent = co_await from_.out.write_some(bytes_of(letter));
        REQUIRE(sent.value() == 1);
    }
    void close() override { from_.in.close(); }

private:
    handle_pair from_;
    handle_pair to_;
};

enum class acceptor { tcp, tcp_many, local, local_many };

class accepting : public io_subject {
public:
    explicit accepting(acceptor how) : how_(how) {}
    const char* name() const override {
        constexpr std::array names{"accept, TCP", "accept_many, TCP", "accept, Unix",
                                   "accept_many, Unix"};
        return names[static_cast<std::size_t>(how_)];
    }
    task<> prepare() override {
        if (is_local()) folder_.emplace();
        auto listening =
            is_local() ? listen_on_path(folder_->path() + "/socket") : listen_on_loopback();
        address_ = listening.address;
        listener_ = io_handle::attach(std::move(listening.socket)).value();
        co_return;
    }
    task<std::error_code> perform() override {
        const bool many = how_ == acceptor::tcp_many || how_ == acceptor::local_many;
        auto peer = many ? listener_.accept_many() : listener_.accept();
        auto accepted = co_await std::move(peer);
        if (accepted) REQUIRE(accepted->is_open());
        co_return accepted.error();
    }
    task<> satisfy() override {
        client_ = is_local() ? attached_unix_socket() : attached_tcp_socket();
        auto connected = co_await client_.connect(address_);
        REQUIRE(connected);
    }
    void close() override { listener_.close(); }

private:
    bool is_local() const noexcept {
        return how_ == acceptor::local || how_ == acceptor::local_many;
    }

    acceptor how_;
    std::optional<temp_dir> folder_;
    socket_address address_;
    io_handle listener_;
    io_handle client_;
};

/// Waits for a process that lasts until it is killed.
class waiting_for_process : public io_subject {
public:
    ~waiting_for_process() override {
        if (!killer_) return;
        static_cast<void>(linux_kernel().signal_process(killer_, SIGKILL));
        siginfo_t about{};  // fails where the operation under test has waited for it
        ::waitid(P_PIDFD, static_cast<id_t>(killer_.handle()), &about, WEXITED);
    }
    const char* name() const override { return "process"; }
    task<> prepare() override {
        spawn_request program;
        program.path = "sleep";
        program.arguments = {"sleep", "infinity"};
        auto child = current_kernel().spawn(program).value();
        killer_ = current_kernel().duplicate(child.handle).value();
        process_ = io_handle::attach(std::move(child.handle)).value();
        co_return;
    }
    task<std::error_code> perform() override {
        auto ended = co_await process_.wait_process();
        if (ended) REQUIRE(ended->signal == SIGKILL);
        if (ended) REQUIRE(ended->code == 0);
        co_return ended.error();
    }
    task<> satisfy() override {
        REQUIRE(current_kernel().signal_process(killer_, SIGKILL));
        co_return;
    }
    void close() override { process_.close(); }

private:
    unique_fd killer_;
    io_handle process_;
};

template <class Subject, auto... arguments>
std::unique_ptr<io_subject> make_subject() {
    return std::make_unique<Subject>(arguments...);
}

}  // namespace

const std::vector<make_io_subject>& all_io_subjects() {
    static const std::vector<make_io_subject> all{
        make_subject<reading, false>,
        make_subject<reading, true>,
        make_subject<receiving_lent, false>,
        make_subject<receiving_lent, true>,
        make_subject<polling_readable, false>,
        make_subject<polling_readable, true>,
        make_subject<writing, false>,
        make_subject<writing, true>,
        make_subject<polling_writable, false>,
        make_subject<polling_writable, true>,
        make_subject<sending>,
        make_subject<receiving>,
        make_subject<splicing>,
        make_subject<accepting, acceptor::tcp>,
        make_subject<accepting, acceptor::tcp_many>,
        make_subject<accepting, acceptor::local>,
        make_subject<accepting, acceptor::local_many>,
        make_subject<waiting_for_process>,
    };
    return all;
}

}  // namespace conduit::test
