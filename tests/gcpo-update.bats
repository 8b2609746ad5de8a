#!/usr/bin/env bats
# gcpo-update(1): what a step does to a model, and that nothing else bears on it.
bats_require_minimum_version 1.5.0
setup_file() {
    export W=$BATS_FILE_TMPDIR
    export M=$BATS_TEST_DIRNAME/../testdata/model
    for i in $(seq 6); do
        printf '{"id":"p%d","prompt":"What is %d+%d?","answer":"%d","gold":"it is \\\\boxed{%d}","gold_verdict":"correct","gold_reward":1}\n' \
            "$i" "$i" "$i" $((2 * i)) $((2 * i))
    done > "$W/prompts"
    gcpo-rollout -m "$M" -n 4 --max-tokens 24 -s 3 -o "$W/rollouts" "$W/prompts"
    # verdicts by decree: all wrong, mixed, all right, and one row that cannot be scored
    gcpo-rollout -m "$M" -n 4 --max-tokens 24 -s 3 --plain "$W/prompts" | jq -c '
        (.id | ltrimstr("p") | tonumber) as $i
        | .responses |= [to_entries[] | .key as $k | .value
            | if $i % 3 == 0 or ($i % 3 == 1 and $k == 1) then .verdict = "correct" | .reward = 1
              elif $i == 4 and $k == 2 then .verdict = "error" | .reward = null
              else .verdict = "wrong" | .reward = 0 end]' |
        gcpo-inject-gold -m "$M" | gcpo-advantage --plain > "$W/step"
}
setup() {
    load helpers
}

update() { # update NAME OPTION... FILES: into $T/NAME, metrics in $T/NAME.json
    local name=$1
    shift
    gcpo-update -m "$M" -o "$T/$name" --metrics "$T/$name.json" "$@"
}
weights() { gcpo-model info --digest "$T/$1"; }

# ulp FLOAT: the next float32 below, and the distance, both exact
ulp() { perl -e '$x = unpack("f<", pack("f<", $ARGV[0])); $y = unpack("f<", pack("L<", unpack("L<", pack("f<", $x)) + 1)); printf "%.17g %.17g\n", $y, $x - $y' -- "$1"; }

@test "misuse: 64" {
    run -64 --separate-stderr gcpo-update -o "$T/x" "$W/step"
    [ "${stderr_lines[0]}" = "gcpo-update: which model? (-m DIR)" ]
    run -64 --separate-stderr gcpo-update -m "$M" "$W/step"
    [ "${stderr_lines[0]}" = "gcpo-update: where to? (-o DIR)" ]
    for o in "--algo nosuch" "--lr -1" "--minibatches 0" "--ratio tokens" "--clip-policy 1" "--decay linear" \
        "--surrogate cispo --ratio sequence-mean" "--algo luffy --gold-old current" "--kl-coef 0.1" "--gold-shape log" \
        "--constant-length 9" "--dry-run" "--compare gcpo"; do
        run -64 --separate-stderr gcpo-update -m "$M" -o "$T/x" $o "$W/step"
        [ "${#stderr_lines[@]}" -eq 2 ]
        [ ! -e "$T/x" ]
    done
}

@test "missing and damaged models, outputs that exist: 66, 65, 73" {
    run -66 gcpo-update -m "$T/none" -o "$T/x" "$W/step"
    run -66 gcpo-update -m "$M" -o "$T/x" "$T/none"
    mkdir "$T/there" "$T/empty"
    run -66 gcpo-update -m "$T/empty" -o "$T/x" "$W/step"
    run -73 --separate-stderr gcpo-update -m "$M" -o "$T/there" "$W/step"
    [ "$stderr" = "gcpo-update: $T/there: exists already" ]
    run -66 gcpo-update -m "$M" --state "$T/empty" -o "$T/x" "$W/step"
    run -65 --separate-stderr bash -c "gcpo-update -m '$M' -o '$T/x' < /dev/null"
    [[ "$stderr" == *"zero bytes of input"* ]]
    [ ! -e "$T/x" ]
}

@test "what is written loads, and holds what the model held" {
    update a --lr 1e-3 --state-out "$T/s" --timing "$T/time" "$W/step"
    gcpo-model info "$T/a"
    [ "$(ls "$T/a")" = "$(ls "$M")" ]
    cmp "$M/tokenizer.json" "$T/a/tokenizer.json"
    run ! cmp -s "$M/model.safetensors" "$T/a/model.safetensors"
    [ "$(jq -r .model "$T/a.json")" = "$(weights a)" ]
    jq -e '.train_s > 0 and .tokens_per_s > 0 and .positions_per_s > 0 and .gflops_per_s > 0' "$T/time"
    jq -e '.share_of_peak > 0 and .share_of_peak < 2' "$T/time"
    [ -z "$(ls -A "$T" | grep '^\.')" ]
    gcpo-rollout -m "$T/a" --plain -n 1 --max-tokens 4 "$W/prompts" > /dev/null
}

# ---- the trainer sees what the sampler saw ----

@test "the log-probabilities are the sampler's, bit for bit, in every setting" {
    for n in 1 63 64 65 200; do
        jq -nc "{id:\"n$n\",prompt:\"\",prompt_tokens:[range($n) | (. * 7 + $n) % 250]}"
    done > "$T/long"
    for how in "-s 1" "-s 2 --temperature 0.7 --top-p 0.9" "-s 3 --kv bf16" "-s 4 --precision bf16"; do
        # bf16 products are for CPUs that have them
        gcpo-rollout -m "$M" -n 3 --max-tokens 30 $how -o "$T/r" "$W/prompts" "$T/long" || { [ $? -eq 69 ] && continue; }
        zstd -dc "$T/r" | jq -c '.responses |= [to_entries[] | .value.advantage = .key - 1 | .value]' > "$T/step"
        numerics=$(grep -oE -- '--(kv|precision) bf16' <<< "$how" || true)
        for j in 1 2 3 7; do
            rm -rf "$T/x"
            run -0 --separate-stderr gcpo-update -v -m "$M" -o "$T/x" -j $j $numerics --metrics "$T/m" "$T/step"
            [[ "$stderr" == *"max |logp_rollout - logp_update| = 0 over "* ]] || { echo "$how: $stderr"; false; }
            [ "$(jq '.mismatch.max == 0 and .policy.ratio_min == 1 and .policy.ratio_max == 1' "$T/m")" = true ]
        done
    done
}

@test "one unit in the last place of one log-probability is reported exactly" {
    for place in '[0].responses[0].logprobs[0]' '[2].responses[1].logprobs[5]' '[5].responses[3].logprobs[-1]'; do
        old=$(jq -s ".$place" "$W/step")
        read -r new distance <<< "$(ulp "$old")"
        jq -sc ".$place = $new | .[]" "$W/step" > "$T/changed"
        rm -rf "$T/x"
        run -0 --separate-stderr gcpo-update -m "$M" -o "$T/x" --metrics "$T/m" "$T/changed"
        [[ "$stderr" == *"warning: max |logp_rollout - logp_update| = "* ]]
        seen=$(sed -E 's/.*update\| = ([^ ]*) over.*/\1/' <<< "$stderr")
        perl -e 'exit($ARGV[0] == $ARGV[1] ? 0 : 1)' -- "$seen" "$distance"
        perl -e 'exit($ARGV[0] == $ARGV[1] ? 0 : 1)' -- "$(grep -oE '"max":[^,]*' "$T/m" | cut -d: -f2)" "$distance"
    done
}

@test "old log-probabilities recomputed are the recorded ones" {
    for o in "--minibatches 1" "--minibatches 3 --epochs 2"; do
        rm -rf "$T"/[ab]
        update a --lr 1e-3 $o "$W/step"
        update b --lr 1e-3 $o --old recompute "$W/step"
        [ "$(weights a)" = "$(weights b)" ]
        jq -c 'del(.responses[].logprobs)' "$W/step" > "$T/without"
        rm -rf "$T/b"
        update b --lr 1e-3 $o "$T/without"
        [ "$(weights a)" = "$(weights b)" ]
    done
}

# ---- same input, same bytes ----

@test "threads, memory and the order of the records change nothing" {
    for algo in gcpo dapo; do
        rm -rf "$T"/want* "$T"/got*
        update want --algo $algo --lr 1e-3 --minibatches 2 --state-out "$T/want-state" "$W/step"
        tac "$W/step" > "$T/reversed"
        head -3 "$W/step" > "$T/part1"
        tail -n +4 "$W/step" | zstd -q > "$T/part2"
        for how in "-j 1 $W/step" "-j 2 $W/step" "-j 3 $W/step" "--memory 40M $W/step" "$T/reversed" "$T/part2 $T/part1"; do
            rm -rf "$T/got" "$T/got-state"
            update got --algo $algo --lr 1e-3 --minibatches 2 --state-out "$T/got-state" $how
            diff -r "$T/want" "$T/got" || { echo "$how"; false; }
            diff -r "$T/want-state" "$T/got-state"
            cmp "$T/want.json" "$T/got.json"
        done
    done
}

@test "activations computed twice give the same bytes" {
    gcpo-model init --vocab-from "$M" -o "$T/deep" --layers 6 --hidden 64 --ff 192
    gcpo-rollout -m "$T/deep" -n 3 --max-tokens 20 "$W/prompts" | zstd -dc |
        jq -c '.responses |= [to_entries[] | .value.advantage = .key - 1 | .value]' > "$T/in"
    run -0 --separate-stderr gcpo-update -v -m "$T/deep" -o "$T/roomy" --lr 1e-3 "$T/in"
    [[ "$stderr" != *"computed twice"* ]]
    need=$(grep -oE '[0-9.]+ of [0-9.]+ MiB' <<< "$stderr" | cut -d. -f1)
    run -0 --separate-stderr gcpo-update -v -m "$T/deep" -o "$T/tight" --lr 1e-3 --memory $((need - 1))M "$T/in"
    [[ "$stderr" == *"computed twice"* ]]
    cmp "$T/roomy/model.safetensors" "$T/tight/model.safetensors"
}

@test "memory that does not suffice: 69, saying what would" {
    run -69 --separate-stderr update x --memory 100K "$W/step"
    [ "${#stderr_lines[@]}" -eq 1 ]
    [ ! -e "$T/x" ]
}

@test "an update that was killed is made again, to the same bytes" {
    update want --lr 1e-3 --state-out "$T/ws" "$W/step"
    gcpo-update -m "$M" -o "$T/got" --state-out "$T/gs" --metrics "$T/got.json" --lr 1e-3 --epochs 500 "$W/step" &
    pid=$!
    for _ in $(seq 100); do [ -e "$T/.got.part" ] && break; sleep 0.02; done
    kill -KILL $pid || true
    wait $pid || true
    [ ! -e "$T/got" ]
    update got --lr 1e-3 --state-out "$T/gs" "$W/step"
    diff -r "$T/want" "$T/got"
    diff -r "$T/ws" "$T/gs"
    cmp "$T/want.json" "$T/got.json"
    [ -z "$(ls -A "$T" | grep '^\.')" ]
}

@test "micro-batches and minibatches are whole groups; the cut moves only the last bits" {
    update a --lr 1e-3 --max-grad-norm 0 --micro-tokens 100000 "$W/step"
    update b --lr 1e-3 --max-grad-norm 0 --micro-tokens 60 "$W/step"
    a=$(jq .grad_norm "$T/a.json") b=$(jq .grad_norm "$T/b.json")
    perl -e 'exit(abs($ARGV[0] - $ARGV[1]) <= 1e-5 * $ARGV[0] ? 0 : 1)' -- "$a" "$b"
    # the mean over minibatches is the loss of the whole, at weights that hardly move
    update c --lr 1e-12 --algo dapo "$W/step"
    update d --lr 1e-12 --algo dapo --minibatches 3 "$W/step"
    perl -e 'exit(abs($ARGV[0] - $ARGV[1]) <= 1e-6 ? 0 : 1)' -- "$(jq .loss "$T/c.json")" "$(jq .loss "$T/d.json")"
    [ "$(jq '.updates | length' "$T/d.json")" = 3 ]
    run -65 --separate-stderr update e --minibatches 7 "$W/step"
    [ "$stderr" = "gcpo-update: 7 minibatches of 6 groups (--minibatches is too large)" ]
    update f --shuffle sequences --minibatches 7 "$W/step"
    [ "$(jq '[.updates[].rows] | add' "$T/f.json")" = 23 ]
    # equal to within one; the row that cannot be scored is in one of them
    [ "$(jq '[.updates[].rows] | (max - min) <= 2' "$T/f.json")" = true ]
}

# ---- the course of training ----

@test "the state carries moments and the schedule on" {
    update a --lr 1e-3 --warmup 4 --minibatches 2 --state-out "$T/s1" "$W/step"
    [ "$(jq -c '[.updates[].lr]' "$T/a.json")" = "[0.00025,0.0005]" ]
    gcpo-rollout -m "$T/a" -n 2 --max-tokens 10 -s 5 "$W/prompts" | zstd -dc |
        jq -c '.responses |= [to_entries[] | .value.advantage = .key * 2 - 1 | .value]' > "$T/second"
    gcpo-update -m "$T/a" --state "$T/s1" -o "$T/b" --state-out "$T/s2" --lr 1e-3 --warmup 4 --minibatches 2 --metrics "$T/b.json" "$T/second"
    [ "$(jq -c '[.step, .optimizer_steps, [.updates[].lr]]' "$T/b.json")" = "[2,4,[0.00075,0.001]]" ]
    [ "$(jq -c '[.updates, .optimizer_steps]' "$T/s2/update.json")" = "[2,4]" ]
    # without the state the moments are new: other weights
    gcpo-update -m "$T/a" -o "$T/c" --lr 1e-3 --minibatches 2 "$T/second"
    run ! cmp -s "$T/b/model.safetensors" "$T/c/model.safetensors"
    # a state belongs to its model
    run -65 gcpo-update -m "$M" --state "$T/s1" -o "$T/d" "$W/step"
}

@test "a step without contrast changes no weight, says so, and the schedule still advances" {
    jq -c 'select(.id == "p3" or .id == "p6")' "$W/step" > "$T/flat"
    for algo in gcpo grpo dapo gspo; do
        rm -rf "$T/x" "$T/s"
        run -0 --separate-stderr update x --algo $algo --lr 1 --weight-decay 0.1 --state-out "$T/s" "$T/flat"
        [ "$stderr" = "gcpo-update: warning: no group has contrast: no weight was changed" ]
        cmp "$M/model.safetensors" "$T/x/model.safetensors"
        [ "$(jq -c '[.optimizer_steps, .zero_gradients, .grad_norm, .mismatch.max]' "$T/x.json")" = "[1,1,0,0]" ]
    done
}

@test "a whole stream of zero records changes nothing" {
    gcpo-advantage "$W/step" | zstd -dc | head -0 | zstd -c > "$T/empty"
    run -0 update x "$T/empty"
    cmp "$M/model.safetensors" "$T/x/model.safetensors"
}

@test "rows that cannot be scored are out of everything" {
    update a --lr 1e-3 "$W/step"
    jq -c '.responses |= map(select(.advantage != null))' "$W/step" > "$T/without"
    update b --lr 1e-3 "$T/without"
    [ "$(weights a)" = "$(weights b)" ]
    [ "$(jq .rows.unscorable "$T/a.json")" = 1 ]
}

# ---- objectives ----

@test "every preset trains, and -v prints all of its switches with their tags" {
    for algo in gcpo grpo dapo dr-grpo gspo rloo reinforce++ cispo luffy sft; do
        rm -rf "$T/x"
        run -0 --separate-stderr gcpo-update -v -m "$M" -o "$T/x" --algo $algo --lr 1e-3 --minibatches 2 "$W/step"
        run ! cmp -s "$M/model.safetensors" "$T/x/model.safetensors"
        n=$(grep -cE '^gcpo-update:   --[a-z-]+ +[^ ]+ +\[(paper|choice)\]' <<< "$stderr")
        [ "$n" -eq 25 ]
    done
    run -0 --separate-stderr gcpo-update -v -m "$M" -o "$T/y" --algo gspo --clip-gold 0.1,0.3 "$W/step"
    [[ "$stderr" == *"--clip-gold          0.1,0.3              [given]"* ]]
    [[ "$stderr" == *"the ratio is exactly 1"* ]]
}

@test "a gold moves the model although it was never sampled; its old log-probability is scored" {
    update a --lr 1e-3 --minibatches 3 "$W/step"
    [ "$(jq -c '[.groups.injected, .rows.gold, .gold.rows]' "$T/a.json")" = "[2,2,2]" ]
    [ "$(jq '.gold.advantage_plus > 0 and .gold.ratio_max != 1' "$T/a.json")" = true ]
    for old in current one; do
        update $old --lr 1e-3 --gold-old $old "$W/step"
        run ! cmp -s "$T/a/model.safetensors" "$T/$old/model.safetensors"
    done
    [ "$(jq '.gold.ratio_max == 1' "$T/current.json")" = true ]
    [ "$(jq '.gold.ratio_max < 1' "$T/one.json")" = true ]
}

@test "bare prompts with golds are a stream for supervised fine-tuning" {
    jq -c 'del(.responses)' "$W/step" | gcpo-inject-gold --when always -m "$M" > "$T/bare"
    update a --algo sft --lr 1e-3 "$T/bare"
    [ "$(jq -c '[.rows.all, .rows.gold]' "$T/a.json")" = "[6,6]" ]
    before=$(jq .loss "$T/a.json")
    gcpo-update -m "$T/a" -o "$T/b" --algo sft --metrics "$T/b.json" "$T/bare"
    perl -e 'exit($ARGV[1] < $ARGV[0] ? 0 : 1)' -- "$before" "$(jq .loss "$T/b.json")"
}

@test "mismatch weights: with recorded old log-probabilities they are said to be idle" {
    run -0 --separate-stderr gcpo-update -v -m "$M" -o "$T/x" --mismatch token-truncate "$W/step"
    [[ "$stderr" == *"mismatch weights are exactly 1 with --old recorded"* ]]
    jq -c '.responses[].logprobs |= (. // empty | map(. - 0.3))' "$W/step" > "$T/shifted"
    run -0 update y --old recompute --mismatch token-truncate --mismatch-high 1.2 "$T/shifted"
    [ "$(jq '.mismatch | .weight_mean > 1.19 and .weight_mean < 1.21 and .max > 0.29' "$T/y.json")" = true ]
}

@test "a KL term needs reference log-probabilities" {
    run -65 --separate-stderr update x --kl k3 --kl-coef 0.1 "$W/step"
    [[ "$stderr" == *'record p1: "responses[0].ref_logprobs" is missing (run gcpo-score --as ref_logprobs)' ]]
    gcpo-score -m "$M" --as ref_logprobs -o "$T/ref" "$W/step"
    update y --kl k3 --kl-coef 0.1 "$T/ref"
    [ "$(jq '.policy.kl == 0' "$T/y.json")" = true ]
}

@test "a dry run writes nothing and says what each method would do" {
    mkdir "$T/here"
    cd "$T/here"
    run -0 --separate-stderr gcpo-update --dry-run -m "$M" "$W/step"
    [ -z "$stderr" ]
    [ "${lines[0]}" = "gradient of gcpo by source" ]
    for s in all gold right wrong; do grep -qE "^$s +[0-9.e-]+ +-?[0-9.]+$" <<< "$output"; done
    [ "$(grep -cE '^(gcpo|grpo|dapo|dr-grpo|gspo|rloo|reinforce\+\+|cispo|luffy|sft) ' <<< "$output")" -eq 10 ]
    # at ratio 1 GSPO and GCPO are one gradient
    run -0 gcpo-update --dry-run --compare gcpo --compare gspo -m "$M" "$W/step"
    [[ "${lines[-1]}" == gspo*" 1.0000  1.0000" ]]
    [ -z "$(ls -A)" ]
    run -64 gcpo-update --dry-run --compare nosuch -m "$M" "$W/step"
}

# ---- bad input ----

@test "bad records are named by file, line and id: 65" {
    while IFS=$'\t' read -r edit message; do
        jq -c "if .id == \"p2\" then $edit else . end" "$W/step" > "$T/bad"
        run -65 --separate-stderr update x "$T/bad"
        [ "${#stderr_lines[@]}" -eq 1 ]
        [[ "$stderr" == "gcpo-update: $T/bad:2: record p2: $message"* ]] || { echo "$edit: $stderr"; false; }
        [ ! -e "$T/x" ] && [ ! -e "$T/.x.part" ]
    done <<'CASES'
.responses[0].logprobs[0] = 0.5	"responses[0].logprobs[0]" is 0.5 (a log-probability is not above 0)
del(.responses[0].advantage)	"responses[0].advantage" is missing (run gcpo-advantage first)
.responses[1].advantage = "1"	"responses[1].advantage" is a string
.responses[1].logprobs |= .[1:]	"responses[1].logprobs" has
.responses[1].tokens[0] = 100000	"responses[1].tokens[0]" is 100000 (the model has
.prompt_tokens[1] = 99999	"prompt_tokens[1]" is 99999 (the model has
.prompt_tokens = [range(0; 512) | 1]	responses[0]: 512 tokens of prompt and
.responses[1].tokens[0] = -1	"responses[1].tokens[0]" is -1
del(.responses[0].tokens)	"responses[0].tokens" is missing
del(.prompt_tokens)	"prompt_tokens" is missing
.prompt_tokens = []	"prompt_tokens" is empty
.responses[0].source = "me"	"responses[0].source"
.round = -1	"round"
CASES
    sed '2s/"advantage":[^,}]*/"advantage":1e999/' "$W/step" > "$T/bad"
    run -65 --separate-stderr update x "$T/bad"
    [[ "$stderr" == *"record p2: "* ]]
    sed '2s/"advantage":[^,}]*/"advantage":NaN/' "$W/step" > "$T/bad"
    run -65 --separate-stderr update x "$T/bad"
    [[ "$stderr" == "gcpo-update: $T/bad:2: not JSON: byte "*"(record p2)" ]]
}

@test "the same (id, round, sample) twice: 65, naming both places" {
    cat "$W/step" <(sed -n 3p "$W/step") > "$T/twice"
    run -65 --separate-stderr update x "$T/twice"
    [[ "$stderr" == "gcpo-update: $T/twice:"[37]": record p3: round 0, sample 0 is in $T/twice:"[37]" already" ]]
    run -65 update x "$W/step" "$W/step"
    # another round, or later samples, are other rows
    jq -c '.round = 1' "$W/step" | cat "$W/step" - > "$T/rounds"
    update y "$T/rounds"
    jq -c '.first_sample = 4' "$W/step" | cat "$W/step" - > "$T/samples"
    update z "$T/samples"
    jq -c '.first_sample = 3' "$W/step" | cat "$W/step" - > "$T/overlap"
    run -65 update w "$T/overlap"
}

@test "rollouts of another model are refused unless --off-policy" {
    update a --lr 1e-3 "$W/step"
    gcpo-verify "$W/rollouts" | gcpo-advantage -o "$T/step"
    run -65 --separate-stderr gcpo-update -m "$T/a" -o "$T/b" "$T/step"
    [[ "$stderr" == "gcpo-update: the rollouts are of another model than $T/a (digest "*"--off-policy takes them" ]]
    run -0 gcpo-update -m "$T/a" -o "$T/b" --off-policy "$T/step"
    run -0 gcpo-update -m "$M" -o "$T/c" "$T/step"
}

@test "precision and caches are the rollouts'; a contradiction is refused" {
    gcpo-rollout -m "$M" -n 2 --max-tokens 8 --kv bf16 "$W/prompts" | gcpo-verify | gcpo-advantage -o "$T/step"
    run -0 --separate-stderr gcpo-update -v -m "$M" -o "$T/a" "$T/step"
    [[ "$stderr" == *"max |logp_rollout - logp_update| = 0 over"* ]]
    run -65 --separate-stderr gcpo-update -m "$M" -o "$T/b" --kv f32 "$T/step"
    [[ "$stderr" == *"--kv f32 contradicts the rollouts, which were sampled with kv bf16" ]]
    gcpo-rollout -m "$M" -n 2 --max-tokens 8 "$W/prompts" | gcpo-verify | gcpo-advantage | cat - "$T/step" > "$T/both"
    run -65 --separate-stderr gcpo-update -m "$M" -o "$T/b" "$T/both"
    [[ "$stderr" == *"cannot be one step" ]]
}
