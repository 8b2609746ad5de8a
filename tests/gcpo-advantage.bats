#!/usr/bin/env bats
# gcpo-advantage: rewards to advantages, unscorable rows, batch rules, groups without contrast.
bats_require_minimum_version 1.5.0
setup() {
    load helpers
}

# rewards ID R...: a group with these rewards and no verdicts
rewards() {
    local id=$1 list="" r n=0
    shift
    for r; do
        n=$((n + 1))
        list+="${list:+,}{\"tokens\":[$(seq -s, $n)],\"reward\":$r}"
    done
    printf '{"id":"%s","responses":[%s]}\n' "$id" "$list"
}

advantages() { gcpo-advantage --plain "$@" | jq -c '[.responses[].advantage]'; }

@test "one gold among wrong rows: the closed forms" {
    for g in 2 4 8 16; do
        run -0 bash -c "jq -nc '{id:\"a\",responses:[range($g)|{reward:(if .==$g-1 then 1 else 0 end)}]}' | gcpo-advantage --plain --epsilon 0 |
            jq '[.responses[].advantage] | (.[-1] - ($g-1)/($g|sqrt) | fabs) < 1e-12 and (.[0] + 1/($g|sqrt) | fabs) < 1e-12'"
        [ "$output" = true ]
    done
}

@test "equal rewards, dyadic or not, give exactly 0 under every rule" {
    for rule in grpo dr-grpo batch-std rloo reinforce++ reinforce++-baseline opo pass-at-k; do
        run -0 advantages --rule $rule < <(rewards a 0.1 0.1 0.1 0.1 0.1 0.1 0.1)
        [ "$output" = "[0,0,0,0,0,0,0]" ]
    done
}

@test "unscorable rewards are out of everything" {
    run -0 advantages < <(rewards a 1 null 0 null)
    [ "$output" = "$(rewards a 1 0 | advantages | jq -c '[.[0],null,.[1],null]')" ]
    run -0 advantages < <(rewards a 1 null null)
    [ "$output" = "[0,null,null]" ]
    run -0 advantages < <(rewards a null null)
    [ "$output" = "[null,null]" ]
}

@test "an absent reward, one that is no number, and a contradicted verdict are 65 with the id" {
    while IFS=$'\t' read -r response message; do
        run -65 --separate-stderr gcpo-advantage -o "$T/out" <<< "{\"id\":\"q7\",\"responses\":[{\"reward\":1},$response]}"
        [[ "$stderr" == "gcpo-advantage: standard input:1: record q7: $message"* ]]
        [ ! -e "$T/out" ]
    done <<'CASES'
{"text":"x"}	"responses[1].reward" is missing
{"reward":"1"}	"responses[1].reward" is a string
{"reward":1e999}	"responses[1].reward"
{"reward":0,"verdict":"error"}	"responses[1].reward" is 0, but the verdict is error
{"reward":0,"verdict":"maybe"}	"responses[1].verdict"
{"reward":0,"source":"me"}	"responses[1].source"
CASES
    run -65 gcpo-advantage <<< '{"id":"q7","responses":[{"reward":NaN}]}'
}

@test "rules that weigh by length want tokens" {
    run -65 --separate-stderr gcpo-advantage --rule opo <<< '{"id":"a","responses":[{"reward":1},{"reward":0}]}'
    [[ "$stderr" == *'"responses[0].tokens" is missing (this rule weighs rows by their length in tokens)' ]]
}

@test "batch rules see the whole input, from files, pipes and named pipes alike" {
    rewards a 0 0 1 > "$T/a"
    rewards b 0 1 1 1 > "$T/b"
    for rule in batch-std reinforce++ reinforce++-baseline; do
        gcpo-advantage --plain --rule $rule "$T/a" "$T/b" > "$T/files"
        cat "$T/a" "$T/b" | gcpo-advantage --plain --rule $rule > "$T/pipe"
        gcpo-advantage --plain --rule $rule < <(cat "$T/a" "$T/b") > "$T/stdin"
        gcpo-advantage --plain --rule $rule <(cat "$T/a") - < "$T/b" > "$T/mixed"
        cat "$T/a" "$T/b" > "$T/ab"
        gcpo-advantage --plain --rule $rule < "$T/ab" > "$T/redirected"
        for f in pipe stdin mixed redirected; do cmp "$T/files" "$T/$f"; done
        gcpo-advantage --plain --rule $rule "$T/a" > "$T/alone"
        run -1 cmp -s <(head -1 "$T/files") "$T/alone"
    done
    # mean of the tokens' advantages is 0
    run -0 jq -s '[.[].responses[] | .advantage * (.tokens|length)] | add | fabs < 1e-12' < <(gcpo-advantage --plain --rule reinforce++ "$T/a" "$T/b")
    [ "$output" = true ]
}

@test "a batch rule leaves no temporary file and names standard input" {
    mkdir "$T/tmp"
    run -65 --separate-stderr env TMPDIR="$T/tmp" gcpo-advantage --rule batch-std < <(rewards a 0 1; echo nonsense)
    [[ "$stderr" == "gcpo-advantage: standard input:2: not JSON"* ]]
    [ -z "$(ls -A "$T/tmp")" ]
    run -73 env TMPDIR="$T/none" gcpo-advantage --rule batch-std < <(rewards a 0 1)
}

@test "threads, running twice and foreign members change nothing" {
    for i in $(seq 300); do rewards "g$i" 0 $((i % 2)) 1 0; done > "$T/in"
    sed -i 's/"responses"/"big":123456789012345678901234567890,"u":"\\u00e9","responses"/' "$T/in"
    for rule in grpo batch-std; do
        gcpo-advantage --rule $rule -j 1 "$T/in" > "$T/one"
        gcpo-advantage --rule $rule -j 3 "$T/in" > "$T/three"
        cmp "$T/one" "$T/three"
        gcpo-advantage --plain --rule $rule "$T/in" > "$T/p1"
        gcpo-advantage --plain --rule $rule "$T/p1" | cmp - "$T/p1"
        [ "$(grep -c 123456789012345678901234567890 "$T/p1")" -eq 300 ]
        grep -q 'u00e9' "$T/p1"
    done
}

@test "groups without contrast: by verdict, listed, dropped if asked" {
    { group a w c; group b w w; group c c c; group d b e; group e w n; } > "$T/in"
    run -0 --separate-stderr gcpo-advantage -v --plain --dropped "$T/ids" "$T/in"
    [ "${#lines[@]}" -eq 5 ]
    [[ "$stderr" == *"5 groups: 2 all wrong (0 of them all cut off), 1 mixed, 1 all right, 1 unscorable, 0 not judged"* ]]
    [ "$(cat "$T/ids")" = '{"id":"b","contrast":"all-wrong"}
{"id":"c","contrast":"all-right"}
{"id":"d","contrast":"unscorable"}
{"id":"e","contrast":"all-wrong"}' ]
    run -0 gcpo-advantage --plain --keep contrast "$T/in"
    [ "${#lines[@]}" -eq 1 ]
    # a length penalty makes wrong rewards differ, not the verdicts
    group b w w | sed 's/"reward":0}]/"reward":-0.5}]/' > "$T/penalty"
    run -0 gcpo-advantage --plain --keep contrast "$T/penalty"
    [ -z "$output" ]
    # the injected gold is contrast
    gcpo-inject-gold --allow-bare-gold "$T/in" > "$T/injected"
    run -0 --separate-stderr gcpo-advantage -v --plain --keep contrast "$T/injected"
    [ "${#lines[@]}" -eq 3 ]
    [[ "$stderr" == *"2 groups hold a gold; 2 without contrast, not written"* ]]
    [[ "$stderr" == *"gold rows: 2, advantages +1.41421"* ]]
}

@test "--gold-stats apart and --single reward follow LUFFY and verl" {
    gold='{"id":"a","responses":[{"reward":0},{"reward":0},{"reward":1,"source":"gold"}]}'
    run -0 advantages --gold-stats apart <<< "$gold"
    [ "$output" = "[0,0,0.9999990000010001]" ]
    run -0 advantages --single reward --rule dr-grpo < <(rewards a 0.5)
    [ "$output" = "[0.5]" ]
}

@test "a rejected record is counted once, under batch rules too" {
    { rewards a 0 1; echo nonsense; rewards b 1 1; } > "$T/in"
    for rule in grpo batch-std; do
        run -0 --separate-stderr gcpo-advantage --plain --rule $rule --reject "$T/rejected" "$T/in"
        [ "${#lines[@]}" -eq 2 ]
        [ "$(cat "$T/rejected")" = nonsense ]
        [ "$stderr" = "gcpo-advantage: warning: 1 of 3 records were rejected into $T/rejected" ]
    done
}

@test "options that mean nothing together are refused" {
    run -64 gcpo-advantage --rule dr-grpo --epsilon 1
    run -64 gcpo-advantage --epsilon -1
    run -64 gcpo-advantage --epsilon x
    run -64 gcpo-advantage --rule nosuch
}

@test "a bare prompt passes" {
    run -0 gcpo-advantage --plain <<< '{"id":"a","prompt":"x"}'
    [ "$output" = '{"id":"a","prompt":"x"}' ]
}
