// SPDX-License-Identifier: BSL-1.0
//
// Many writers and readers on one FIFO, each a scheduler on a thread of its own, with waits
// cancelled at random. Every record carries its writer and number, and is filled with what both
// give.

#include "../support/co_test.hpp"
#include "../support/stress.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/channels/fifo_record_reader.hpp>
#include <conduit/channels/fifo_record_writer.hpp>
#include <conduit/runtime/within.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <latch>
#include <random>
#include <thread>
#include <vector>

using namespace conduit;
using namespace std::chrono_literals;

namespace {

using steady = std::chrono::steady_clock;

struct plan {
    std::string path;
    fifo_options options;
    std::uint32_t writers = 4;
    std::uint32_t readers = 4;
    std::uint32_t records_each = 250'000;
    steady::time_point until;
};

struct stamp {
    std::uint32_t writer = 0;
    std::uint32_t number = 0;
};

/// What the bytes behind the stamp are; their number varies, sometimes up to the limit.
std::byte filler(const stamp& of) { return static_cast<std::byte>(of.writer * 31 + of.number); }

std::size_t length(const stamp& of) {
    const std::size_t most = fifo_record_writer::payload_bytes_max - sizeof(stamp);
    return of.number % 1000 == 999 ? most : (of.writer + of.number) % 97;
}

struct written {
    std::uint32_t records = 0;
    std::uint64_t cancelled = 0;
    std::error_code error;
};

struct read {
    std::vector<std::vector<bool>> seen;  // by writer and number
    std::uint64_t damaged = 0;
    std::uint64_t twice = 0;
    std::uint64_t skipped = 0;
    std::uint64_t cancelled = 0;
    std::error_code error;
};

/// One wait in 64 is ended early.
clock::duration draw_patience(std::minstd_rand& random) {
    return random() % 64 == 0 ? clock::duration(20us) : clock::duration(1h);
}

task<> write_records(const plan& p, std::uint32_t self, std::latch& all_open, written& done) {
    auto writer = co_await fifo_record_writer::open(p.path, p.options);
    all_open.arrive_and_wait();
    std::vector<std::byte> payload(fifo_record_writer::payload_bytes_max);
    std::minstd_rand random(self + 1);
    while (done.records < p.records_each && steady::now() < p.until) {
        const stamp own{self, done.records};
        std::memcpy(payload.data(), &own, sizeof own);
        const auto bytes = std::span(payload).first(sizeof own + length(own));
        std::fill(bytes.begin() + sizeof own, bytes.end(), filler(own));
        const clock::duration patience = draw_patience(random);
        auto sent = co_await within(patience, writer->write_record(bytes));
        if (sent.error() == errc::timed_out) {
            ++done.cancelled;
        } else if (sent) {
            ++done.records;
        } else {
            done.error = sent.error();
            co_return;
        }
    }
}

void note(std::span<const std::byte> record, read& done) {
    stamp of;
    if (record.size() < sizeof of) {
        ++done.damaged;
        return;
    }
    std::memcpy(&of, record.data(), sizeof of);
    const auto rest = record.subspan(sizeof of);
    const bool filled = std::all_of(rest.begin(), rest.end(),
                                    [wanted = filler(of)](std::byte b) { return b == wanted; });
    const bool known = of.writer < done.seen.size() && of.number < done.seen[0].size();
    if (!known || !filled || rest.size() != length(of)) {
        ++done.damaged;
        return;
    }
    if (done.seen[of.writer][of.number]) ++done.twice;
    done.seen[of.writer][of.number] = true;
}

task<> read_records(const plan& p, std::uint32_t self, std::latch& all_open, read& done) {
    auto reader = co_await fifo_record_reader::open(p.path, p.options);
    all_open.arrive_and_wait();
    done.seen.assign(p.writers, std::vector<bool>(p.records_each));
    std::minstd_rand random(self + 101);
    for (;;) {
        const clock::duration patience = draw_patience(random);
        auto record = co_await within(patience, reader->read_record());
        if (record.error() == errc::timed_out) {
            ++done.cancelled;
            continue;
        }
        if (!record) {
            done.error = record.error();
            break;
        }
        note(*record, done);
    }
    done.skipped = reader->skipped_bytes();
}

struct outcome {
    std::vector<written> writers;
    std::vector<read> readers;
    double seconds = 0;
};

outcome run(const plan& p, backend_kind kind) {
    outcome all;
    all.writers.resize(p.writers);
    all.readers.resize(p.readers);
    std::latch all_open(p.writers + p.readers);
    std::vector<std::thread> threads;
    const auto begun = steady::now();
    const auto options = scheduler_options().backend(kind);
    for (std::uint32_t i = 0; i < p.writers; ++i) {
        threads.emplace_back(
            [&, i] { scheduler(options).run(write_records(p, i, all_open, all.writers[i])); });
    }
    for (std::uint32_t i = 0; i < p.readers; ++i) {
        threads.emplace_back(
            [&, i] { scheduler(options).run(read_records(p, i, all_open, all.readers[i])); });
    }
    for (std::thread& each : threads) each.join();
    all.seconds = std::chrono::duration<double>(steady::now() - begun).count();
    return all;
}

/// How many of the records that were written did not arrive exactly once.
std::uint64_t lost_or_doubled(const outcome& all) {
    std::uint64_t wrong = 0;
    for (std::size_t w = 0; w < all.writers.size(); ++w) {
        for (std::uint32_t n = 0; n < all.readers[0].seen[w].size(); ++n) {
            const auto times = std::count_if(all.readers.begin(), all.readers.end(),
                                             [&](const read& r) { return r.seen[w][n]; });
            wrong += times == (n < all.writers[w].records ? 1 : 0) ? 0 : 1;
        }
    }
    return wrong;
}

void check(const char* backend, const outcome& all) {
    std::uint64_t records = 0;
    std::uint64_t cancelled = 0;
    for (const written& each : all.writers) {
        REQUIRE_FALSE(each.error);
        records += each.records;
        cancelled += each.cancelled;
    }
    for (const read& each : all.readers) {
        REQUIRE(each.error == errc::end_of_stream);
        REQUIRE(each.damaged == 0);
        REQUIRE(each.twice == 0);
        REQUIRE(each.skipped == 0);
        cancelled += each.cancelled;
    }
    REQUIRE(records > 0);
    REQUIRE(lost_or_doubled(all) == 0);
    std::printf("%s: %zu writers, %zu readers, %llu records, %llu waits cancelled, %.1f s\n",
                backend, all.writers.size(), all.readers.size(),
                static_cast<unsigned long long>(records),
                static_cast<unsigned long long>(cancelled), all.seconds);
}

/// A million records in all, or as many as the time allows; more where there is more time.
void stress(std::uint32_t readers, const fifo_options& options) {
    for (const backend_kind kind : test::kernel_backends()) {
        const char* name = kind == backend_kind::uring ? "uring" : "epoll";
        const int descriptors = test::open_descriptors();
        const test::temp_dir folder;
        plan p;
        p.path = folder.path() + "/fifo";
        p.options = fifo_options(options).when_missing(fifo_missing::is_made);
        p.readers = readers;
        const auto time = test::stress_time();
        if (time > 15s) p.records_each *= static_cast<std::uint32_t>(time.count() / 15 + 1);
        p.until = steady::now() + time;
        const outcome all = run(p, kind);
        check(name, all);
        REQUIRE(test::open_descriptors() == descriptors);
    }
}

}  // namespace

TEST_CASE("4 writers and 4 readers on one FIFO lose and tear none of a million records",
          "[channels][fifo][record][stress]") {
    stress(4, fifo_options());
}

TEST_CASE("4 writers and a reader of records that lie together lose and tear none of a million",
          "[channels][fifo][record][stress]") {
    stress(1, fifo_options().put_records_together());
}
