#!/usr/bin/env bats
# gcpo-prompts(1): which prompts a step gets.
bats_require_minimum_version 1.5.0
setup() {
    load helpers
    for i in 0 1 2 3 4 5 6 7 8 9; do echo "{\"id\":\"p$i\",\"prompt\":\"$i?\"}"; done > "$T/p"
}
prompts() { gcpo-prompts --plain "$@"; }

@test "an epoch takes every prompt once, the next one in another order" {
    for k in 1 2 3 4 5; do prompts --prompts 4 -s 7 -k $k "$T/p"; done > "$T/all"
    [ "$(head -10 "$T/all" | jq -r .id | sort | uniq | wc -l)" -eq 10 ]
    [ "$(tail -10 "$T/all" | jq -r .id | sort | uniq | wc -l)" -eq 10 ]
    [ "$(head -10 "$T/all" | jq -r .round | sort -u)" = 0 ]
    [ "$(tail -10 "$T/all" | jq -r .round | sort -u)" = 1 ]
    [ "$(head -10 "$T/all" | jq -r .id)" != "$(tail -10 "$T/all" | jq -r .id)" ]
}

@test "a step is a function of file, seed and number" {
    [ "$(prompts --prompts 4 -s 7 -k 3 "$T/p")" = "$(prompts --prompts 4 -s 7 -k 3 "$T/p")" ]
    [ "$(prompts --prompts 4 -s 7 -k 3 "$T/p")" != "$(prompts --prompts 4 -s 8 -k 3 "$T/p")" ]
}

@test "a step may be larger than the file" {
    run -0 prompts --prompts 25 "$T/p"
    [ "$(jq -r '.id + "/" + (.round|tostring)' <<< "$output" | sort -u | wc -l)" -eq 25 ]
}

@test "bad input" {
    run -64 gcpo-prompts
    run -64 gcpo-prompts -
    run -66 gcpo-prompts "$T/none"
    : > "$T/empty"
    run -65 gcpo-prompts "$T/empty"
    echo 'x' > "$T/bad"
    run -65 --separate-stderr gcpo-prompts "$T/bad"
    [ "$stderr" = "gcpo-prompts: $T/bad:1: not JSON: byte 1: expected a value (seen 'x')" ]
}
