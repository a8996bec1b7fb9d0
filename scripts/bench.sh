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
codec_works=(codec.encode codec.decode)
table_works=(table.lookup table.change table.memory)
pingpong_kinds=(unix tcp pipe fifo)
flows=(pipe.throughput copy.pipe)
# mode of matchmaker_bench and what it measures
matchmaker_works=(
    "lookup matchmaker.lookup" "connect matchmaker.connect" "many matchmaker.lookup.names100k"
    "death matchmaker.death_to_watcher" "restart matchmaker.restart"
)
echo_connections=(1 16 64 256)
# mode, transport, connections, calls in flight on each, bytes
rpc_rows=(
    "unary unix 1 1 64" "unary unix 1 64 64" "unary unix 16 32 64" "unary unix 64 1 64"
    "unary unix 16 1 65536"
    "unary tcp 1 1 64" "unary tcp 1 64 64" "unary tcp 16 32 64" "unary tcp 64 1 64"
    "unary tcp 16 1 65536"
    "unary tls 1 1 64" "unary tls 16 32 64" "unary tls 16 1 65536"
    "stream unix 1 1 64" "bulk unix 1 4 1048576"
)

scripts/setup.sh --bench
cmake --preset release -B "$folder" \
    -DCONDUIT_BUILD_TESTS=OFF -DCONDUIT_BUILD_EXAMPLES=OFF -DCONDUIT_BENCH_PEERS=ON >/dev/null
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

# As the programs name it: bench/raw/rpc_run.hpp.
rpc_name() {
    local size=$5
    case $size in
        65536) size=64k ;;
        1048576) size=1m ;;
    esac
    if [[ $1 == unary ]]; then
        echo "rpc.unary.$2.conns$3.inflight$4.size$size"
    else
        echo "rpc.$1.$2.size$size"
    fi
}

# One call at a time is held against the ping-pong, so both ends share a core as they do there.
run_rpc_row() {
    local round=$1 name=$2 on=on_two_cores way who
    shift 2
    [[ $name != *.conns1.inflight1.* ]] || on=on_one_core
    for way in epoll uring; do
        "$on" "$round" "$name-$way" "$programs/rpc_bench" "$way" "$@"
    done
    [[ $name != rpc.unary.tls.* ]] || return 0 # nobody else speaks TLS here
    case $name in
        *.conns1.inflight1.*)
            "$on" "$round" "$name-raw" "$programs/raw_pingpong" epoll "$2" 20000 "$name" ;;
        rpc.bulk.*) "$on" "$round" "$name-raw" "$programs/raw_bulk" "$@" ;;
    esac
    if [[ $name != rpc.bulk.* ]]; then
        for way in epoll io_uring; do
            "$on" "$round" "$name-mini-$way" "$programs/mini_rpc" "$way" "$@"
        done
    fi
    for who in grpc capnp; do
        "$on" "$round" "$name-$who" "$programs/${who}_bench" "$@"
    done
}

# The compiler alone, without ccache; what it reads of conduit is what users include.
time_compiler() {
    local source=$1 TIMEFORMAT='%R %U %S' spent
    spent=$({ time g++ -std=c++20 -O2 -I "$folder/include" -c "$source" -o /dev/null; } 2>&1)
    read -r -a spent <<<"$spent"
    printf '{"benchmarks": [{"name": "compile.%s/conduit", "time_unit": "s", ' "$2"
    awk '{ printf "\"real_time\": %s, \"cpu_time\": %s}]}\n", $1, $2 + $3 }' <<<"${spent[*]}"
}

run_round() {
    local round=$1 work kind way messages row name side pipelined
    for work in "${runtime_works[@]}"; do
        wanted "$work" || continue
        on_one_core "$round" "$work" "$programs/runtime_bench" --benchmark_filter="^$work/" \
            --benchmark_min_time=0.1 --benchmark_format=json
    done
    for work in "${codec_works[@]}"; do
        wanted "$work" || continue
        on_one_core "$round" "$work" "$programs/codec_bench" --benchmark_filter="^$work/" \
            --benchmark_min_time=0.1 --benchmark_format=json
    done
    for work in "${table_works[@]}"; do
        wanted "$work" || continue
        on_one_core "$round" "$work" "$programs/table_bench" --benchmark_filter="^$work/" \
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
    for row in "${rpc_rows[@]}"; do
        # shellcheck disable=SC2086
        name=$(rpc_name $row)
        # shellcheck disable=SC2086
        ! wanted "$name" || run_rpc_row "$round" "$name" $row
    done
    if wanted rpc.idle && ((round == 1)); then
        for way in epoll uring; do
            on_two_cores "$round" "rpc-idle-$way" "$programs/rpc_idle_bench" "$way" 5000
            on_two_cores "$round" "rpc-idle-tls-$way" "$programs/rpc_idle_bench" "$way" 1000 tls
        done
    fi
    for work in overload neighbour; do
        wanted "rpc.$work" && ((round <= 3)) || continue
        for way in epoll uring; do
            on_two_cores "$round" "rpc-$work-$way" "$programs/rpc_load_bench" "$way" "$work"
        done
    done
    if wanted rpc.stop.under_load; then
        for way in epoll uring; do
            on_two_cores "$round" "rpc-stop-$way" "$programs/rpc_server_bench" "$way" stop
        done
    fi
    for work in 0 20; do # microseconds that each call computes
        wanted "rpc.workers.scaling.us$work" || continue
        for way in epoll uring; do
            on_two_cores "$round" "rpc-scaling-$work-$way" \
                "$programs/rpc_server_bench" "$way" scaling "$work"
        done
    done
    for row in "${matchmaker_works[@]}"; do
        kind=${row% *}
        wanted "${row#* }" || continue
        [[ $kind == lookup || $kind == connect ]] || ((round <= 3)) || continue # take long
        for way in epoll uring; do
            on_two_cores "$round" "matchmaker-$kind-$way" \
                "$programs/matchmaker_bench" "$way" "$kind"
        done
    done
    for pipelined in 1 16; do
        wanted "redis.get.p$pipelined" && command -v redis-benchmark >/dev/null || continue
        for way in epoll uring; do
            sample "$round" "redis-$pipelined-$way" \
                bench/redis.sh "conduit_$way" "$pipelined" "$programs/redis_server"
        done
        sample "$round" "redis-$pipelined-redis" bench/redis.sh redis "$pipelined"
    done
    for side in server client; do
        wanted "compile.hello.$side" || continue
        time_compiler "bench/compile/hello_$side.cpp" "hello.$side" \
            >"$samples/$round-compile-$side.json" || true
    done
}

for ((round = 1; round <= rounds; ++round)); do
    [[ ! -t 2 ]] || printf '\rround %d of %d ' "$round" "$rounds" >&2
    run_round "$round"
done
[[ ! -t 2 ]] || printf '\r\033[K' >&2

"$programs/bench_report" "$samples" build/bench/results.json
