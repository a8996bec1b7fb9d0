// SPDX-License-Identifier: BSL-1.0
//
// An interface with every shape of call, a server that offers it, and what is to be true of it
// wherever it is reached.
//
//     test::subject_server there;
//     co_await there.listen("unix:" + folder.path("s"));
//     auto here = co_await test::connect_subject("unix:" + folder.path("s"));
//     co_await test::try_every_shape(here);

#pragma once

#include <conduit/rpc/connection.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/rpc/interface.hpp>
#include <conduit/rpc/one_way.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/stream.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace conduit::rpc {
template <class Interface>
class client;
class connect_options;
}  // namespace conduit::rpc

namespace conduit::test {

struct subject_record {
    std::string name;
    std::vector<std::uint32_t> numbers;
};

class subject {
public:
    virtual ~subject() = default;

    virtual task<std::int64_t> add(std::int64_t lhs, std::int64_t rhs) = 0;
    virtual task<> touch() = 0;
    virtual task<rpc::one_way> note(std::string line) = 0;
    virtual task<std::string> describe(subject_record what, std::optional<bool> sure,
                                       std::string end) = 0;
    virtual task<std::string> echo(std::string text) = 0;
    virtual stream<std::uint32_t> count(std::uint32_t up_to) = 0;
    virtual task<std::uint64_t> sum(stream<std::uint32_t> numbers) = 0;
    virtual stream<std::string> shout(stream<std::string> words) = 0;
    virtual task<std::string> read_all(unique_fd from) = 0;
    virtual task<unique_fd> pipe_with(std::string text) = 0;
    /// Returns when the call is cancelled.
    virtual task<> hold() = 0;
    /// How many milliseconds its caller goes on waiting; -1 for ever.
    virtual task<std::int64_t> time_left() = 0;
    /// The user who calls; -1 where that is not known.
    virtual task<std::int64_t> who_calls() = 0;
    /// Calls add(lhs, rhs) of the caller.
    virtual task<std::int64_t> ask_back(std::int64_t lhs, std::int64_t rhs) = 0;
};
CONDUIT_INTERFACE(subject, "test.subject.v1", add, touch, note, describe, echo, count, sum, shout,
                  read_all, pipe_with, hold, time_left, who_calls, ask_back)

class local_subject : public subject {
public:
    task<std::int64_t> add(std::int64_t lhs, std::int64_t rhs) override;
    task<> touch() override;
    task<rpc::one_way> note(std::string line) override;
    task<std::string> describe(subject_record what, std::optional<bool> sure,
                               std::string end) override;
    task<std::string> echo(std::string text) override;
    stream<std::uint32_t> count(std::uint32_t up_to) override;
    task<std::uint64_t> sum(stream<std::uint32_t> numbers) override;
    stream<std::string> shout(stream<std::string> words) override;
    task<std::string> read_all(unique_fd from) override;
    task<unique_fd> pipe_with(std::string text) override;
    task<> hold() override;
    task<std::int64_t> time_left() override;
    task<std::int64_t> who_calls() override;
    task<std::int64_t> ask_back(std::int64_t lhs, std::int64_t rhs) override;

    int touched = 0;
    std::vector<std::string> notes;
    int holding = 0;   // calls of hold() that have begun and not ended
    int released = 0;  // that have ended
    event changed;     // set with each of them
};

/// The object, and a server that offers it.
struct subject_server {
    explicit subject_server(rpc::server_options options = {});

    local_subject object;
    rpc::server server;
};

/// A client of it; here so that the stub is compiled once.
class subject_client {
public:
    explicit subject_client(rpc::client<subject> made);
    explicit subject_client(any_stream over);
    subject_client(any_stream over, local_subject& offered);
    subject_client(subject_client&&) noexcept;
    ~subject_client();

    subject& operator*() const noexcept;
    subject* operator->() const noexcept { return &**this; }
    rpc::connection& connection() const noexcept;
    task<> close();

private:
    std::unique_ptr<rpc::client<subject>> inside_;
};

task<subject_client> connect_subject(std::string where);
task<subject_client> connect_subject(std::string where, rpc::connect_options options);

/// Calls hold() and yields why it ended.
task<result<void, rpc::fault>> try_hold(subject& remote);

/// Waits until so many calls of hold() are there at a time, or have ended.
task<> until_held(local_subject& object, int count);
task<> until_released(local_subject& object, int count);

/// Every shape once, and messages of up to `longest` bytes both ways: unless said, more than 1 MiB.
task<> try_every_shape(subject& remote, std::size_t longest = 1'100'000);
/// Handles as argument and result.
task<> try_handles(subject& remote);
/// The fault of both where there can be none.
task<> try_handles_in_vain(subject& remote);

/// Serves the subject at standard input and output, as a helper and as an address to start it.
std::string subject_program(const std::string& arguments = "");

}  // namespace conduit::test
