#!/usr/bin/env bash
# Runs clang-tidy over the library's sources, with the headers they include.
#
#     scripts/lint.sh [FILE...]     some sources only
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

command -v clang-tidy-19 >/dev/null || scripts/setup.sh --dev
# clang reads its own flags best: those of the tsan preset, which change no code path.
cmake --preset tsan -B build/lint -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON >/dev/null

# The analyser follows calls of a coroutine for minutes and finds nothing there: within functions it
# takes a third of the time.
shallow=()
for argument in -Xclang -analyzer-config -Xclang mode=shallow; do
    shallow+=("--extra-arg=$argument")
done

if [[ $# -eq 0 ]]; then
    mapfile -d '' -t files < <(
        find runtime channels rpc tools -name '*.cpp' -print0 | sort -z)
else
    files=("$@")
fi
printf '%s\0' "${files[@]}" |
    xargs -0 -n 1 -P "$(nproc)" clang-tidy-19 --quiet -p build/lint "${shallow[@]}" \
        2> >(grep -v 'warnings generated' >&2)
