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

# killed_at PART PROGRAM ARG...: the program, killed as soon as PART is a folder or has bytes
killed_at() {
    local part=$1 pid
    shift
    "$@" 3>&- &
    pid=$!
    for _ in $(seq 1000); do
        if [ -d "$part" ] || [ -s "$part" ]; then break; fi
        kill -0 $pid 2> /dev/null || break
        sleep 0.01
    done
    kill -KILL $pid 2> /dev/null || true
    wait $pid 2> /dev/null || true
}

@test "a rollout and an update that were killed go on to the same bytes" {
    need_gpu
    for i in 1 2 3 4 5 6; do printf '{"id":"k%d","prompt":"What is %d+7?","answer":"9"}\n' "$i" "$i"; done > "$T/prompts"
    set -- --device cuda -m "$M" -n 2 --max-tokens 16 -s 5 --batch 2
    "$GPU/gcpo-rollout" "$@" -o "$T/want" "$T/prompts"
    killed_at "$T/.out.part" "$GPU/gcpo-rollout" "$@" -o "$T/out" "$T/prompts"
    [ -s "$T/.out.part" ] || [ -s "$T/out" ]
    run -0 "$GPU/gcpo-rollout" "$@" -o "$T/out" "$T/prompts"
    cmp "$T/want" "$T/out"
    head -c $(($(stat -c %s "$T/want") * 2 / 3)) "$T/want" > "$T/.cut.part" # killed in its fifth group
    "$GPU/gcpo-rollout" "$@" -o "$T/cut" "$T/prompts"
    cmp "$T/want" "$T/cut"

    set -- --device cuda --precision exact -m "$M" --lr 1e-3
    "$GPU/gcpo-update" "$@" -o "$T/m" --state-out "$T/s" "$W/step"
    killed_at "$T/.n.part" "$GPU/gcpo-update" "$@" --epochs 500 -o "$T/n" --state-out "$T/t" "$W/step"
    [ ! -e "$T/n" ]
    "$GPU/gcpo-update" "$@" -o "$T/n" --state-out "$T/t" "$W/step"
    diff -r "$T/m" "$T/n"
    diff -r "$T/s" "$T/t"
}

@test "long sequences: the GPU's bytes are the CPU's, and the trainer sees what the sampler saw" {
    need_gpu
    jq -nc '{id:"long",prompt:"",prompt_tokens:[range(430) | (. * 7 + 3) % 250]}' > "$T/long"
    set -- --precision exact -m "$M" -n 2 --max-tokens 70 -s 2 --plain
    "$GPU/gcpo-rollout" --device cuda "$@" "$T/long" > "$T/gpu"
    gcpo-rollout --device cpu "$@" "$T/long" > "$T/cpu"
    cmp "$T/gpu" "$T/cpu"
    "$GPU/gcpo-score" --device cuda --precision exact -m "$M" --plain --as ref_logprobs "$T/gpu" |
        jq -e '.responses | all(.logprobs == .ref_logprobs)'
}
