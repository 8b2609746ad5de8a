#!/usr/bin/env bats
# gcpo-rollout(1): prompts to groups, the same bytes whatever the machine does.
bats_require_minimum_version 1.5.0
setup() {
    load helpers
    m=$ROOT/testdata/model
    for i in $(seq 12); do
        printf '{"id":"p%d","prompt":"What is %d+%s?","answer":"%d","x":1.0E+2}\n' "$i" "$i" "$(seq -s+ "$i")" "$i"
    done > "$T/prompts"
}

# A --memory with room for few caches: what the message of a hopeless one says is needed, and 0.2 MiB.
tight() { gcpo-rollout -m "$m" --memory 1 "$T/prompts" 2>&1 | sed -n 's/.*(\([0-9.]*\) MiB needed.*/\1/p' | awk '{ printf "%dK", ($1 + 0.2) * 1024 }'; }

rollout() { gcpo-rollout -m "$m" --plain --max-tokens 20 "$@"; }

@test "a group carries prompt, ids, log-probabilities and how it ended" {
    run -0 --separate-stderr rollout -n 3 "$T/prompts"
    [ -z "$stderr" ]
    jq -se 'length == 12 and all(.[]; .max_tokens == 20 and .round == 0 and (.prompt_tokens | length) > 10
        and (.responses | length) == 3 and (has("first_sample") | not)
        and all(.responses[]; (.tokens | length) == (.logprobs | length) and (.tokens | length) <= 20
            and all(.logprobs[]; . <= 0) and .source == "policy"
            and (if .finish == "stop" then .tokens[-1] == 280 or .tokens[-1] == 278 else (.tokens | length) == 20 end)))' <<< "$output"
    # what was there is there, in its place
    [ "$(sed 's/,"round":.*/}/' <<< "$output")" = "$(cat "$T/prompts")" ]
}

@test "text is what the ids spell, without the token that ended it" {
    rollout -n 8 --max-tokens 200 "$T/prompts" > "$T/out"
    [ "$(jq -s '[.[].responses[].finish] | unique | length' "$T/out")" = 2 ]
    jq -r '.responses[0] | (if .finish == "stop" then .tokens[:-1] else .tokens end) | @csv' "$T/out" |
        while read -r ids; do gcpo-model decode "$m" <<< "$ids" | jq -Rs .; done > "$T/spelled"
    jq '.responses[0].text' "$T/out" | cmp - "$T/spelled"
}

@test "batch, threads, memory and sharding change nothing" {
    rollout -n 5 "$T/prompts" > "$T/want"
    for o in "--batch 1" "--batch 7" "--batch 64" "-j 1" "-j 2" "-j 3" "--memory $(tight)"; do
        rollout -n 5 $o "$T/prompts" > "$T/got" || { echo "$o"; false; }
        cmp "$T/want" "$T/got"
    done
    head -n 5 "$T/prompts" > "$T/a"
    tail -n +6 "$T/prompts" > "$T/b"
    { rollout -n 5 "$T/a"; rollout -n 5 "$T/b"; } | cmp "$T/want" -
    rollout -n 5 "$T/a" "$T/b" | cmp "$T/want" -
    tac "$T/prompts" | rollout -n 5 | tac | cmp "$T/want" -
}

@test "a small memory makes responses wait, to the same bits" {
    rollout -n 8 --max-tokens 150 --timing "$T/wide" "$T/prompts" > "$T/want"
    rollout -n 8 --max-tokens 150 --timing "$T/tight" --memory "$(tight)" "$T/prompts" > "$T/got"
    cmp "$T/want" "$T/got"
    [ "$(jq .dropped "$T/wide")" -eq 0 ]
    [ "$(jq .dropped "$T/tight")" -gt 0 ]
}

@test "--timing has tokens a second and the share of the peak" {
    rollout -n 2 --timing "$T/timing" "$T/prompts" > "$T/groups"
    tokens=$(jq '.responses[].tokens | length' "$T/groups" | awk '{n += $1} END {print n}')
    jq -e --argjson n "$tokens" '.tokens == $n and .tokens_per_s > 0 and .gflops_per_s > 0 and
        .share_of_peak > 0 and .share_of_peak < 1' "$T/timing"
}

@test "seed, round and first-sample draw anew; samples belong to their number" {
    rollout -n 8 "$T/prompts" > "$T/0"
    for o in "-s 1" "--round 2"; do
        rollout -n 8 $o "$T/prompts" > "$T/other"
        [ "$(jq -c '.responses[].tokens' "$T/0")" != "$(jq -c '.responses[].tokens' "$T/other")" ]
    done
    [ "$(jq -s 'map(.round) | unique' -c "$T/other")" = "[2]" ]
    rollout -n 3 --first-sample 5 "$T/prompts" > "$T/late"
    [ "$(jq -c '.responses[5:][]' "$T/0")" = "$(jq -c '.responses[]' "$T/late")" ]
    [ "$(jq -s 'map(.first_sample) | unique' -c "$T/late")" = "[5]" ]
    jq -c '.round = 2' "$T/prompts" | rollout -n 8 > "$T/record"
    [ "$(jq -c '.responses' "$T/record")" = "$(rollout -n 8 --round 2 "$T/prompts" | jq -c .responses)" ]
}

@test "temperature 0 gives every sample the same, top-k 1 as well" {
    rollout -n 3 --temperature 0 "$T/prompts" > "$T/greedy"
    jq -se 'all(.[]; (.responses | unique | length) == 1)' "$T/greedy"
    [ "$(jq -c '.responses[].tokens' "$T/greedy")" = "$(rollout -n 3 --top-k 1 "$T/prompts" | jq -c '.responses[].tokens')" ]
}

@test "the log-probabilities are those of temperature 1, whatever was sampled" {
    rollout -n 4 --temperature 0.7 --top-p 0.9 -o "$T/out" "$T/prompts"
    gcpo-rollout -m "$m" -n 4 --max-tokens 20 --temperature 0.7 --top-p 0.9 "$T/prompts" | zstd -dc > "$T/z"
    cmp "$T/out" "$T/z"
    gcpo-score -m "$m" --plain --as ref_logprobs "$T/out" | jq -e '.responses | all(.logprobs == .ref_logprobs)'
}

@test "a killed run goes on behind its last whole group, to the same bytes" {
    gcpo-rollout -m "$m" -n 6 --max-tokens 300 --batch 6 -o "$T/want" "$T/prompts"
    for k in 1 2 3; do
        rm -f "$T/out"
        gcpo-rollout -m "$m" -n 6 --max-tokens 300 --batch 6 -o "$T/out" "$T/prompts" 3>&- &
        pid=$!
        for _ in $(seq 2000); do
            [ "$(stat -c %s "$T/.out.part" 2> /dev/null || echo 0)" -gt $((8000 * k)) ] && break
            kill -0 $pid 2> /dev/null || break
            sleep 0.002
        done
        kill -KILL $pid 2> /dev/null || true
        wait $pid 2> /dev/null || true
        run -0 --separate-stderr gcpo-rollout -v -m "$m" -n 6 --max-tokens 300 --batch 6 -o "$T/out" "$T/prompts"
        cmp "$T/want" "$T/out"
        [ ! -e "$T/.out.part" ]
    done
}

# leave_part BYTES: as a run that was killed when it had written so much
leave_part() { head -c "$1" "$T/want" > "$T/.out.part"; rm -f "$T/out"; }

@test "what was left is kept group by group, whatever byte it ends in" {
    gcpo-rollout -m "$m" -n 2 --max-tokens 9 --metrics "$T/metrics" -o "$T/want" "$T/prompts"
    n=$(stat -c %s "$T/want")
    for at in 0 1 100 $(seq $((n / 50)) $((n / 50)) $((n - 1))) $((n - 60)) $((n - 1)) "$n"; do
        leave_part "$at"
        gcpo-rollout -m "$m" -n 2 --max-tokens 9 --metrics "$T/again" -o "$T/out" "$T/prompts"
        cmp "$T/want" "$T/out"
        cmp "$T/metrics" "$T/again"
    done
    leave_part $((n / 2))
    run -0 --separate-stderr gcpo-rollout -v -m "$m" -n 2 --max-tokens 9 -o "$T/out" "$T/prompts"
    [[ "$stderr" == *"groups are there already"* ]]
}

@test "what other prompts or options left is dropped" {
    gcpo-rollout -m "$m" -n 2 --max-tokens 9 -o "$T/want" "$T/prompts"
    n=$(stat -c %s "$T/want")
    leave_part $((n / 2))
    gcpo-rollout -m "$m" -n 2 --max-tokens 9 -s 1 -o "$T/out" "$T/prompts"
    rollout -n 2 --max-tokens 9 -s 1 "$T/prompts" | cmp - <(zstd -dc "$T/out")
    for edit in '3s/answer":"3"/answer":"4"/' 3d '1,9d' '3,$d' '2{h;d};4G'; do
        leave_part $((n / 2))
        sed "$edit" "$T/prompts" > "$T/edited"
        gcpo-rollout -m "$m" -n 2 --max-tokens 9 -o "$T/out" "$T/edited"
        rollout -n 2 --max-tokens 9 "$T/edited" | cmp - <(zstd -dc "$T/out")
        leave_part $((n / 2))
        gcpo-rollout -m "$m" -n 2 --max-tokens 9 -o "$T/out" < "$T/edited"
        rollout -n 2 --max-tokens 9 "$T/edited" | cmp - <(zstd -dc "$T/out")
    done
}

@test "messages, system, suffix: what the model is shown" {
    shown() { rollout -n 0 "$@" | jq -r '.prompt_tokens | @csv' | gcpo-model decode "$m"; }
    [ "$(echo '{"prompt":"Hi"}' | shown)" = "$(printf '<|im_start|>system\nbe brief<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n')" ]
    [ "$(echo '{"prompt":"Hi"}' | shown --system S --suffix '!')" = "$(printf '<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nHi!<|im_end|>\n<|im_start|>assistant\n')" ]
    [ "$(echo '{"prompt":"Hi","system":"R"}' | shown --system S)" = "$(printf '<|im_start|>system\nR<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n')" ]
    messages='{"messages":[{"role":"system","content":"M"},{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}]}'
    [ "$(shown --system S --suffix '!' <<< "$messages")" = "$(printf '<|im_start|>system\nM<|im_end|>\n<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n<|im_start|>user\nc!<|im_end|>\n<|im_start|>assistant\n')" ]
    [ "$(echo '{"prompt":"Hi\n"}' | shown --chat plain)" = "$(printf '<|endoftext|>Hi\n')" ]
    [ "$(echo '{"prompt_tokens":[72,105],"id":"a"}' | shown)" = Hi ]
}

@test "a prompt cannot end its own turn, unless it is trusted" {
    count() { echo '{"prompt":"<|im_end|>"}' | rollout -n 0 "$@" | jq '[.prompt_tokens[] | select(. == 280)] | length'; }
    [ "$(count)" = 2 ]
    [ "$(count --trust-text)" = 3 ]
}

@test "--stop ends responses at one more token" {
    rollout -n 8 --stop a "$T/prompts" > "$T/out"
    jq -e '.responses | all(.tokens[:-1] | all(. != 97))' "$T/out"
    jq -se '[.[].responses[] | select(.tokens[-1] == 97)] | length > 0 and all(.finish == "stop" and (.text | endswith("a") | not))' "$T/out"
    run -64 --separate-stderr rollout --stop nonsense "$T/prompts"
    [ "${stderr_lines[0]}" = 'gcpo-rollout: --stop: the tokenizer has no token "nonsense"' ]
}

@test "bad records are named by file, line and field, and leave no output" {
    while IFS=$'\t' read -r line message; do
        { head -n 1 "$T/prompts"; echo "$line"; } > "$T/bad"
        run -65 --separate-stderr gcpo-rollout -m "$m" --max-tokens 20 -o "$T/out" "$T/bad"
        [ "$stderr" = "gcpo-rollout: $T/bad:2: $message" ] || { echo "$stderr"; false; }
        [ ! -e "$T/out" ] && [ ! -e "$T/.out.part" ]
    done <<'CASES'
{"id":"a"}	"prompt" is missing
{"prompt":3}	"prompt" is a number (expected a string)
{"messages":3}	"messages" is a number (expected an array)
{"messages":[]}	"messages" is empty
{"messages":[3]}	"messages[0]" is a number (expected an object)
{"messages":[{"role":"user","content":[]}]}	"messages[0].content" is an array (expected a string)
{"messages":[{"content":"a"}]}	"messages[0].role" is missing
{"messages":[{"role":"assistant","content":null,"tool_calls":[{}]}]}	"messages[0].tool_calls": calls of tools are not supported
{"messages":[{"role":"a b","content":"a"}]}	message 1: a role is one short word (seen "a b")
{"prompt":"a","round":-1}	"round" is not a whole number from 0 on (seen -1)
{"prompt":"a","system":true}	"system" is a boolean (expected a string)
{"id":"a","prompt_tokens":[1,999]}	"prompt_tokens[1]" is outside the vocabulary (seen 999, size 286)
{"id":"a","prompt_tokens":[]}	the prompt has no tokens
CASES
    { head -n 2 "$T/prompts"; echo '{"prompt":3}'; } > "$T/bad"
    run -0 --separate-stderr rollout --reject "$T/rejected" "$T/bad"
    [ "$(wc -l <<< "$output")" = 2 ]
    [ "$(cat "$T/rejected")" = '{"prompt":3}' ]
    [ "$stderr" = "gcpo-rollout: warning: 1 records were rejected into $T/rejected" ]
}

@test "bad models: 66 and 65, one line, nothing written" {
    run -64 --separate-stderr gcpo-rollout "$T/prompts"
    run -66 --separate-stderr gcpo-rollout -m "$T/none" -o "$T/out" "$T/prompts"
    [ "${#stderr_lines[@]}" = 1 ]
    for file in tokenizer.json config.json model.safetensors; do
        cp -r "$m" "$T/$file.d"
        rm "$T/$file.d/$file"
        run -66 --separate-stderr gcpo-rollout -m "$T/$file.d" -o "$T/out" "$T/prompts"
        [[ "$stderr" == "gcpo-rollout: $T/$file.d"* ]] && [ "${#stderr_lines[@]}" = 1 ]
        head -c 40 "$m/$file" > "$T/$file.d/$file"
        run -65 --separate-stderr gcpo-rollout -m "$T/$file.d" -o "$T/out" "$T/prompts"
        [ "${#stderr_lines[@]}" = 1 ]
    done
    cp -r "$m" "$T/odd"
    jq '.chat_template = "{{ odd }}"' "$m/tokenizer_config.json" > "$T/odd/tokenizer_config.json"
    run -65 --separate-stderr gcpo-rollout -m "$T/odd" "$T/prompts"
    [[ "$stderr" == *"--chat"* ]]
    run -0 gcpo-rollout -m "$T/odd" --chat chatml --max-tokens 1 -n 1 "$T/prompts"
    run -64 gcpo-rollout -m "$m" --chat nonsense "$T/prompts"
    [ ! -e "$T/out" ]
}

@test "the head names model, options and device; neutral options are not in it" {
    gcpo-rollout -m "$m" -n 2 --max-tokens 3 -s 7 -j 2 --batch 3 -o "$T/out" "$T/prompts"
    strings -n 20 "$T/out" | grep -o 'GCPOHEAD{.*' | sed 's/^GCPOHEAD//; s/}]}.*/}]}/' > "$T/head"
    jq -e '.programs[0] | .program == "gcpo-rollout" and (.model | length) == 32 and .chat == "chatml" and .options.seed == 7
        and (.options | has("threads") or has("batch") or has("output") or has("model") | not)' "$T/head"
    [ "$(jq -r '.programs[0].model' "$T/head")" = "$(gcpo-model info --digest "$m")" ]
}

@test "end to end on the checkpoints of the shared data" {
    need_data engine/e2e-qwen3
    for name in e2e-qwen3 e2e-r1distill; do
        d=$DATA/engine/$name
        for think in true false; do
            jq -c --argjson t $think '.cases[] | select((.enable_thinking != false) == $t) | {id: (.prompt_ids | @csv), messages, prompt_ids, greedy_ids, low: (.margins | min)}' \
                "$d/e2e.json" > "$T/cases"
            [ -s "$T/cases" ] || continue
            gcpo-rollout -m "$d" --plain --trust-text -n 1 --temperature 0 --max-tokens 32 $([ $think = true ] || echo --no-think) "$T/cases" |
                jq -e '.prompt_tokens == .prompt_ids and (.low < 1e-3 or .responses[0].tokens == .greedy_ids)'
        done
    done
}

@test "the contract of all programs: inputs that are none, outputs that fail" {
    r() { gcpo-rollout -m "$m" -n 1 --max-tokens 3 "$@"; }
    run -65 --separate-stderr bash -c "gcpo-rollout -m '$m' < /dev/null"
    [ -z "$output" ]
    [ "$stderr" = "gcpo-rollout: standard input: zero bytes of input (did the program before it fail?)" ]
    run -66 --separate-stderr r "$T/none"
    [ "$stderr" = "gcpo-rollout: $T/none: cannot open: No such file or directory" ]
    run -66 r "$T"
    run -66 r -o "$T/out" "$T/prompts" "$T/none"
    [ ! -e "$T/out" ]
    rm -f "$T/.out.part"
    head -c 0 "$T/prompts" | zstd -c > "$T/empty.zst"
    run -0 --separate-stderr r -o "$T/out" "$T/empty.zst"
    [ -z "$(zstd -dc "$T/out")" ]
    rm "$T/out"
    gcpo-rollout -m "$m" -n 0 "$T/prompts" > "$T/whole"
    n=$(stat -c %s "$T/whole")
    for at in 1 100 $((n / 2)) $((n - 1)); do
        head -c "$at" "$T/whole" > "$T/cut"
        run -65 r -o "$T/out" "$T/cut"
        [ ! -e "$T/out" ]
        rm -f "$T/.out.part"
    done
    run -73 --separate-stderr r -o "$T" "$T/prompts"
    [ "$stderr" = "gcpo-rollout: $T: is a directory" ]
    run -73 r -o "$T/no/such" "$T/prompts"
    run -74 r -o /dev/full "$T/prompts"
    run -74 bash -c "gcpo-rollout -m '$m' -n 1 --max-tokens 3 '$T/prompts' > /dev/full"
    run -0 --separate-stderr bash -c "gcpo-rollout -m '$m' --plain --max-tokens 3 '$T/prompts' | head -c 1 > /dev/null"
    [ -z "$stderr" ]
}

@test "segments map to segments" {
    head -n 5 "$T/prompts" | gcpo-rollout -m "$m" -n 0 > "$T/a"
    tail -n +6 "$T/prompts" | gcpo-rollout -m "$m" -n 0 > "$T/b"
    gcpo-rollout -m "$m" -n 2 --max-tokens 5 -o "$T/ra" "$T/a"
    gcpo-rollout -m "$m" -n 2 --max-tokens 5 -o "$T/rb" "$T/b"
    gcpo-rollout -m "$m" -n 2 --max-tokens 5 -o "$T/rab" <(cat "$T/a" "$T/b")
    cat "$T/ra" "$T/rb" | cmp - "$T/rab"
    zstd -tq "$T/rab"
    n=$(stat -c %s "$T/rab")
    for at in $((n / 4)) $((n / 2)) $((3 * n / 4)) $((n - 5)); do # killed in the first or in the second
        head -c "$at" "$T/rab" > "$T/.out.part"
        gcpo-rollout -m "$m" -n 2 --max-tokens 5 -o "$T/out" <(cat "$T/a" "$T/b")
        cmp "$T/rab" "$T/out"
        rm "$T/out"
    done
}

@test "prompt and --max-tokens together must fit into the model's context" {
    prompt=$(printf 'a%.0s' $(seq 100))
    n=$(jq -nc --arg p "$prompt" '{id: "p", prompt: $p}' | gcpo-rollout -m "$m" -n 0 --plain | jq '.prompt_tokens | length')
    jq -nc --arg p "$prompt" '{id: "q", prompt: "a"}, {id: "p", prompt: $p}' > "$T/in"
    gcpo-rollout -m "$m" -n 1 --plain --max-tokens $((512 - n)) --stop '<|im_end|>' "$T/in" > "$T/fits"
    [ "$(jq -s 'map(.max_tokens) | unique' -c "$T/fits")" = "[$((512 - n))]" ]
    run -65 --separate-stderr gcpo-rollout -m "$m" -n 1 --max-tokens $((513 - n)) -o "$T/out" "$T/in"
    [ "$stderr" = "gcpo-rollout: $T/in:2: --max-tokens: $n tokens of prompt and $((513 - n)) of response exceed the model's context (at most 512 together)" ]
    [ ! -e "$T/out" ]
    gcpo-rollout -m "$m" -n 1 --max-tokens $((513 - n)) --reject "$T/no" --plain "$T/in" | jq -e '.id == "q"'
    [ "$(jq -r .id "$T/no")" = p ]
    gcpo-rollout -m "$m" -n 1 --plain "$T/in" | jq -se --argjson n "$n" '.[1].max_tokens == 512 - $n and (.[0].max_tokens > 512 - $n)'
    jq -nc --arg p "$(seq -s: 300)" '{prompt: $p}' > "$T/long"
    run -65 --separate-stderr gcpo-rollout -m "$m" -n 0 "$T/long"
    [[ "$stderr" == "gcpo-rollout: $T/long:1: "*" tokens of prompt and 1 of response exceed the model's context (at most 512 together)" ]]
}

@test "a context scaled by the rotary factor is what the config says it is" {
    context() {
        rm -rf "$T/m"
        cp -r "$m" "$T/m"
        jq -c "$1" "$m/config.json" > "$T/m/config.json"
        gcpo-model info --json "$T/m" | jq .context
    }
    [ "$(context .)" = 512 ]
    [ "$(context '.rope_scaling = {type: "linear", factor: 4}')" = 2048 ]
    [ "$(context '.rope_scaling = {type: "yarn", factor: 4, original_max_position_embeddings: 128}')" = 512 ]
    [ "$(context '.rope_scaling = {type: "yarn", factor: 4, original_max_position_embeddings: 512}')" = 2048 ]
    [ "$(context '.rope_scaling = {type: "yarn", factor: 2.5}')" = 1280 ]
    [ "$(context '.rope_scaling = {rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 64}')" = 512 ]
    [ "$(context 'del(.rope_scaling) | del(.max_position_embeddings)')" = 32768 ]
}
