#!/usr/bin/env bash
# Formats every source in place; with --check it only says what differs, and fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mode=(-i)
[[ ${1-} == --check ]] && mode=(--dry-run --Werror)

command -v clang-format-19 >/dev/null || scripts/setup.sh --dev
find . -path ./build -prune -o \( -name '*.hpp' -o -name '*.cpp' \) -print0 |
    xargs -0 -n 16 -P "$(nproc)" clang-format-19 "${mode[@]}"
