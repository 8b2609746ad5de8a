#!/usr/bin/env bash
# The stream programs' peak memory on 1,000 and on N groups of 500 bytes (default 1,000,000): plain JSONL in and out
# differs by less than 10 %; compressed, by less than 10 % and zstd's own window and tables, which 1,000 groups do not fill.
# Programs on PATH; prints TAP.
set -u
n=${1:-1000000}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

groups() { # groups N: N judged groups of about 500 bytes
    awk -v n="$1" 'BEGIN {
        for (i = 0; i < n; i++) {
            printf "{\"id\":\"p%d\",\"prompt\":\"%d+1?\",\"answer\":\"2\",\"gold\":\"1+1=2 \\\\boxed{2}\",\"gold_verdict\":\"correct\",\"gold_reward\":1,\"responses\":[", i, i
            for (k = 0; k < 4; k++)
                printf "%s{\"text\":\"%d \\\\boxed{%d}\",\"finish\":\"stop\",\"source\":\"policy\",\"verdict\":\"%s\",\"reward\":%d}",
                       k ? "," : "", i, k, k == i % 5 ? "correct" : "wrong", k == i % 5
            print "]}"
        }
    }'
}
groups 1000 > "$dir/small"
groups "$n" > "$dir/large"
zstd -q -1 "$dir/small" "$dir/large"

peak() { # peak PROGRAM FILE...: kilobytes
    /usr/bin/time -f %M "$@" 2>&1 >/dev/null | tail -1
}

usual() { # usual PROGRAM FILE...: the largest of five, as how many pages of a program are resident varies by some
    for _ in 1 2 3 4 5; do peak "$@"; done | sort -n | tail -1
}

compare() { # compare NUMBER NAME ALLOWANCE SMALL LARGE
    local word=ok
    [ "$5" -le $(($4 + $4 / 10 + $3)) ] || word="not ok"
    echo "$word $1 - $2: $4 KB for 1000 groups, $5 KB for $n"
}

echo 1..14
i=0
for p in gcpo-verify gcpo-inject-gold gcpo-advantage gcpo-stat gcpo-cat; do
    plain=--plain
    [ $p != gcpo-stat ] || plain=
    compare $((i += 1)) "$p, plain" 0 "$(usual $p $plain "$dir/small")" "$(peak $p $plain "$dir/large")"
    compare $((i += 1)) "$p, compressed" 1024 "$(usual $p "$dir/small.zst")" "$(peak $p "$dir/large.zst")"
done
# One gold for an id, whatever group it comes from: what is known of each id stays.
compare $((i += 1)) "gcpo-gold pick" $((n * 80 / 1024)) "$(usual gcpo-gold pick --plain "$dir/small")" "$(peak gcpo-gold pick --plain "$dir/large")"
compare $((i += 1)) "gcpo-advantage --whiten rows, from a pipe" 1024 "$(peak gcpo-advantage --whiten rows --plain < <(cat "$dir/small"))" \
    "$(peak gcpo-advantage --whiten rows --plain < <(cat "$dir/large"))"
compare $((i += 1)) "gcpo-cat --sample 10, from a pipe" 1024 "$(peak gcpo-cat --sample 10 --plain < <(cat "$dir/small"))" "$(peak gcpo-cat --sample 10 --plain < <(cat "$dir/large"))"
# Looking for duplicates takes up to 16 bytes an id, and while the table grows, two thirds of it are there twice.
compare $((i += 1)) "gcpo-cat --check" $((n * 27 / 1024)) "$(usual gcpo-cat --check "$dir/small")" "$(peak gcpo-cat --check "$dir/large")"
