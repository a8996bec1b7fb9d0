// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/process.hpp>
#include <conduit/rpc/detail/program_stream.hpp>
#include <conduit/runtime/as_task.hpp>
#include <conduit/runtime/within.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <system_error>
#include <utility>

namespace conduit::rpc::detail {
namespace {

using namespace std::chrono_literals;

/// Between the end of its output and its own.
constexpr clock::duration end_time = 1s;
constexpr int signalled = 256;

/// How a program failed: its exit code, or 256 and the signal.
class program_category final : public std::error_category {
public:
    const char* name() const noexcept override { return "program"; }
    std::string message(int how) const override {
        if (how < signalled) return "the program exited with status " + std::to_string(how);
        return "the program was ended by signal " + std::to_string(how - signalled);
    }
};

std::error_code failure_of(const exit_status& status) noexcept {
    static const program_category category;
    return {status.signal != 0 ? signalled + status.signal : status.code, category};
}

class program_stream final : public stream_interface {
public:
    explicit program_stream(process started) noexcept : program_(std::move(started)) {}

    task<result<std::size_t>> read_some(std::span<std::byte> buffer) override {
        auto got = co_await program_.read_some(buffer);
        if (got && *got > 0) co_return got;
        const std::error_code failed = co_await how_it_failed();
        if (failed) co_return failed;
        co_return got;
    }
    task<result<lent_buffer>> receive_lent() override {
        auto got = co_await program_.receive_lent();
        if (got && !got->empty()) co_return std::move(got);
        if (got.error() == errc::cancelled || got.error() == errc::timed_out) {
            co_return std::move(got);
        }
        const std::error_code failed = co_await how_it_failed();
        if (failed) co_return failed;
        co_return std::move(got);
    }
    /// That nobody reads its input shows first here: the reading end says why.
    task<result<std::size_t>> write_some(std::span<const std::byte> bytes) override {
        auto sent = co_await program_.write_some(bytes);
        if (sent.error() != std::errc::broken_pipe) co_return sent;
        const std::error_code failed = co_await how_it_failed();
        if (failed) co_return failed;
        co_return sent;
    }
    task<result<void>> close_writing() override { co_return co_await program_.close_writing(); }

    void close() noexcept override { program_.close(); }
    bool is_open() const noexcept override { return program_.is_open(); }
    channel_traits traits() const noexcept override { return process::traits; }

private:
    /// A zero code where it went well, or goes on.
    task<std::error_code> how_it_failed() {
        if (!program_.is_open()) co_return std::error_code();
        auto ended = co_await within(end_time, program_.exited());
        if (!ended || (ended->code == 0 && ended->signal == 0)) co_return std::error_code();
        co_return failure_of(*ended);
    }

    process program_;
};

}  // namespace

result<any_stream> start_program(const address& where, std::string* why) {
    command program(where.words().front());
    for (std::size_t i = 1; i < where.words().size(); ++i) program.argument(where.words()[i]);
    start_failure failure;
    auto started = start(std::move(program), &failure);
    if (started) return any_stream(std::make_unique<program_stream>(std::move(*started)));
    if (why != nullptr) *why = failure.text();
    return started.error();
}

}  // namespace conduit::rpc::detail
