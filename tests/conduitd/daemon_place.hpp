// SPDX-License-Identifier: BSL-1.0
//
// A place for the daemons of a test case, and for what they tell a service manager.
//
//     test::daemon_place there;
//     auto daemon = there.start({"--ping", "50"});
//     auto ready = co_await there.next_word();  // "READY=1"
//     auto client = co_await test::connect_matchmaker(there.where());

#pragma once

#include "../support/child.hpp"
#include "../support/temp_dir.hpp"
#include "../support/until_unlocked.hpp"

#include <conduit/channels/unix_datagram.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace conduit::test {

/// Waits for the end of a child, and leaves it to be reaped. A stopped wait ends before.
inline task<> until_ended(child_process& child) {
    auto copy = current_kernel().duplicate_native(child.handle().native().value()).value();
    auto handle = io_handle::attach(std::move(copy)).value();
    static_cast<void>(co_await handle.readable());
}

inline task<int> exit_code_of(child_process& child) {
    co_await until_ended(child);
    co_return child.wait().code;
}

class daemon_place {
public:
    daemon_place() : told_(unix_datagram::bind(folder.path("notify")).value()) {}

    /// It says what is wrong, and nothing else.
    child_process start(const std::vector<std::string>& arguments = {}) const {
        return start_by({}, quiet(arguments));
    }
    /// By a program that runs what it is given.
    child_process start_by(std::vector<std::string> program,
                           const std::vector<std::string>& arguments) const {
        const std::vector<std::string> daemon = command(arguments);
        program.insert(program.end(), daemon.begin(), daemon.end());
        return child_process(program);
    }
    /// With a standard error that nobody reads any more.
    child_process start_unread(const std::vector<std::string>& arguments) const {
        return start_by(
            {"/bin/sh", "-c", R"(mkfifo "$0" && exec 3<>"$0" 2>"$0" && exec 3>&- && exec "$@")",
             folder.path("log")},
            quiet(arguments));
    }

    /// Waits for the next that is told: its first word, "READY=1".
    task<std::string> next_word() {
        std::array<std::byte, 512> room{};
        auto came = co_await told_.receive(std::span(room));
        std::string text;
        for (const std::byte each : std::span(room).first(came.value().bytes)) {
            text.push_back(std::to_integer<char>(each));
        }
        co_return text.substr(0, text.find('\n'));
    }

    /// After one that was killed: waits until another can take its place.
    task<> until_free() const {
        co_await until_unlocked(folder.path("state/lock"));
        co_await until_unlocked(folder.path("matchmaker.sock.lock"));
    }

    std::string where() const { return "unix:" + folder.path("matchmaker.sock"); }

    const temp_dir folder;

private:
    static std::vector<std::string> quiet(std::vector<std::string> arguments) {
        arguments.push_back("--quiet");
        return arguments;
    }
    std::vector<std::string> command(const std::vector<std::string>& arguments) const {
        const std::string backend(scheduler::current().backend_name());
        std::vector<std::string> program = {"/usr/bin/env",
                                            "NOTIFY_SOCKET=" + folder.path("notify"),
                                            "CONDUIT_BACKEND=" + backend,
                                            CONDUITD,
                                            "--listen",
                                            where()};
        program.insert(program.end(), arguments.begin(), arguments.end());
        return program;
    }

    unix_datagram told_;
};

}  // namespace conduit::test
