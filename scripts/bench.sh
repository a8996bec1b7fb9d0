#!/usr/bin/env bash
# Builds with optimisation, runs the benchmarks in interleaved rounds, pinned to cores, prints one
# table and writes build/bench/results.json. docs/guide/benchmarks.md says how to read it.
#
#     scripts/bench.sh                   everything
#     scripts/bench.sh '^task'           only what matches this regular expression
#     CONDUIT_BENCH_ROUNDS=15 scripts/bench.sh task.await
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

filter=${1-.}
rounds=${CONDUIT_BENCH_ROUNDS:-5}
folder=build/bench/release
samples=build/bench/rounds

runtime_works=(task.await task.yield task.spawn timer.set_cancel post.cross_thread)
pingpong_kinds=(unix tcp pipe fifo)
flows=(pipe.throughput copy.pipe)
echo_connections=(1 16 64 256)

scripts/setup.sh
cmake --preset release -B "$folder" \
    -DCONDUIT_BUILD_TESTS=OFF -DCONDUIT_BUILD_EXAMPLES=OFF >/dev/null
cmake --build "$folder" --target bench >&2
programs=$folder/bench
if [[ ! -x $programs/bench_report ]]; then
    echo "bench: the table needs nlohmann-json3-dev and libfmt-dev" >&2
    exit 1
fi

rm -rf "$samples"
mkdir -p "$samples"
allowed=$(taskset -cp $$)
core=${allowed##*[ ,-]} # the last one allowed: interrupts prefer the first

wanted() { [[ $1 =~ $filter ]]; }

# sample <round> <name> <command...>: what cannot run on this machine leaves an empty file.
sample() {
    local file="$samples/$1-$2.json"
    shift 2
    timeout 120 "$@" >"$file" 2>/dev/null || true
}

on_one_core() {
    local round=$1 name=$2
    shift 2
    [[ ! -x $1 ]] || sample "$round" "$name" taskset -c "$core" "$@"
}

# Client and server each take a core of their own: bench/raw/echo.h.
on_two_cores() {
    [[ ! -x $3 ]] || sample "$@"
}

run_round() {
    local round=$1 work kind way messages
    for work in "${runtime_works[@]}"; do
        wanted "$work" || continue
        on_one_core "$round" "$work" "$programs/runtime_bench" --benchmark_filter="^$work/" \
            --benchmark_min_time=0.1 --benchmark_format=json
    done
    for kind in "${pingpong_kinds[@]}"; do
        wanted "stream.pingpong.$kind" || continue
        for way in epoll uring; do
            on_one_core "$round" "stream-$kind-$way" "$programs/stream_bench" "$way" "$kind" 50000
        done
        for way in epoll blocking io_uring; do
            on_one_core "$round" "raw-$kind-$way" "$programs/raw_pingpong" "$way" "$kind" 50000
        done
    done
    for kind in "${echo_connections[@]}"; do
        wanted "stream.echo.unix.conns$kind" || continue
        messages=$((kind == 1 ? 20000 : 100000)) # alone, each one waits for a process to wake
        for way in epoll uring; do
            on_two_cores "$round" "echo-$kind-$way" \
                "$programs/echo_bench" "$way" "$kind" "$messages"
        done
        for way in epoll io_uring; do
            on_two_cores "$round" "raw-echo-$kind-$way" \
                "$programs/raw_echo" "$way" "$kind" "$messages"
        done
        on_two_cores "$round" "asio-echo-$kind" "$programs/asio_echo_bench" "$kind" "$messages"
    done
    for work in "${flows[@]}"; do
        wanted "$work" || continue
        kind=pipe
        [[ $work != copy.* ]] || kind=copy
        for way in epoll uring; do
            on_one_core "$round" "flow-$kind-$way" "$programs/flow_bench" "$way" "$kind" 20000
        done
        on_one_core "$round" "raw-flow-$kind" "$programs/raw_flow" "$kind" 20000
    done
    if wanted idle.connections && ((round == 1)); then
        for way in epoll uring; do
            on_two_cores "$round" "idle-$way" "$programs/idle_bench" "$way" 10000
        done
    fi
}

for ((round = 1; round <= rounds; ++round)); do
    [[ ! -t 2 ]] || printf '\rround %d of %d ' "$round" "$rounds" >&2
    run_round "$round"
done
[[ ! -t 2 ]] || printf '\r\033[K' >&2

"$programs/bench_report" "$samples" build/bench/results.json
