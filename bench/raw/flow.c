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

int main(int argc, char** argv) {
    const struct flow by_calls = {write_plainly, pass_on, read_plainly};
    return run_flow("raw_blocking", &by_calls, argc, argv);
}
