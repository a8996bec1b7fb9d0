// SPDX-License-Identifier: BSL-1.0
//
// What the raw programs share: time, pairs of descriptors, and one line of output in the form of
// Google Benchmark's JSON, so that bench/report reads all programs alike.

#pragma once

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { message_bytes = 64 };

static inline void fail(const char* what) {
    perror(what);
    exit(1);
}

static inline double wall_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static inline double cpu_seconds(int who) {
    struct rusage used;
    getrusage(who, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

/// One side of a connection: it reads from `in` and writes to `out`, which may be the same.
struct end {
    int in;
    int out;
};

static inline void make_unix_pair(struct end* a, struct end* b) {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) fail("socketpair");
    a->in = a->out = fds[0];
    b->in = b->out = fds[1];
}

static inline void make_pipe_pair(struct end* a, struct end* b) {
    int there[2];
    int back[2];
    if (pipe(there) != 0 || pipe(back) != 0) fail("pipe");
    a->in = back[0];
    a->out = there[1];
    b->in = there[0];
    b->out = back[1];
}

/// Both ends of a FIFO whose name is gone again.
static inline void make_fifo_ends(int* reading, int* writing) {
    char folder[] = "/tmp/conduit-bench-XXXXXX";
    char path[sizeof folder + 2];
    if (mkdtemp(folder) == NULL) fail("mkdtemp");
    snprintf(path, sizeof path, "%s/f", folder);
    if (mkfifo(path, 0600) != 0) fail("mkfifo");
    *reading = open(path, O_RDONLY | O_NONBLOCK);
    *writing = open(path, O_WRONLY);
    if (*reading < 0 || *writing < 0) fail("open");
    fcntl(*reading, F_SETFL, 0);
    unlink(path);
    rmdir(folder);
}

static inline void make_fifo_pair(struct end* a, struct end* b) {
    make_fifo_ends(&b->in, &a->out);
    make_fifo_ends(&a->in, &b->out);
}

/// Two connected TCP sockets on loopback that send at once.
static inline void make_tcp_pair(struct end* a, struct end* b) {
    const int yes = 1;
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    a->in = a->out = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr*)&address, size) != 0) fail("bind");
    if (listen(listener, 1) != 0) fail("listen");
    if (getsockname(listener, (struct sockaddr*)&address, &size) != 0) fail("getsockname");
    if (connect(a->in, (struct sockaddr*)&address, size) != 0) fail("connect");
    b->in = b->out = accept(listener, NULL, NULL);
    if (b->in < 0) fail("accept");
    setsockopt(a->in, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(b->in, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    close(listener);
}

/// Makes what `kind` names; zero for a kind that there is none of.
static inline int make_pair(const char* kind, struct end* a, struct end* b) {
    static const struct {
        const char* name;
        void (*make)(struct end*, struct end*);
    } kinds[] = {{"pipe", make_pipe_pair},
                 {"fifo", make_fifo_pair},
                 {"unix", make_unix_pair},
                 {"tcp", make_tcp_pair}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; ++i) {
        if (strcmp(kind, kinds[i].name) != 0) continue;
        kinds[i].make(a, b);
        return 1;
    }
    return 0;
}

/// `name` is "work/who"; times are in microseconds per message or round trip. Negative `syscalls`
/// were not counted.
static inline void report(const char* name, double wall, double cpu, double syscalls) {
    printf("{\"benchmarks\": [{\"name\": \"%s\", \"real_time\": %.4f, \"cpu_time\": %.4f, "
           "\"time_unit\": \"us\"",
           name, wall, cpu);
    if (syscalls >= 0) printf(", \"syscalls\": %.3f", syscalls);
    printf("}]}\n");
}
