#!/usr/bin/env bats
# gcpo-stat(1) --explain: one group's numbers, against the formulas in jq.
bats_require_minimum_version 1.5.0
setup() {
    load helpers
    m=$ROOT/testdata/model
    scored=$ROOT/testdata/streams/scored.jsonl
}

# Rollouts of the small model, one group without a right answer, its gold in place of a row, and
# log-probabilities before (of the gold as well) and under another model.
step() {
    gcpo-model init --vocab-from "$m" -s 5 -o "$T/next"
    echo '{"id":"x","prompt":"Say 1 2 3","answer":"7","gold":"It is 7.","gold_verdict":"correct","gold_reward":1}' |
        gcpo-rollout -m "$m" -n 6 --max-tokens 20 --plain |
        jq -c '.responses |= [to_entries[] | .value + {verdict: "wrong", extracted: "\(.key)", reward: (.key / -8)}]' |
        gcpo-inject-gold -m "$m" --plain | gcpo-advantage --plain | gcpo-score -m "$m" --missing --plain |
        gcpo-score -m "$T/next" --as ref_logprobs --plain > "$T/step"
}

# The clipped objective of a row by its definition, at token or sequence level, averaged over its
# tokens and then over rows: d loss / d logp, its mean over the tokens.
by_definition() { # by_definition LEVEL LOW HIGH FILE
    jq -c --arg level "$1" --argjson low "$2" --argjson high "$3" '
    (.responses | length) as $rows | .responses | map(
        .advantage as $a | (.tokens | length) as $n
        | [.ref_logprobs, .logprobs] | transpose | map(.[0] - .[1]) as $d
        | (($d | add) / $n | exp) as $s | ($d | map(exp)) as $r
        | (if $level == "token" then $r else ($r | map($s)) end) as $rho
        | ($rho | map(if ($a > 0 and . > 1 + $high) or ($a < 0 and . < 1 - $low) then 0 else -$a * . / $n / $rows end)) as $w
        | {ratio: $s, min: ($r | min), max: ($r | max), weight: (($w | add) / $n),
           clipped: ($rho | map(select(($a > 0 and . > 1 + $high) or ($a < 0 and . < 1 - $low))) | length)})' "$4"
}

# Two lists of such objects agree as far as decimals stand for the 32-bit floats.
agree() {
    jq -ne --argjson a "$1" --argjson b "$2" '
        def near($x; $y): (($x - $y) | fabs) <= 1e-5 * ([($x | fabs), ($y | fabs), 1e-30] | max);
        ($a | length) == ($b | length) and ($a | length) > 0 and
        all(range($a | length); . as $i | all($a[$i] | keys[]; near($a[$i][.]; $b[$i][.])))' > /dev/null
}

explained() { # explained ALGO FILE
    gcpo-stat --explain "${3:-x}" --json --algo "$1" "$2" | jq -c '.responses | map({ratio, min: .ratio_token_min,
        max: .ratio_token_max, weight, clipped: (.clipped_low + .clipped_high)})'
}

@test "ratios, clipping and weights are those of the definition" {
    step
    [ "$(jq -c '[.responses[] | .source] | group_by(.) | map(length)' "$T/step")" = "[1,5]" ]
    agree "$(explained gcpo "$T/step")" "$(by_definition sequence 0.2 0.28 "$T/step")"
    agree "$(explained grpo "$T/step")" "$(by_definition token 0.2 0.2 "$T/step")"
    agree "$(explained gcpo "$scored" a)" "$(by_definition sequence 0.2 0.28 "$scored")"
    agree "$(explained grpo "$scored" a)" "$(by_definition token 0.2 0.2 "$scored")"
    # the example has rows that are clipped at either side and one that is not
    [ "$(gcpo-stat --explain a --json "$scored" | jq -c '[.responses[] | [.clipped_low, .clipped_high]]')" = "[[2,0],[0,0],[0,6]]" ]
}

@test "what is in the record is shown as it is" {
    step
    gcpo-stat --explain x --json "$T/step" > "$T/x"
    for path in verdict extracted reward advantage source finish; do
        [ "$(jq -c ".responses | map(.$path)" "$T/x")" = "$(jq -c ".responses | map(.$path)" "$T/step")" ]
    done
    [ "$(jq -c '[.id, .round, .contrast, .gold_fate, .gold_verdict, .scorable]' "$T/x")" = '["x",0,"all-wrong","injected","correct",6]' ]
    slot=$(jq '.responses | map(.source) | index("gold")' "$T/step")
    [ "$(jq -c ".responses[$slot].displaced | [.slot, .verdict, .extracted, .reward]" "$T/x")" = \
        "$(jq -c ".responses[$slot].replaced | [$slot, .verdict, .extracted, .reward]" "$T/step")" ]
    [ "$(jq -c '[.responses[] | has("displaced")] | map(select(.)) | length' "$T/x")" = 1 ]
    jq -e --slurpfile s "$T/step" '
        def near($x; $y): (($x - $y) | fabs) <= 1e-6 * ($y | fabs);
        ($s[0].responses | map(.reward)) as $r | ($r | add / length) as $mean
        | near(.reward_mean; $mean)
        and near(.reward_std; ($r | map((. - $mean) * (. - $mean)) | add / (length - 1) | sqrt))
        and all(range(.responses | length) as $i | [.responses[$i], $s[0].responses[$i]];
            .[0].tokens == (.[1].tokens | length)
            and near(.[0].old.sum; .[1].logprobs | add) and near(.[0].new.sum; .[1].ref_logprobs | add)
            and near(.[0].old.mean; .[1].logprobs | add / length))' "$T/x"
}

@test "parts of the reward, the reason and an unscorable row" {
    jq -c '.responses[0] += {format_bonus: 0.25, length_penalty: -0.5, why: "text: equal"}
        | .responses[1] += {verdict: "error", reward: null, advantage: null}' "$scored" > "$T/in"
    gcpo-stat --explain a --json "$T/in" > "$T/x"
    [ "$(jq -c '.responses[0] | [.format_bonus, .length_penalty, .why]' "$T/x")" = '[0.25,-0.5,"text: equal"]' ]
    [ "$(jq -c '.responses[1] | [.reward, .advantage, .weight, .clipped_low]' "$T/x")" = '[null,null,null,null]' ]
    # it is in no denominator: two rows are left, so the gold's unclipped weight is -A ratio / (2 n)
    [ "$(jq -c .denominator "$T/x")" = '{"rows":2,"tokens":8}' ]
}

@test "without new log-probabilities the ratio is unknown and the weight that of ratio 1" {
    jq -c 'del(.responses[].ref_logprobs)' "$scored" > "$T/in"
    gcpo-stat --explain a --json "$T/in" | jq -e --slurpfile s "$T/in" '
        (.responses | length) as $n | all(.responses[]; .ratio == null and .new == null and .old != null)
        and all(range($n) as $i | [.responses[$i], $s[0].responses[$i]];
            ((.[0].weight + .[1].advantage / $n / (.[1].tokens | length)) | fabs) < 1e-15)'
    gcpo-stat --explain a "$T/in" | grep -q 'at ratio 1'
    # a gold that nobody scored: known at ratio 1, but not for a method that reads its probability
    jq -c 'del(.responses[2].logprobs)' "$T/in" > "$T/gold"
    [ "$(gcpo-stat --explain a --json "$T/gold" | jq -c .responses[2].weight)" = "$(gcpo-stat --explain a --json "$T/in" | jq -c .responses[2].weight)" ]
    [ "$(gcpo-stat --explain a --json --algo luffy "$T/gold" | jq -c '.responses | map(.weight == null)')" = "[false,false,true]" ]
    jq -c 'del(.max_tokens)' "$T/in" > "$T/free"
    [ "$(gcpo-stat --explain a --json --algo dr-grpo "$T/free" | jq -c '[.responses[].weight]')" = "[null,null,null]" ]
}

@test "a group straight from the verifier is shown as far as it goes" {
    group a w n c > "$T/in"
    gcpo-stat --explain a --json "$T/in" | jq -e '.contrast == "mixed" and (.responses | map(.verdict) == ["wrong", "no-answer", "correct"])
        and all(.responses[]; .weight == null and .old == null and .advantage == null)'
    run -0 gcpo-stat --explain a "$T/in"
    [ "${lines[-1]}" = "no tokens: no log-probabilities, ratios and weights" ]
}

@test "the first group with the id, one round, or all; nothing is read after the hit" {
    { for r in 1 2 3; do group a w c | jq -c ".round = $r"; group b w w; done; } > "$T/in"
    rounds() { gcpo-stat --json --explain "$@" | jq -c .round | paste -sd ' '; }
    [ "$(rounds a "$T/in")" = 1 ]
    [ "$(rounds a --round 2 "$T/in")" = 2 ]
    [ "$(rounds a --round all "$T/in")" = "1 2 3" ]
    { cat "$T/in"; for _ in $(seq 200); do group c w c; done; echo "not json"; } > "$T/bad"
    [ "$(rounds a "$T/bad")" = 1 ]
    run -65 gcpo-stat --explain nobody "$T/bad"
    run -1 --separate-stderr gcpo-stat --explain nobody "$T/in"
    [ "$stderr" = "gcpo-stat: no group has the id 'nobody'" ]
    run -1 gcpo-stat --explain a --round 9 "$T/in"
    [ "$(gcpo-stat --explain a --round all "$T/in")" = "$(gcpo-stat -j 3 --explain a --round all "$T/in")" ]
}

@test "the page is at most 100 columns wide and shows no control characters" {
    jq -c '.responses[0] += {extracted: ("long " * 40), why: ("reason\u001b[1m " * 40), reward: -123.456, format_bonus: 0.001, length_penalty: -0.5}
        | .responses[1].ref_logprobs = [-90, -90, -90] | .responses[2].logprobs = [-90, -90, -90, -90, -90, -90]' "$scored" > "$T/in"
    for algo in gcpo grpo gspo dapo dr-grpo rloo cispo luffy sft reinforce++; do
        run -0 gcpo-stat --explain a --algo "$algo" "$T/in"
        [ "$(wc -L <<< "$output")" -le 100 ] || { echo "$output"; false; }
        ! grep -qP '[\x00-\x1f]| $' <<< "$output"
    done
}

@test "a bad record is named; what makes no sense is misuse" {
    jq -c '.responses[0].logprobs[0] = 0.5' "$scored" > "$T/in"
    run -65 --separate-stderr gcpo-stat --explain a "$T/in"
    [ "$stderr" = "gcpo-stat: $T/in:1: \"responses[0].logprobs[0]\" is 0.5 (a log-probability is not above 0)" ]
    jq -c '.responses[2].ref_logprobs |= .[1:]' "$scored" > "$T/in"
    run -65 gcpo-stat --explain a "$T/in"
    for bad in "--algo grpo" "--round 1" "--explain a --csv" "--explain a --by id" "--explain a --round x" "--explain a --algo none"; do
        run -64 gcpo-stat $bad "$scored"
    done
}
