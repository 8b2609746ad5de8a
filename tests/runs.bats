#!/usr/bin/env bats
# Runs: branches, replay, stop rules, the best step, bands of solve rates, sweeps, bisection.
bats_require_minimum_version 1.5.0
setup() { load helpers; cd "$BATS_FILE_TMPDIR" || return 1; }

train() { make -s -f "$ROOT/pipelines/train.mk" THREADS=1 "$@"; }

# A small model is rewarded for writing sevens: about every fourth response of random weights has one.
# parent: 4 steps with an evaluation behind each, weights of the last two kept.
setup_file() {
    load helpers
    cd "$BATS_FILE_TMPDIR" || return 1
    gcpo-model init --family qwen2 --vocab-from "$ROOT/pipelines/demo/tokenizer.json" --hidden 32 --layers 1 --heads 2 --kv-heads 1 \
        --ff 32 --context 128 --tied --std-embed 0.05 --std-in 0.06 -o base
    awk -f "$ROOT/pipelines/demo/problems.awk" -v seed=7 -v n=20 -v mix=1:1 -v prefix=p -v distinct=1 < /dev/null > prompts.jsonl
    cat > check <<'CHECK'
while IFS= read -r line; do
    case ${line##*'"text":'} in *7*) echo '{"score":1}' ;; *) echo '{"score":0}' ;; esac
done
CHECK
    started parent STEPS=4 > parent.log 2>&1
}
started() { # started RUN ...
    make -s -f "$ROOT/pipelines/train.mk" RUN="$1" MODEL=base PROMPTS=prompts.jsonl N=4 PER_STEP=4 MAX_TOKENS=24 LR=3e-3 WARMUP=1 THREADS=1 \
        VERIFY="--type exec --command 'sh $PWD/check'" DEV=prompts.jsonl EVAL_EVERY=1 EVAL_N=4 "${@:2}"
}

# What a run consists of, from step $2 on, but for parameters and wall-clock figures.
content() {
    (cd "$1" && find . -type f -path './step-*' ! -name timing.jsonl | awk -v from="$2" '{ split($0, p, "[-/]"); if (p[3] + 0 >= from) print }' |
        sort | xargs sha256sum; sha256sum metrics.jsonl best.json; cat eval/*.json | sha256sum)
}

@test "a branch with its parent's parameters comes to its parent's bytes; the parent is recorded, its files are shared" {
    train RUN=same FROM=parent/3 STEPS=4
    diff <(content parent 3) <(content same 3)
    grep -qx 'FROM := parent/3' same/params.mk
    [ "$(diff parent/params.mk same/params.mk | grep -c '^>')" -eq 1 ]
    [ parent/step-0001/rollouts.jsonl.zst -ef same/step-0001/rollouts.jsonl.zst ]
    [ parent/step-0003/model/model.safetensors -ef same/step-0003/model/model.safetensors ] || [ ! -e same/step-0003/model ]
    run train RUN=none FROM=parent/9 STEPS=10
    [ "$status" -ne 0 ]
    [[ "$output" == *"step 9 of parent is not done"* ]]
}

@test "a branch from a pruned step: its model is made again by replay" {
    [ ! -e parent/step-0001/model ]
    train RUN=early FROM=parent/1 STEPS=4
    diff <(content parent 3) <(content early 3)
}

@test "a branch that is killed ends in the bytes of one that is not" {
    for wait in 0.1 0.3 0.5 0.8; do
        timeout -s KILL "$wait" make -s -f "$ROOT/pipelines/train.mk" THREADS=1 RUN=killed FROM=parent/2 STEPS=4 > /dev/null 2>&1 || true
        sleep 0.1
    done
    train RUN=killed FROM=parent/2 STEPS=4
    diff <(content parent 3) <(content killed 3)
}

@test "a branch under another method takes over what is not the parent's method's" {
    train RUN=rloo FROM=parent/3 STEPS=4 ALGO=rloo
    grep -qx 'INJECT := --when never' rloo/params.mk
    grep -qx 'ADVANTAGE := --rule rloo' rloo/params.mk
    grep -qx 'LR := 3e-3' rloo/params.mk
    train RUN=back FROM=rloo/4 STEPS=5 ALGO=gcpo LR=1e-4
    grep -qx 'INJECT := --when all-wrong' back/params.mk
    grep -qx 'ADVANTAGE :=' back/params.mk
    grep -qx 'LR := 1e-4' back/params.mk
    [ "$(wc -l < back/metrics.jsonl)" -eq 5 ]
}

@test "replay makes any checkpoint again, or says that it is another" {
    make -s -f "$ROOT/pipelines/replay.mk" RUN=parent STEP=2 OUT=again
    [ "$(gcpo-model info --digest again/model)" = "$(cat parent/step-0002/model.done)" ]
    [ -d again/state ]
    [ -z "$(ls -d again/step-* 2> /dev/null)" ]
    cp -r parent other
    rm -rf other/step-*/model other/step-*/state
    echo 0123 > other/step-0002/model.done
    run make -s -f "$ROOT/pipelines/replay.mk" RUN=other STEP=2 OUT=wrong
    [ "$status" -ne 0 ]
    [[ "$output" == *"the weights of step 2 come out as "*", not as 0123"* ]]
    [ ! -e wrong/model.done ]
}

@test "the best step by the development set keeps its weights" {
    jq -e --slurpfile a <(for f in parent/eval/*.json; do jq -c '.all.mean.value' "$f"; done) '.mean == ($a | max)' parent/best.json
    started keep STEPS=6 KEEP=1 KEEP_BEST=1 LR=3e-2
    best=$(jq .step keep/best.json)
    [ "$(cd keep && echo step-*/model)" = "$(printf 'step-%04d/model\n' "$best" 6 | grep -v step-0000 | sort -u | xargs)" ]
}

@test "stop rules end a run early, say why, and may be lifted" {
    rm -rf stop
    high=$(jq -s '[.[].all.mean.value] | sort | .[-2]' parent/eval/*.json)
    started stop STEPS=4 STOP_MEAN="$high"
    [[ "$(cat stop/stopped)" =~ ^step\ [0-9]+:\ mean@k\ on\ DEV\ is\ .*,\ at\ least\ $high$ ]]
    k=$(sed 's/^step \([0-9]*\):.*/\1/' stop/stopped)
    [ "$(jq .all.mean.value "$(printf 'stop/eval/%04d.json' "$k")")" = "$(jq -s '[.[].all.mean.value | select(. >= '"$high"')][0]' parent/eval/*.json)" ]
    for rule in STOP_LENGTH=5 STOP_ENTROPY=9 STOP_WRONG=-1; do
        rm -rf stop
        started stop STEPS=4 STOP_WINDOW=2 "$rule"
        [ "$(cut -d: -f1 stop/stopped)" = "step 2" ]
        [ "$(wc -l < stop/metrics.jsonl)" -eq 2 ]
    done
    started stop STEPS=4
    [ ! -e stop/stopped ]
    diff <(content parent 3) <(content stop 3)
    rm -rf stop
    started stop STEPS=8 STOP_PATIENCE=1
    jq -se '([.[].all.mean.value] | .[-1] <= max) and ([.[].all.mean.value] | .[:-1] | . == sort)' stop/eval/*.json
}

@test "a band of solve rates is trained on alone" {
    train RUN=band FROM=parent/4 STEPS=5 PROMPTS_FILTER=0.3:0.6
    gcpo-stat --per-id --json parent/step-*/step.jsonl.zst |
        jq -rs '[group_by(.id)[] | last | select((.correct + .correct_before) / (.scorable + .scorable_before) | . >= 0.3 and . <= 0.6).id] | sort | .[]' > want
    [ -s want ]
    diff want <(plain band/band.jsonl.zst | jq -r .id | sort)
    plain band/step-0005/prompts.jsonl.zst | jq -r .id | grep -vxFf want | { ! grep .; }
    run train RUN=none2 FROM=parent/4 STEPS=5 PROMPTS_FILTER=2:3
    [[ "$output" == *"no prompt has a solve rate in 2:3"* ]]
}

@test "gcpo-cat --ids picks by a list of ids" {
    echo '{"id":"p/000003"}' > ids
    jq -c 'select(.id == "p/000003")' prompts.jsonl > want
    diff want <(gcpo-cat --ids ids --plain prompts.jsonl | jq -c .)
    run -65 gcpo-cat --ids /dev/null prompts.jsonl
}

@test "bisect finds a planted bad step, and answers survive a kill" {
    train RUN=bad FROM=parent/3 STEPS=4 LR=3 > /dev/null 2>&1
    train RUN=long FROM=bad/4 STEPS=8 LR=3e-3
    run make -s -f "$ROOT/pipelines/bisect.mk" RUN=long TEST='[ "$(gcpo-model diff --json base "$MODEL" | jq .max_abs)" != 0 ] && jq -en "$STEP >= 4"'
    echo "$output"
    [ "$(cat long/bisect/first)" = 4 ]
    [ "$(ls long/bisect/*.answer | wc -l)" -le 5 ]
    run make -s -f "$ROOT/pipelines/bisect.mk" RUN=long TEST=true
    [[ "$output" == *"has answers to another condition"* ]]
    # by what the model does: the plant ruins the mean on DEV
    low=$(jq -s '[.[0:4][].all.mean.value] | min' long/eval/*.json)
    run make -s -f "$ROOT/pipelines/bisect.mk" RUN=long OUT=long/bisect2 WHEN=".mean.value < $low"
    echo "$output"
    [ "$(cat long/bisect2/first)" = "$(jq -s "[.[].all.mean.value] | to_entries | map(select(.value < $low)) | .[0].key" long/eval/*.json)" ]
    [ "$(cat long/bisect2/first)" = 4 ]
}

@test "a sweep is a grid of branches and one table" {
    make -s -j2 -f "$ROOT/pipelines/sweep.mk" SWEEP=sweep GRID='LR=1e-3,3e-3 MINIBATCHES=1,2' FROM=parent/3 STEPS=4 THREADS=1
    [ "$(wc -l < sweep/table.tsv)" -eq 5 ]
    [ "$(head -1 sweep/table.tsv | tr '\t' ' ')" = "LR MINIBATCHES step mean pass best at entropy tokens golds" ]
    [ "$(awk -F'\t' '$1 == "3e-3" && $2 == 1 { print $4 }' sweep/table.tsv)" = "$(jq '.all.mean.value * 1e4 | round / 1e4' parent/eval/0004.json)" ]
    grep -qx 'LR := 1e-3' sweep/LR-1e-3.MINIBATCHES-2/params.mk
}

@test "gold.mk: golds from a teacher for what the policy cannot do; missing ids for the next one; a kill changes nothing" {
    gold() {
        make -s -f "$ROOT/pipelines/gold.mk" GOLDS="$1" MODEL=base TEACHER=parent/step-0004/model PROMPTS=prompts.jsonl N=2 MAX_TOKENS=24 TEACHER_N=4 \
            THREADS=1 VERIFY="--type exec --command 'sh $PWD/check'" "${@:2}"
    }
    gold golds
    plain golds/base.jsonl.zst | jq -r 'select(all(.responses[]; .verdict == "wrong")).id' | sort > wrong-ids
    [ -s wrong-ids ]
    diff wrong-ids <(plain golds/ask.jsonl.zst | jq -r .id | sort)
    diff wrong-ids <({ plain golds/golds.jsonl.zst; cat golds/missing.jsonl; } | jq -r .id | sort)
    plain golds/golds.jsonl.zst | jq -se 'length > 0 and all((.gold | contains("7")) and .gold_verdict == "correct" and (.prompt | endswith("?\n")))'
    grep -q 'gold / median response' golds/lint.txt
    # they are used by id, and only they
    started with STEPS=1 PER_STEP=20 N=2 INJECT="--when all-wrong --gold golds/golds.jsonl.zst --allow-bare-gold"
    plain with/step-0001/step.jsonl.zst | jq -se 'map(select(.gold_fate == "injected")) | length > 0 and all(.responses[-1].text | contains("7"))'
    for wait in 0.05 0.15 0.3; do
        timeout -s KILL "$wait" make -s -f "$ROOT/pipelines/gold.mk" GOLDS=killed-golds MODEL=base TEACHER=parent/step-0004/model PROMPTS=prompts.jsonl N=2 \
            MAX_TOKENS=24 TEACHER_N=4 THREADS=1 VERIFY="--type exec --command 'sh $PWD/check'" > /dev/null 2>&1 || true
        sleep 0.1
    done
    gold killed-golds
    diff <(cd golds && find . -type f ! -name .lock | sort | xargs sha256sum) <(cd killed-golds && find . -type f ! -name .lock | sort | xargs sha256sum)
    # told the answer, and asked under the prompt as it was
    gold hinted HINT=1 HINT_TEXT='It is ANSWER.'
    plain hinted/asked.jsonl.zst | jq -se 'all(.prompt | test("\n\nIt is [0-9]+[.]$"))'
    plain hinted/judged.jsonl.zst | jq -se 'all((.prompt | endswith("?\n")) and (has("asked_as") | not))'
    run gold golds HINT=1
    [ "$status" -ne 0 ]
    [[ "$output" == *"golds was started with other parameters"* ]]
    # groups that are there already need no policy
    gold from-run GROUPS="$(echo parent/step-*/step.jsonl.zst)" PROMPTS=
    plain from-run/ask.jsonl.zst | jq -r .id | sort | uniq -d | { ! grep .; }
}

@test "REFILL_BY=samples asks the same prompts again until their groups have contrast" {
    started again-asked STEPS=1 ALGO=dapo N=2 PER_STEP=8 REFILL=2 REFILL_BY=samples DEV=
    plain again-asked/step-0001/rollouts.jsonl.zst > all
    [ "$(wc -l < all)" -eq 8 ]
    jq -se '[.[].responses | length] | unique | . - [2, 4, 6] == [] and length > 1' all
    # more samples are what a larger group would have drawn
    jq -c 'select(.responses | length == 6) | .responses |= map(.tokens) | [.id, .responses]' all | head -1 > got
    gcpo-cat --id "$(jq -r '.[0]' got)" prompts.jsonl | gcpo-rollout -m base -n 6 --max-tokens 24 -s 0 | zstdcat | jq -c '.responses |= map(.tokens) | [.id, .responses]' > want
    diff want got
    plain again-asked/step-0001/step.jsonl.zst | jq -se 'length > 0 and all([.responses[].verdict] | unique | length == 2)'
}

@test "killed before any mv or rm, makefiles go on to the same bytes" {
    all() { (cd "$1" && find . -type f ! -name timing.jsonl ! -name '.*lock' ! -name params.mk | sort | xargs sha256sum); }
    in_both() { # in_both MAKEFILE FOLDER ARGUMENT...
        local it=(make -s -f "$ROOT/pipelines/$1" "$2=it" THREADS=1 "${@:3}") # one name: options that name files are in the heads
        "${it[@]}"
        mv it once
        halting "${it[@]}"
        diff <(all once) <(all it)
        rm -r once it
    }
    same=(MODEL=base PROMPTS=prompts.jsonl N=2 MAX_TOKENS=24 VERIFY="--type exec --command 'sh $PWD/check'")
    in_both train.mk RUN "${same[@]}" PER_STEP=4 STEPS=1 REFILL=2
    in_both train.mk RUN "${same[@]}" PER_STEP=4 STEPS=2 REFILL=2 REFILL_BY=samples DEV=prompts.jsonl EVAL_EVERY=1 EVAL_N=2 KEEP=1 KEEP_BEST=1
    in_both train.mk RUN "${same[@]}" PER_STEP=4 STEPS=2 PROMPTS_FILTER=0.3:0.6 RATES="$(echo parent/step-*/step.jsonl.zst)" STOP_MEAN=0 DEV=prompts.jsonl EVAL_N=2
    in_both train.mk RUN FROM=parent/1 STEPS=2
    in_both replay.mk OUT RUN=parent STEP=2
    in_both bisect.mk OUT RUN=parent TEST='jq -en "$STEP >= 2"'
    in_both gold.mk GOLDS "${same[@]}" TEACHER=parent/step-0004/model TEACHER_N=4
    in_both eval.mk OUT "${same[@]}"
}
