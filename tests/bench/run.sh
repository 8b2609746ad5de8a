#!/usr/bin/env bash
# Runs the benchmarks: tests/bench/run.sh [NAME ...]     (default: all; "pipeline" is the programs' own)
# Reads B (the build folder) and DATA.  Figures only; no test depends on them.
set -u
cd "$(dirname "$0")/../.." || exit 71
export B=${B:-build/release} DATA=${DATA:-../shared/data}
names=$*
if [ -z "$names" ]; then
    names=pipeline
    for f in tests/bench/bench_*.c; do
        f=${f##*/bench_}
        names="$names ${f%.c}"
    done
fi
work=$(mktemp -d) || exit 71
trap 'rm -rf "$work"' EXIT

# rate NAME FILE: answers per second of gcpo-verify -j 1 from plain JSONL to plain JSONL, best of three
rate() {
    local answers best=0 start now r
    for _ in $(seq 10); do cat "$2"; done > "$work/in"
    answers=$(jq '.responses | length' "$work/in" | awk '{n += $1} END {print n}')
    for _ in 1 2 3; do
        start=$(date +%s%N)
        "$B/gcpo-verify" --plain -q -j 1 -o "$work/out" "$work/in" || return 1
        now=$(date +%s%N)
        r=$((answers * 1000000000 / (now - start)))
        best=$((r > best ? r : best))
    done
    printf 'gcpo-verify -j 1 %-22s %7d answers %10d answers/s\n' "$1" "$answers" "$best"
}

pipeline() {
    local f
    for f in "$DATA"/rollouts/*.jsonl.zst; do
        [ -f "$f" ] || continue
        zstd -dcq "$f" > "$work/groups"
        rate "$(basename "$f" .jsonl.zst)" "$work/groups"
    done
    f=$DATA/verify/crossgold.jsonl
    if [ -f "$f" ]; then
        jq -c '{id, prompt: "p", answer: .gold, responses: [{text: .pred}]}' "$f" > "$work/groups"
        rate crossgold "$work/groups"
    fi
}

for n in $names; do
    if [ "$n" = pipeline ]; then
        pipeline
    else
        "$B/tests/bench/bench_$n" || echo "bench_$n ended with status $?"
    fi
done
