#!/usr/bin/env bash
# Runs the benchmarks: tests/bench/run.sh [--json] [NAME ...]     (default: all; "pipeline" and "stream"
# are the programs' own; --json: an object for each line, of ops and rollout)
# Reads B (the build folder) and DATA.  Figures only; no test depends on them.
set -u
cd "$(dirname "$0")/../.." || exit 71
export B=${B:-build/release} DATA=${DATA:-../shared/data}
export OPENBLAS_THREAD_TIMEOUT=4 # its threads go to sleep at once, not in the middle of our turn
json=
[ "${1:-}" != --json ] || { json=--json; shift; }
names=$*
if [ -z "$names" ]; then
    names="pipeline stream"
    for f in tests/bench/bench_*.c; do
        f=${f##*/bench_}
        case $f in
        stream.c | gpu.c) ;; # make bench-gpu
        *) names="$names ${f%.c}" ;;
        esac
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

# rollout NAME LAYERS HIDDEN FF HEADS HEAD_DIM GROUPS: gcpo-rollout as a program, 8 samples of 64 tokens
# for prompts of 64
rollout() {
    "$B/gcpo-model" init -q --vocab-from testdata/tokenizer --dtype bf16 --layers "$2" --hidden "$3" \
        --ff "$4" --heads "$5" --head-dim "$6" -o "$work/$1" || return 1
    jq -cn "range($7) as \$p | {id: \"\$p\", prompt_tokens: [range(64) | . + \$p]}" > "$work/prompts"
    for _ in 1 2 3 4 5; do
        "$B/gcpo-rollout" -q -m "$work/$1" --max-tokens 64 --timing "$work/timing" -o "$work/out" \
            "$work/prompts" || return 1
        cat "$work/timing"
    done | jq -rs --arg what "$1 $7x8 64+64" 'sort_by(.tokens_per_s)[2] |
        [$what, .tokens_per_s, 100 * .share_of_peak] | @tsv' |
        awk -F '\t' '{printf "%-26s %-24s %8.1f tok/s    %5.1f %%\n", "gcpo-rollout", $1, $2, $3}'
}

pipeline() {
    local f
    rollout tiny 4 128 344 4 32 8
    rollout small 8 384 1024 6 64 4
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

rollouts() { # rollouts N: N judged groups of 8 responses of about 300 tokens, 53 KB each
    awk -v n="$1" 'BEGIN {
        srand(1)
        for (g = 0; g < n; g++) {
            printf "{\"id\":\"p%d\",\"prompt\":\"what is it?\",\"answer\":\"7\",\"responses\":[", g
            for (k = 0; k < 8; k++) {
                tokens = logprobs = text = ""
                m = 240 + int(rand() * 120)
                for (t = 0; t < m; t++) {
                    c = t ? "," : ""
                    tokens = tokens c int(rand() * 151936)
                    logprobs = logprobs c sprintf("%.8g", log(rand() + 1e-9))
                    text = text (t ? " " : "") "word"
                }
                r = rand() < 0.4
                printf "%s{\"text\":\"%s\",\"tokens\":[%s],\"logprobs\":[%s],\"finish\":\"stop\",\"source\":\"policy\",\"verdict\":\"%s\",\"reward\":%d}",
                       k ? "," : "", text, tokens, logprobs, r ? "correct" : "wrong", r
            }
            print "]}"
        }
    }'
}

cpu() { # cpu COMMAND: its user and system seconds, the median of five
    local TIMEFORMAT='%U %S' _
    for _ in 1 2 3 4 5; do
        { time bash -c "$1" > "$work/out"; } 2>&1 | awk '{print $1 + $2}'
    done | sort -n | sed -n 3p
}

stream() {
    local mb ours peer
    rollouts 600 > "$work/groups"
    zstd -q -1 -f "$work/groups" -o "$work/groups.zst"
    mb=$(stat -c %s "$work/groups" | awk '{print $1 / 1e6}')
    line() { awk -v n="$1" -v mb="$mb" -v s="$2" -v o="$3" 'BEGIN {printf "%-44s %8.1f MB per CPU second; ours is %.2f times as fast\n", n, mb / s, s / o}'; }
    ours=$(cpu "$B/gcpo-advantage -q -j 1 --plain $work/groups")
    line "gcpo-advantage, plain" "$ours" "$ours"
    for peer in "jq -c ." "$B/tests/bench/bench_stream"; do
        line "${peer/*bench_stream/cJSON parse and print}" "$(cpu "$peer $work/groups")" "$ours"
    done
    ours=$(cpu "$B/gcpo-advantage -q -j 1 $work/groups.zst")
    line "gcpo-advantage, zstd in and out" "$ours" "$ours"
    line "zstd -dc | zstd -1" "$(cpu "zstd -dcq $work/groups.zst | zstd -1q")" "$ours"
}

for n in $names; do
    case $n in
    pipeline | stream) [ -n "$json" ] || "$n" ;;
    ops | rollout) "$B/tests/bench/bench_$n" ${json:+"$json"} ;;
    *) [ -n "$json" ] || "$B/tests/bench/bench_$n" ;;
    esac || echo "bench_$n ended with status $?" >&2
done
