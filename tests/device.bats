#!/usr/bin/env bats
# --device: what can be had, what is said when it cannot, and that a GPU gives what the CPU gives.
# The GPU is an emulated one (tests/cuda-emu), or with GPU_BIN the programs of that folder and a real one.
bats_require_minimum_version 1.5.0
setup_file() {
    export W=$BATS_FILE_TMPDIR
    export M=$BATS_TEST_DIRNAME/../testdata/model
    export GPU=${GPU_BIN:-$(dirname "$(command -v gcpo-rollout)")/emu}
    for i in 1 2; do
        printf '{"id":"p%d","prompt":"What is %d+%d?","answer":"%d"}\n' "$i" "$i" "$i" $((2 * i))
    done > "$W/prompts"
    gcpo-rollout --device cpu -m "$M" -n 3 --max-tokens 12 -s 3 -o "$W/rollouts" "$W/prompts"
    gcpo-cat --plain "$W/rollouts" | jq -c '.responses |= [to_entries[] | .key as $k | .value
        | .verdict = (if $k == 1 then "correct" else "wrong" end) | .reward = (if $k == 1 then 1 else 0 end)]' |
        gcpo-advantage --plain > "$W/step"
}
setup() {
    load helpers
}

need_gpu() {
    [ -x "$GPU/gcpo-rollout" ] || skip "no program for a GPU was built"
}
head_of() { gcpo-cat --provenance --plain "$1"; }

@test "devices that are not there: 69 and 64" {
    run -64 --separate-stderr gcpo-rollout --device abacus -m "$M" "$W/prompts"
    [[ "$stderr" == "gcpo-rollout: there is no device abacus (expected auto, cpu, cuda, cuda:N or ref)"* ]]
    run -69 --separate-stderr gcpo-rollout --device cpu --precision tf32 -m "$M" "$W/prompts"
    [[ "$stderr" == *"they need a GPU"* ]]
    if [ -z "${GPU_BIN:-}" ]; then
        run -69 --separate-stderr gcpo-rollout --device cuda -m "$M" "$W/prompts"
        [[ "$stderr" == "gcpo-rollout: device cuda: "* ]]
        run -69 --separate-stderr gcpo-update --device cuda:1 -m "$M" -o "$T/x" "$W/step"
        [ ! -e "$T/x" ]
    fi
}

@test "a machine without a GPU, too little memory, a wrong number: 69 with what was seen" {
    need_gpu
    [ -z "${GPU_BIN:-}" ] || skip "there is a GPU"
    CUDA_EMU_NONE=1 run -69 --separate-stderr "$GPU/gcpo-rollout" --device cuda -m "$M" "$W/prompts"
    [[ "$stderr" == "gcpo-rollout: device cuda: no GPU is there (no CUDA-capable device is detected)" ]]
    run -69 --separate-stderr "$GPU/gcpo-rollout" --device cuda:1 -m "$M" "$W/prompts"
    [[ "$stderr" == "gcpo-rollout: device cuda:1: there are 1 GPUs, the last is cuda:0" ]]
    run -64 --separate-stderr "$GPU/gcpo-rollout" --device cuda:x -m "$M" "$W/prompts"
    run -69 --separate-stderr "$GPU/gcpo-rollout" --device cuda --memory 100G -m "$M" "$W/prompts"
    [[ "$stderr" == *"has not so much memory (100.00 GiB were asked for, "*" can be had)" ]]
    CUDA_EMU_NONE=1 run -0 "$GPU/gcpo-rollout" -m "$M" -n 1 --max-tokens 2 -o "$T/cpu" "$W/prompts"
    [[ "$(head_of "$T/cpu")" == *'"device":"cpu '*'"precision":"exact","kv":"f32"'* ]]
}

@test "auto takes the GPU, the head and --version -v say so" {
    need_gpu
    "$GPU/gcpo-rollout" -m "$M" -n 1 --max-tokens 2 -o "$T/auto" "$W/prompts"
    [[ "$(head_of "$T/auto")" == *'"device":"cuda sm_'*'"precision":"bf16","kv":"bf16"'* ]]
    run -0 "$GPU/gcpo-rollout" -V -v
    [[ "$output" == *"cuda "*": cuda:0 "*"GiB)"* ]]
    run -0 gcpo-rollout --device cpu -V -v
    [[ "$output" == *$'\n'"cuda"* ]]
}

@test "exact: the GPU samples the CPU's bytes" {
    need_gpu
    "$GPU/gcpo-rollout" --device cuda --precision exact -m "$M" -n 3 --max-tokens 12 -s 3 -o "$T/gpu" "$W/prompts"
    cmp <(gcpo-cat --plain "$T/gpu") <(gcpo-cat --plain "$W/rollouts")
    "$GPU/gcpo-rollout" --device cuda --precision exact -m "$M" -n 3 --max-tokens 12 -s 3 --top-p 0.8 --top-k 20 \
        --temperature 0.7 --repetition-penalty 1.1 --batch 2 --plain "$W/prompts" > "$T/a"
    gcpo-rollout --device cpu -m "$M" -n 3 --max-tokens 12 -s 3 --top-p 0.8 --top-k 20 \
        --temperature 0.7 --repetition-penalty 1.1 --plain "$W/prompts" > "$T/b"
    cmp "$T/a" "$T/b"
}

@test "exact: the GPU makes the CPU's step, and sampler and trainer agree" {
    need_gpu
    "$GPU/gcpo-update" --device cuda --precision exact -m "$M" -o "$T/gpu" --lr 1e-3 --metrics "$T/gpu.json" "$W/step"
    gcpo-update --device cpu --precision exact -m "$M" -o "$T/cpu" --lr 1e-3 --metrics "$T/cpu.json" "$W/step"
    [ "$(gcpo-model info --digest "$T/gpu")" = "$(gcpo-model info --digest "$T/cpu")" ]
    [ "$(jq '.mismatch.max == 0' "$T/gpu.json")" = true ]
    cmp <(jq -S 'del(.device)' "$T/gpu.json") <(jq -S 'del(.device)' "$T/cpu.json")
}

@test "bf16: the same bytes again, near the exact ones, and going on from a state" {
    need_gpu
    for i in 1 2; do
        "$GPU/gcpo-rollout" --device cuda -m "$M" -n 3 --max-tokens 12 -s 3 -o "$T/r$i" "$W/prompts"
    done
    cmp "$T/r1" "$T/r2"
    gcpo-cat --plain "$T/r1" | jq -c '.responses |= [to_entries[] | .key as $k | .value | .verdict = "wrong"
        | .reward = (if $k == 1 then 1 else 0 end)]' | gcpo-advantage --plain > "$T/step"
    for i in 1 2; do
        "$GPU/gcpo-update" --device cuda --precision bf16 --kv bf16 -m "$M" -o "$T/m$i" --state-out "$T/s$i" --lr 1e-3 \
            --metrics "$T/m$i.json" "$T/step"
        "$GPU/gcpo-update" --device cuda --precision bf16 --kv bf16 -m "$T/m$i" --state "$T/s$i" --off-policy \
            -o "$T/n$i" --lr 1e-3 "$T/step"
    done
    cmp "$T/m1.json" "$T/m2.json"
    [ "$(jq '.mismatch.max < 0.2' "$T/m1.json")" = true ]
    [ "$(gcpo-model info --digest "$T/n1")" = "$(gcpo-model info --digest "$T/n2")" ]
    [ "$(gcpo-model info --digest "$T/n1")" != "$(gcpo-model info --digest "$T/m1")" ]
}
