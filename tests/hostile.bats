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
