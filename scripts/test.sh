#!/usr/bin/env bash
# Sets up, configures, builds and runs the tests. On a fresh machine it needs nothing else.
#
#     scripts/test.sh                          every test, with g++
#     scripts/test.sh -L fault                 further arguments go to ctest
#     scripts/test.sh --preset asan [...]      another preset of CMakePresets.json
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

preset=whole
if [[ ${1-} == --preset ]]; then
    preset=${2:?--preset needs a name}
    shift 2
fi

case $preset in
    asan | tsan) scripts/setup.sh --dev ;;
    *) scripts/setup.sh ;;
esac

cmake --preset "$preset" </dev/null
cmake --build --preset "$preset" </dev/null
ctest --preset "$preset" --parallel "$(nproc)" "$@" </dev/null
