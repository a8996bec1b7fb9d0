// SPDX-License-Identifier: BSL-1.0
#include "net_namespace.hpp"

#include "../skip.hpp"
#include "co_test.hpp"

#include <conduit/runtime/unique_fd.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>

extern char** environ;

namespace conduit::test {
namespace {

void check(int returned, const char* what) {
    if (returned < 0) throw std::system_error(errno, std::system_category(), what);
}

ifreq about(const char* interface) noexcept {
    ifreq request{};
    std::memcpy(static_cast<void*>(request.ifr_name), interface, std::strlen(interface));
    return request;
}

void control(unsigned long what, ifreq& request) {
    const unique_fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    check(::ioctl(socket.handle(), what, &request), "ioctl on an interface");
}

void set_link(bool up) {
    ifreq request = about("lo");
    control(SIOCGIFFLAGS, request);
    const int flags = request.ifr_flags;
    request.ifr_flags = static_cast<short>(up ? flags | IFF_UP : flags & ~IFF_UP);
    control(SIOCSIFFLAGS, request);
}

/// Whether the program could be found and ended with 0. It is quiet.
bool succeeds(const std::vector<std::string>& command) {
    std::vector<char*> words;
    for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    posix_spawn_file_actions_t actions{};
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    pid_t child = 0;
    const int error = ::posix_spawnp(&child, words[0], &actions, nullptr, words.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) return false;
    int status = -1;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

std::unique_ptr<net_namespace> net_namespace::enter() {
    const int outside = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (outside < 0 || ::unshare(CLONE_NEWNET) != 0) {
        const std::error_code why(errno, std::system_category());
        if (outside >= 0) ::close(outside);
        skip("no network namespace of one's own here: " + why.message());
        return nullptr;
    }
    std::unique_ptr<net_namespace> made(new net_namespace(outside));
    set_link(true);
    return made;
}

net_namespace::~net_namespace() {
    if (::setns(outside_, CLONE_NEWNET) != 0) std::terminate();
    ::close(outside_);
}

void net_namespace::break_link() const { set_link(false); }
void net_namespace::mend_link() const { set_link(true); }

void net_namespace::set_client_ports(int first, int last) const {
    std::ofstream("/proc/sys/net/ipv4/ip_local_port_range") << first << ' ' << last;
}

void net_namespace::add_address(const std::string& ipv4) const {
    ifreq request = about("lo:1");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    if (::inet_pton(AF_INET, ipv4.c_str(), &address.sin_addr) != 1) errno = EINVAL;
    std::memcpy(&request.ifr_addr, &address, sizeof address);
    control(SIOCSIFADDR, request);
}

bool net_namespace::shape_link(const std::string& rate, int room_bytes) const {
    ifreq request = about("lo");
    request.ifr_mtu = 1500;
    control(SIOCSIFMTU, request);
    if (succeeds({"tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", rate, "burst", "5kb",
                  "limit", std::to_string(room_bytes)})) {
        return true;
    }
    skip("this machine has no tc with tbf to shape a link with");
    return false;
}

long net_namespace::retransmitted() const {
    std::ifstream counters("/proc/thread-self/net/snmp");
    std::string names;
    std::string values;
    while (std::getline(counters, names) && std::getline(counters, values)) {
        if (!names.starts_with("Tcp:")) continue;
        std::istringstream name_in(names);
        std::istringstream value_in(values);
        std::string value;
        for (std::string name; name_in >> name && value_in >> value;) {
            if (name == "RetransSegs") return std::stol(value);
        }
    }
    throw std::runtime_error("/proc/net/snmp does not count RetransSegs");
}

void run_in_net_namespace(task<> (*body)(net_namespace&), scheduler_options options) {
    for (const backend_kind kind : kernel_backends()) {
        DYNAMIC_SECTION("on " << (kind == backend_kind::uring ? "uring" : "epoll")) {
            const int descriptors_before = open_descriptors();
            const auto net = net_namespace::enter();
            if (net == nullptr) return;
            scheduler(options.backend(kind)).run(body(*net));
            REQUIRE(open_descriptors() == descriptors_before + 1);  // the way back
        }
    }
}

}  // namespace conduit::test
