#!/usr/bin/env bats
# What nobody wrote: damaged models, bombs and corpora may not crash a program, hang it or make it large.
bats_require_minimum_version 1.5.0
setup() {
    load helpers
    M=$ROOT/testdata/model
}

# poison VALUE: a copy of the model in $T/poison whose norms are VALUE (the bytes of a little-endian float)
poison() {
    rm -rf "$T/poison"
    cp -r "$M" "$T/poison"
    python3 - "$T/poison/model.safetensors" "$1" <<'PY'
import json, struct, sys
path, value = sys.argv[1], bytes.fromhex(sys.argv[2])
b = bytearray(open(path, "rb").read())
n = struct.unpack("<Q", b[:8])[0]
for name, t in json.loads(b[8:8 + n]).items():
    if "norm" in name:
        for i in range(*t["data_offsets"], 4):
            b[8 + n + i:12 + n + i] = value
open(path, "wb").write(b)
PY
}

@test "weights that are NaN or infinite: 65, and nothing is written" {
    gcpo-rollout -m "$M" -n 2 --max-tokens 3 --plain "$ROOT/testdata/streams/prompts.jsonl" > "$T/groups"
    jq -c '.responses |= [.[] | .verdict = "wrong" | .reward = 0] | .responses[0] |= (.verdict = "correct" | .reward = 1)' "$T/groups" |
        gcpo-advantage --plain > "$T/step"
    for value in 0000c07f 0000807f; do
        poison $value
        for command in "gcpo-rollout -n 2 --max-tokens 4 -o $T/out $ROOT/testdata/streams/prompts.jsonl" "gcpo-score -o $T/out $T/groups" \
            "gcpo-rollout -n 1 --temperature 0 --max-tokens 4 -o $T/out $ROOT/testdata/streams/prompts.jsonl" \
            "gcpo-update --off-policy -o $T/out $T/step" "gcpo-update --off-policy --dry-run $T/step"; do
            run -65 --separate-stderr $command -m "$T/poison"
            [[ "$stderr" == *"the model gives a log-probability of "*"nan (its weights have diverged)" ]] || { echo "$command: $stderr"; false; }
            [ ! -e "$T/out" ] && [ -z "$(ls -A "$T" | grep '^\.')" ]
        done
        run -1 gcpo-model diff --json "$M" "$T/poison"
        [ "$(jq -s 'map(.max) | unique' <<< "$output" | tr -d ' \n')" = "[null]" ]
        run -0 gcpo-model info "$T/poison"
    done
}

# bounded COMMAND...: ends by itself within 5 s (20 under a sanitizer), in less than 1 GiB, without a crash
bounded() {
    local status=0 limit=5 san=
    [[ "$(command -v gcpo-cat)" != *san/* ]] || limit=20 san=1
    timeout -s KILL $limit /usr/bin/time -f %M -o "$T/kb" "$@" > "$T/out" 2> "$T/err" < /dev/null || status=$?
    { [ $status -le 1 ] || { [ $status -ge 64 ] && [ $status -le 74 ] && [ $status -ne 70 ]; }; } || { echo "$*: status $status"; head -n 3 "$T/err"; return 1; }
    [ -n "$san" ] || [ "$(tail -n 1 "$T/kb")" -lt 1048576 ] || { echo "$*: $(tail -n 1 "$T/kb") KB"; return 1; }
    [ $status -lt 64 ] || [ "$(wc -l < "$T/err")" -eq 1 ] || { echo "$*:"; cat "$T/err"; return 1; }
}

@test "every program that opens a model, on damaged weights" {
    need_data safetensors-bad/manifest.json
    gcpo-rollout -m "$M" -n 1 --max-tokens 2 -o "$T/groups" "$ROOT/testdata/streams/prompts.jsonl"
    cp -r "$M" "$T/m"
    for f in "$DATA"/safetensors-bad/*.safetensors "$ROOT"/testdata/fuzz/safetensors/*; do
        cp "$f" "$T/m/model.safetensors"
        bounded gcpo-model info "$T/m"
        bounded gcpo-model diff "$M" "$T/m"
        bounded gcpo-rollout -m "$T/m" -n 1 --max-tokens 2 "$ROOT/testdata/streams/prompts.jsonl"
        bounded gcpo-score -m "$T/m" "$T/groups"
        bounded gcpo-update -m "$T/m" -o "$T/next" "$T/groups"
        [ ! -e "$T/next" ]
    done
}

@test "every program that opens a model, on damaged configurations, tokenizers and templates" {
    for f in "$ROOT"/testdata/fuzz/config/* "$ROOT"/testdata/fuzz/tokenizer_json/* "$ROOT"/testdata/fuzz/json/* "$ROOT"/testdata/fuzz/chat/*; do
        for name in config.json tokenizer.json tokenizer_config.json generation_config.json; do
            rm -rf "$T/m"
            cp -r "$M" "$T/m"
            cp "$f" "$T/m/$name"
            bounded gcpo-model info "$T/m"
            bounded gcpo-rollout -m "$T/m" -n 1 --max-tokens 2 "$ROOT/testdata/streams/prompts.jsonl"
        done
    done
}

@test "every reader, on the fuzzers' corpora" {
    for f in "$ROOT"/testdata/fuzz/{json,record,marks}/* "$M"/model.safetensors; do
        in=$f
        if [[ "$f" == */marks/* ]]; then # their first byte is the fuzzer's
            in=$T/in
            tail -c +2 "$f" > "$in"
        fi
        for p in $PROGRAMS; do
            [ "$p" = gcpo-report ] || bounded bash -c "$(declare -f call); ROOT='$ROOT'; call $p '$T/o' '$in'"
        done
        bounded gcpo-cat --check "$in"
        bounded gcpo-cat --repair "$in"
        bounded gcpo-cat --text "$in"
        rm -rf "$T/o"
    done
}

# texts CORPUS [N]: its files as JSON strings, one a line, without their first N bytes, which are the fuzzer's
texts() {
    local f
    for f in "$ROOT/testdata/fuzz/$1"/*; do tail -c +$((${2:-0} + 1)) "$f" | jq -Rs .; done
}

smooth() { # smooth COMMAND...: bounded, and status 0 without a word
    bounded "$@" && [ ! -s "$T/err" ] || { echo "$*:"; cat "$T/err"; return 1; }
}

@test "answers and responses of the fuzzers' corpora, under every rule of judging and in every filter" {
    {
        texts answer | jq -c '(. / "\t" | [.[0] // "", .[1] // .[0] // ""]) as [$a, $b] | {answer: $a, responses: [$a, $b, "\\boxed{\($a)}", "\\boxed{\($b)}", "<think>\($b)"]}'
        texts extract 1 | jq -c '{answer: "B", responses: [.]}'
        jq -c '{answer: .gold, responses: ["\\boxed{\(.pred // .gold)}"]}' "$DATA"/verify/{stress,traps}.jsonl 2> /dev/null || true
    } | jq -c '{id: "\(input_line_number)", prompt: .answer, answer, gold: "so \\boxed{\(.answer)}", responses: [.responses[] | {text: ., finish: "stop"}]}' > "$T/in"
    local n options
    n=$(wc -l < "$T/in")
    tac "$T/in" > "$T/back"
    for options in "" "--strict --require-box" "--no-strict --no-set-relation --precision 3 --last-number" "--keep-reasoning --targets latex,expr,string" \
        "--delimiter ### --tolerance 1e-3" "--type exact" "--type number --tolerance 1e-3" "--type choice" "--choices A,B,C,D" "--type regex" "--format ^<think>.*\$"; do
        smooth gcpo-verify --why --plain $options -o "$T/judged" "$T/in"
        [ "$(jq -s 'map(select(.responses | all(.why and (.verdict | IN("correct", "wrong", "no-answer", "bad-reference", "error"))))) | length' "$T/judged")" -eq "$n" ]
        smooth gcpo-verify --why --plain $options -o "$T/again" "$T/back"
        cmp <(tac "$T/again") "$T/judged"
        bounded gcpo-verify --check-gold $options "$T/in"
    done
    smooth gcpo-verify --type exec --command "while read -r l; do echo '{\"score\":1}'; done" -o "$T/judged" "$T/in"
    [ "$(gcpo-cat --plain "$T/judged" | jq -c '.responses[].verdict' | sort -u)" = '"correct"' ]
    smooth gcpo-verify -o "$T/judged" "$T/in"
    smooth gcpo-gold pick -o "$T/golds" "$T/judged"
    smooth gcpo-gold lint -m "$M" --append-box --fixed "$T/fixed" -o "$T/o" "$T/judged"
    smooth gcpo-inject-gold -q -m "$M" --allow-bare-gold --when always -o "$T/injected" "$T/judged"
    smooth gcpo-inject-gold -m "$M" --undo --plain -o "$T/undone" "$T/injected"
    cmp <(jq -c 'del(.prompt_tokens)' "$T/undone") <(gcpo-cat --plain "$T/judged" | jq -c .)
    smooth gcpo-advantage -q -o "$T/step" "$T/injected"
    smooth gcpo-stat -o "$T/o" "$T/step"
    smooth gcpo-cat --text -o "$T/o" "$T/step"
    smooth gcpo-cat --check -o "$T/o" "$T/step"
    mkdir -p "$T/run/step-0001"
    cp "$T/step" "$T/run/step-0001/step.jsonl.zst"
    smooth gcpo-report -o "$T/page" "$T/run"
}

@test "texts of the fuzzers' corpora, through the tokenizer and as prompts" {
    local f format n
    for f in "$ROOT"/testdata/fuzz/{encode,extract,chat,answer}/*; do
        bounded gcpo-model encode -o "$T/ids" "$ROOT/testdata/tokenizer" "$f"
        [ ! -s "$T/err" ] || { grep -q UTF-8 "$T/err"; continue; }
        smooth gcpo-model decode -o "$T/text" "$ROOT/testdata/tokenizer" "$T/ids" # composed
        smooth gcpo-model encode -o "$T/again" "$ROOT/testdata/tokenizer" "$T/text"
        cmp "$T/ids" "$T/again"
    done
    { texts encode; texts extract; texts chat; texts answer; } | jq -c '{id: "\(input_line_number)", prompt: .}' > "$T/prompts"
    for f in "$ROOT"/libcore/text/chat/*.c; do
        format=$(basename "$f" .c)
        bounded gcpo-model encode --records --chat "$format" -o "$T/ids" "$M" "$T/prompts"
        [ ! -s "$T/err" ] || { grep -q 'the tokenizer has no token' "$T/err"; continue; }
        [ "$(wc -l < "$T/ids")" -eq "$(wc -l < "$T/prompts")" ]
    done
    bounded gcpo-rollout -q -m "$M" -n 1 --max-tokens 2 --plain --reject "$T/rejected" -o "$T/groups" "$T/prompts"
    n=$(wc -l < "$T/rejected") # longer than the context
    [ $(($(wc -l < "$T/groups") + n)) -eq "$(wc -l < "$T/prompts")" ] && [ "$n" -lt 9 ]
    smooth gcpo-score -q -m "$M" -o "$T/scored" "$T/groups"
    smooth gcpo-cat --check -m "$M" -o "$T/o" "$T/scored"
    smooth gcpo-model decode --records -o "$T/o" "$M" "$T/groups"
}
