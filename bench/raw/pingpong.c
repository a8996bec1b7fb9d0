// SPDX-License-Identifier: BSL-1.0
//
// The floor of stream.pingpong: 64 bytes to another process and back, by nothing but system calls.
// Both ends run on one core when the caller says so (taskset). An end writes, then waits until it
// can read, and reads; io_uring submits both and waits in one call.
//
//     taskset -c 1 pingpong blocking|epoll|io_uring pipe|fifo|unix|tcp [round trips] [work]
//
// It is a floor of calls too: then the work is named, as "rpc.unary.unix.conns1.inflight1.size64".

#define _GNU_SOURCE
#include "raw.h"

#include <liburing.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/wait.h>

/// One end at work. `exchange` sends a message, if there is one to send, and waits for the next.
struct player {
    struct end fds;
    long syscalls;
    int epoll;
    struct io_uring ring;
    char buffer[4096];
};

static void send_now(struct player* p) {
    ++p->syscalls;
    if (write(p->fds.out, p->buffer, message_bytes) != message_bytes) fail("write");
}

static void receive_now(struct player* p) {
    ++p->syscalls;
    if (read(p->fds.in, p->buffer, sizeof p->buffer) != message_bytes) fail("read");
}

static void exchange_blocking(struct player* p, int sends) {
    if (sends) send_now(p);
    receive_now(p);
}

static void begin_epoll(struct player* p) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    p->epoll = epoll_create1(0);
    fcntl(p->fds.in, F_SETFL, fcntl(p->fds.in, F_GETFL) | O_NONBLOCK);
    fcntl(p->fds.out, F_SETFL, fcntl(p->fds.out, F_GETFL) | O_NONBLOCK);
    if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->fds.in, &event) != 0) fail("epoll_ctl");
}

static void exchange_epoll(struct player* p, int sends) {
    struct epoll_event event;
    if (sends) send_now(p);
    ++p->syscalls;
    if (epoll_wait(p->epoll, &event, 1, -1) != 1) fail("epoll_wait");
    receive_now(p);
}

static void begin_ring(struct player* p) {
    struct io_uring_params params = {.flags =
                                         IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN};
    const int error = io_uring_queue_init_params(8, &p->ring, &params);
    if (error < 0) {
        fprintf(stderr, "io_uring_queue_init_params: error %d\n", -error);
        exit(3);  // this kernel, or this container, has none
    }
    io_uring_register_ring_fd(&p->ring);
}

static void exchange_ring(struct player* p, int sends) {
    struct io_uring_sqe* sqe;
    struct io_uring_cqe* cqe;
    int received = 0;
    if (sends) {
        sqe = io_uring_get_sqe(&p->ring);
        io_uring_prep_write(sqe, p->fds.out, p->buffer, message_bytes, (__u64)-1);
        sqe->user_data = 0;
    }
    sqe = io_uring_get_sqe(&p->ring);
    io_uring_prep_read(sqe, p->fds.in, p->buffer + message_bytes, message_bytes, (__u64)-1);
    sqe->user_data = 1;
    while (!received) {
        ++p->syscalls;
        if (io_uring_submit_and_wait(&p->ring, 1) < 0) fail("io_uring_submit_and_wait");
        while (io_uring_peek_cqe(&p->ring, &cqe) == 0) {
            if (cqe->res != message_bytes) fail("a transfer was short");
            received |= (int)cqe->user_data;
            io_uring_cqe_seen(&p->ring, cqe);
        }
    }
}

static void begin_nothing(struct player* p) { (void)p; }

static const struct way {
    const char* name;
    void (*begin)(struct player*);
    void (*exchange)(struct player*, int sends);
} ways[] = {{"blocking", begin_nothing, exchange_blocking},
            {"epoll", begin_epoll, exchange_epoll},
            {"io_uring", begin_ring, exchange_ring}};

/// The child answers each message; the message it has read last is never answered.
static void answer(const struct way* way, struct end fds, long rounds, long* syscalls) {
    static struct player p;
    p.fds = fds;
    way->begin(&p);
    for (long i = 0; i < rounds; ++i) way->exchange(&p, i > 0);
    send_now(&p);
    *syscalls = p.syscalls;
}

static void play(const struct way* way, const char* kind, long rounds, const char* work) {
    static struct player p;
    struct end other;
    const long warm_up = rounds / 20 + 1;
    long* syscalls = mmap(NULL, sizeof *syscalls, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char name[100];
    if (!make_pair(kind, &p.fds, &other)) {
        fprintf(stderr, "pingpong: there is no kind \"%s\"\n", kind);
        exit(2);
    }
    const pid_t child = fork();
    if (child == 0) {
        answer(way, other, warm_up + rounds, syscalls);
        _exit(0);
    }
    way->begin(&p);
    for (long i = 0; i < warm_up; ++i) way->exchange(&p, 1);
    const double start = wall_seconds();
    for (long i = 0; i < rounds; ++i) way->exchange(&p, 1);
    const double wall = wall_seconds() - start;
    int status = 0;
    waitpid(child, &status, 0);
    if (status != 0) exit(1);
    const double all = (double)(warm_up + rounds);
    const double cpu = cpu_seconds(RUSAGE_SELF) + cpu_seconds(RUSAGE_CHILDREN);
    if (work != NULL) {
        snprintf(name, sizeof name, "%s/raw_%s", work, way->name);
    } else {
        snprintf(name, sizeof name, "stream.pingpong.%s/raw_%s", kind, way->name);
    }
    report(name, wall / (double)rounds * 1e6, cpu / all * 1e6,
           (double)(p.syscalls + *syscalls) / all);
}

int main(int argc, char** argv) {
    const long rounds = argc > 3 ? strtol(argv[3], NULL, 10) : 100000;
    for (size_t i = 0; argc > 2 && i < sizeof ways / sizeof *ways; ++i) {
        if (strcmp(argv[1], ways[i].name) != 0) continue;
        play(&ways[i], argv[2], rounds, argc > 4 ? argv[4] : NULL);
        return 0;
    }
    fprintf(stderr, "usage: pingpong blocking|epoll|io_uring pipe|fifo|unix|tcp [round trips]\n");
    return 2;
}
