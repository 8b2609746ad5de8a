# helpers.bash - what every bats file loads: load helpers
# The built programs are on PATH (tests/run.sh), $DATA is the shared data folder, which may be absent.
export LC_ALL=C
T=$BATS_TEST_TMPDIR
ROOT=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
PROGRAMS=$(cd "$ROOT" && for c in cmd/gcpo-*.c; do basename "$c" .c; done)
STREAM_PROGRAMS="gcpo-verify gcpo-inject-gold gcpo-advantage gcpo-stat gcpo-cat"

need_data() { # need_data FILE: skip where the shared data is absent
    [ -e "$DATA/$1" ] || skip "$DATA/$1 is absent"
}

# group ID VERDICT...: one group with these verdicts (c, w, n, b, e), a gold and an answer
group() {
    local id=$1 responses="" v verdict reward
    shift
    for v; do
        case $v in
        c) verdict=correct reward=1 ;;
        w) verdict=wrong reward=0 ;;
        n) verdict=no-answer reward=0 ;;
        b) verdict=bad-reference reward=null ;;
        e) verdict=error reward=null ;;
        esac
        responses+="${responses:+,}{\"text\":\"$v\",\"finish\":\"stop\",\"source\":\"policy\",\"verdict\":\"$verdict\",\"reward\":$reward}"
    done
    printf '{"id":"%s","prompt":"1+1?","answer":"2","gold":"1+1=2\\n\\\\boxed{2}","gold_verdict":"correct","gold_reward":1,"responses":[%s]}\n' \
        "$id" "$responses"
}

without_cuda() { # without_cuda WHY: skip in a build with CUDA, whose libraries are part of every program
    gcpo-rollout -V -v | grep -q '^cuda: not in this build' || skip "built with CUDA: $1"
}
plain() { zstd -dcf "$@"; } # zstd or plain, to text

# call PROGRAM OUT IN...: the program at work; OUT empty: standard output
call() {
    local p=$1 out=$2 m=$ROOT/testdata/model
    shift 2
    set -- ${out:+-o "$out"} "$@"
    case $p in
    gcpo-rollout) gcpo-rollout -m "$m" -n 1 --max-tokens 2 "$@" ;;
    gcpo-score) gcpo-score -m "$m" --as ref_logprobs "$@" ;;
    gcpo-update) gcpo-update -m "$m" --lr 1e-3 "$@" ;;
    gcpo-inject-gold) gcpo-inject-gold -m "$m" "$@" ;;
    gcpo-gold) gcpo-gold pick "$@" ;;
    gcpo-model) gcpo-model encode --records "$m" "$@" ;;
    *) "$p" "$@" ;;
    esac
}

# A step of two groups in $T/step, prompts in $T/prompts: every reader takes the first, and gcpo-rollout the second.
a_step() {
    local m=$ROOT/testdata/model
    cp "$ROOT/testdata/streams/prompts.jsonl" "$T/prompts"
    gcpo-rollout -m "$m" -n 2 --max-tokens 6 --plain "$T/prompts" |
        jq -c '.gold_verdict = "correct" | .gold_reward = 1 | .responses |= [.[] | .verdict = "wrong" | .reward = 0] | .responses[0] |= (.verdict = "correct" | .reward = 1)' |
        gcpo-advantage -o "$T/step"
}

# halting COMMAND...: kills all of the command's processes before every mv and rm, once each, and goes on until it ends
halting() {
    local c status halts=0
    mkdir -p "$T/halting"
    : > "$T/halted"
    for c in mv rm; do
        printf '#!/bin/sh\ngrep -qxF -- "%s $*" "%s" || { echo "%s $*" >> "%s"; kill -KILL 0; }\nexec %s "$@"\n' \
            $c "$T/halted" $c "$T/halted" "$(command -v $c)" > "$T/halting/$c"
        chmod +x "$T/halting/$c"
    done
    while true; do
        status=0
        PATH=$T/halting:$PATH setsid -w "$@" > "$T/halting/log" 2>&1 || status=$?
        [ $status -eq 137 ] || break
        halts=$((halts + 1))
    done
    [ $status -eq 0 ] || cat "$T/halting/log"
    [ $status -eq 0 ] && [ $halts -gt 0 ] && [ $halts -eq "$(wc -l < "$T/halted")" ]
}
