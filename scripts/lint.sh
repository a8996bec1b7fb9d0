#!/usr/bin/env bash
# Runs clang-tidy over the library's sources and the tools, with the headers they include.
#
#     scripts/lint.sh              all of them, without the static analyser
#     scripts/lint.sh FILE...      some sources, with it: do so with what you change
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

command -v clang-tidy-19 >/dev/null || scripts/setup.sh --dev
# clang reads its own flags best: those of the tsan preset, which change no code path, and make one
# source of many of a layer. Most of the time goes into headers, so that saves three quarters of it.
cmake --preset tsan -B build/lint -DCONDUIT_BUILD_TOOLS=ON -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON \
    >/dev/null

if [[ $# -ne 0 ]]; then
    files=("$@")
    # The analyser follows calls of a coroutine for minutes and finds nothing there: within
    # functions it takes a third of the time.
    options=()
    for argument in -Xclang -analyzer-config -Xclang mode=shallow; do
        options+=("--extra-arg=$argument")
    done
else
    mapfile -d '' -t files < <(
        find build/lint/{runtime,channels,rpc} -path '*/Unity/*.cxx' -print0
        find tools -name '*.cpp' -print0)
    options=('--checks=-clang-analyzer-*')  # of included sources it reads nothing
fi
printf '%s\0' "${files[@]}" |
    xargs -0 -n 1 -P "$(nproc)" clang-tidy-19 --quiet -p build/lint "${options[@]}" \
        2> >(grep -v 'warnings generated' >&2)
