#!/usr/bin/env bats
# The limits of gcpo-record(5): each is met, and what exceeds it is 65 with its name - or, of an answer, a verdict with it.
bats_require_minimum_version 1.5.0
setup() {
    load helpers
    M=$ROOT/testdata/model
}

exceeds() { # exceeds NAME COMMAND...: status 65, one line with the limit's name, in less than 1 GiB
    local name=$1 kb
    shift
    run -65 --separate-stderr /usr/bin/time -f %M -o "$T/kb" "$@"
    [ "${#stderr_lines[@]}" -eq 1 ]
    [[ "$stderr" =~ [\(\ ]$name\) ]] || { echo "$*: $stderr"; false; }
    kb=$(tail -n 1 "$T/kb")
    [[ "$(command -v gcpo-cat)" == *san/* ]] || [ "$kb" -lt 1048576 ] || { echo "$*: $kb KB"; false; }
}

@test "every limit of the page is tested here" {
    sed -n '/^\.Ss Limits/,/^\.Ss Streams/s/^\.It \([a-z][a-z-]*\) Ta .*/\1/p' "$ROOT/man/gcpo-record.5" > "$T/names"
    [ "$(wc -l < "$T/names")" -eq 23 ]
    while read -r name; do
        grep -qE "exceeds $name |^$name	|limit:$name " "$BATS_TEST_FILENAME" || { echo "$name"; false; }
    done < "$T/names"
}

@test "streams: line-length, plain and as a bomb, and head-mark" {
    { printf '{"id":"'; head -c 268435448 /dev/zero | tr '\0' x; printf '"}\n'; } > "$T/long"
    zstd -q "$T/long"
    [ "$(stat -c %s "$T/long.zst")" -lt 100000 ]
    for p in gcpo-cat gcpo-verify gcpo-prompts; do
        exceeds line-length $p -o "$T/out" "$T/long"
        exceeds line-length $p -o "$T/out" "$T/long.zst"
        [ ! -e "$T/out" ]
    done
    { printf 'P\x2a\x4d\x18\x01\x00\x10\x00GCPOHEAD'; head -c 1048569 /dev/zero; } > "$T/mark"
    exceeds head-mark gcpo-cat "$T/mark"
}

@test "records: json-depth, responses, tokens, by-values" {
    printf '{"id":"a","x":%s1%s}\n' "$(printf '[%.0s' {1..63})" "$(printf ']%.0s' {1..63})" > "$T/in"
    run -0 gcpo-cat "$T/in"
    printf '{"id":"a","x":%s1%s}\n' "$(printf '[%.0s' {1..64})" "$(printf ']%.0s' {1..64})" > "$T/in"
    exceeds json-depth gcpo-cat "$T/in"
    jq -cn '{id: "a", prompt: "p", responses: [range(65536) | {}]}' > "$T/in"
    run -0 gcpo-cat "$T/in"
    jq -cn '{id: "a", prompt: "p", responses: [range(65537) | {}]}' > "$T/in"
    exceeds responses gcpo-cat "$T/in"
    { printf '{"id":"a","prompt":"p","prompt_tokens":[1'; head -c 33554432 /dev/zero | sed 's/\x00\x00/,1/g'; printf '],"responses":[{"tokens":[1]}]}\n'; } > "$T/in"
    exceeds tokens gcpo-score -m "$M" "$T/in"
    for i in $(seq 4097); do echo "{\"id\":\"$i\",\"prompt\":\"p\",\"k\":$i,\"responses\":[{\"text\":\"x\",\"verdict\":\"wrong\",\"reward\":0}]}"; done > "$T/in"
    run -0 gcpo-stat --by k <(head -n 4096 "$T/in")
    exceeds by-values gcpo-stat --by k "$T/in"
}

@test "patterns: regex-steps, match-steps, pattern-length" {
    jq -cn '{id: "a", prompt: "p", answer: "1", responses: [{text: ("a" * 60 + "!")}]}' > "$T/in"
    exceeds regex-steps gcpo-verify --format '(a|aa)+$' "$T/in"
    cp -r "$M" "$T/m"
    edit() { jq -c "$1" "$M/tokenizer.json" > "$T/m/tokenizer.json"; }
    edit '.pre_tokenizer = {type: "Sequence", pretokenizers: [{type: "Split", pattern: {Regex: "(a|aa|aaa)+[$]"}, behavior: "Isolated", invert: false}, {type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false}]}'
    { printf 'a%.0s' {1..200}; printf 'b$'; } > "$T/text"
    exceeds match-steps gcpo-model encode "$T/m" "$T/text"
    edit '.pre_tokenizer = {type: "Sequence", pretokenizers: [{type: "Split", pattern: {Regex: ("a" * 16385)}, behavior: "Isolated", invert: false}, {type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false}]}'
    exceeds pattern-length gcpo-model encode "$T/m" "$T/text"
}

@test "models: header-size, tensors, tensor-name, file-size, chat-template, token-bytes" {
    cp -r "$M" "$T/m"
    w=$T/m/model.safetensors
    printf '\x01\xe1\xf5\x05\x00\x00\x00\x00{' > "$w" # 100000001
    truncate -s 100000100 "$w"
    exceeds header-size gcpo-model info "$T/m"
    python3 - "$w" <<'PY'
import struct, sys
h = b"{" + b",".join(b'"%d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}' % i for i in range(1048577)) + b"}"
open(sys.argv[1], "wb").write(struct.pack("<Q", len(h)) + h)
PY
    exceeds tensors gcpo-model info "$T/m"
    python3 - "$w" <<'PY'
import struct, sys
h = b'{"%s":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}' % (b"x" * 513)
open(sys.argv[1], "wb").write(struct.pack("<Q", len(h)) + h)
PY
    exceeds tensor-name gcpo-model info "$T/m"
    cp "$M/model.safetensors" "$w"
    { cat "$M/config.json"; head -c 1048576 /dev/zero | tr '\0' ' '; } > "$T/m/config.json"
    exceeds file-size gcpo-model info "$T/m"
    cp "$M/config.json" "$T/m/config.json"
    jq '.chat_template = "x" * 262145' "$M/tokenizer_config.json" > "$T/m/tokenizer_config.json"
    exceeds chat-template gcpo-rollout -m "$T/m" -n 0 "$ROOT/testdata/streams/prompts.jsonl"
    cp "$M/tokenizer_config.json" "$T/m/tokenizer_config.json"
    jq -c '.model.vocab["a" * 65537] = 277' "$M/tokenizer.json" > "$T/m/tokenizer.json"
    exceeds token-bytes gcpo-model encode "$T/m" "$ROOT/testdata/streams/prompts.jsonl"
}

@test "answers: each limit is a verdict with its name" {
    times() { printf "$1%.0s" $(seq "$2"); } # times TEXT N
    while IFS=$'\t' read -r limit answer; do
        answer=$(eval "printf %s \"$answer\"")
        jq -cn --arg a "$answer" '{id: "a", prompt: "p", answer: "1", responses: [{text: "\\boxed{\($a)}"}]}' > "$T/in"
        [ "$(gcpo-verify --why --plain "$T/in" | jq -r '.responses[0] | .verdict + " " + .why + " \(.reward)"')" = "no-answer limit:$limit 0" ] ||
            { echo "$limit"; gcpo-verify --why --plain "$T/in" | cut -c1-300; false; }
    done <<'CASES'
bytes	$(times a 16385)
tokens	$(times 1+ 4000)1
depth	$(times '\\sqrt{' 97)1$(times '}' 97)
terms	$(times 1, 512)1
digits	$(times 9 2049)
work	\\sum_{k=1}^{1000} \\sqrt{k^2+1}
bits	9^{9^{9^{9^9}}}
CASES
    jq -cn '{id: "a", prompt: "p", answer: "\("9" * 2049)", responses: [{text: "\\boxed{1}"}]}' > "$T/in"
    [ "$(gcpo-verify --why --plain "$T/in" | jq -r '.responses[0] | .verdict + " " + .why + " \(.reward)"')" = "bad-reference limit:digits null" ]
    jq -cn '{id: "a", prompt: "p", answer: "(a|aa)+", responses: [{text: ("a" * 60 + "!")}]}' > "$T/in"
    [ "$(gcpo-verify --type regex --why --plain "$T/in" | jq -r '.responses[0] | .verdict + " " + .why + " \(.reward)"')" = "bad-reference limit:regex null" ]
}
