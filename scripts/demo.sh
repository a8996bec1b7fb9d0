#!/usr/bin/env bash
# Sets up, builds with optimisation and runs the demo. On a fresh machine it needs nothing else.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

demo=runtime_demo

scripts/setup.sh
cmake --preset release >/dev/null
cmake --build --preset release --target "example_$demo"
exec "build/release/examples/$demo" "$@"
