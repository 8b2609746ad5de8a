#!/usr/bin/env bats
# gcpo-score(1): log-probabilities of what is there.
bats_require_minimum_version 1.5.0
setup() {
    load helpers
    m=$ROOT/testdata/model
    for i in $(seq 9); do printf '{"id":"p%d","prompt":"Say %s","k":%d}\n' "$i" "$(seq -s' ' $((i * 9)))" "$i"; done > "$T/prompts"
    gcpo-rollout -m "$m" -n 5 --max-tokens 90 --plain "$T/prompts" > "$T/groups"
}

score() { gcpo-score -m "$m" --plain "$@"; }

@test "the model that sampled gives the same floats, bit for bit" {
    run -0 --separate-stderr score "$T/groups"
    [ -z "$stderr" ]
    [ "$output" = "$(cat "$T/groups")" ]
    for o in "-j 1" "-j 3"; do score $o "$T/groups" | cmp "$T/groups" -; done
    score --as ref_logprobs "$T/groups" | jq -se 'all(.[].responses[]; .ref_logprobs == .logprobs)'
}

@test "another model gives others" {
    gcpo-model init --vocab-from "$m" -s 5 -o "$T/other"
    gcpo-score -m "$T/other" --plain --as ref_logprobs "$T/groups" > "$T/out"
    jq -se 'all(.[].responses[]; .ref_logprobs != .logprobs and (.ref_logprobs | length) == (.logprobs | length))' "$T/out"
    [ "$(jq -c 'del(.responses[].ref_logprobs)' "$T/out")" = "$(jq -c . "$T/groups")" ]
}

@test "--missing fills only what is missing" {
    jq -c '.responses[1].logprobs = null | del(.responses[2].logprobs) | .responses[3].logprobs[0] = -77' "$T/groups" > "$T/in"
    score --missing "$T/in" | jq -c '.responses | map(.logprobs)' > "$T/got"
    jq -c '.responses[3].logprobs[0] = -77 | .responses | map(.logprobs)' "$T/groups" | cmp - "$T/got"
}

@test "responses of text only are left as they are, and counted" {
    jq -c '.responses[0] |= {text, finish}' "$T/groups" > "$T/in"
    run -0 --separate-stderr score "$T/in"
    [ "$output" = "$(cat "$T/in")" ]
    [ "$stderr" = "gcpo-score: warning: 9 responses have no tokens and were left as they are" ]
    echo '{"id":"a","prompt":"bare"}' > "$T/bare"
    run -0 score "$T/bare"
    [ "$output" = "$(cat "$T/bare")" ]
}

@test "bad records are named" {
    while IFS=$'\t' read -r edit message; do
        { head -n 1 "$T/groups"; sed -n 2p "$T/groups" | jq -c "$edit"; } > "$T/bad"
        run -65 --separate-stderr gcpo-score -m "$m" -o "$T/out" "$T/bad"
        [[ "$stderr" == "gcpo-score: $T/bad:2: "*"$message"* ]] || { echo "$stderr"; false; }
        [ "${#stderr_lines[@]}" = 1 ]
        [ ! -e "$T/out" ]
    done <<'CASES'
del(.prompt_tokens)	"prompt_tokens" is missing
.prompt_tokens = []	"prompt_tokens" is missing or empty
.prompt_tokens[0] = 286	outside the vocabulary
.responses[1].tokens[2] = 999	outside the vocabulary
.responses[1].tokens[2] = -1	responses[1].tokens
.responses[1].tokens = "x"	responses[1].tokens
.responses[1].tokens = [range(0; 512) | 1] | .prompt_tokens = [1, 2]	responses[1]: 2 tokens of prompt and 512 of response exceed the model's context (at most 512 together)
CASES
    run -64 gcpo-score "$T/groups"
    run -66 gcpo-score -m "$T/none" "$T/groups"
}

@test "the contract of all programs: inputs that are none, outputs that fail" {
    run -65 --separate-stderr bash -c "gcpo-score -m '$m' < /dev/null"
    [ "$stderr" = "gcpo-score: standard input: zero bytes of input (did the program before it fail?)" ]
    run -66 --separate-stderr score "$T/none"
    [ "$stderr" = "gcpo-score: $T/none: cannot open: No such file or directory" ]
    gcpo-score -m "$m" "$T/groups" > "$T/whole"
    head -c $(($(stat -c %s "$T/whole") / 2)) "$T/whole" > "$T/cut"
    run -65 gcpo-score -m "$m" -o "$T/out" "$T/cut"
    [ ! -e "$T/out" ] && [ ! -e "$T/.out.part" ]
    run -73 gcpo-score -m "$m" -o "$T" "$T/groups"
    run -74 gcpo-score -m "$m" -o /dev/full "$T/groups"
    head -n 4 "$T/groups" | gcpo-score -m "$m" > "$T/a"
    tail -n +5 "$T/groups" | gcpo-score -m "$m" > "$T/b"
    gcpo-score -m "$m" <(cat "$T/a" "$T/b") > "$T/ab"
    { gcpo-score -m "$m" "$T/a"; gcpo-score -m "$m" "$T/b"; } | cmp - "$T/ab"
}
