// SPDX-License-Identifier: BSL-1.0
//
// What can be wrong with the path of a Unix socket, on real kernels.

#include "../skip.hpp"
#include "../support/child.hpp"
#include "../support/co_test.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/stream.hpp>
#include <conduit/channels/unix_datagram.hpp>
#include <conduit/channels/unix_error.hpp>
#include <conduit/channels/unix_listener.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/run.hpp>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <string>

using namespace conduit;

namespace {

constexpr uid_t nobody = 65534;

/// While it lives, files are made with another umask.
class other_umask {
public:
    explicit other_umask(mode_t bits) noexcept : before_(::umask(bits)) {}
    other_umask(const other_umask&) = delete;
    ~other_umask() { ::umask(before_); }

private:
    mode_t before_;
};

/// While it lives, this process has the rights of another user. Root only.
class other_user {
public:
    other_user() noexcept : changed_(::seteuid(nobody) == 0) {}
    other_user(const other_user&) = delete;
    ~other_user() {
        if (changed_) changed_ = ::seteuid(0) != 0;
    }

private:
    bool changed_;
};

std::uint32_t mode_of(const std::string& path) {
    return current_kernel().status_of(path).value().mode;
}

bool connects(const std::string& path) {
    const unique_fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return ::connect(socket.handle(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

task<bool> connects_often(std::string path, int times) {
    const std::string own = std::move(path);
    for (; times > 0; --times) {
        auto peer = co_await unix_stream::connect(own);
        if (!peer) {
            std::fprintf(stderr, "not connected: %s\n", peer.error().message().c_str());
            co_return false;
        }
    }
    co_return true;
}

const test::helper many_clients("connects again and again",
                                [](const test::helper_arguments& given) {
                                    const int times = std::stoi(given.at(1));
                                    return conduit::run(connects_often(given.at(0), times)) ? 0 : 1;
                                });

}  // namespace

TEST_CASE("U6: no client notices that a stale socket is taken over",
          "[channels][unix_listener][fault][U6]") {
    test::run_on_each_kernel([]() -> task<> {
        const test::temp_dir folder;
        const std::string path = folder.path() + "/s";
        auto listener = unix_listener::listen(path).value();
        auto client = test::child_process::helper("connects again and again", {path, "3000"});
        int taken_over = 0;
        for (; !client.has_ended() || taken_over == 0; ++taken_over) {
            const auto crashed = listener.detach().value();  // leaves its file
            listener = unix_listener::listen(path).value();
        }
        REQUIRE(client.wait().code == 0);
        REQUIRE(taken_over > 0);
        co_return;
    });
}

TEST_CASE("U7: a path of any length can be listened at and connected to",
          "[channels][unix_listener][fault][U7]") {
    test::run_on_each_kernel([]() -> task<> {
        const test::temp_dir folder;
        std::string path = folder.path();
        for (int i = 0; i < 3; ++i) {
            path += "/" + std::string(200, 'd');
            current_kernel().make_directory(path, 0700).value();
        }
        path += "/" + std::string(250, 's');
        auto listener = unix_listener::listen(path).value();
        auto client = co_await unix_stream::connect(path);
        auto server = co_await listener.accept();
        auto datagrams = unix_datagram::bind(path + "/../d");
        const std::string other = path.substr(0, path.rfind('/')) + "/d";
        auto receiver = unix_datagram::bind(other).value();
        auto sender = unix_datagram::make().value();
        auto sent = co_await sender.send_to(other, bytes_of("x"));
        std::array<std::byte, 4> buffer{};
        auto got = co_await receiver.receive(buffer);
        listener.close();
        auto gone = current_kernel().status_of(path);
        REQUIRE(path.size() > 800);
        REQUIRE(client);
        REQUIRE(server);
        REQUIRE_FALSE(datagrams);  // a socket is no folder
        REQUIRE(sent);
        REQUIRE(got.value().bytes == 1);
        REQUIRE(gone.error() == std::errc::no_such_file_or_directory);
    });
}

TEST_CASE("U14: a client notices that somebody else listens",
          "[channels][unix_stream][fault][U14]") {
    if (::geteuid() != 0) return test::skip("only root can be another user for a while");
    test::run_on_each_kernel([]() -> task<> {
        const test::temp_dir folder;
        const std::string path = folder.path() + "/s";
        ::chmod(folder.path().c_str(), 0777);
        kernel& here = current_kernel();
        auto squatter = here.make_socket(socket_family::unix_domain, socket_kind::stream).value();
        {
            const other_user rights;
            here.bind(squatter, socket_address::unix_path(path).value()).value();
            here.listen(squatter, 4).value();
        }
        auto refused = co_await unix_stream::connect(path);
        auto known = allowed_users().allow_uid(nobody);
        auto allowed = co_await unix_stream::connect(path, known);
        auto any = allowed_users().allow_any();
        auto unchecked = co_await unix_stream::connect(path, any);
        REQUIRE(refused.error() == unix_errc::wrong_peer);
        REQUIRE(allowed);
        REQUIRE(allowed->connected_by().value().uid == nobody);
        REQUIRE(unchecked);
    });
}

TEST_CASE("U14: a listener lets in its own user, and others when it is told",
          "[channels][unix_listener][fault][U14]") {
    if (::geteuid() != 0) return test::skip("only root can be another user for a while");
    test::run_on_each_kernel([]() -> task<> {
        const test::temp_dir folder;
        const std::string path = folder.path() + "/s";
        ::chmod(folder.path().c_str(), 0711);
        auto listener = unix_listener::listen(path, unix_listen_options().mode(0666)).value();
        {
            const other_user rights;
            REQUIRE(connects(path));
        }
        auto own = co_await unix_stream::connect(path);
        auto accepted = co_await listener.accept();
        const accept_counters counts = listener.counters();
        REQUIRE(own);
        REQUIRE(accepted.value().connected_by().value().uid == 0);
        REQUIRE(counts.accepted == 2);
        REQUIRE(counts.refused == 1);
    });
}

TEST_CASE("U15: a socket has its mode from the first moment, whatever the umask",
          "[channels][unix_listener][fault][U15]") {
    test::run_on_each_kernel([]() -> task<> {
        const test::temp_dir folder;
        const std::string path = folder.path() + "/s";
        std::uint32_t usual = 0;
        std::uint32_t before_renaming = 0;
        {
            const other_umask none(0);
            auto listener = unix_listener::listen(path).value();
            usual = mode_of(path);
            // What bind() gives, before anything is changed afterwards.
            kernel& here = current_kernel();
            auto socket = here.make_socket(socket_family::unix_domain, socket_kind::stream).value();
            here.change_mode(socket, 0600).value();
            here.bind(socket, socket_address::unix_path(folder.path() + "/t").value()).value();
            before_renaming = mode_of(folder.path() + "/t");
        }
        const other_umask strict(0077);
        auto listener = unix_listener::listen(path, unix_listen_options().mode(0660)).value();
        auto datagrams =
            unix_datagram::bind(folder.path() + "/d", unix_datagram_options().mode(0620));
        REQUIRE(usual == 0600);
        REQUIRE(before_renaming == 0600);
        REQUIRE(mode_of(path) == 0660);
        REQUIRE(datagrams);
        REQUIRE(mode_of(folder.path() + "/d") == 0620);
        co_return;
    });
}

TEST_CASE("U16: a link in the path, or in place of the socket, is not followed",
          "[channels][unix_listener][fault][U16]") {
    test::run_on_each_kernel([]() -> task<> {
        const test::temp_dir folder;
        const std::string top = folder.path();
        REQUIRE(::mkdir((top + "/real").c_str(), 0700) == 0);
        REQUIRE(::symlink((top + "/real").c_str(), (top + "/link").c_str()) == 0);
        REQUIRE(::symlink((top + "/target").c_str(), (top + "/s").c_str()) == 0);
        REQUIRE(::symlink((top + "/target").c_str(), (top + "/t.lock").c_str()) == 0);
        auto through_link = unix_listener::listen(top + "/link/s");
        auto at_link = unix_listener::listen(top + "/s");
        auto lock_is_link = unix_listener::listen(top + "/t");
        auto trusting = unix_listen_options().trust_folders();
        auto trusted = unix_listener::listen(top + "/link/s", trusting);
        REQUIRE(through_link.error() == unix_errc::folder_not_trusted);
        REQUIRE(socket_path_trouble(top + "/link/s").find("/link is a symbolic link") !=
                std::string::npos);
        REQUIRE(at_link.error() == unix_errc::path_taken);
        REQUIRE(lock_is_link.error() == std::errc::too_many_symbolic_link_levels);
        REQUIRE(::access((top + "/target").c_str(), F_OK) != 0);
        REQUIRE(trusted);
        co_return;
    });
}

TEST_CASE("U16: a folder that others may change is refused",
          "[channels][unix_listener][fault][U16]") {
    test::run_on_each_kernel([]() -> task<> {
        const test::temp_dir folder;
        const std::string top = folder.path();
        REQUIRE(::mkdir((top + "/open").c_str(), 0700) == 0);
        REQUIRE(::chmod((top + "/open").c_str(), 0777) == 0);
        REQUIRE(::mkdir((top + "/open/below").c_str(), 0700) == 0);
        auto in_open = unix_listener::listen(top + "/open/s");
        auto below = unix_listener::listen(top + "/open//below/s");
        const std::string why = socket_path_trouble(top + "/open/s");
        REQUIRE(::chmod((top + "/open").c_str(), 01777) == 0);
        auto in_sticky = unix_listener::listen(top + "/open/s");
        REQUIRE(in_open.error() == unix_errc::folder_not_trusted);
        REQUIRE(below.error() == unix_errc::folder_not_trusted);
        REQUIRE(why == top + "/open is writable by others (mode 0777)");
        REQUIRE(in_sticky);
        if (::geteuid() != 0) co_return test::skip("only root can give a folder away");
        REQUIRE(::chown((top + "/open").c_str(), nobody, nobody) == 0);
        auto foreign = unix_listener::listen(top + "/open/t");
        REQUIRE(foreign.error() == unix_errc::folder_not_trusted);
        REQUIRE(socket_path_trouble(top + "/open/t").find("belongs to user 65534") !=
                std::string::npos);
    });
}
