#!/usr/bin/env bats
# The training loop as makefiles.
bats_require_minimum_version 1.5.0
setup() { load helpers; }

@test "killed runs end in the same bytes; pruned and copied runs go on with the next step" {
    run "$ROOT/tests/kill.sh" "${KILLS:-10}" "$T/kill"
    echo "$output"
    [ "$(grep -c '^ok' <<< "$output")" -eq 7 ]
}

# A model of nothing, a run of two steps.
small_run() {
    gcpo-model init --family qwen2 --vocab-from "$ROOT/pipelines/demo/tokenizer.json" --hidden 32 --layers 1 --heads 2 --kv-heads 1 \
        --ff 32 --context 128 --tied --std-embed 0.05 --std-in 0.06 -o "$T/base"
    awk -f "$ROOT/pipelines/demo/problems.awk" -v seed=7 -v n=20 -v mix=1:1 -v prefix=p -v distinct=1 < /dev/null > "$T/prompts.jsonl"
}
train() {
    make -f "$ROOT/pipelines/train.mk" RUN="$T/run" MODEL="$T/base" PROMPTS="$T/prompts.jsonl" STEPS=2 N=4 PER_STEP=4 MAX_TOKENS=16 THREADS=1 "$@"
}

@test "a run refuses other parameters, and goes on when only STEPS grows" {
    small_run
    train
    run train LR=1e-5
    [ "$status" -ne 0 ]
    [[ "$output" == *"was started with other parameters"* ]]
    [[ "$output" == *"LR := 1e-5"* ]]
    run train
    [ "$status" -eq 0 ]
    [[ "$output" != *gcpo-update* ]]
    run train STEPS=3
    [ "$status" -eq 0 ]
    [ "$(grep -c '^gcpo-update' <<< "$output")" -eq 1 ]
    [ "$(wc -l < "$T/run/metrics.jsonl")" -eq 3 ]
}

@test "two makes in one run: the second refuses, naming the first" {
    small_run
    mkdir -p "$T/run"
    exec 9> "$T/run/.lock"
    flock -n 9
    echo 4711 > "$T/run/.lock"
    run train
    [ "$status" -ne 0 ]
    [[ "$output" == *"is in use by process 4711"* ]]
}

@test "a program that dies upstream leaves no file" {
    small_run
    mkdir -p "$T/bin"
    printf '#!/bin/sh\nexit 9\n' > "$T/bin/gcpo-verify"
    chmod +x "$T/bin/gcpo-verify"
    PATH=$T/bin:$PATH run train
    [ "$status" -ne 0 ]
    [ ! -e "$T/run/step-0001/step.jsonl.zst" ]
    [ -e "$T/run/step-0001/rollouts.jsonl.zst" ]
    run train
    [ "$status" -eq 0 ]
}

@test "weights are pruned to KEEP steps, states to the last and every SAVE_STATE-th" {
    small_run
    train STEPS=5 KEEP=2 SAVE_STATE=2
    [ "$(cd "$T/run" && echo step-*/model)" = "step-0004/model step-0005/model" ]
    [ "$(cd "$T/run" && echo step-*/state)" = "step-0002/state step-0004/state step-0005/state" ]
}

@test "eval.mk prints mean@k and pass@k" {
    small_run
    run make -s -f "$ROOT/pipelines/eval.mk" MODEL="$T/base" PROMPTS="$T/prompts.jsonl" OUT="$T/eval" N=4 MAX_TOKENS=8 BY=tier
    [ "$status" -eq 0 ]
    jq -e '.cells[0].stat.mean.value >= 0' "$T/eval/stat.json"
}

@test "DAPO asks other prompts where groups lack contrast, and trains on full steps" {
    small_run
    # a checker that calls every fourth answer right
    cat > "$T/check" <<'CHECK'
n=0
while read -r line; do
    n=$(((n + 1) % 4)) # golds are judged too: half of the groups of two have contrast
    if [ $n -eq 0 ]; then echo '{"score":1}'; else echo '{"score":0}'; fi
done
CHECK
    train ALGO=dapo N=2 PER_STEP=4 REFILL=2 VERIFY="--type exec --command 'sh $T/check'"
    [ "$(zstdcat "$T/run/step-0001/prompts.jsonl.zst" | wc -l)" -eq 12 ]
    [ "$(zstdcat "$T/run/step-0001/step.jsonl.zst" | wc -l)" -eq 4 ]
    [ "$(zstdcat "$T/run/step-0001/rollouts.jsonl.zst" | wc -l)" -gt 4 ]
    [ "$(zstdcat "$T/run/step-0001/step.jsonl.zst" | jq -r '[.responses[].verdict] | unique | length' | sort -u)" = 2 ]
}
