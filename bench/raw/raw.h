// SPDX-License-Identifier: BSL-1.0
//
// What the raw programs share: time, pairs of descriptors, and one line of output in the form of
// Google Benchmark's JSON, so that bench/report reads all programs alike.

#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
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

/// `name` is "work/who"; times are in microseconds per message or round trip. Negative `syscalls`
/// were not counted.
static inline void report(const char* name, double wall, double cpu, double syscalls) {
    printf("{\"benchmarks\": [{\"name\": \"%s\", \"real_time\": %.4f, \"cpu_time\": %.4f, "
           "\"time_unit\": \"us\"",
           name, wall, cpu);
    if (syscalls >= 0) printf(", \"syscalls\": %.3f", syscalls);
    printf("}]}\n");
}
