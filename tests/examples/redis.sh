#!/usr/bin/env bash
# The Redis server of the examples as Redis's own programs meet it, in an empty folder of its own.
#
#     redis.sh commands SERVER       each command and each error, as redis-cli prints the replies
#     redis.sh real SERVER PROGRAM   Redis itself is asked the same, and says what is right
#     redis.sh benchmark SERVER      redis-benchmark gets through
#     redis.sh peer SERVER PROGRAM   redis_peer.cpp, which says what redis-cli never says
#     redis.sh memory SERVER PROGRAM the same, and what that took of the server's memory
#     redis.sh ends SERVER           how it ends, and how it begins where it cannot
#
# Exits with 77 where Debian's redis-tools are missing.
set -euo pipefail

way=$1
server=$2
peer=${3-}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

needs=(redis-cli redis-benchmark)
[[ $way != peer && $way != memory ]] || needs=()
# The program of redis-server is among the tools, by the name of another use of it.
[[ $way != real ]] || needs+=(redis-check-rdb)
for tool in "${needs[@]}"; do
    if ! command -v "$tool" >/dev/null; then
        echo "skipped: $tool is missing; it is in Debian's redis-tools"
        exit 77
    fi
done

folder=$(mktemp -d)
pid=""
finish() {
    [[ -z $pid ]] || kill -9 "$pid" 2>/dev/null || true
    rm -rf "$folder"
}
trap finish EXIT
cd "$folder"

fail() {
    echo "wrong: $*" >&2
    exit 1
}

# Whoever starts says so on its first line: there is nothing to wait for in vain.
start() {
    coproc "$server" unix:redis
    pid=$COPROC_PID
    local line
    read -r line <&"${COPROC[0]}" || fail "the server did not start"
    [[ $line == "ready at unix:redis" ]] || fail "the server said: $line"
}

start_real() {
    ln -s "$(command -v redis-check-rdb)" redis-server
    coproc ./redis-server --port 0 --unixsocket redis --save '' --appendonly no --daemonize no
    pid=$COPROC_PID
    local line
    while read -r line <&"${COPROC[0]}"; do
        [[ $line != *"ready to accept connections"* ]] || return 0
    done
    fail "redis-server did not start"
}

stop() {
    local status=0
    kill -TERM "$pid"
    wait "$pid" || status=$?
    pid=""
    [[ $status == 0 ]] || fail "the server ended with $status"
    [[ ! -e redis ]] || fail "the server left its socket"
}

ask() {
    redis-cli -s redis <"$here/$1.txt" >"$1"
    diff "$here/$1.expected" "$1" || fail "$1 are answered otherwise"
}

check_benchmark() {
    local said
    said=$(redis-benchmark -s redis -t get,set,incr -n 20000 -P 16 --csv 2>&1)
    [[ $(grep -c '^"\(GET\|SET\|INCR\)","[1-9]' <<<"$said") == 3 ]] || fail "$said"
    ! grep -qi 'error\|warning' <<<"$said" || fail "$said"
    [[ $(redis-cli -s redis get counter:__rand_int__) == 20000 ]] || fail "some INCR was lost"
}

# 200 replies of 500,000 bytes were asked for at once, by a client that reads late.
check_memory() {
    local peak
    peak=$(awk '/^VmHWM:/ { print $2 }' "/proc/$pid/status")
    ((peak < 32 * 1024)) || fail "the server's memory was $peak KiB"
}

check_ends() {
    local why
    ! why=$("$server" unix:redis 2>&1) || fail "two servers at one place"
    [[ $why == "cannot listen at unix:redis: "* ]] || fail "$why"
    ! why=$("$server" exec:cat 2>&1) || fail "it listened at a program"
    [[ $why == "it listens at unix: and tcp: addresses" ]] || fail "$why"
    ! why=$("$server" nonsense 2>&1) || fail "it listened at nonsense"
    mkfifo asks hears # of a client that stays
    redis-cli -s redis <asks >hears &
    exec {asks}>asks {hears}<hears
    echo ping >&"$asks"
    read -r why <&"$hears"
    [[ $why == PONG ]] || fail "$why"
}

case $way in
    commands) start && ask redis_commands && ask redis_greetings ;;
    real) start_real && ask redis_commands && "$peer" redis --real ;;
    benchmark) start && check_benchmark ;;
    peer) start && "$peer" redis ;;
    memory) start && "$peer" redis && check_memory ;;
    ends) start && check_ends ;;
    *) fail "usage" ;;
esac
stop
