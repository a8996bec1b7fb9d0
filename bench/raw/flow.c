// SPDX-License-Identifier: BSL-1.0
//
// The floors of pipe.throughput and copy.pipe, by nothing but system calls: blocks of 64 KiB from
// one process to another through a pipe, by write and read that wait; and the same with a process
// between two pipes, which passes the bytes on inside the kernel by splice.
//
//     flow pipe|copy [blocks]

#define _GNU_SOURCE
#include "flow.h"

/// Passes everything on; it waits in the call.
static void pass_on(int in, int out) {
    for (;;) {
        const ssize_t n = splice(in, NULL, out, NULL, block_bytes, 0);
        if (n < 0) fail("splice");
        if (n == 0) return;
    }
}

static void read_all(int in) {
    static char block[block_bytes];
    for (;;) {
        const ssize_t n = read(in, block, sizeof block);
        if (n < 0) fail("read");
        if (n == 0) return;
    }
}

static void write_all(int out, long blocks) {
    static char block[block_bytes];
    for (long i = 0; i < blocks; ++i) {
        for (size_t done = 0; done < sizeof block;) {
            const ssize_t n = write(out, block + done, sizeof block - done);
            if (n < 0) fail("write");
            done += (size_t)n;
        }
    }
}

int main(int argc, char** argv) {
    const struct flow by_calls = {write_all, pass_on, read_all};
    return run_flow("raw_blocking", &by_calls, argc, argv);
}
