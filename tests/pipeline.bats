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
    run make -s -f "$ROOT/pipelines/gold.mk" GOLDS="$T/run" MODEL=base TEACHER=base PROMPTS=prompts.jsonl
    [ "$status" -ne 0 ]
    [[ "$output" == *"gold.mk: $T/run is in use by process 4711"* ]]
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

@test "N=0 trains on golds alone, to the weights of golds among rollouts" {
    small_run
    train ALGO=sft N=0 MAX_TOKENS=40
    [ "$(zstdcat "$T/run/step-0002/step.jsonl.zst" | jq -r '.responses[].source' | sort | uniq -c | tr -s ' ')" = " 4 gold" ]
    mv "$T/run" "$T/alone"
    train ALGO=sft N=2 MAX_TOKENS=40 INJECT='--when always'
    cmp "$T/alone/step-0002/model.done" "$T/run/step-0002/model.done"
}

@test "SCORE_EVERY leaves old and new log-probs of the step, golds among them" {
    small_run
    train STEPS=3 MAX_TOKENS=40 SCORE_EVERY=2
    [ "$(cd "$T/run" && echo step-*/scored.jsonl.zst)" = "step-0001/scored.jsonl.zst step-0002/scored.jsonl.zst" ]
    zstdcat "$T/run/step-0002/scored.jsonl.zst" | jq -e '.responses[] | (.logprobs | length) == (.tokens | length) and (.ref_logprobs | length) == (.tokens | length)' > /dev/null
    zstdcat "$T/run/step-0002/scored.jsonl.zst" | jq -c 'del(.responses[].ref_logprobs) | .responses |= map(if .source == "gold" then del(.logprobs) else . end)' > "$T/without"
    cmp "$T/without" <(zstdcat "$T/run/step-0002/step.jsonl.zst" | jq -c .)
    zstdcat "$T/run/step-0002/scored.jsonl.zst" | jq -e '.responses[] | select(.source == "gold") | .logprobs != .ref_logprobs' > /dev/null
}

@test "EDIT stands between the verdicts and the golds" {
    small_run
    train MAX_TOKENS=40 EDIT="zstdcat | jq -c '.responses |= map(.verdict = \"correct\" | .reward = 1)'"
    [ "$(jq -c .groups "$T/run/metrics.jsonl" | head -1)" = '{"all":4,"all_wrong":0,"mixed":0,"all_right":4,"unscorable":0,"not_judged":0,"injected":0,"without_contrast":4}' ]
}

@test "styles of golds: the same problems, and every gold is right" {
    for style in own foreign long bare; do
        awk -f "$ROOT/pipelines/demo/problems.awk" -v seed=3 -v n=60 -v mix=1:1,2:1,3:1,4:1,5:1,6:1 -v prefix=p -v distinct=1 -v style=$style < /dev/null > "$T/$style"
        gcpo-verify "$T/$style" | zstdcat | jq -e 'select(.gold_verdict != "correct")' && return 1
        jq -c 'del(.gold)' "$T/$style" > "$T/$style.problems"
        cmp "$T/own.problems" "$T/$style.problems"
    done
    [ "$(jq -s 'map(.gold | length) | add' "$T/foreign")" -eq "$(jq -s 'map(.gold | length) | add' "$T/own")" ]
    [ "$(jq -r .gold "$T/bare" | head -1)" = "\\boxed{$(jq -r .answer "$T/bare" | head -1)}" ]
}

@test "noise.awk calls about the share of right responses wrong, the same ones each time, and no gold" {
    for i in $(seq 200); do group "g$i" c c c c w; done | jq -c '.gold_verdict = "correct" | .gold_reward = 1' > "$T/in"
    awk -v share=0.05 -f "$ROOT/pipelines/compare/noise.awk" "$T/in" > "$T/out"
    tac "$T/in" | awk -v share=0.05 -f "$ROOT/pipelines/compare/noise.awk" | tac | cmp - "$T/out"
    wrong=$(jq '[.responses[] | select(.verdict == "wrong" and .reward == 0)] | length - 1' "$T/out" | jq -s add)
    [ "$wrong" -ge 20 ] && [ "$wrong" -le 60 ]
    [ "$(jq -r .gold_verdict "$T/out" | sort -u)" = correct ]
}

# A comparison of two steps from a base of nothing.
compare() {
    make -s -f "$ROOT/pipelines/compare.mk" D="$T/c" STEPS=4 PER_TIER=2 "$@"
}

@test "compare.mk: every arm is trained, tested and counted; it says how long, resumes, and tunes" {
    small_run
    for s in 0 1; do
        mkdir -p "$T/c/seed-$s/base"
        cp -r "$T/base" "$T/c/seed-$s/base/model"
        gcpo-model info --digest "$T/base" > "$T/c/seed-$s/base/model.done"
    done
    compare -j2 SEEDS=1 ARMS='gcpo sft-all sft-dapo gcpo-placebo sft-bare' > "$T/out"
    grep -q '^5 runs and 0 bases to go: about [0-9]* minutes of one core, so [0-9]* with -j2$' "$T/out"
    [ "$(grep -c '^seed 1: .* is done$' "$T/out")" -eq 5 ]
    [ "$(grep -cE '^\| (base|gcpo|sft-all|sft-dapo|gcpo-placebo) \|' "$T/c/table.md")" -ge 5 ]
    # costs agree with the files
    [ "$(awk '$2 == "gcpo" { print $3 }' "$T/c/costs.tsv")" -eq "$(zstdcat "$T"/c/seed-1/gcpo/step-*/rollouts.jsonl.zst | jq '.responses | length' | jq -s add)" ]
    [ "$(awk '$2 == "sft-all" { print $3, $4 }' "$T/c/costs.tsv")" = "0 128" ]
    [ "$(awk '$2 == "gcpo" && $3 == 3' "$T/c/results.tsv" | wc -l)" -eq 1 ]
    [ -s "$T/c/report.html" ]
    cp "$T/c/table.md" "$T/before"
    rm -r "$T/c/seed-1/test/gcpo" "$T/c/table.md"
    compare SEEDS=1 ARMS='gcpo sft-all sft-dapo gcpo-placebo sft-bare' > "$T/out"
    [ "$(grep -c 'is done$' "$T/out")" -eq 1 ]
    cmp "$T/before" "$T/c/table.md"
}

@test "the arm with DAPO's refill stops where it has asked as many prompts as the others" {
    small_run
    # of a group's 8 answers and its gold, some are right in every other group
    cat > "$T/check" <<'CHECK'
n=0
while read -r line; do
    n=$(((n + 1) % 18))
    if [ $n -eq 3 ]; then echo '{"score":1}'; else echo '{"score":0}'; fi
done
CHECK
    mkdir -p "$T/p" && cp "$T/prompts.jsonl" "$T/p/own.jsonl"
    make -s -f "$ROOT/pipelines/compare/arm.mk" ARM=dapo RUN="$T/arm" SEED=1 MODEL="$T/base" P="$T/p" DEV="$T/prompts.jsonl" LR=1e-4 MINIBATCHES=2 STEPS=6 PER_STEP=4 \
        VERIFY="--type exec --command 'sh $T/check'" > "$T/log" 2>&1
    steps=$(ls -d "$T"/arm/step-*/metrics.jsonl | wc -l)
    [ "$steps" -ge 2 ] && [ "$steps" -lt 6 ]
    asked=$(zstdcat "$T"/arm/step-*/rollouts.jsonl.zst | wc -l)
    last=$(zstdcat "$T/arm/step-000$steps/rollouts.jsonl.zst" | wc -l)
    [ "$asked" -ge 24 ] && [ $((asked - last)) -lt 24 ]
    [ "$(jq .rollouts "$T/arm/costs.json")" -eq $((8 * asked)) ]
    [ "$(basename "$(dirname "$(cat "$T/arm/model.done")")")" = "step-000$steps" ]
}

@test "table.awk: means and Student's intervals over bases" {
    printf 'seed\tarm\trollouts\tgolds\tflops\n' > "$T/costs"
    printf 'seed\tarm\ttier\tmean@8\tpass@8\n' > "$T/results"
    for s in 1 2 3; do
        for a in gcpo x; do
            printf '%s\t%s\t100\t%s\t2e12\n' $s $a $s >> "$T/costs"
            for t in 1 2 3 4 5 6; do
                printf '%s\t%s\t%s\t%s\t1\n' $s $a $t "$([ $a = x ] && echo 0.$s || echo 0.5)" >> "$T/results"
            done
        done
    done
    # x has 0.1, 0.2, 0.3: mean 0.2, deviation 0.1, 4.303 * 0.1 / sqrt(3) = 0.2484
    run -0 awk -F'\t' -v against=gcpo -v arms='gcpo x' -f "$ROOT/pipelines/compare/table.awk" "$T/costs" "$T/results"
    [ "${lines[3]}" = "| x | 20.0 | 20.0 | 20.0 | 20.0 [0.0, 44.8] | -30.0 [-54.8, -5.2] | 100.0 | 20.0 | 20.0 | 20.0 | 100 | 2 | 2.00 |" ]
}

@test "README's tables are those of the data beside compare.mk" {
    local data=$ROOT/pipelines/compare keep=() f
    [ -e "$data/results.tsv" ] || skip "the comparison has not been run"
    for f in results costs curves; do
        cp "$data/$f.tsv" "$T/"
        keep+=(-o "$T/$f.tsv")
    done
    make -s -f "$ROOT/pipelines/compare.mk" D="$T" "${keep[@]}" "$T/table.md"
    diff "$T/table.md" <(sed -n '/^<!-- tables/,/^<!-- end/p' "$ROOT/README.md" | sed '1,2d;$d' | sed '$d')
}
