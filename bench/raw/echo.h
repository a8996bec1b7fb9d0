// SPDX-License-Identifier: BSL-1.0
//
// What every echo server is measured with: the client, the cores, the accounting. A server is a
// function that sends back what comes in on N Unix sockets. It runs in a process of its own, on the
// first core allowed; the client sends 64 bytes on all of them, then collects the answers, on the
// last. Reported is all the server's processor time, and its system calls, per message.
//
//     static void serve(const int* sockets, int connections, struct tally* done) { ... }
//     ...
//     return run_echo("conduit_epoll", serve, 16, 100000);

#pragma once

#include "raw.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { connections_max = 1024, buffers = 1024, buffer_bytes = 256 };

/// Written by the server's process, read by the client's when that has ended.
struct tally {
    double cpu;
    long syscalls;  // negative: not counted
};

/// Serves until each socket has come to its end. It owns them.
typedef void serve_function(const int* sockets, int connections, struct tally* done);

/// Moves this process to the first or the last of the cores it may run on.
static inline void take_core(int last) {
    cpu_set_t allowed;
    cpu_set_t mine;
    int chosen = -1;
    sched_getaffinity(0, sizeof allowed, &allowed);
    for (int i = 0; i < CPU_SETSIZE; ++i) {
        if (CPU_ISSET(i, &allowed) && (last || chosen < 0)) chosen = i;
    }
    CPU_ZERO(&mine);
    CPU_SET(chosen, &mine);
    sched_setaffinity(0, sizeof mine, &mine);
}

static inline void make_socket_pair(int* a, int* b) {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) fail("socketpair");
    *a = fds[0];
    *b = fds[1];
}

static inline void close_all(const int* sockets, int count) {
    for (int i = 0; i < count; ++i) close(sockets[i]);
}

static inline void send_bursts(const int* sockets, int connections, long bursts) {
    char buffer[message_bytes] = {0};
    for (long k = 0; k < bursts; ++k) {
        for (int i = 0; i < connections; ++i) {
            if (send(sockets[i], buffer, sizeof buffer, MSG_NOSIGNAL) != sizeof buffer) {
                fail("send");
            }
        }
        for (int i = 0; i < connections; ++i) {
            if (recv(sockets[i], buffer, sizeof buffer, MSG_WAITALL) != sizeof buffer) {
                fail("recv");
            }
        }
    }
}

static inline void run_server(serve_function* serve, const int* sockets, int connections,
                              struct tally* done) {
    take_core(0);
    const double before = cpu_seconds(RUSAGE_SELF);
    serve(sockets, connections, done);
    done->cpu = cpu_seconds(RUSAGE_SELF) - before;
}

/// Prints what a message costs, as "stream.echo.unix.conns<N>/<who>"; yields what main() returns. To be
/// called while the process has one thread.
static inline int run_echo(const char* who, serve_function* serve, int connections, long messages) {
    static int servers[connections_max];
    static int clients[connections_max];
    struct tally* done = (struct tally*)mmap(NULL, sizeof *done, PROT_READ | PROT_WRITE,
                                             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const long bursts = messages / connections + 1;
    const double sent = (double)bursts * connections;
    char name[100];
    int status = 0;
    for (int i = 0; i < connections; ++i) make_socket_pair(&servers[i], &clients[i]);
    const pid_t child = fork();
    if (child == 0) {
        close_all(clients, connections);
        run_server(serve, servers, connections, done);
        _exit(0);
    }
    close_all(servers, connections);
    take_core(1);
    const double start = wall_seconds();
    send_bursts(clients, connections, bursts);
    const double wall = wall_seconds() - start;
    close_all(clients, connections);
    waitpid(child, &status, 0);
    if (status != 0) return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    snprintf(name, sizeof name, "stream.echo.unix.conns%d/%s", connections, who);
    report(name, wall / sent * 1e6, done->cpu / sent * 1e6, (double)done->syscalls / sent);
    return 0;
}
