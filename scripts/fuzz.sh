#!/usr/bin/env bash
# Fuzzes what reads bytes of unknown origin, with clang 19's libFuzzer and the preset asan.
#
#     scripts/fuzz.sh                               every target for 20 seconds, then the canaries
#     scripts/fuzz.sh --seconds 600 fuzz_address    one target for longer
#     scripts/fuzz.sh --seed 1                      the same inputs each time, as far as it gets
#
# An input that crashes is kept below build/fuzz/crashes/, and the last lines say how to run it
# again. What the fuzzer found interesting stays in build/fuzz/corpus/, where the next run starts.
# A canary has a planted bug: the script fails if the fuzzer does not find that.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=20
canary_seconds=60
seed=0  # another one each time
targets=()
while [[ $# -gt 0 ]]; do
    case $1 in
        --seconds) seconds=${2:?--seconds needs a number}; shift 2 ;;
        --seed) seed=${2:?--seed needs a number}; shift 2 ;;
        -*) echo "usage: scripts/fuzz.sh [--seconds N] [--seed N] [TARGET...]" >&2; exit 2 ;;
        *) targets+=("$1"); shift ;;
    esac
done
if [[ ${#targets[@]} -eq 0 ]]; then
    mapfile -t targets < <(cd tests/fuzz && ls fuzz_*.cpp | sed 's/\.cpp$//')
fi

scripts/setup.sh --dev
cmake --preset asan >/dev/null </dev/null
cmake --build --preset asan --target "${targets[@]}" </dev/null

symbolizer=external_symbolizer_path=/usr/bin/llvm-symbolizer-19
# ctest replays the corpora with the checks that are left out here because they are slow.
export ASAN_OPTIONS=$symbolizer:detect_stack_use_after_return=0:malloc_context_size=6
export UBSAN_OPTIONS=$symbolizer:print_stacktrace=1
mkdir -p build/fuzz/log

# inputs_of TARGET: how many it was given in its last run
inputs_of() { sed -n 's/^stat::number_of_executed_units: *//p' build/fuzz/log/"$1"; }

# run TARGET SECONDS: one program, its words into build/fuzz/log/TARGET. Leaks are looked for when
# it ends, and when ctest replays a corpus; after each input that would take most of the time.
run() {
    local target=$1 found=build/fuzz/corpus/$1 crashes=build/fuzz/crashes/$1
    local folders=("$found")
    mkdir -p "$found" "$crashes"
    [[ -d tests/fuzz/corpus/$target ]] && folders+=("tests/fuzz/corpus/$target")
    build/asan/tests/fuzz/"$target" -max_total_time="$2" -seed="$seed" -timeout=5 \
        -rss_limit_mb=1024 -max_len=4096 -detect_leaks=0 -print_final_stats=1 \
        -artifact_prefix="$crashes/" "${folders[@]}" \
        >build/fuzz/log/"$target" 2>&1 </dev/null
}

# one TARGET: fails if a target crashes, or if a canary does not
one() {
    local target=$1 log=build/fuzz/log/$1
    if [[ $target == *_canary ]]; then
        rm -rf build/fuzz/corpus/"$target"
        if run "$target" "$canary_seconds"; then
            echo "$target: the planted bug was not found in $canary_seconds s: the fuzzer is blind"
            return 1
        elif ! grep -qE '^(==[0-9]+== ?ERROR: (AddressSanitizer|libFuzzer)|fuzz: )' "$log"; then
            tail -n 20 "$log"
            echo "$target: did not run"
            return 1
        fi
        echo "$target: the planted bug was found"
    elif run "$target" "$seconds"; then
        echo "$target: $(inputs_of "$target") inputs, none crashed"
    else
        tail -n 60 "$log"
        sed -n "s|.*Test unit written to |$target: try build/asan/tests/fuzz/$target |p" "$log"
        echo "$target: failed"
        return 1
    fi
}

export -f inputs_of run one
export seconds canary_seconds seed
status=0
printf '%s\0' "${targets[@]}" | xargs -0 -n 1 -P "$(nproc)" bash -c 'one "$1"' fuzz || status=1

total=0
for target in "${targets[@]}"; do
    [[ $target == *_canary ]] && continue
    inputs=$(inputs_of "$target")
    total=$((total + ${inputs:-0}))
done
echo "fuzz: $total inputs in all"
exit "$status"
