#!/usr/bin/env bash
# Sets up, builds with optimisation and runs the demo (examples/word_count/). On a fresh machine it
# needs nothing else.
#
#     scripts/demo.sh                     counts the words of the licence texts and of conduit
#     scripts/demo.sh ~/notes book.txt    counts those of other files and folders
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=build/release/examples/word_count/word_count_demo

# Runs a command, and prints what it said only where it failed.
quietly() {
    local said status=0
    said=$("$@" 2>&1) || status=$?
    [[ $status -eq 0 ]] || printf '%s\n' "$said" >&2
    return "$status"
}

build() {
    scripts/setup.sh >&2
    quietly cmake --preset release
    local make=(cmake --build --preset release --target word_count_demo)
    if [[ -e $program ]]; then
        quietly "${make[@]}"
        return
    fi
    echo "demo: it is built first, which takes some minutes" >&2
    if [[ -t 2 ]]; then "${make[@]}" >&2; else quietly "${make[@]}"; fi
}

# In a shell of its own: the files and folders given are seen from where the caller is.
(
    cd "$root"
    build
)
exec "$root/$program" "$@"
