#!/usr/bin/env bats
# gcpo-stat(1): counts and estimates, against an independent computation in jq.
bats_require_minimum_version 1.5.0
setup() { load helpers; }

# Verdicts from the labels of the shared rollouts: what gcpo-verify would write.
judged() {
    plain "$DATA/rollouts/$1" | jq -c '.responses |= map(. + {extracted: .peer_pred,
        verdict: (if .peer_pred == null then "no-answer" elif .label_adj then "correct" else "wrong" end)})'
}

# By their definitions: pass@k as binomials, votes as groups of equal strings.
independent() {
    jq -s '
    def choose($n; $k): if $k > $n then 0 else reduce range($k) as $i (1; . * ($n - $i) / ($i + 1)) | round end;
    def avg: add / length;
    def majority: map(select(.extracted != null)) | group_by(.extracted) | if length == 0 then 0 else
        (map(length) | max) as $most | map(select(length == $most)) | add
        | map(if .verdict == "correct" then 1 else 0 end) | avg end;
    map(.responses | {n: length, c: map(select(.verdict == "correct")) | length, majority: majority})
    | (map(.n) | max) as $max | . as $all | {
        groups: length,
        contrast: [map(select(.c > 0 and .c < .n)), map(select(.c == 0)), map(select(.c == .n))] | map(length),
        mean: map(.c / .n) | avg,
        pass: [1, 2, 4, 8, 16 | select(. <= $max)]
            | map(. as $k | $all | map(1 - choose(.n - .c; $k) / choose(.n; $k)) | avg),
        majority: map(.majority) | avg}' "$1"
}

@test "mean@k, pass@k, majority@k and contrast agree with jq to the digit" {
    for f in gsm8k-solutions.jsonl.zst math100.jsonl.zst; do
        need_data "rollouts/$f"
        judged "$f" > "$T/in"
        independent "$T/in" > "$T/want"
        gcpo-stat --json "$T/in" | jq '{groups, contrast: [.contrast.mixed, .contrast.all_wrong, .contrast.all_right],
            mean: .mean.value, pass: [.pass[].value], majority: .majority.value}' > "$T/seen"
        # twelve digits: the two add in different orders
        for x in want seen; do jq -c '[.. | numbers | . * 1e12 | round]' "$T/$x" > "$T/$x.digits"; done
        diff "$T/want.digits" "$T/seen.digits"
        [ "$(jq -c 'keys' "$T/want")" = "$(jq -c 'keys' "$T/seen")" ]
    done
}

@test "lengths agree with jq: characters where there are no tokens" {
    need_data rollouts/math100.jsonl.zst
    judged math100.jsonl.zst > "$T/in"
    want=$(jq -s -c '[.[].responses[].text | length] | [length, min, max, (add / length)]' "$T/in")
    [ "$(gcpo-stat --json "$T/in" | jq -c '.length.characters.all | [.n, .min, .max, .mean]')" = "$want" ]
    jq -c '.responses |= map(. + {tokens: [range(.text | length / 10 | floor)], finish: "length"})' "$T/in" > "$T/tokens"
    want=$(jq -s -c '[.[].responses[] | select(.verdict == "wrong") | .tokens | length] | sort | [length, .[(length - 1) / 2 | floor], max]' "$T/tokens")
    [ "$(gcpo-stat --json "$T/tokens" | jq -c '.length.tokens.wrong | [.n, .median, .max]')" = "$want" ]
    [ "$(gcpo-stat --json "$T/tokens" | jq -c '[.responses.truncated, .length.tokens.truncated.n, .length.characters]')" = '[800,800,{}]' ]
}

@test "--by agrees with a stream of that value alone" {
    need_data rollouts/math100.jsonl.zst
    judged math100.jsonl.zst > "$T/in"
    jq -c 'select(.level == "Level 5")' "$T/in" > "$T/five"
    [ "$(gcpo-stat --json --by level "$T/in" | jq -cS '.cells[] | select(.value == "Level 5") | .stat')" = "$(gcpo-stat --json "$T/five" | jq -cS .)" ]
    [ "$(gcpo-stat --json --by level "$T/in" | jq -cS .all)" = "$(gcpo-stat --json "$T/in" | jq -cS .)" ]
    jq -c '.extra = {level: .level} | del(.level)' "$T/in" > "$T/nested"
    [ "$(gcpo-stat --csv --by extra.level "$T/nested" | tail -n +2)" = "$(gcpo-stat --csv --by level "$T/in" | tail -n +2)" ]
}

@test "contrast is decided on verdicts; unscorable responses are out of it" {
    { group a w n; group b w c; group c c c; group d w b; group e b e; group f c b; group g w w b; } > "$T/in"
    run -0 bash -c "gcpo-stat --json '$T/in' | jq -c '[.contrast.mixed, .contrast.all_wrong, .contrast.all_right, .contrast.unscorable]'"
    [ "$output" = "[1,2,2,2]" ]
    run -0 bash -c "gcpo-stat --json '$T/in' | jq -c '.responses | [.n, .correct, .wrong, .no_answer, .bad_reference, .error]'"
    [ "$output" = "[15,4,5,1,4,1]" ]
}

@test "a gold row counts as what it displaced" {
    { group a w n w; group b w c w; group c n n w; } > "$T/in"
    gcpo-inject-gold "$T/in" > "$T/injected"
    for path in .contrast .responses .mean .length; do
        [ "$(gcpo-stat --json "$T/in" | jq -c $path)" = "$(gcpo-stat --json "$T/injected" | jq -c $path)" ]
    done
    [ "$(gcpo-stat --json "$T/injected" | jq -c '[.gold_rows, .gold_fate, .gold_verdict]')" = '[2,{"injected":2,"not-needed":1},{"correct":3}]' ]
}

@test "majority: ties are shared, silence is no vote" {
    r() { printf '{"text":"x","verdict":"%s","extracted":%s}' "$1" "$2"; }
    printf '{"id":"a","prompt":"p","responses":[%s,%s]}\n' "$(r correct '"1"')" "$(r wrong '"2"')" > "$T/in"
    [ "$(gcpo-stat --json "$T/in" | jq .majority.value)" = 0.5 ]
    printf '{"id":"a","prompt":"p","responses":[%s,%s,%s]}\n' "$(r correct '"1"')" "$(r no-answer null)" "$(r no-answer null)" > "$T/in"
    [ "$(gcpo-stat --json "$T/in" | jq .majority.value)" = 1 ]
    printf '{"id":"a","prompt":"p","responses":[%s,%s]}\n' "$(r no-answer null)" "$(r no-answer null)" > "$T/in"
    [ "$(gcpo-stat --json "$T/in" | jq .majority.value)" = 0 ]
}

@test "responses without verdicts still give counts and lengths" {
    group a w c | jq -c 'del(.responses[].verdict)' > "$T/in"
    run -0 --separate-stderr gcpo-stat --json "$T/in"
    jq -e '.groups == 1 and .unjudged == 1 and .mean.value == null and .length.characters.all.n == 2' <<< "$output"
    group a w c | jq -c 'del(.responses[1].verdict)' > "$T/in"
    run -65 --separate-stderr gcpo-stat "$T/in"
    [ "$stderr" = "gcpo-stat: $T/in:1: \"responses[1].verdict\" is missing (run gcpo-verify first)" ]
}

@test "reward parts and any numeric member are averaged" {
    group a w c c | jq -c '.responses[0].rm_score = 2 | .responses[1].rm_score = 4 | .responses[2].reward = 0.5' > "$T/in"
    run -0 bash -c "gcpo-stat --json --field rm_score '$T/in' | jq -c '[.numbers.reward.mean, .numbers.rm_score.n, .numbers.rm_score.mean, .numbers.rm_score.max]'"
    [ "$output" = "[0.5,2,3,4]" ]
    run -65 --separate-stderr gcpo-stat --field text "$T/in"
    [ "$stderr" = "gcpo-stat: $T/in:1: \"responses[0].text\" is a string (expected a finite number)" ]
}

@test "the same seed gives the same bytes, whatever the threads and the order" {
    for i in $(seq 60); do group "g$i" w c w; group "h$i" c c c; group "i$i" w n w; done > "$T/in"
    gcpo-stat -j 1 "$T/in" > "$T/1"
    gcpo-stat -j 3 "$T/in" | cmp - "$T/1"
    tac "$T/in" | gcpo-stat | cmp - "$T/1"
    ! gcpo-stat -s 1 "$T/in" | cmp - "$T/1"
}

@test "--pair joins by id and resamples prompts" {
    for i in $(seq 40); do group "g$i" w w c c; group "h$i" w w w w; done > "$T/a"
    for i in $(seq 40); do group "g$i" w c c c; group "h$i" w w w w; group "only$i" c c; done > "$T/b"
    run -0 gcpo-stat --pair --json "$T/a" "$T/b"
    jq -e '.both == 80 and .only_a == 0 and .only_b == 40 and .better == 40 and .equal == 40 and .worse == 0' <<< "$output"
    jq -e '.rows[0] | .name == "mean" and .a == 0.25 and .b == 0.375 and .difference == 0.125 and .low > 0 and .b_better == 1' <<< "$output"
    run -0 gcpo-stat --pair "$T/a" "$T/b"
    [ "$(wc -L <<< "$output")" -le 80 ]
    run -64 gcpo-stat --pair "$T/a"
    group x w c | jq -c 'del(.responses[].verdict)' > "$T/c"
    run -65 gcpo-stat --pair "$T/a" "$T/c"
}

@test "--per-id shows how a prompt fared before" {
    { group a w w; group b c w; group a w c; group a c c; } > "$T/in"
    run -0 gcpo-stat --per-id --csv "$T/in"
    [ "${lines[1]}" = "a,0,0,2,0,0" ]
    [ "${lines[3]}" = "a,0,1,2,0,2" ]
    [ "${lines[4]}" = "a,0,2,2,1,4" ]
    run -0 bash -c "gcpo-stat --per-id --json '$T/in' | jq -c 'select(.id == \"a\") | .correct_before' | paste -sd ' '"
    [ "$output" = "0 0 1" ]
}

@test "metrics are told by their content: a line per step" {
    for i in 1 2 3; do echo "{\"step\":$i,\"reward\":0.$i,\"lr\":0.0002,\"ratio\":{\"min\":0.9,\"max\":1.$i},\"name\":\"x\"}"; done > "$T/m"
    run -0 gcpo-stat "$T/m"
    [ "${lines[0]}" = "the same at every step" ]
    [ "${lines[1]}" = "  lr         0.0002" ]
    [ "${lines[3]}" = "              ratio" ]
    [ "${lines[4]}" = "step  reward    max" ]
    [ "${lines[5]}" = "   1     0.1    1.1" ]
    run -0 gcpo-stat --csv --field ratio "$T/m"
    [ "${lines[0]}" = "ratio.min,ratio.max" ]
    [ "${lines[3]}" = "0.9,1.3" ]
    [ "$(gcpo-stat --json "$T/m" | jq -c '.[0].steps[2]["ratio.max"]')" = 1.3 ]
    group a w c > "$T/g"
    run -65 --separate-stderr gcpo-stat "$T/m" "$T/g"
    [ "$stderr" = "gcpo-stat: $T/g:1: groups and metrics in one run (give them apart)" ]
}

@test "many metrics are cut into blocks of 80 columns, none is lost" {
    jq -nc 'range(3) as $i | {step: $i} + ([range(40) | {("metric_\(.)"): (. * $i)}] | add)' > "$T/m"
    run -0 gcpo-stat "$T/m"
    [ "$(wc -L <<< "$output")" -le 80 ]
    [ "$(grep -ow 'metric_[0-9]*' <<< "$output" | sort -u | wc -l)" -eq 40 ]
}

@test "every table is at most 80 columns wide" {
    for i in $(seq 30); do group "a/rather/long/name/of/a/problem/$i" w c n c b e c c; done |
        jq -c '.tier = "a long name that has more to say than fits into a line of eighty columns" | .responses[0].finish = "length"' > "$T/in"
    gcpo-inject-gold --when always "$T/in" | zstdcat > "$T/gold"
    for options in "" "--by tier" "--by-file" "--by id" "--confidence 0.99"; do
        run -0 gcpo-stat $options "$T/in" "$T/gold"
        [ "$(wc -L <<< "$output")" -le 80 ] || { echo "$output"; false; }
        ! grep -q ' $' <<< "$output"
    done
}

@test "memory does not grow with the stream" {
    [[ "$(command -v gcpo-verify)" != *san/* ]] || skip "sanitizers keep what is freed"
    for i in $(seq 1000); do group "g$i" w c w c; done > "$T/small"
    for _ in $(seq 100); do cat "$T/small"; done > "$T/large"
    peak() { /usr/bin/time -f %M gcpo-stat -j 1 "$1" 2>&1 > /dev/null; }
    command -v /usr/bin/time || skip "no /usr/bin/time"
    ! gcpo-stat -V -v | grep -q sanitize || skip "a sanitizer keeps what was freed"
    small=$(peak "$T/small") large=$(peak "$T/large")
    [ $((large * 10)) -le $((small * 11)) ]
}

@test "output goes to -o whole or not at all" {
    group a w c > "$T/in"
    gcpo-stat --json -o "$T/out" "$T/in"
    [ "$(jq .groups "$T/out")" = 1 ]
    echo x >> "$T/in"
    run -65 gcpo-stat -o "$T/out2" "$T/in"
    [ ! -e "$T/out2" ]
    group a w c > "$T/in"
    run -73 gcpo-stat -o "$T/no/such" "$T/in"
}

@test "what cannot be combined is misuse" {
    for bad in "--json --csv" "--by x --by-file" "--pair --per-id a b"; do run -64 gcpo-stat $bad; done
}
