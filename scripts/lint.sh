#!/usr/bin/env bash
# Runs clang-tidy over the library's sources, with the headers they include.
#
#     scripts/lint.sh [FILE...]     some sources only
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

command -v clang-tidy-19 >/dev/null || scripts/setup.sh --dev
# clang reads its own flags best: those of the tsan preset, which change no code path.
cmake --preset tsan -B build/lint >/dev/null

if [[ $# -eq 0 ]]; then
    mapfile -d '' -t files < <(
        find runtime channels rpc tools -name '*.cpp' -print0 | sort -z)
else
    files=("$@")
fi
printf '%s\0' "${files[@]}" |
    xargs -0 -n 1 -P "$(nproc)" clang-tidy-19 --quiet -p build/lint \
        2> >(grep -v 'warnings generated' >&2)
