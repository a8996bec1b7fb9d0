#!/usr/bin/env bash
# What a GET of 64 bytes costs a Redis server, by its processor time, with Redis's own client:
# redis-benchmark, 50 connections at a Unix socket, so many requests at a time on each. The server
# has the first core that is allowed, the client the last. Prints Google Benchmark's JSON.
#
#     redis.sh conduit_epoll|conduit_uring 16 build/bench/release/bench/redis_server
#     redis.sh redis 16                    Redis itself, of Debian's redis-tools
set -euo pipefail

who=$1
pipelined=$2
program=${3-}
requests=$((pipelined == 1 ? 100000 : 1000000))
folder=$(mktemp -d)
server=""
finish() {
    if [[ -n $server ]]; then
        kill "$server" 2>/dev/null || true
        wait "$server" || true
    fi
    rm -rf "$folder"
}
trap finish EXIT

allowed=$(taskset -cp $$)
allowed=${allowed##* }
first=${allowed%%[,-]*}
last=${allowed##*[,-]}

if [[ $who == redis ]]; then
    # By this name the tool is the server: the package of that name would start a service.
    ln -s "$(command -v redis-check-rdb)" "$folder/redis-server"
    command=("$folder/redis-server" --port 0 --unixsocket "$folder/socket" --save '')
else
    export CONDUIT_BACKEND=${who#conduit_}
    command=("$(realpath "$program")" "unix:$folder/socket")
fi
coproc exec taskset -c "$first" "${command[@]}"
server=$COPROC_PID
until [[ ${line-} == *ready* ]]; do read -r line <&"${COPROC[0]}"; done

# ask <command> <requests>: rate, and latencies in ms, as "test","rps",avg,min,p50,p95,p99,max.
ask() {
    taskset -c "$last" redis-benchmark -s "$folder/socket" -c 50 -d 64 -t "$1" -n "$2" \
        -P "$pipelined" --csv | tr -d '"' | tail -1
}

# Of all its threads, in seconds: utime and stime in /proc/PID/stat, behind the name.
spent() {
    local line fields
    line=$(<"/proc/$server/stat")
    read -r -a fields <<<"${line##*) }"
    echo $((fields[11] + fields[12])) "$(getconf CLK_TCK)" | awk '{ print $1 / $2 }'
}

ask set 1000 >/dev/null
ask get $((requests / 10)) >/dev/null
before=$(spent)
said=$(ask get "$requests")
after=$(spent)
IFS=, read -r _ rate _ _ p50 _ p99 _ <<<"$said"
awk -v name="redis.get.p$pipelined/$who" -v n="$requests" -v cpu="$before $after" \
    -v rate="$rate" -v p50="$p50" -v p99="$p99" 'BEGIN {
    split(cpu, at, " ")
    printf "{\"benchmarks\": [{\"name\": \"%s\", \"time_unit\": \"us\", ", name
    printf "\"real_time\": %.4f, \"cpu_time\": %.4f, ", 1e6 / rate, (at[2] - at[1]) / n * 1e6
    printf "\"rate\": %.0f, \"p50\": %.0f, \"p99\": %.0f}]}\n", rate, p50 * 1000, p99 * 1000
}'
