// SPDX-License-Identifier: BSL-1.0
//
// The floor of rpc.bulk: large blocks from one process to another through a socket, by calls that
// wait. Nothing comes back but a byte for each, so that as many are under way as the rpc has in
// flight. rpc_run.hpp measures it.
//
//     raw_bulk bulk unix|tcp 1 <in flight> <bytes> [milliseconds]

#include "rpc_run.hpp"
#include "rpc_sockets.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace {

void serve(const rpc_shape& shape, const std::string& address, rpc_side& mine) {
    const int client = accept_from(listen_at(address, mine));
    std::vector<char> block(shape.size);
    for (;;) {
        for (std::size_t got = 0; got < block.size();) {
            const ssize_t n = ::recv(client, block.data() + got, block.size() - got, 0);
            if (n <= 0) ::_exit(1);
            got += static_cast<std::size_t>(n);
            mine.called_system();
        }
        if (::send(client, block.data(), 1, MSG_NOSIGNAL) != 1) fail("send");
        mine.called_system();
    }
}

void send_block(int server, const std::vector<char>& block, rpc_side& mine) {
    for (std::size_t sent = 0; sent < block.size();) {
        const ssize_t n = ::send(server, block.data() + sent, block.size() - sent, MSG_NOSIGNAL);
        if (n <= 0) fail("send");
        sent += static_cast<std::size_t>(n);
        mine.called_system();
    }
}

void call(const rpc_shape& shape, const std::string& address, rpc_side& mine) {
    const int server = connect_to(address);
    const std::vector<char> block(shape.size, 'a');
    char answer = 0;
    for (int i = 1; i < shape.in_flight; ++i) send_block(server, block, mine);
    for (;;) {
        send_block(server, block, mine);
        if (::recv(server, &answer, 1, 0) != 1) fail("recv");
        mine.called_system();
        mine.done(0);
    }
}

}  // namespace

int main(int argc, char** argv) { return run_rpc({"raw_blocking", serve, call}, argc, argv); }
