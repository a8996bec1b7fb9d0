#!/usr/bin/env bash
# Sets up, builds with optimisation and runs the demo (examples/word_count/). On a fresh machine it
# needs nothing else.
#
#     scripts/demo.sh                     counts the words of the licence texts and of conduit
#     scripts/demo.sh ~/notes book.txt    counts those of other files and folders
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Quiet where nothing has to be done; what went wrong is said in full.
build() (
    cd "$root"
    scripts/setup.sh >&2
    local said status=0
    said=$(cmake --preset release 2>&1) || status=$?
    if [[ $status -ne 0 ]]; then
        printf '%s\n' "$said" >&2
        return "$status"
    fi
    [[ -e build/release/examples/word_count/word_count_demo ]] ||
        echo "demo: building, which takes some minutes the first time" >&2
    if [[ -t 2 ]]; then
        cmake --build --preset release --target word_count_demo >&2
    else
        said=$(cmake --build --preset release --target word_count_demo 2>&1) || status=$?
        [[ $status -eq 0 ]] || printf '%s\n' "$said" >&2
    fi
    return "$status"
)
build
exec "$root/build/release/examples/word_count/word_count_demo" "$@"
