#!/usr/bin/env bash
# Every call of every kind fails once in every program; programs and tests/faults.so on PATH's first folder.
#   tests/faults.sh [-g GRAIN | -u] [PROGRAM...]       prints TAP, and how many points were tried
# With -u nothing fails: every case runs once (for tests/valgrind.sh).
# With GRAIN = 0 the n-th call fails for every n; else n grows by 1 + n / GRAIN (default 4).
#
# After each fault: no crash, no status 0 with another output, no leftover but a rollout that can be continued, one line that
# names the cause; and the same command, undisturbed, then makes the same bytes.
set -u
grain=4 undisturbed=0
[ "${1:-}" != -u ] || { undisturbed=1; shift; }
[ "${1:-}" != -g ] || { grain=$2; shift 2; }
root=$(cd "$(dirname "$0")/.." && pwd)
faults=$(dirname "$(command -v gcpo-verify)")/tests/faults.so
[ $undisturbed = 0 ] || faults=
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 71
export OPENBLAS_NUM_THREADS=1 LC_ALL=C TMPDIR=$dir
m=$root/testdata/model

# ---- inputs ----

mkdir run run/step-0001
head -n 2 "$root/testdata/streams/prompts.jsonl" > prompts
gcpo-rollout -m "$m" -n 2 --max-tokens 6 --plain -o rollouts prompts
jq -c '.gold = "it is \\boxed{2}" | .gold_verdict = "correct" | .gold_reward = 1
    | .responses |= [.[] | .verdict = "wrong" | .reward = 0] | if .id == "sub" then .responses[0] |= (.verdict = "correct" | .reward = 1) else . end' \
    rollouts > verified
gcpo-inject-gold -m "$m" --allow-bare-gold verified | gcpo-advantage -o step
cp step run/step-0001/step.jsonl.zst
head -c -40 step > torn
gcpo-update -m "$m" -o next --state-out state --metrics run/metrics.jsonl --lr 1e-3 step
cp run/metrics.jsonl run/step-0001/metrics.jsonl
printf 'MODEL := base\n' > run/params.mk
echo 'What is 1+1?' > text
jq -c '{id}' verified | head -n 1 > ids-file
gcpo-model encode -o ids "$m" text
{ cat verified; jq -c '.id = "z"' verified; } > twice 2> /dev/null

# ---- cases: NAME  COMMAND; what it writes is in O/ ----

# shellcheck disable=SC2016
declare -A commands=(
    [verify]='gcpo-verify -o O/out verified'
    [verify/exec]='gcpo-verify --type exec --command "while read -r l; do echo {\\\"score\\\":1}; done" -o O/out verified'
    [verify/threads]='gcpo-verify -j 2 -o O/out verified'
    [inject-gold]='gcpo-inject-gold -m M --gold verified --missing O/missing --reject O/reject -o O/out verified'
    [advantage]='gcpo-advantage --whiten rows --dropped O/dropped -o O/out verified'
    [advantage/pipe]='cat verified | gcpo-advantage --whiten rows -o O/out'
    [advantage/stdout]='gcpo-advantage verified > O/out'
    [cat]='gcpo-cat --where !correct -o O/out step verified'
    [cat/sample]='gcpo-cat --sample 1 -o O/out step'
    [cat/pipe]='cat step | gcpo-cat --sample 1 -o O/out'
    [cat/ids]='gcpo-cat --ids ids-file -o O/out step verified'
    [cat/provenance]='gcpo-cat --provenance -o O/out step'
    [cat/merge]='gcpo-cat --merge -o O/out verified'
    [cat/check]='gcpo-cat --check -m M -o O/out step'
    [cat/repair]='gcpo-cat --repair -q -o O/out torn'
    [cat/text]='gcpo-cat --text -m M -o O/out step'
    [gold/lint]='gcpo-gold lint -m M --append-box --fixed O/fixed -o O/out verified'
    [gold/pick]='gcpo-gold pick --missing O/missing -o O/out verified'
    [gold/likeliest]='gcpo-gold pick --by likeliest -m M -j 1 -o O/out verified'
    [stat]='gcpo-stat --json -o O/out step'
    [stat/table]='gcpo-stat step > O/out'
    [stat/pair]='gcpo-stat --json -o O/out verified twice'
    [prompts]='gcpo-prompts --prompts 1 -k 2 -o O/out prompts'
    [score]='gcpo-score -m M -j 1 --as ref_logprobs -o O/out step'
    [rollout]='gcpo-rollout -m M -j 1 -n 2 --max-tokens 6 --metrics O/metrics --timing O/timing -o O/out prompts'
    [rollout/threads]='gcpo-rollout -m M -j 2 -n 2 --max-tokens 3 -o O/out prompts'
    [rollout/stdout]='gcpo-rollout -m M -j 1 -n 1 --max-tokens 2 --plain prompts > O/out'
    [update]='gcpo-update -m M -j 1 --lr 1e-3 --minibatches 2 --state-out O/state --metrics O/metrics --timing O/timing -o O/next step'
    [update/state]='gcpo-update -m next -j 1 --off-policy --state state --state-out O/state -o O/next step'
    [update/dry]='gcpo-update -m M -j 1 --dry-run step > O/out'
    [report]='gcpo-report -m M -o O/out run'
    [model/init]='gcpo-model init --vocab-from M --hidden 16 --ff 16 --heads 2 --kv-heads 1 --head-dim 8 --layers 1 -o O/next'
    [model/info]='gcpo-model info --json -o O/out M'
    [model/diff]='gcpo-model diff -o O/out M next || { r=$?; [ $r -eq 1 ] || exit $r; }'
    [model/encode]='gcpo-model encode -o O/out M text'
    [model/records]='gcpo-model encode --records -o O/out M prompts'
    [model/stdin]='gcpo-model encode M < text > O/out'
    [model/decode]='gcpo-model decode -o O/out M ids'
)

declare -A causes=([EIO]='Input/output error' [ENOSPC]='No space left on device' [EMFILE]='Too many open files' [ENOMEM]='memory')

complain() { # complain WHAT: the first failure of a test
    [ -n "$failed" ] || failed="$1"
}

clean() { rm -rf O; mkdir O; }

go() { # go [FAULT]: runs $command in the folder O
    local fault=${1:-} run=${command//O\//"$dir/O/"}
    run=${run// M/ "$m"}
    if [ -n "$fault" ]; then
        GCPO_TEST_FAULT=$fault GCPO_TEST_FAULT_COUNTS=$dir/counts LD_PRELOAD=$faults timeout -k 5 60 bash -c "$run" 2> stderr < /dev/null
    else
        timeout 300 bash -c "$run" 2> stderr < /dev/null
    fi
}

same() { diff -rq -x timing want O > differ 2>&1; }

try() { # try CALL N FAULT
    local what="$1:$2:$3" status line hidden f
    clean
    go "$what"
    status=$?
    points=$((points + 1))
    line=$(< stderr)
    if [ $status -eq 0 ]; then
        same || complain "$what: status 0 and another output: $(head -n 3 differ)"
        [ -z "$line" ] || complain "$what: status 0 and a message: $line"
        return
    fi
    { [ $status -ge 64 ] && [ $status -le 74 ] && [ $status -ne 70 ]; } || complain "$what: status $status: $line"
    [[ "$line" == gcpo-* && "$line" != *$'\n'* ]] || complain "$what: not one line: $line"
    case $3 in
    EAGAIN) ;; # of files that cannot block
    EINTR | SHORT) complain "$what: not taken up again: $line" ;;
    *) [[ "$line" == *"${causes[$3]}"* ]] || complain "$what: the cause is not named: $line" ;;
    esac
    hidden=$(find O -name '.*' ! -name . | grep -v '/\.out\.part$' || true)
    [[ "$name" == rollout* ]] || hidden=$(find O -name '.*')
    [ -z "$hidden" ] || complain "$what: left behind: $hidden"
    if [[ "$command" != *'> O/out'* ]]; then
        for f in $(cd O && find . -type f ! -name '.*' ! -name timing); do
            cmp -s "O/$f" "want/$f" || complain "$what: half of $f"
        done
    fi
    # A directory that is there already is refused, so make removes it; files are written anew.
    rm -rf O/next O/state
    if ! go || ! same; then complain "$what: afterwards: $(< stderr) $(head -n 3 differ)"; fi
}

# What a makefile waits for comes last: killed between two of its files, a program has left no O/out or O/next without the rest.
killed() {
    local n last
    last=$(sed -n 's/^rename //p' all)
    for ((n = 1; n <= last; n++)); do
        clean
        { go "rename:$n:KILL"; } 2> /dev/null
        points=$((points + 1))
        rm -rf O/.*
        [ ! -e O/out ] && [ ! -e O/next ] || same || complain "killed before rename $n, the last file without the rest: $(head -n 3 differ)"
    done
}

sweep() { # sweep CALL FAULT...
    local n fault last
    last=$(sed -n "s/^$1 //p" all)
    for fault in "${@:2}"; do
        for ((n = 1; n <= last; n += grain ? 1 + n / grain : 1)); do try "$1" "$n" "$fault"; done
    done
}

wanted() { # wanted CASE PROGRAM...
    local p case=$1
    shift
    [ $# -eq 0 ] && return
    for p; do [[ "$case" == "${p#gcpo-}" || "$case" == "${p#gcpo-}"/* ]] && return; done
    return 1
}

number=0 bad=0
for name in $(printf '%s\n' "${!commands[@]}" | sort); do
    wanted "$name" "$@" || continue
    command=${commands[$name]} failed='' points=0
    clean
    go ${faults:+read:0:EIO} || { echo "not ok $((number += 1)) - $name: status $? undisturbed: $(< stderr)"; bad=1; continue; }
    if [ $undisturbed = 1 ]; then
        echo "ok $((number += 1)) - gcpo-$name"
        continue
    fi
    rm -rf want
    mv O want
    cp counts all
    sweep read EIO EINTR EAGAIN SHORT
    sweep write EIO ENOSPC EINTR EAGAIN SHORT
    sweep fsync EIO ENOSPC EINTR
    sweep rename EIO ENOSPC
    killed
    sweep close EIO EINTR
    sweep open EMFILE
    sweep mkdir ENOSPC
    sweep mmap ENOMEM
    sweep alloc ENOMEM
    sweep pread EIO EINTR SHORT
    sweep stdio EIO
    sweep stat EIO
    sweep list EIO
    sweep temp ENOSPC
    sweep truncate EIO
    sweep seek EIO
    sweep lock EIO
    sweep dup EMFILE
    sweep pipe EMFILE
    sweep poll ENOMEM EINTR
    sweep fork ENOMEM
    sweep thread EAGAIN
    for at in 1 2 3; do [ "$(sed -n 's/^write //p' all)" -lt $at ] || try write "$at+" ENOSPC; done # the disk is full
    if [ -z "$failed" ]; then
        echo "ok $((number += 1)) - gcpo-$name: $points points"
    else
        echo "not ok $((number += 1)) - gcpo-$name: $points points"
        echo "# $failed"
        bad=1
    fi
done
echo "1..$number"
exit $bad
