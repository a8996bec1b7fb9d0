// SPDX-License-Identifier: BSL-1.0
//
// A network of the test's own, in which it may break what it likes: the thread leaves the machine's
// for one with nothing but a loopback interface, and returns.
//
//     test::run_in_net_namespace([](test::net_namespace& net) -> task<> {
//         ...
//         net.break_link();                    // from now on nothing arrives, and nobody is told
//     });
//
// It takes the right to do so (root, or CAP_SYS_ADMIN); without it the case is a visible skip.

#pragma once

#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task.hpp>

#include <memory>
#include <string>
#include <vector>

namespace conduit::test {

class net_namespace {
public:
    /// Null, after a visible skip, where this machine does not allow it.
    static std::unique_ptr<net_namespace> enter();
    net_namespace(const net_namespace&) = delete;
    ~net_namespace();

    /// A black hole: packets vanish without a word.
    void break_link() const;
    void mend_link() const;

    /// What this host's clients may use as their ports, both included.
    void set_client_ports(int first, int last) const;

    /// Gives the loopback one more address, such as 10.0.0.1.
    void add_address(const std::string& ipv4) const;

    /// Slows the link down to a rate, with packets of 1500 bytes and room for so many bytes; beyond
    /// that packets are lost. False, after a visible skip, where tc or its tbf is missing.
    bool shape_link(const std::string& rate, int room_bytes) const;

    /// How many segments TCP had to send again in here.
    long retransmitted() const;

private:
    explicit net_namespace(int outside) noexcept : outside_(outside) {}

    int outside_;
};

/// Runs `body` in a fresh one on each of kernel_backends(), and counts descriptors.
void run_in_net_namespace(task<> (*body)(net_namespace&), scheduler_options options = {});

}  // namespace conduit::test
