#!/usr/bin/env bats
# gcpo-model(1): info, diff, encode, decode, init.
bats_require_minimum_version 1.5.0
setup() {
    load helpers
    m=$ROOT/testdata/model
}

@test "info tells what a directory holds" {
    run -0 --separate-stderr gcpo-model info "$m"
    [ -z "$stderr" ]
    [[ "$output" == *"family                qwen2"*"chat format           chatml"*"be brief"*"memory of an update"* ]]
    gcpo-model info --json "$m" > "$T/info"
    jq -e '.family == "qwen2" and .layers == 1 and .tied == true and .eos == [280] and .vocab_size == 286 and .tokenizer_size == 286
           and .rollout_bytes > 0 and .update_bytes > .rollout_bytes' "$T/info"
    gcpo-model info --json -n 64 "$m" | jq -e --slurpfile a "$T/info" '.rollout_bytes > $a[0].rollout_bytes'
    rm -f "$T/out"
    gcpo-model info --json -o "$T/out" "$m"
    cmp "$T/info" "$T/out"
}

@test "info works without a tokenizer and names templates it does not know" {
    cp -r "$m" "$T/m"
    rm "$T/m/tokenizer.json"
    gcpo-model info --json "$T/m" | jq -e 'has("chat") | not'
    cp "$m/tokenizer.json" "$T/m"
    echo '{{ odd }}' > "$T/m/chat_template.jinja"
    gcpo-model info --json "$T/m" | jq -e '.chat == "not recognised"'
}

@test "the digest is of configuration and weights, not of files" {
    want=$(gcpo-model info --digest "$m")
    [[ "$want" =~ ^[0-9a-f]{32}$ ]]
    cp -r "$m" "$T/m"
    rm "$T/m/tokenizer.json" "$T/m/generation_config.json"
    [ "$(gcpo-model info --digest "$T/m")" = "$want" ]
    gcpo-model init --vocab-from "$m" -s 1 -o "$T/a"
    gcpo-model init --vocab-from "$m" -s 1 -o "$T/b"
    gcpo-model init --vocab-from "$m" -s 2 -o "$T/c"
    [ "$(gcpo-model info --digest "$T/a")" = "$(gcpo-model info --digest "$T/b")" ]
    [ "$(gcpo-model info --digest "$T/a")" != "$(gcpo-model info --digest "$T/c")" ]
}

@test "info --plan tells time, memory and disk" {
    run -0 gcpo-model info --plan --steps 3 -n 2 --prompts 4 --max-tokens 8 "$m"
    [[ "$output" == *"4 prompts with 2 responses of at most 8 tokens"*"rollout"*"update"*"disk"*"3 steps take at most"* ]]
}

@test "diff: status 1 and the tensors, or 0" {
    run -0 gcpo-model diff "$m" "$m"
    [ "$output" = "0 of 14 tensors differ" ]
    gcpo-model init --vocab-from "$m" -s 1 -o "$T/a"
    gcpo-model init --vocab-from "$m" -s 2 -o "$T/b"
    run -1 --separate-stderr gcpo-model diff "$T/a" "$T/b"
    [ -z "$stderr" ]
    [[ "$output" == *"model.embed_tokens.weight"*"max "*"mean "*"15 of 26 tensors differ" ]]
    run -1 gcpo-model diff --json --all "$T/a" "$T/b"
    jq -se 'length == 26 and any(.[]; .max > 0 and .mean > 0 and .mean <= .max) and any(.[]; .max == 0)' <<< "$output"
    run -65 --separate-stderr gcpo-model diff "$m" "$T/a"
    [ "${#stderr_lines[@]}" = 1 ]
    run -66 gcpo-model diff "$m" "$T/none"
}

@test "encode and decode are each other's way back" {
    printf 'the caf\303\251  \n\\boxed{12} <|im_end|> \360\237\230\200' > "$T/text"
    for o in "" --trust-text; do
        gcpo-model encode $o "$m" "$T/text" > "$T/ids"
        gcpo-model decode "$m" "$T/ids" > "$T/back"
        [ -n "$o" ] || cmp "$T/text" "$T/back"
    done
    grep -qw 280 "$T/ids"                          # trusted: the control token
    gcpo-model encode "$m" "$T/text" > "$T/ids"
    ! grep -qw 280 "$T/ids"
    [ "$(printf a | gcpo-model encode --wrap "$m")" = "278 97" ]
    [ "$(echo '[72,105,280]' | gcpo-model decode "$m")" = "Hi<|im_end|>" ]
    [ "$(echo '[72,105,280]' | gcpo-model decode --skip-special "$m")" = Hi ]
    [ "$(gcpo-model encode "$m" < /dev/null)" = "" ]
    printf 'a\377' > "$T/bad"
    run -65 --separate-stderr gcpo-model encode "$m" "$T/bad"
    [ "$stderr" = "gcpo-model: byte 2: not UTF-8" ]
    run -65 --separate-stderr gcpo-model decode "$m" <<< "72 999"
    [ "$stderr" = "gcpo-model: byte 4: no token has the id 999" ]
    run -65 gcpo-model decode "$m" <<< "-1"
    run -66 gcpo-model encode "$m" "$T/none"
    run -66 gcpo-model decode "$m" "$T"
}

@test "encode --records shows what gcpo-rollout shows the model" {
    printf '%s\n' '{"id":"a","prompt":"Hi"}' '{"messages":[{"role":"user","content":"Hi"}],"system":"S"}' > "$T/in"
    gcpo-model encode --records --suffix '!' "$m" "$T/in" > "$T/out"
    [ "$(jq -r .text "$T/out" | head -n 4 | tail -n 2)" = "$(printf '<|im_start|>user\nHi!<|im_end|>')" ]
    [ "$(jq -c .tokens "$T/out")" = "$(gcpo-rollout -m "$m" -n 0 --plain --suffix '!' "$T/in" | jq -c .prompt_tokens)" ]
    echo '{"prompt":3}' >> "$T/in"
    run -65 --separate-stderr gcpo-model encode --records -o "$T/never" "$m" "$T/in"
    [ "$stderr" = "gcpo-model: $T/in:3: \"prompt\" is a number (expected a string)" ]
    [ ! -e "$T/never" ]
}

@test "init makes directories that load, of every family and stored type" {
    for family in qwen2 qwen3 llama; do
        for dtype in f32 bf16; do
            gcpo-model init --vocab-from "$m" --family $family --dtype $dtype --no-tied --layers 3 --heads 6 --kv-heads 3 \
                --head-dim 8 --hidden 40 --ff 56 --vocab-size 300 -o "$T/$family-$dtype"
            gcpo-model info --json "$T/$family-$dtype" |
                jq -e --arg f $family --arg d $dtype '.family == $f and .dtype == $d and .vocab_size == 300 and .tokenizer_size == 286 and .tied == false and .hidden == 40'
            echo '{"prompt":"Hi"}' | gcpo-rollout -m "$T/$family-$dtype" -n 2 --max-tokens 3 --plain |
                jq -e '.responses | length == 2 and all(.[].tokens[]; . < 286)'
        done
    done
}

@test "init: what is missing or wrong is said, and nothing is left" {
    run -64 gcpo-model init -o "$T/x"
    run -64 gcpo-model init --vocab-from "$m"
    run -66 gcpo-model init --vocab-from "$T/none" -o "$T/x"
    run -64 --separate-stderr gcpo-model init --vocab-from "$m" --vocab-size 9 -o "$T/x"
    [ "${#stderr_lines[@]}" = 1 ]
    run -64 gcpo-model init --vocab-from "$m" --eos nonsense -o "$T/x"
    run -64 gcpo-model init --vocab-from "$m/tokenizer.json" -o "$T/x" # several special tokens
    run -0 gcpo-model init --vocab-from "$m/tokenizer.json" --eos '<|im_end|>' --eos '<|endoftext|>' --bos '<|endoftext|>' -o "$T/y"
    jq -e '.eos_token_id == [280, 278] and .bos_token_id == 278' "$T/y/generation_config.json"
    run -65 gcpo-model init --vocab-from "$m" --heads 4 --kv-heads 3 -o "$T/x"
    [ ! -e "$T/x" ] && [ ! -e "$T/.x.part" ]
    run -73 --separate-stderr gcpo-model init --vocab-from "$m" -o "$T/y"
}

@test "misuse: commands and operands" {
    run -64 --separate-stderr gcpo-model
    [ "${stderr_lines[0]}" = "gcpo-model: which command? (info, diff, encode, decode, init)" ]
    run -64 gcpo-model nonsense
    run -64 gcpo-model info
    run -64 gcpo-model diff "$m"
    run -64 gcpo-model info "$m" "$m"
}

@test "the checkpoints of the shared data are described" {
    need_data engine
    for d in "$DATA"/engine/*/; do
        gcpo-model info --json "$d" | jq -e --slurpfile c "$d/config.json" '.layers == $c[0].num_hidden_layers and .hidden == $c[0].hidden_size'
        run -0 gcpo-model diff "$d" "$d"
    done
}

@test "weights are mapped, not copied: info, diff and encode stay small, a rollout keeps what it packed" {
    [ -x /usr/bin/time ] || skip "no /usr/bin/time"
    ! gcpo-model -V -v | grep -q sanitize || skip "a sanitizer keeps what was freed"
    without_cuda "its libraries take more memory than the model"
    peak() { /usr/bin/time -q -f %M "$@" 2>&1 > /dev/null | tail -n 1; } # kilobytes
    gcpo-model init --vocab-from "$m" --vocab-size 60000 --hidden 512 --heads 8 --dtype bf16 --layers 1 --tied -o "$T/large"
    stored=$(($(stat -c %s "$T/large/model.safetensors") / 1024))
    [ "$stored" -gt 60000 ]
    for command in "info" "info --digest" "diff $T/large"; do
        kb=$(peak gcpo-model $command "$T/large")
        [ "$kb" -lt $((stored / 2)) ] || { echo "$command: $kb KB of $stored KB"; false; }
    done
    echo 'some text' > "$T/text"
    kb=$(peak gcpo-model encode "$T/large" "$T/text")
    [ "$kb" -lt $((stored / 2)) ]
    echo '{"prompt":"Hi"}' > "$T/prompt"
    kb=$(peak gcpo-rollout -m "$T/large" -j 1 -n 1 --max-tokens 1 --plain "$T/prompt")
    [ "$kb" -lt $((stored + stored * 7 / 10)) ] || { echo "rollout: $kb KB of $stored KB"; false; }
}
