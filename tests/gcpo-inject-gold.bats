#!/usr/bin/env bats
# gcpo-inject-gold(1): where every response of a group is wrong, one becomes the gold.
bats_require_minimum_version 1.5.0
setup() { load helpers; }

inject() { gcpo-inject-gold --plain "$@"; }

@test "the last response of an all-wrong group becomes the gold, and is kept" {
    group a w n w > "$T/in"
    run -0 --separate-stderr inject "$T/in"
    [ -z "$stderr" ]
    jq -e '.gold_fate == "injected" and (.responses | length) == 3
           and .responses[2].source == "gold" and .responses[2].verdict == "correct" and .responses[2].reward == 1
           and .responses[2].text == .gold and (.responses[2] | has("logprobs") | not)
           and .responses[2].replaced.text == "w" and .responses[1].text == "n"' <<< "$output"
}

@test "all wrong is decided on verdicts, not on rewards" {
    group a w w | sed 's/"reward":0/"reward":0.3/' > "$T/in"
    run -0 inject "$T/in"
    [ "$(jq -r .gold_fate <<< "$output")" = injected ]
}

@test "groups with contrast, of one response, or unscorable are left alone" {
    { group a w c; group b w; group c b b e; group d c c; } > "$T/in"
    run -0 inject "$T/in"
    [ "$(jq -r .gold_fate <<< "$output" | sort -u)" = not-needed ]
    [ "$(jq -c 'del(.gold_fate)' <<< "$output")" = "$(jq -c . "$T/in")" ]
}

@test "unscorable responses do not stop an injection" {
    group a w e w > "$T/in"
    run -0 inject "$T/in"
    [ "$(jq -r .gold_fate <<< "$output")" = injected ]
}

@test "golds are refused by reason" {
    group a w w | jq -c 'del(.gold)' > "$T/in"
    group b w w | jq -c '.gold_verdict="wrong"' >> "$T/in"
    group c w w | jq -c '.gold="The answer is \\boxed{2}."' >> "$T/in"
    group d w w | jq -c '.prompt="1+1?<think>\n"' >> "$T/in"
    run -0 inject --missing "$T/missing" "$T/in"
    [ "$(jq -r .gold_fate <<< "$output" | xargs)" = "no-gold not-correct bare no-thought" ]
    [ "$(jq -r '.id + "=" + .gold_fate' "$T/missing" | xargs)" = "a=no-gold b=not-correct c=bare d=no-thought" ]
    run -0 inject --allow-bare-gold --gold-think wrap "$T/in"
    [ "$(jq -r .gold_fate <<< "$output" | xargs)" = "no-gold not-correct injected injected" ]
    [ "$(jq -r 'select(.id=="d").responses[1].text' <<< "$output")" = "$(printf '1+1=2\n\\boxed{2}\n</think>\n\n\\boxed{2}')" ]
    run -0 inject --gold-think empty "$T/in"
    [ "$(jq -r 'select(.id=="d").responses[1].text' <<< "$output")" = "$(printf '\n</think>\n\n1+1=2\n\\boxed{2}')" ]
    run -0 inject --gold-think asis "$T/in"
    [ "$(jq -r 'select(.id=="d").responses[1].text' <<< "$output")" = "$(printf '1+1=2\n\\boxed{2}')" ]
}

@test "--undo restores the input, and running twice is running once" {
    { group a w n; group b w c; group c n n n | sed 's/"reward":0/"reward":0.10,"advantage":1e-3/g'; } > "$T/in"
    inject "$T/in" > "$T/once"
    inject "$T/once" > "$T/twice"
    cmp "$T/once" "$T/twice"
    inject --undo "$T/once" > "$T/back"
    cmp "$T/in" "$T/back"
}

@test "--replace chooses the row" {
    group a w n w w | jq -c '.responses[1].text="a long wrong answer" | .responses[0].finish="length"' > "$T/in"
    row() { inject "$@" "$T/in" | jq '[.responses[].source] | index("gold")'; }
    [ "$(row)" = 3 ]
    [ "$(row --replace longest)" = 1 ]
    [ "$(row --replace truncated)" = 0 ]
    [ "$(row --replace random)" = "$(row --replace random)" ]
    for i in 1 2 3 4 5 6 7 8 9; do group "g$i" w w w w; done > "$T/in"
    [ "$(row --replace random | sort -u | wc -l)" -gt 2 ]
}

@test "--when always makes SFT rows of bare prompts, never does nothing" {
    group a w | jq -c 'del(.responses)' > "$T/in"
    run -0 inject --when always "$T/in"
    jq -e '(.responses | length) == 1 and .responses[0].source == "gold" and (.responses[0] | has("replaced") | not)' <<< "$output"
    [ "$(inject --undo <<< "$output")" = "$(cat "$T/in")" ]
    group b w w > "$T/in"
    run -0 inject --when never "$T/in"
    [ "$(jq -r .gold_fate <<< "$output")" = not-needed ]
}

@test "--gold joins golds by id" {
    group a w w | jq -c 'del(.gold)' > "$T/in"
    group b w w >> "$T/in"
    group a w | jq -c '{id, gold: "two is\n\\boxed{2}", gold_verdict: "correct", gold_reward: 0.5}' > "$T/golds"
    run -0 inject --gold "$T/golds" "$T/in"
    [ "$(jq -r .gold_fate <<< "$output" | xargs)" = "injected no-gold" ]
    [ "$(jq -r 'select(.id=="a").responses[1].reward' <<< "$output")" = 0.5 ]
    cat "$T/golds" "$T/golds" > "$T/double"
    run -65 --separate-stderr inject --gold "$T/double" "$T/in"
    [ "$stderr" = "gcpo-inject-gold: $T/double: the id \"a\" occurs twice" ]
}

@test "a stream that was not verified is refused by field" {
    group a w w | jq -c 'del(.responses[1].verdict)' > "$T/in"
    run -65 --separate-stderr inject "$T/in"
    [ "$stderr" = "gcpo-inject-gold: $T/in:1: \"responses[1].verdict\" is missing (run gcpo-verify first)" ]
    group a w w | jq -c 'del(.gold_verdict)' > "$T/in"
    run -65 --separate-stderr inject "$T/in"
    [ "$stderr" = "gcpo-inject-gold: $T/in:1: \"gold_verdict\" is missing (run gcpo-verify first)" ]
}

@test "fields it does not know leave as they came" {
    group a w w | sed 's/"prompt"/"x":123456789012345678901234567890,"y":1.0E+2,"prompt"/' > "$T/in"
    run -0 inject "$T/in"
    [[ "$output" == *'"x":123456789012345678901234567890,"y":1.0E+2,'* ]]
}

@test "threads and sharding change nothing" {
    for i in $(seq 200); do group "g$i" w n; group "h$i" c w; done > "$T/in"
    inject "$T/in" > "$T/1"
    inject -j 3 "$T/in" > "$T/3"
    cmp "$T/1" "$T/3"
    head -n 100 "$T/in" > "$T/a"
    tail -n +101 "$T/in" > "$T/b"
    inject "$T/a" "$T/b" > "$T/ab"
    cmp "$T/1" "$T/ab"
}

@test "with -m the gold becomes token ids with the end token, within max_tokens" {
    need_data engine/e2e-qwen3
    m=$DATA/engine/e2e-qwen3
    eos=$(jq '.eos_token_id[0]' "$m/generation_config.json")
    group a w w | jq -c '.prompt_tokens=[1,2] | .max_tokens=50' > "$T/in"
    run -0 inject -m "$m" "$T/in"
    jq -e --argjson eos "$eos" '.gold_fate == "injected" and .responses[1].tokens[-1] == $eos and (.responses[1].tokens | length) > 3' <<< "$output"
    n=$(jq '.responses[1].tokens | length' <<< "$output")
    [ "$(jq -c ".max_tokens=$n" "$T/in" | inject -m "$m" | jq -r .gold_fate)" = injected ]
    [ "$(jq -c ".max_tokens=$((n - 1))" "$T/in" | inject -m "$m" | jq -r .gold_fate)" = too-long ]
    run -64 --separate-stderr inject "$T/in"
    [ "$stderr" = "gcpo-inject-gold: $T/in:1: the record carries token ids: give the model with -m" ]
}
