#!/bin/sh
# Runs the client of the key-value store in the working folder, which must be empty, beside a
# matchmaker of its own and three servers. The client kills one of these; all others must end well.
#
#     11_key_value_check.sh CONDUITD SERVER CLIENT
set -eu

CONDUIT_MATCHMAKER=unix:$PWD/matchmaker
export CONDUIT_MATCHMAKER
all=""
trap 'kill -9 $all 2>/dev/null || true' EXIT

"$1" --quiet --listen "$CONDUIT_MATCHMAKER" --state '' &
all=$!
for name in one two three; do
    "$2" "unix:$PWD/$name" &
    all="$! $all" # the matchmaker ends last
done

"$3"

killed=0
for each in $all; do
    kill "$each" 2>/dev/null || true
    status=0
    wait "$each" 2>/dev/null || status=$?
    case $status in
        0) ;;
        137) killed=$((killed + 1)) ;; # 128 and SIGKILL
        *) echo "process $each ended with $status" >&2 && exit 1 ;;
    esac
done
all=""
[ "$killed" = 1 ] || { echo "$killed processes were killed, and not one" >&2 && exit 1; }
left=$(find . -type s)
[ -z "$left" ] || [ "$(echo "$left" | wc -l)" = 1 ] || { echo "left: $left" >&2 && exit 1; }
