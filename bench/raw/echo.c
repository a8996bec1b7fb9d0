// SPDX-License-Identifier: BSL-1.0
//
// The floor of echo.unix: a server process that sends back what comes in on N Unix sockets, and a
// client process that sends 64 bytes on all of them, then collects the answers. Reported is the
// server's processor time and its system calls, per message. Each process has a core of its own
// where there are two.
//
//     echo epoll|io_uring <connections> [messages]

#define _GNU_SOURCE
#include "raw.h"

#include <fcntl.h>
#include <liburing.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { connections_max = 1024, buffers = 1024, buffer_bytes = 256, group = 1 };

static struct end servers[connections_max];
static struct end clients[connections_max];

/// Written by the server, read by the client when the server has ended.
struct tally {
    double cpu;
    long syscalls;
};

static void serve_epoll(int connections, struct tally* done) {
    static struct epoll_event events[connections_max];
    char buffer[buffer_bytes];
    int open = connections;
    const int epoll = epoll_create1(0);
    for (int i = 0; i < connections; ++i) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = servers[i].in};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, servers[i].in, &event) != 0) fail("epoll_ctl");
    }
    while (open > 0) {
        const int count = epoll_wait(epoll, events, connections_max, -1);
        ++done->syscalls;
        for (int i = 0; i < count; ++i) {
            const int fd = events[i].data.fd;
            const ssize_t got = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
            ++done->syscalls;
            if (got <= 0) {
                close(fd);
                --open;
                continue;
            }
            if (send(fd, buffer, (size_t)got, MSG_NOSIGNAL | MSG_DONTWAIT) != got) fail("send");
            ++done->syscalls;
        }
    }
}

/// The kernel receives into buffers of a ring; a buffer goes back when its answer has been sent.
struct ring_server {
    struct io_uring ring;
    struct io_uring_buf_ring* pool;
    char* memory;
    int open;
};

static char* buffer_at(struct ring_server* s, unsigned number) {
    return s->memory + (size_t)number * buffer_bytes;
}

static void give_back(struct ring_server* s, unsigned number) {
    io_uring_buf_ring_add(s->pool, buffer_at(s, number), buffer_bytes, (unsigned short)number,
                          buffers - 1, 0);
    io_uring_buf_ring_advance(s->pool, 1);
}

static void* map_memory(size_t bytes) {
    void* memory =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) fail("mmap");
    return memory;
}

static void begin_ring(struct ring_server* s) {
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
        .cq_entries = 4 * connections_max};
    if (io_uring_queue_init_params(connections_max, &s->ring, &params) < 0) exit(3);
    io_uring_register_ring_fd(&s->ring);
    s->pool = map_memory(buffers * sizeof(struct io_uring_buf));
    s->memory = map_memory((size_t)buffers * buffer_bytes);
    struct io_uring_buf_reg registered = {
        .ring_addr = (unsigned long)s->pool, .ring_entries = buffers, .bgid = group};
    if (io_uring_register_buf_ring(&s->ring, &registered, 0) != 0) exit(3);
    io_uring_buf_ring_init(s->pool);
    for (unsigned i = 0; i < buffers; ++i) give_back(s, i);
}

static struct io_uring_sqe* next_sqe(struct ring_server* s, struct tally* done) {
    struct io_uring_sqe* sqe = io_uring_get_sqe(&s->ring);
    if (sqe != NULL) return sqe;
    ++done->syscalls;
    io_uring_submit(&s->ring);
    return io_uring_get_sqe(&s->ring);
}

static void receive(struct ring_server* s, unsigned connection, struct tally* done) {
    struct io_uring_sqe* sqe = next_sqe(s, done);
    io_uring_prep_recv_multishot(sqe, servers[connection].in, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = group;
    sqe->user_data = connection;
}

// What a completion belongs to: a connection that received, or (sent + a buffer) that was sent.
static const unsigned long long sent = 1ULL << 32;

static void completed(struct ring_server* s, const struct io_uring_cqe* cqe, struct tally* done) {
    if (cqe->user_data >= sent) {
        if (cqe->res < 0) fail("send");
        give_back(s, (unsigned)(cqe->user_data - sent));
        return;
    }
    const unsigned connection = (unsigned)cqe->user_data;
    if (cqe->res > 0) {
        const unsigned number = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
        struct io_uring_sqe* sqe = next_sqe(s, done);
        io_uring_prep_send(sqe, servers[connection].out, buffer_at(s, number), (size_t)cqe->res,
                           MSG_NOSIGNAL);
        sqe->user_data = sent + number;
    } else if (cqe->res != -ENOBUFS) {
        close(servers[connection].in);
        --s->open;
        return;
    }
    if ((cqe->flags & IORING_CQE_F_MORE) == 0) receive(s, connection, done);
}

static void serve_ring(int connections, struct tally* done) {
    static struct ring_server s;
    begin_ring(&s);
    s.open = connections;
    for (int i = 0; i < connections; ++i) receive(&s, (unsigned)i, done);
    while (s.open > 0) {
        struct io_uring_cqe* cqe;
        unsigned head;
        unsigned count = 0;
        ++done->syscalls;
        if (io_uring_submit_and_wait(&s.ring, 1) < 0) fail("io_uring_submit_and_wait");
        io_uring_for_each_cqe(&s.ring, head, cqe) {
            ++count;
            completed(&s, cqe, done);
        }
        io_uring_cq_advance(&s.ring, count);
    }
}

/// Moves this process to the first or the last of the cores it may run on.
static void take_core(int last) {
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

static void send_bursts(int connections, long bursts) {
    char buffer[message_bytes] = {0};
    for (long k = 0; k < bursts; ++k) {
        for (int i = 0; i < connections; ++i) {
            if (write(clients[i].out, buffer, sizeof buffer) != sizeof buffer) fail("write");
        }
        for (int i = 0; i < connections; ++i) {
            if (recv(clients[i].in, buffer, sizeof buffer, MSG_WAITALL) != sizeof buffer) {
                fail("recv");
            }
        }
    }
    for (int i = 0; i < connections; ++i) close(clients[i].in);
}

static void run_server(int is_ring, int connections, struct tally* done) {
    take_core(0);
    for (int i = 0; i < connections; ++i) close(clients[i].in);
    const double before = cpu_seconds(RUSAGE_SELF);
    if (is_ring) {
        serve_ring(connections, done);
    } else {
        serve_epoll(connections, done);
    }
    done->cpu = cpu_seconds(RUSAGE_SELF) - before;
}

static void run_echo(int is_ring, int connections, long bursts) {
    struct tally* done = mmap(NULL, sizeof *done, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const double messages = (double)bursts * connections;
    char name[100];
    int status = 0;
    for (int i = 0; i < connections; ++i) make_unix_pair(&servers[i], &clients[i]);
    const pid_t child = fork();
    if (child == 0) {
        run_server(is_ring, connections, done);
        _exit(0);
    }
    for (int i = 0; i < connections; ++i) close(servers[i].in);
    take_core(1);
    const double start = wall_seconds();
    send_bursts(connections, bursts);
    const double wall = wall_seconds() - start;
    waitpid(child, &status, 0);
    if (status != 0) exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
    snprintf(name, sizeof name, "echo.unix.conns%d/raw_%s", connections,
             is_ring ? "io_uring" : "epoll");
    report(name, wall / messages * 1e6, done->cpu / messages * 1e6,
           (double)done->syscalls / messages);
}

int main(int argc, char** argv) {
    const int connections = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 0;
    const long messages = argc > 3 ? strtol(argv[3], NULL, 10) : 200000;
    const int is_ring = argc > 1 && strcmp(argv[1], "io_uring") == 0;
    if (connections < 1 || connections > connections_max ||
        (!is_ring && strcmp(argv[1], "epoll") != 0)) {
        fprintf(stderr, "usage: echo epoll|io_uring <connections, up to 1024> [messages]\n");
        return 2;
    }
    run_echo(is_ring, connections, messages / connections + 1);
    return 0;
}
