#!/usr/bin/env bats
# gcpo-gold(1): golds looked at before a run is spent on them, and picked from responses.
bats_require_minimum_version 1.5.0
setup() { load helpers; }

lint() { gcpo-gold lint --json "$@"; }
each() { gcpo-gold lint --each "$@"; }
pick() { gcpo-gold pick --plain "$@"; }

# answer GOLD: a prompt whose answer is 2, with that gold
gold() { jq -cn --arg id "$1" --arg g "$2" '{id: $id, prompt: "1+1?", answer: "2", gold: $g}'; }

# teacher ID TEXT...: a group; a text with a box is correct, one that ends in ... was cut off
teacher() {
    local id=$1
    shift
    jq -cn --arg id "$id" '{id: $id, prompt: "1+1?", answer: "2", round: 0, responses: [$ARGS.positional[] | {
        text: ., source: "policy", finish: (if endswith("...") then "length" else "stop" end),
        verdict: (if test("boxed") then "correct" else "wrong" end), reward: (if test("boxed") then 1 else 0 end)}]}' --args "$@"
}

@test "lint: verdict, working, box, end and think tags of each gold" {
    {
        gold fine $'1+1=2\n\\boxed{2}'
        gold bare '\boxed{2}'
        gold wrong $'1+1=3\n\\boxed{3}'
        gold boxless $'One and one, counted together, make 2 apples'
        gold thought $'1+1=2\n</think>\n\n\\boxed{2}'
        gold both $'<think>1+1=2</think>\n</think>\\boxed{2}'
        gold cut $'1+1=2 \\boxed{2} and then \\boxed{'
        gold control $'1+1=2\n\\boxed{2}<|im_end|>'
        gold on $'1+1=2\n\\boxed{2}\n'"$(printf 'x%.0s' $(seq 201))"
        gold none ''
    } > "$T/in"
    run -0 --separate-stderr each "$T/in"
    [ -z "$stderr" ]
    show() { jq -sr "[.[] | select($1) | .id] | join(\" \")" <<< "$output"; }
    [ "$(show '.verdict == "correct" | not')" = "wrong boxless none" ]
    [ "$(show '.bare')" = "bare" ]
    [ "$(show '.boxed')" = "fine bare wrong thought both cut control on" ]
    [ "$(show '.cut')" = "cut" ]
    [ "$(show '.spells_control')" = "control" ]
    [ "$(show '.gold and .trailing > 200')" = "on" ]
    [ "$(show '.think_ends == 1')" = "thought" ]
    [ "$(show '.plain == "usable"')" = "fine thought both cut control on" ]
    [ "$(show '.require == "usable"')" = "thought" ]
    [ "$(show '.wrap == "usable"')" = "fine thought cut control on" ]
    [ "$(jq -r 'select(.id == "none").plain' <<< "$output")" = no-gold ]
    lint "$T/in" | jq -e '.records == 10 and .golds == 9 and .boxed == 8 and .bare == 1 and .cut == 1 and .goes_on == 1
        and .fates.require == {"usable": 1, "no-gold": 1, "not-correct": 2, "bare": 1, "no-thought": 5}'
}

@test "lint's verdicts are gcpo-verify's, and what it calls usable is injected" {
    { gold a $'1+1=2\n\\boxed{2}'; gold b $'1+1=3\n\\boxed{3}'; gold c '\boxed{2}'; gold d $'1+1\n</think>\n\\boxed{2}'; } > "$T/in"
    jq -c '.prompt += "<think>\n" | .responses = [{text: "w", finish: "stop"}, {text: "w", finish: "stop"}]' "$T/in" | gcpo-verify > "$T/judged"
    for think in require wrap empty; do
        each "$T/in" | jq -r ".$think | sub(\"usable\"; \"injected\")" > "$T/lint"
        gcpo-inject-gold --gold-think "$think" --plain "$T/judged" | jq -r .gold_fate > "$T/inject"
        diff "$T/lint" "$T/inject"
    done
}

@test "lint: lengths against the policy's, warned below 1/3 and above 3" {
    long=$(printf 'word %.0s' $(seq 60))
    teacher a "$long" "$long" | jq -c '.gold = "1+1=2\n\\boxed{2}"' > "$T/short"
    lint "$T/short" | jq -e '.ratio.median < 0.34 and (.warnings[0] | test("below 1/3")) and .unit == "characters"'
    teacher a w w | jq -c '.gold = "1+1=2\n\\boxed{2}"' > "$T/long"
    lint "$T/long" | jq -e '.ratio.median == 15 and (.warnings[0] | test("above 3"))'
    teacher a "1+1=2 is $(printf 'x%.0s' 1 2 3)" | jq -c '.gold = "1+1=2\n\\boxed{2}"' > "$T/fit"
    lint "$T/fit" | jq -e '[.warnings[] | select(test("length|long"))] == []'
    run -0 gcpo-gold lint "$T/short"
    [[ "$output" == *"gold / median response"* && "$output" == *"warning: the median gold is "* ]]
}

@test "lint --append-box gives a box, counts it, and --fixed writes it for gcpo-verify" {
    { gold a $'One and one, counted together, make 2 apples'; gold b $'1+1=2\n\\boxed{2}'; } | jq -c '.answer = "$2$" | .gold_verdict = "wrong"' > "$T/in"
    run -0 lint --append-box --fixed "$T/fixed" "$T/in"
    jq -e '.appended == 1 and .boxed == 2' <<< "$output"
    plain "$T/fixed" | jq -se '.[0].gold == "One and one, counted together, make 2 apples\n\\boxed{2}" and (.[0] | has("gold_verdict") | not)
        and .[1].gold_verdict == "wrong"'
    [ "$(gcpo-verify "$T/fixed" | zstdcat | jq -r .gold_verdict | xargs)" = "correct correct" ]
    run -64 gcpo-gold lint --fixed "$T/x" "$T/in"
}

@test "lint --gold looks at the golds of another file, joined by id" {
    teacher a w w | jq -c '.gold = "bad"' > "$T/in"
    gold a $'1+1=2\n\\boxed{2}' > "$T/golds"
    each --gold "$T/golds" "$T/in" | jq -e '.verdict == "correct" and .policy_length == 1'
    gold b x > "$T/golds"
    each --gold "$T/golds" "$T/in" | jq -e '.gold == false'
}

@test "lint: surprise under the policy, of a stream that was scored" {
    teacher a w w | jq -c '.responses[1] |= (.source = "gold" | .text = "1+1=2 \\boxed{2}" | .verdict = "correct" | .replaced = {text: "w", logprobs: [-0.5, -1]})
        | .responses[0].logprobs = [-0.25] | .responses[1].logprobs = [-1, -3]' > "$T/in"
    each "$T/in" | jq -e '.surprise == 2 and .policy_surprise == 0.5'
    lint "$T/in" | jq -e '.surprise.median == 2'
}

@test "lint of the data sets: short golds of MATH, none with a box in OlympiadBench, none for R1 as it is" {
    need_data rollouts/math100.jsonl.zst
    lint "$DATA/rollouts/math100.jsonl.zst" > "$T/math"
    jq -e '.golds == 100 and (.ratio.median - 0.28 | fabs) < 0.01 and .fates.require.usable == 0 and .fates.wrap.usable == .verdicts.correct' "$T/math"
    [ "$(gcpo-verify "$DATA/rollouts/math100.jsonl.zst" | zstdcat | jq -r 'select(.gold_verdict == "correct").id' | wc -l)" = "$(jq .verdicts.correct "$T/math")" ]
    lint "$DATA/prompts/olympiad.jsonl.zst" | jq -e '.golds == 675 and .boxed == 0 and .fates.require.usable == 0'
    lint --append-box "$DATA/prompts/olympiad.jsonl.zst" | jq -e '.appended == 675 and .fates.wrap.usable > 640'
    lint "$DATA/prompts/gsm8k-test.jsonl.zst" | jq -e '.boxed == 1319 and .fates.plain.usable == 1319 and .fates.require.usable == 0'
}

@test "lint counts tokens with a model, and holds them against the limit" {
    need_data engine/e2e-qwen3
    gold a $'1+1=2\n\\boxed{2}' > "$T/in"
    m=$DATA/engine/e2e-qwen3
    n=$(each -m "$m" "$T/in" | jq 'select(.unit == "tokens").length')
    [ "$(each -m "$m" --max-tokens "$n" "$T/in" | jq -r .plain)" = usable ]
    [ "$(each -m "$m" --max-tokens $((n - 1)) "$T/in" | jq -r .plain)" = too-long ]
}

@test "pick: the shortest correct whole response, with what gcpo-inject-gold --gold reads" {
    { teacher a 'no' '1+1=2, so \boxed{2}' '\boxed{2}...' '2: \boxed{2}' '2! \boxed{2}'; teacher b no no; } > "$T/in"
    run -0 --separate-stderr pick --missing "$T/missing" "$T/in"
    [ -z "$stderr" ]
    jq -e '.id == "a" and .gold == "2: \\boxed{2}" and .gold_verdict == "correct" and .gold_reward == 1 and .prompt == "1+1?"
        and (has("responses") | not) and (has("round") | not)' <<< "$output"
    [ "$(cat "$T/missing")" = '{"id":"b"}' ]
    echo "$output" > "$T/golds"
    { group a w w; group b w w; } | gcpo-inject-gold --gold "$T/golds" --allow-bare-gold --plain | jq -es '[.[].gold_fate] == ["injected", "no-gold"]'
}

@test "pick: one gold an id over all groups, whatever their order; golds themselves are no candidates" {
    teacher a 'longest: \boxed{2}' > "$T/1"
    teacher a 'short: \boxed{2}' | jq -c '.round = 1' > "$T/2"
    teacher a '\boxed{2}' | jq -c '.round = 2 | .responses[0].source = "gold"' > "$T/3"
    cat "$T/1" "$T/2" "$T/3" | pick > "$T/x"
    cat "$T/3" "$T/2" "$T/1" | pick > "$T/y"
    cmp "$T/x" "$T/y"
    [ "$(jq -r .gold "$T/x")" = 'short: \boxed{2}' ]
}

@test "pick --by random is a function of seed, id, round and sample" {
    for i in $(seq 40); do teacher "g$i" 'a \boxed{2}' 'bb \boxed{2}' 'ccc \boxed{2}'; done > "$T/in"
    pick --by random "$T/in" > "$T/1"
    pick --by random -j 3 "$T/in" > "$T/2"
    tac "$T/in" | pick --by random | tac > "$T/3"
    cmp "$T/1" "$T/2"
    cmp "$T/1" "$T/3"
    [ "$(jq -r .gold "$T/1" | sort -u | wc -l)" -eq 3 ]
    ! cmp -s "$T/1" <(pick --by random -s 1 "$T/in")
}

@test "pick: no length penalty for a gold; thoughts are kept, opened or dropped" {
    teacher a $'<think>\n1+1=2\n</think>\n\nIt is \\boxed{2}' | jq -c '.responses[0] |= (.reward = 0.5 | .length_penalty = -0.5)' > "$T/in"
    [ "$(pick "$T/in" | jq .gold_reward)" = 1 ]
    [ "$(pick --thought open "$T/in" | jq .gold)" = '"1+1=2\n</think>\n\nIt is \\boxed{2}"' ]
    [ "$(pick --thought drop "$T/in" | jq .gold)" = '"It is \\boxed{2}"' ]
}

@test "pick --tokens counts the policy's tokens; --by likeliest asks the policy" {
    need_data engine/e2e-qwen3
    m=$DATA/engine/e2e-qwen3
    teacher a '1 \boxed{2}' 'Well, one and one makes \boxed{2}' > "$T/in"
    run -64 pick --tokens 1:5 "$T/in"
    run -64 pick --by likeliest "$T/in"
    run -64 pick --tokens 5 "$T/in"
    [ "$(pick -m "$m" --tokens 12: "$T/in" | jq -r .gold)" = 'Well, one and one makes \boxed{2}' ]
    [ "$(pick -m "$m" --tokens :2 "$T/in" | wc -l)" -eq 0 ]
    # against gcpo-score: each candidate as the gold of the bare prompt
    jq -c '.responses[] as $r | {id: $r.text, prompt, answer, gold: $r.text}' "$T/in" | gcpo-verify |
        gcpo-inject-gold -m "$m" --when always --allow-bare-gold | gcpo-score -m "$m" | zstdcat |
        jq -rs 'max_by(.responses[0].logprobs | add / length).id' > "$T/want"
    [ "$(pick -m "$m" --by likeliest "$T/in" | jq -r .gold)" = "$(cat "$T/want")" ]
}

@test "temporary files go to TMPDIR, and leave nothing there" {
    teacher a '\boxed{2}' > "$T/in"
    gold a 'so \boxed{2}' > "$T/golds"
    mkdir "$T/tmp"
    for command in "gcpo-gold pick --missing $T/missing" "gcpo-gold lint --gold $T/golds" "gcpo-inject-gold --gold $T/golds"; do
        run -73 --separate-stderr env TMPDIR="$T/none" $command -o "$T/out" "$T/in"
        [[ "$stderr" == *"$T/none: cannot create a temporary file"* ]]
        run -0 env TMPDIR="$T/tmp" $command -o "$T/out" "$T/in"
        [ -z "$(ls -A "$T/tmp")" ]
    done
}

@test "a stream that was not verified is refused by field" {
    teacher a 'x' | jq -c 'del(.responses[0].verdict)' > "$T/in"
    run -65 --separate-stderr pick "$T/in"
    [ "$stderr" = "gcpo-gold: $T/in:1: \"responses[0].verdict\" is missing (run gcpo-verify first)" ]
    gold a x | jq -c '.verifier = "exec"' > "$T/in"
    run -65 lint "$T/in"
    run -64 gcpo-gold
    run -64 gcpo-gold polish
}
