#!/usr/bin/env bats
# gcpo-cat(1): groups picked, read, joined, checked and mended.
bats_require_minimum_version 1.5.0
setup() { load helpers; }

some() { group a w w; group b w c; group c c c; group d w b; group e n n; }
ids() { plain | jq -r .id | paste -sd ' '; }
page() { gcpo-cat --text "$@"; }

@test "a stream goes through unchanged, compressed or plain, and files are joined" {
    some > "$T/in"
    run -0 bash -c "gcpo-cat '$T/in' | zstdcat | cmp - '$T/in'"
    run -0 bash -c "gcpo-cat --plain '$T/in' | cmp - '$T/in'"
    printf '{ "id" : "sp" , "x":1.0E+2,\t"prompt":"p"}\n' > "$T/odd" # not even white space changes
    cat "$T/in" "$T/odd" > "$T/both"
    run -0 bash -c "gcpo-cat '$T/in' '$T/odd' | zstdcat | cmp - '$T/both'"
    gcpo-cat -o "$T/out.zst" "$T/in" && zstd -t "$T/out.zst"
    run -0 bash -c "gcpo-cat '$T/out.zst' '$T/out.zst' | zstdcat | wc -l"
    [ "$output" -eq 10 ]
}

@test "--id stops at the first hit, before what is wrong further on" {
    { some; group a c c; echo nonsense; } > "$T/in"
    [ "$(gcpo-cat --id a "$T/in" | plain | jq -r '.responses[0].verdict')" = wrong ]
    [ "$(gcpo-cat --id c --id b "$T/in" | ids)" = "b c" ]
    run -65 gcpo-cat --id none "$T/in"
    some > "$T/in"
    run -1 --separate-stderr gcpo-cat --plain --id none "$T/in"
    [ -z "$output" ]
    [ "$stderr" = "gcpo-cat: no group has the id 'none'" ]
}

@test "--where takes contrast, verdicts, golds and members, and all must hold" {
    some | jq -c '.level = ("L" + .id) | .extra = {tier: 2} | if .id == "b" then .responses[0].finish = "length" else . end' > "$T/in"
    for c in all-wrong:'a e' mixed:b all-right:c unscorable:d correct:'b c' no-answer:e bad-reference:d truncated:b \
             '!wrong':'c e' 'wrong,!all-wrong':'b d' level=Lc:c '!level=Lc':'a b d e' extra.tier=2:'a b c d e' \
             nothing=x: gold:; do
        [ "$(gcpo-cat --where "${c%%:*}" "$T/in" | ids)" = "${c#*:}" ] || { echo "$c"; false; }
    done
    [ "$(gcpo-cat --where wrong --where '!mixed' "$T/in" | ids)" = "a d" ]
    [ "$(gcpo-inject-gold "$T/in" | gcpo-cat --where gold | ids)" = "a e" ]
    [ "$(gcpo-inject-gold "$T/in" | gcpo-cat --where all-wrong | ids)" = "a e" ]
    run -64 --separate-stderr gcpo-cat --where all-rong "$T/in"
    [[ "$stderr" == "gcpo-cat: --where has no 'all-rong' (expected mixed, "* ]]
    jq -c 'del(.responses[].verdict)' "$T/in" > "$T/raw"
    run -65 gcpo-cat --where mixed "$T/raw"
    [ "$(gcpo-cat --where unjudged,truncated "$T/raw" | ids)" = b ]
}

@test "--head stops early and leaves a whole stream" {
    { some; echo nonsense; } > "$T/in"
    [ "$(gcpo-cat --head 2 "$T/in" | ids)" = "a b" ]
    [ "$(gcpo-cat --head 1 --where correct "$T/in" | ids)" = b ]
    gcpo-cat --head 3 -j 3 -o "$T/out" "$T/in" || true # more threads read further ahead
    gcpo-cat --head 3 -o "$T/out" "$T/in"
    run -0 gcpo-cat --check "$T/out"
}

@test "--sample is a function of seed, ids and rounds: not of order" {
    for i in $(seq 100); do group "g$i" w c; done > "$T/in"
    a=$(gcpo-cat --sample 10 -s 1 "$T/in" | ids)
    [ "$(wc -w <<< "$a")" -eq 10 ]
    [ "$(gcpo-cat --sample 10 -s 1 < "$T/in" | ids)" = "$a" ]
    [ "$(cat "$T/in" | gcpo-cat --sample 10 -s 1 | ids)" = "$a" ]
    [ "$(gcpo-cat --sample 10 -s 1 -j 3 "$T/in" | ids)" = "$a" ]
    [ "$(gcpo-cat --sample 10 -s 2 "$T/in" | ids)" != "$a" ]
    [ "$(tac "$T/in" | gcpo-cat --sample 10 -s 1 | ids | tr ' ' '\n' | sort)" = "$(tr ' ' '\n' <<< "$a" | sort)" ]
    [ "$(gcpo-cat --sample 200 "$T/in" | ids | wc -w)" -eq 100 ]
    [ "$(gcpo-cat --sample 10 -s 1 --head 2 "$T/in" | ids)" = "$(cut -d' ' -f1,2 <<< "$a")" ]
    for i in $(seq 5); do gcpo-cat --sample 50 -s "$i" "$T/in" | ids | tr ' ' '\n'; done | sort | uniq -c | awk '$1 == 5 || $1 == 0 {n++} END {exit n > 15}'
}

@test "a group is laid out: prompt, judgement, gold and what it displaced" {
    group a w n | jq -c '.round = 3 | .responses[0].advantage = -0.35355338' | gcpo-inject-gold > "$T/in"
    run -0 page "$T/in"
    [ "${lines[1]}" = "a   round 3   all-wrong, 0 of 2 correct   answer 2   gold injected" ]
    [[ "$output" == *"prompt"*"    1+1?"*"[0] - wrong   reward 0   advantage -0.35355"*"    w"* ]]
    [[ "$output" == *"[1] GOLD  + correct   reward 1"*"    1+1=2"*"[1] displaced  - no answer   reward 0"*"    n"* ]]
    group b w c > "$T/in"
    run -0 page "$T/in"
    [[ "$output" == *"gold  + correct"*"    1+1=2"* ]]
    echo '{"messages":[{"role":"system","content":"be brief"},{"role":"user","content":"1+1?"}]}' > "$T/in"
    run -0 page "$T/in"
    [[ "$output" == *"a prompt without responses"*"system"*"    be brief"*"user"*"    1+1?"* ]]
}

@test "lines are wrapped and never longer than asked" {
    group a w c | jq -c '.responses[0].text = ([range(200) | "word\(.)"] | join(" ")) | .responses[1].text = ([range(300) | "x"] | add)' > "$T/in"
    for w in 40 72 100; do
        run -0 page --width $w "$T/in"
        [ "$(sed -n '/^prompt/,$p' <<< "$output" | wc -L)" -le $w ]
        [ "$(grep -o 'word[0-9]*' <<< "$output" | wc -l)" -eq 200 ]
    done
    run -0 page --width 0 "$T/in"
    [ "$(grep -c 'word0 .*word199' <<< "$output")" -eq 1 ]
    run -0 page --lines 2 --width 40 "$T/in"
    grep -q '\[\.\.\. [0-9]* more lines\]' <<< "$output"
}

@test "what a model wrote cannot drive the terminal" {
    group a w c | jq -c '.responses[0].text = "a\u001b[31mred\u0007\u202etxt\u0000end\r" | .id = "\u001b]0;title\u0007"' > "$T/in"
    for options in "--text" "--text --color always" "--list"; do
        run -0 gcpo-cat $options "$T/in"
        ! grep -q $'\033\\[31m\|\033]\|\a' <<< "$output"
        ! grep -q $'\xe2\x80\xae' <<< "$output"
    done
    run -0 page "$T/in"
    [[ "$output" == *'a\x1b[31mred\x07<U+202E>txt\x00end\x0d'* ]]
}

@test "colour only on a terminal; NO_COLOR and --color decide" {
    command -v script || skip "no script(1)"
    some > "$T/in"
    terminal() { script -qec "$*" /dev/null < /dev/null | tr -d '\r'; }
    run -0 terminal gcpo-cat "$T/in" # on a terminal the layout is the default
    [[ "$output" == *"0 of 2 correct"* && "$output" == *$'\033['* ]]
    run -0 terminal env NO_COLOR=1 gcpo-cat "$T/in"
    [[ "$output" == *"0 of 2 correct"* && "$output" != *$'\033['* ]]
    run -0 terminal gcpo-cat --plain "$T/in"
    [ "$(grep -c '^{' <<< "$output")" -eq 5 ]
    run -0 terminal gcpo-cat --no-text "$T/in"
    [ "$(grep -c '^{' <<< "$output")" -eq 5 ]
    run -0 page "$T/in"
    [[ "$output" != *$'\033['* ]]
    run -0 page --color always "$T/in"
    [[ "$output" == *$'\033['* ]]
    for i in "$T/in"; do [ "$(page --color always "$i" | sed $'s/\033\\[[0-9;]*m//g')" = "$(page "$i")" ]; done
}

@test "-m spells the tokens and underlines the least likely" {
    need_data engine/e2e-qwen3/tokenizer.json
    m=$DATA/engine/e2e-qwen3
    group a w c | jq -c '.responses[0] += {tokens: [72, 73, 74, 75], logprobs: [-0.1, -3, -5, -8]}' > "$T/in"
    run -0 page -m "$m" --color always "$T/in"
    [[ "$output" == *$'\033[0;4m'*$'\033[0;4;33m'*$'\033[0;4;31m'* ]]
    grep -qE 'log-prob -16.1, per token -4.025, least likely: #3 "[^"]+" -8, #2 "[^"]+" -5, #1 "[^"]+" -3$' <<< "$output"
    run -0 page "$T/in"
    [[ "$output" == *"least likely: #3 -8, #2 -5, #1 -3"* ]]
    jq -c '.responses[0].logprobs = [-1]' "$T/in" > "$T/bad"
    run -65 --separate-stderr page "$T/bad"
    [ "$stderr" = "gcpo-cat: $T/bad:1: \"responses[0].logprobs\" has 1 elements (expected 4, as tokens)" ]
}

@test "--list is a line for each group" {
    some > "$T/in"
    run -0 gcpo-cat --list "$T/in"
    [ "${#lines[@]}" -eq 6 ]
    [[ "${lines[2]}" =~ ^\ +1/2\ +mixed\ .*\ b$ ]]
    run -0 gcpo-cat --list --where all-wrong "$T/in"
    [ "${#lines[@]}" -eq 3 ]
}

@test "--merge joins samples of the same id and round" {
    { group a w w; group b w c; group c w w; } > "$T/1"
    { group a c w | jq -c '.first_sample = 2'; group c n c | jq -c '.first_sample = 2'; group c c c | jq -c '.round = 1'; } > "$T/2"
    group c w c | jq -c '.first_sample = 4' > "$T/3"
    run -0 bash -c "gcpo-cat --merge --plain '$T/1' '$T/2' '$T/3' | jq -c '[.id, .round // 0, (.responses | map(.text) | add)]'"
    [ "$output" = "$(printf '%s\n' '["b",0,"wc"]' '["a",0,"wwcw"]' '["c",1,"cc"]' '["c",0,"wwncwc"]')" ]
    run -0 bash -c "cat '$T/3' '$T/1' '$T/2' | gcpo-cat --merge --plain | jq -c 'select(.id == \"c\" and .round == null) | [.first_sample, (.responses | map(.text) | add)]'"
    [ "$output" = '[null,"wwncwc"]' ]
}

@test "--merge refuses what does not join" {
    group a w w > "$T/1"
    try() { jq -c "$1" "$T/1" > "$T/2"; run -65 --separate-stderr gcpo-cat --merge "$T/1" "$T/2"; [ "$stderr" = "gcpo-cat: $T/2:1: $2" ] || { echo "$stderr"; false; }; }
    try . "sample 0 is there twice (samples up to 1 are there)"
    try '.first_sample = 1' "sample 1 is there twice (samples up to 1 are there)"
    try '.first_sample = 3' "sample 3 leaves a gap before it (samples up to 1 are there)"
    try '.first_sample = 2 | .prompt = "2+2?"' '"prompt" differs from that of the same group elsewhere'
    try '.first_sample = 2 | .responses[1].advantage = 1' '"responses[1].advantage" is there (merge before gcpo-advantage)'
    try '.first_sample = 2 | .responses[1].source = "gold"' 'responses[1] is a gold (take it out: gcpo-inject-gold --undo)'
}

@test "--check: nothing to find in a whole stream" {
    some | gcpo-inject-gold > "$T/in"
    run -0 --separate-stderr gcpo-cat --check "$T/in"
    [ -z "$output" ] && [ -z "$stderr" ]
}

@test "--check names everything that is wrong, and goes on" {
    while IFS=$'\t' read -r edit want; do
        group a w c | jq -c ".max_tokens = 3 | .prompt_tokens = [1] | .responses[0] += {tokens: [5, 6], logprobs: [-1, -2]} | $edit" > "$T/in"
        run -1 --separate-stderr gcpo-cat --check "$T/in"
        [ "$output" = "$T/in:1: $want" ] || { echo "$edit: $output"; false; }
        [ "$stderr" = "gcpo-cat: 1 finding" ]
    done <<'CASES'
.id = 3	"id" is a number (expected a string)
.round = -1	"round" is not a whole number from 0 on (seen -1)
del(.id, .prompt)	"id", "prompt" and "messages" are all missing
.messages = [3] | del(.prompt)	"messages[0]" is a number (expected an object)
.prompt_tokens = [1.5]	"prompt_tokens[0]" is 1.5 (expected a token id)
.gold_verdict = "right"	"gold_verdict" is "right" (expected correct, wrong, no-answer, bad-reference or error)
.responses[0].logprobs = [-1]	"responses[0].logprobs" has 1 elements (expected 2, as tokens)
.responses[0].logprobs[1] = 0.5	"responses[0].logprobs[1]" is 0.5 (a log-probability is at most 0)
.responses[0].logprobs[1] = 1e999	"responses[0].logprobs[1]" is 1.7976931348623157e+308 (expected a finite number)
.responses[0].tokens = [1, 2, 3, 4] | .responses[0].logprobs = null	"responses[0].tokens" has 4 elements (max_tokens is 3)
.responses[0].finish = "eos"	"responses[0].finish" is "eos" (expected stop or length)
.responses[0].reward = null	"responses[0].reward" is null, but the verdict is wrong
.responses[0].verdict = "error"	"responses[0].reward" is a number, but the verdict is error (expected null)
del(.responses[0].reward)	"responses[0].reward" is missing beside a verdict
del(.responses[0].verdict)	1 of 2 responses have a verdict (expected all or none)
.responses[0].replaced = {}	"responses[0].replaced" in a row that is no gold
.responses[0].source = "teacher"	"responses[0].source" is "teacher" (expected policy or gold)
.responses[1].ref_logprobs = [-1]	"responses[1].ref_logprobs" without tokens
CASES
    { group a w; group b w; group a c; echo '{'; group c w | jq -c '.text = 1 | .responses[0].text = 1'; } > "$T/in"
    group a c > "$T/in2"
    run -1 --separate-stderr gcpo-cat --check "$T/in" "$T/in2"
    [ "${#lines[@]}" -eq 4 ]
    [ "${lines[0]}" = "$T/in:3: id \"a\", round 0, sample 0 is there twice" ]
    [[ "${lines[1]}" == "$T/in:4: not JSON: "* ]]
    [ "${lines[2]}" = "$T/in:5: \"responses[0].text\" is a number (expected a string)" ]
    [ "${lines[3]}" = "$T/in2:1: id \"a\", round 0, sample 0 is there twice" ]
    [ "$stderr" = "gcpo-cat: 4 findings" ]
}

@test "--check -m: ids have a token, texts are what they spell" {
    need_data engine/e2e-qwen3/tokenizer.json
    group a w c | jq -c '.responses[0] += {tokens: [72, 99999999], text: "?"} | .responses[1] += {tokens: [72, 73], text: "?"}' > "$T/in"
    run -1 gcpo-cat --check -m "$DATA/engine/e2e-qwen3" "$T/in"
    [ "${lines[0]}" = "$T/in:1: \"responses[0].tokens[1]\" is 99999999 (the tokenizer has no such id)" ]
    [ "${lines[1]}" = "$T/in:1: \"responses[1].text\" is not what the tokens spell" ]
}

@test "--check and --repair: a stream cut anywhere" {
    for i in $(seq 60); do group "g$i" w c w c; done | gcpo-inject-gold > "$T/whole"
    n=$(stat -c %s "$T/whole")
    plain < "$T/whole" > "$T/lines"
    head=$(grep -abo "$(printf "\x28\xb5\x2f\xfd")" "$T/whole" | head -1 | cut -d: -f1) # the first frame begins behind the head mark
    for at in $(seq $((head + 20)) $((n / 20)) $((n - 1))) $((n - 1)); do
        head -c "$at" "$T/whole" > "$T/cut"
        run -1 gcpo-cat --check "$T/cut"
        [[ "$output" == "$T/cut:"*truncated* ]]
        run -0 --separate-stderr gcpo-cat --repair -o "$T/mended" "$T/cut"
        [[ "$stderr" =~ ^"gcpo-cat: warning: $T/cut: cut short; "[0-9]+" whole groups kept, "[0-9]+" bytes of an unfinished one dropped"$ ]]
        run -0 gcpo-cat --check "$T/mended"
        plain < "$T/mended" > "$T/kept"
        [ "$(wc -l < "$T/kept")" -eq "$(zstd -dcq "$T/cut" 2> /dev/null | grep -c '}$' || true)" ] # what zstd can still read
        head -c "$(stat -c %s "$T/kept")" "$T/lines" | cmp - "$T/kept"
    done
}

@test "--repair: plain files, files that are whole, and damage of other kinds" {
    some > "$T/in"
    head -c -30 "$T/in" > "$T/cut"
    run -0 --separate-stderr gcpo-cat --repair --plain "$T/cut"
    [ "$(ids <<< "$output")" = "a b c d" ]
    [ "$stderr" = "gcpo-cat: warning: $T/cut: cut short; 4 whole groups kept, $(($(tail -n 1 "$T/in" | wc -c) - 30)) bytes of an unfinished one dropped" ]
    run -0 --separate-stderr bash -c "gcpo-cat --repair '$T/in' | zstdcat | cmp - '$T/in'"
    [ -z "$stderr" ]
    { head -n 2 "$T/in"; echo '{'; tail -n 1 "$T/in"; } > "$T/bad"
    run -65 gcpo-cat --repair -o "$T/no" "$T/bad"
    [ ! -e "$T/no" ]
    gcpo-cat "$T/in" > "$T/z" # a bit flips in the compressed part
    n=$(stat -c %s "$T/z")
    printf '\xff' | dd of="$T/z" bs=1 seek=$((n - 60)) conv=notrunc status=none
    run -65 gcpo-cat --repair -o "$T/no" "$T/z"
    [ ! -e "$T/no" ]
}

@test "--provenance shows the programs of each segment" {
    some | gcpo-inject-gold --replace longest > "$T/a"
    cat "$T/a" "$T/a" > "$T/b"
    run -0 gcpo-cat --provenance "$T/b"
    [ "$(grep -c '^  segment$' <<< "$output")" -eq 2 ]
    [ "$(grep -c '^    gcpo-inject-gold ' <<< "$output")" -eq 2 ]
    [[ "$output" == *"--replace longest"*"5 groups"* ]]
    run -0 bash -c "gcpo-cat --provenance --plain '$T/b' | jq -r '.programs[].program'"
    [ "$output" = "$(printf 'gcpo-inject-gold\ngcpo-inject-gold')" ]
    run -65 gcpo-cat --provenance <(head -c 300 "$T/a")
}

@test "what cannot be combined is misuse" {
    for bad in "--merge --check" "--check --id a" "--repair --head 1" "--list --merge"; do run -64 gcpo-cat $bad; done
}
