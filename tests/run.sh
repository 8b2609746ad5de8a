#!/usr/bin/env bash
# Runs the tests and counts them: tests/run.sh [unit] [cuda] [fuzz] [bats] [data]   (default: all)
# Reads B (the build folder) and DATA.  Prints "N passed, N failed" last.
set -u
cd "$(dirname "$0")/.." || exit 71
B=${B:-build/release} DATA=${DATA:-../shared/data}
export CUDA_VISIBLE_DEVICES= # tests/gpu.sh is for GPUs; here auto is the CPU
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL # the tests run make, and read what it prints
parts=${*:-unit cuda fuzz bats data}
log=$(mktemp) || exit 71
trap 'rm -f "$log"' EXIT
passed=0 failed=0 skipped=0

count() { # $1: what ran, $2: its exit status; its TAP is in $log
    local ok bad skip
    ok=$(grep -c '^ok ' "$log") bad=$(grep -c '^not ok ' "$log") skip=$(grep -ciE '^ok .*# *skip' "$log")
    if [ "$2" -ne 0 ] && [ "$bad" -eq 0 ]; then
        bad=1
        echo "not ok - $1 ended with status $2"
    fi
    if [ "$bad" -gt 0 ]; then
        echo "--- $1"
        grep -vE '^(ok |1\.\.)' "$log"
    fi
    passed=$((passed + ok - skip)) failed=$((failed + bad)) skipped=$((skipped + skip))
    grep -iE '^ok .*# *skip' "$log" | sed "s|^|$1: |"
    printf '%-32s %5d ok, %d not ok, %d skipped\n' "$1" $((ok - skip)) "$bad" "$skip"
}

for part in $parts; do
    case $part in
    unit)
        for t in "$B"/tests/unit/test_* "$B"/tests/ops/test_*; do
            [ -x "$t" ] || continue
            "$t" >"$log" 2>&1
            count "${t#"$B"/tests/}" $?
        done ;;
    cuda)
        for t in "$B"/tests/cuda/test_* "$B"/tests/gpu/test_*; do # those that were built
            [ -x "$t" ] || continue
            GCPO_TEST_DEVICE=cuda "$t" >"$log" 2>&1
            count "${t#"$B"/tests/}" $?
        done ;;
    fuzz)
        for t in "$B"/tests/fuzz/fuzz_*; do
            [ -x "$t" ] || continue
            name=${t##*/fuzz_}
            "$t" testdata/fuzz/"$name"/* >"$log" 2>&1
            count "fuzz replay $name" $?
        done ;;
    bats)
        PATH=$(realpath "$B"):$PATH DATA=$(realpath -m "$DATA") bats --tap ${BATS_FILTER:+--filter "$BATS_FILTER"} ${BATS_FILES:-tests/*.bats} >"$log" 2>&1
        count bats $? ;;
    data)
        if [ ! -d "$DATA" ]; then
            echo "data: $DATA is absent: left out"
            continue
        fi
        for t in "$B"/tests/data/data_*; do
            [ -x "$t" ] || continue
            "$t" "$DATA" >"$log" 2>&1
            status=$?
            grep -v '^ok ' "$log" | grep -vE '^(not ok|1\.\.)'
            count "data ${t##*/data_}" $status
        done ;;
    *) echo "run.sh: what is $part?" >&2; exit 64 ;;
    esac
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
