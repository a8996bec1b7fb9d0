// SPDX-License-Identifier: BSL-1.0
//
// The floor of echo.unix: a server that is nothing but system calls. bench/raw/echo.h measures it.
//
//     echo epoll|io_uring <connections> [messages]

#define _GNU_SOURCE
#include "echo.h"

#include <liburing.h>
#include <string.h>
#include <sys/epoll.h>

enum { group = 1 };

static void serve_epoll(const int* sockets, int connections, struct tally* done) {
    static struct epoll_event events[connections_max];
    char buffer[buffer_bytes];
    int open = connections;
    const int epoll = epoll_create1(0);
    for (int i = 0; i < connections; ++i) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = sockets[i]};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, sockets[i], &event) != 0) fail("epoll_ctl");
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
    const int* sockets;
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
    const int error = io_uring_queue_init_params(connections_max, &s->ring, &params);
    if (error < 0) {
        fprintf(stderr, "io_uring_queue_init_params: error %d\n", -error);
        exit(3);  // this kernel, or this container, has none
    }
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
    io_uring_prep_recv_multishot(sqe, s->sockets[connection], NULL, 0, 0);
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
        io_uring_prep_send(sqe, s->sockets[connection], buffer_at(s, number), (size_t)cqe->res,
                           MSG_NOSIGNAL);
        sqe->user_data = sent + number;
    } else if (cqe->res != -ENOBUFS) {
        close(s->sockets[connection]);
        --s->open;
        return;
    }
    if ((cqe->flags & IORING_CQE_F_MORE) == 0) receive(s, connection, done);
}

static void serve_ring(const int* sockets, int connections, struct tally* done) {
    static struct ring_server s;
    begin_ring(&s);
    s.sockets = sockets;
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

int main(int argc, char** argv) {
    const int connections = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 0;
    const long messages = argc > 3 ? strtol(argv[3], NULL, 10) : 200000;
    const int is_ring = argc > 1 && strcmp(argv[1], "io_uring") == 0;
    if (connections < 1 || connections > connections_max ||
        (!is_ring && strcmp(argv[1], "epoll") != 0)) {
        fprintf(stderr, "usage: echo epoll|io_uring <connections, up to 1024> [messages]\n");
        return 2;
    }
    if (is_ring) return run_echo("raw_io_uring", serve_ring, connections, messages);
    return run_echo("raw_epoll", serve_epoll, connections, messages);
}
