#!/usr/bin/env bats
# gcpo-verify(1): verdicts and rewards.
bats_require_minimum_version 1.5.0
setup() { load helpers; }

verify() { gcpo-verify --plain "$@"; }

# responses ANSWER TEXT...: one group with these texts
responses() {
    local answer=$1
    shift
    jq -nc --arg a "$answer" '{id: "x", prompt: "p", answer: $a, responses: [$ARGS.positional[] | {text: .}]}' --args "$@"
}
verdicts() { jq -r '[.responses[].verdict] | join(" ")'; }

@test "verdicts and rewards stand in every response; the gold is judged too" {
    run -0 --separate-stderr bash -c "$(declare -f responses); responses 72 'It is \\boxed{72}.' 'It is \\boxed{71}.' 'I have tried several ways and none of them led anywhere, so there is nothing that I could say here.' | jq -c '.gold=\"so 72\\n#### 72\"' | gcpo-verify --plain"
    [ -z "$stderr" ]
    jq -e '[.responses[].verdict] == ["correct","wrong","no-answer"] and [.responses[].reward] == [1,0,0]
           and .responses[0].extracted == "72" and .responses[2].extracted == null
           and .gold_verdict == "correct" and .gold_reward == 1' <<< "$output"
}

@test "an answer in a thought does not count" {
    [ "$(responses 4 '<think>\boxed{4}</think>so it is \boxed{5}' '<think>5</think>\boxed{4}' '<think>\boxed{4}' 'a</think>\boxed{4}' | verify | verdicts)" = "wrong correct no-answer correct" ]
    # the prompt opened the thought
    responses 4 '\boxed{4}' 'hm</think>\boxed{4}' | jq -c '.prompt="p<think>\n"' > "$T/in"
    [ "$(verify "$T/in" | verdicts)" = "no-answer correct" ]
    [ "$(jq -c '.prompt="p" | .opens_thought=true' "$T/in" | verify | verdicts)" = "no-answer correct" ]
    [ "$(verify --keep-reasoning "$T/in" | verdicts)" = "correct correct" ]
}

@test "an answer that cannot be read is unscorable, never wrong" {
    run -0 verify <<< "$(responses '' '\boxed{4}')"
    jq -e '.responses[0].verdict == "bad-reference" and .responses[0].reward == null' <<< "$output"
    run -65 --separate-stderr verify <<< "$(responses 1 x | jq -c 'del(.answer)')"
    [ "$stderr" = 'gcpo-verify: standard input:1: "answer" is missing' ]
}

@test "truncated responses are judged, or have no answer" {
    responses 4 '\boxed{4}' | jq -c '.responses[0].finish="length"' > "$T/in"
    [ "$(verify "$T/in" | verdicts)" = correct ]
    [ "$(verify --truncated no-answer "$T/in" | verdicts)" = no-answer ]
}

@test "--reward, --format and the overlong penalty make up the reward" {
    responses 4 '\boxed{4}' '\boxed{5}' '<think>eh' > "$T/in"
    [ "$(verify --reward correct=2,wrong=-1 "$T/in" | jq -c '[.responses[].reward]')" = "[2,-1,0]" ]
    [ "$(verify --format '\\boxed' --format-bonus 0.25 "$T/in" | jq -c '[.responses[] | .reward, .format_bonus]')" = "[1.25,0.25,0.25,0.25,0,0]" ]
    jq -c '.max_tokens=10 | .responses[0].tokens=[range(6)] | .responses[1].tokens=[range(8)] | .responses[2].tokens=[range(10)]' "$T/in" > "$T/long"
    [ "$(verify --overlong 4 --overlong-factor 0.5 "$T/long" | jq -c '[.responses[] | .reward, .length_penalty]')" = "[1,0,-0.25,-0.25,-0.5,-0.5]" ]
    run -65 verify --overlong 4 "$T/in"
    run -64 verify --reward correct "$T/in"
    run -64 verify --reward error=1 "$T/in"
    run -64 verify --format '(' "$T/in"
}

@test "--why says which rule decided" {
    run -0 verify --why <<< "$(responses 4 '\boxed{4}' '<think>eh' | jq -c '.gold="\\boxed{4}"')"
    jq -e '(.responses[0].why | length) > 0 and (.responses[1].why | length) > 0 and (.gold_why | length) > 0' <<< "$output"
}

@test "the type of comparison is an option or a member of the record" {
    [ "$(responses 0.5 '\boxed{1/2}' '\boxed{0.5}' | verify --type exact | verdicts)" = "wrong correct" ]
    [ "$(responses 0.5 '\boxed{1/2}' '\boxed{x}' | verify --type number | verdicts)" = "correct wrong" ]
    [ "$(responses B 'The answer is (B).' 'The answer is C' | verify --type choice | verdicts)" = "correct wrong" ]
    [ "$(responses '[0-9]+ cm' '\boxed{12 cm}' '\boxed{12 m}' | verify --type regex | verdicts)" = "correct wrong" ]
    [ "$(responses 0.5 '\boxed{1/2}' | jq -c '.verifier="exact"' | verify | verdicts)" = wrong ]
    run -65 verify <<< "$(responses 0.5 x | jq -c '.verifier="magic"')"
}

@test "--type exec asks the user's checker, and starts it again when it dies" {
    cat > "$T/check" <<'CHECK'
while read -r line; do
    case $line in
    *die*) exit 3 ;;
    *hang*) sleep 60 ;;
    *junk*) echo 'hello' ;;
    *half*) echo '{"score":0.5}' ;;
    *named*) echo '{"verdict":"no-answer"}' ;;
    *) echo '{"score":1,"extracted":"seen"}' ;;
    esac
done
CHECK
    responses 1 good half die junk named hang good > "$T/in"
    run -0 --separate-stderr verify --type exec --command "bash $T/check" --command-limit 0.5 "$T/in"
    [ "$(verdicts <<< "$output")" = "correct wrong error error no-answer error correct" ]
    [ "$(jq -c '[.responses[].reward]' <<< "$output")" = "[1,0.5,null,null,0,null,1]" ]
    [ "$(jq -r '.responses[6].extracted' <<< "$output")" = seen ]
    [ "$(verify --type exec --command "bash $T/check" --command-limit 0.5 --correct-at 0.5 "$T/in" | jq -r '.responses[1].verdict')" = correct ]
    run -64 verify --type exec "$T/in"
}

@test "a checker that ends after each answer, or says too much, gives each response its own verdict" {
    responses 1 a b a b b > "$T/in"
    cat > "$T/once" << 'END'
read -r line
case $line in *'"text":"a"'*) echo '{"score":1}' ;; *) echo '{"score":0}' ;; esac
END
    [ "$(verify --type exec --command "bash $T/once" "$T/in" | verdicts)" = "correct wrong correct wrong wrong" ]
    cat > "$T/twice" << 'END'
while read -r line; do # both lines at once, as one write
    case $line in *'"text":"a"'*) /usr/bin/printf '{"score":1}\n{"score":0}\n' ;; *) /usr/bin/printf '{"score":0}\n{"score":1}\n' ;; esac
done
END
    [ "$(verify --type exec --command "bash $T/twice" "$T/in" | verdicts)" = "correct wrong correct wrong wrong" ]
}

@test "--targets latex takes nothing from plain text" {
    [ "$(responses 42 '42' 'The answer is 42.' 'The answer is $42$.' '\boxed{42}' | verify --targets latex | verdicts)" = "no-answer no-answer correct correct" ]
}

@test "--check-gold finds answers and golds that do not accept themselves" {
    { responses 4 x | jq -c '.gold="\\boxed{4}"'; responses 5 x | jq -c '.id="bad" | .gold="\\boxed{6}"'; } > "$T/in"
    run -1 --separate-stderr verify --check-gold "$T/in"
    [ "$(jq -r '.id + " " + .gold_verdict + " " + .extracted' <<< "$output")" = "bad wrong 6" ]
    head -1 "$T/in" > "$T/good"
    run -0 verify --check-gold "$T/good"
    [ -z "$output" ]
}

@test "threads change nothing; running twice is running once" {
    for i in $(seq 100); do responses "$i" "\\boxed{$i}" "\\boxed{7}" "so $i"; done > "$T/in"
    verify --why "$T/in" > "$T/1"
    verify --why -j 3 "$T/in" > "$T/3"
    cmp "$T/1" "$T/3"
    verify --why "$T/1" > "$T/2"
    cmp "$T/1" "$T/2"
}

@test "--line-buffered makes a co-process: the manual's Python wrapper works" {
    mandoc -T ascii -O width=400 "$ROOT/man/gcpo-verify.1" | sed $'s|.\b||g' |
        sed -n '/import json, subprocess/,/^ *$/p' | sed 's/^           //' > "$T/wrapper.py"
    [ -s "$T/wrapper.py" ]
    cat >> "$T/wrapper.py" <<'PY'

v = Verifier()
assert v(["\\boxed{4}", "\\boxed{5}", "eh"], "4") == [1, 0, 0]
assert v(["\\boxed{1/2}"], "0.5") == [1]
PY
    run -0 timeout 600 python3 "$T/wrapper.py"
}

@test "800 real responses to 100 real problems" {
    need_data rollouts/math100.jsonl.zst
    run -0 bash -c "zstdcat '$DATA/rollouts/math100.jsonl.zst' | gcpo-verify --plain | jq -c '.responses[] | select((.verdict == \"correct\") != .label_adj) | .text'"
    [ -z "$output" ]
}

@test "what the manual says of each kind is true" {
    mandoc -T ascii -O width=400 "$ROOT/man/gcpo-verify.1" | sed $'s|.\b||g' |
        sed -n '/What counts as equal/,/A checker of your own/p' | grep -E ' (==|!=) ' > "$T/rows"
    [ "$(wc -l < "$T/rows")" -gt 30 ]
    while read -r row; do
        case $row in
        *' == '*) want=correct gold=${row%% == *} answer=${row#* == } ;;
        *) want=wrong gold=${row%% != *} answer=${row#* != } ;;
        esac
        responses "$gold" "So it is \\boxed{$answer}." | jq -c --arg row "$row" --arg want "$want" '.row=$row | .want=$want'
    done < "$T/rows" | verify | jq -r 'select(.responses[0].verdict != .want) | "\(.row): \(.responses[0].verdict)"' > "$T/differ"
    [ ! -s "$T/differ" ] || { cat "$T/differ"; false; }
}
