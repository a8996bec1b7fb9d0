// SPDX-License-Identifier: BSL-1.0
//
// What pipe.throughput and copy.pipe are measured with: the pipes, the processes, the cores and the
// accounting. The one is a writer and a reader, the other the process between two pipes; writer and
// reader are then those of this file whoever is measured. Each runs in a process of its own, all on
// the cores that the caller allows.
//
//     const struct flow flow = {write_plainly, pass_on, read_plainly};
//     return run_flow("raw_blocking", &flow, argc, argv);

#pragma once

#include "raw.h"

#include <sys/wait.h>

enum { block_bytes = 65536 };

struct flow {
    void (*write_all)(int out, long blocks);
    void (*pass_on)(int in, int out);  // to the end of `in`
    void (*read_all)(int in);          // to its end
};

/// By calls that wait.
static inline void write_plainly(int out, long blocks) {
    static char block[block_bytes];
    for (long i = 0; i < blocks; ++i) {
        for (size_t done = 0; done < sizeof block;) {
            const ssize_t n = write(out, block + done, sizeof block - done);
            if (n < 0) fail("write");
            done += (size_t)n;
        }
    }
}

static inline void read_plainly(int in) {
    static char block[block_bytes];
    for (;;) {
        const ssize_t n = read(in, block, sizeof block);
        if (n < 0) fail("read");
        if (n == 0) return;
    }
}

static inline void make_one_pipe(int fds[2]) {
    if (pipe(fds) != 0) fail("pipe");
}

static inline void expect_success(pid_t child) {
    int status = 0;
    if (waitpid(child, &status, 0) != child || status != 0) {
        fprintf(stderr, "a process of the benchmark failed\n");
        exit(1);
    }
}

/// Starts the process between two pipes; yields its number, and in `in` what comes out of it.
static inline pid_t start_between(const struct flow* flow, int* in, int close_there) {
    int behind[2];
    make_one_pipe(behind);
    const pid_t child = fork();
    if (child == 0) {
        close(close_there);
        close(behind[0]);
        flow->pass_on(*in, behind[1]);
        _exit(0);
    }
    close(behind[1]);
    close(*in);
    *in = behind[0];
    return child;
}

/// Reports per block the wall time and the processor time of all processes, from start to end.
static inline int run_flow(const char* who, const struct flow* flow, int argc, char** argv) {
    const int copies = argc > 1 && strcmp(argv[1], "copy") == 0;
    const long blocks = argc > 2 ? strtol(argv[2], NULL, 10) : 20000;
    int fds[2];
    char name[100];
    pid_t between = -1;
    if (!copies && (argc < 2 || strcmp(argv[1], "pipe") != 0)) {
        fprintf(stderr, "usage: %s pipe|copy [blocks]\n", argv[0]);
        return 2;
    }
    make_one_pipe(fds);
    const double start = wall_seconds();
    if (copies) between = start_between(flow, &fds[0], fds[1]);
    const pid_t reader = fork();
    if (reader == 0) {
        close(fds[1]);
        (copies ? read_plainly : flow->read_all)(fds[0]);
        _exit(0);
    }
    close(fds[0]);
    (copies ? write_plainly : flow->write_all)(fds[1], blocks);
    close(fds[1]);
    if (copies) expect_success(between);
    expect_success(reader);
    const double wall = wall_seconds() - start;
    const double cpu = cpu_seconds(RUSAGE_SELF) + cpu_seconds(RUSAGE_CHILDREN);
    snprintf(name, sizeof name, "%s/%s", copies ? "copy.pipe" : "pipe.throughput", who);
    report(name, wall / (double)blocks * 1e6, cpu / (double)blocks * 1e6, -1);
    return 0;
}
