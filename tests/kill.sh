#!/usr/bin/env bash
# A training run that is killed N times ends in the bytes of one that is not.
#   tests/kill.sh [N] [FOLDER]        programs on PATH; prints TAP
# Kills make, or one member of whatever pipeline runs, with SIGKILL (every third time SIGTERM, SIGINT).
set -u
n=${1:-10}
root=$(cd "$(dirname "$0")/.." && pwd)
dir=${2:-$(mktemp -d)}
mkdir -p "$dir"
cd "$dir" || exit 71
RANDOM=20261123
steps=4

gcpo-model init --family qwen2 --vocab-from "$root/pipelines/demo/tokenizer.json" --hidden 32 --layers 2 --heads 2 --kv-heads 1 --ff 64 \
    --context 256 --tied --std-embed 0.05 --std-in 0.06 -s 5 -o base || exit 1
awk -f "$root/pipelines/demo/problems.awk" -v seed=7 -v n=40 -v mix=1:1,3:1 -v prefix=p -v distinct=1 < /dev/null > prompts.jsonl

train() { # train RUN STEPS
    make -f "$root/pipelines/train.mk" RUN="$1" MODEL=base PROMPTS=prompts.jsonl STEPS="$2" ALGO=gcpo N=4 PER_STEP=8 MAX_TOKENS=24 \
        LR=1e-3 WARMUP=2 MINIBATCHES=2 THREADS=1 KEEP=0 SAVE_STATE=1
}

# Everything that must be the same: all files but wall-clock figures and the lock.
digest() {
    (cd "$1" && find . -type f ! -name 'timing.jsonl' ! -name '.lock' ! -name '.*.lock' -print0 | sort -z | xargs -0 sha256sum)
}

echo 1..7
start=$(date +%s%N)
train whole $steps > whole.log 2>&1 || { echo "not ok 1 - an uninterrupted run ends"; tail -5 whole.log; exit 1; }
took=$((($(date +%s%N) - start) / 1000000))
echo "ok 1 - an uninterrupted run ends # $took ms"

alive() { # alive [PGREP'S ARGUMENTS]: processes of the run; one that is dead and waits for init is not among them
    pgrep -r D,R,S -g "$leader" "$@"
}

kills=0
while [ "$kills" -lt "$n" ]; do
    # setsid: a process group of its own, in which victims are found
    setsid bash -c "$(declare -f train); root='$root'; train killed $steps" > killed.log 2>&1 &
    leader=$!
    sleep "$(awk "BEGIN { print ($RANDOM / 32768) * $took / 1000 * 0.6 }")"
    signal=KILL
    [ $((kills % 3)) -eq 2 ] && signal=$([ $((kills % 2)) -eq 0 ] && echo TERM || echo INT)
    victims=$(alive -f 'gcpo-'; alive make)
    victim=$(shuf -n 1 --random-source=<(yes $RANDOM) <<< "$victims")
    if [ -n "$victim" ] && kill -"$signal" "$victim" 2>/dev/null; then
        kills=$((kills + 1))
    fi
    # what is left of the run is not killed: it must come to its own end
    wait "$leader" 2>/dev/null
    for _ in $(seq 200); do [ -n "$(alive)" ] || break; sleep 0.05; done
    if [ -e "killed/step-$(printf %04d $steps)/model.done" ]; then
        rm -rf killed # it was through before all kills were spent
    fi
done
train killed $steps > killed.log 2>&1 || { echo "not ok 2 - a run killed $kills times ends"; tail -5 killed.log; exit 1; }
echo "ok 2 - a run killed $kills times ends"

if diff <(digest whole) <(digest killed) > differ.log; then
    echo "ok 3 - its files are those of the uninterrupted run"
else
    echo "not ok 3 - its files are those of the uninterrupted run"
    head differ.log
fi

# Weights pruned, the run copied, one step more: exactly one step is made.
cp -r whole copied
for s in $(seq 1 $((steps - 1))); do rm -rf "copied/step-$(printf %04d "$s")/model"; done
touch -d '2001-01-01' copied/step-*/rollouts.jsonl.zst
train copied $((steps + 1)) > copied.log 2>&1
made=$(grep -c '^gcpo-update' copied.log)
if [ "$made" -eq 1 ] && [ -e "copied/step-$(printf %04d $((steps + 1)))/model.done" ]; then
    echo "ok 4 - pruned, copied, one step more: one step is made"
else
    echo "not ok 4 - pruned, copied, one step more: one step is made ($made)"
    tail -5 copied.log
fi

# Two runs on one folder at once: one refuses, naming the other.
train both 1 > both.1.log 2>&1 & first=$!
train both 1 > both.2.log 2>&1 & second=$!
wait $first; a=$?
wait $second; b=$?
refused=both.1.log
[ $a -eq 0 ] && refused=both.2.log
if [ $((a + b)) -eq 2 ] && [ $((a * b)) -eq 0 ] && grep -qE "both is in use by process [0-9]+" $refused; then
    echo "ok 5 - of two runs in one folder the second is refused by name"
else
    echo "not ok 5 - of two runs in one folder the second is refused by name ($a, $b)"
    tail -3 both.1.log both.2.log
fi

# A long rollout, killed again and again behind one group or more, goes on each time.
rollout=(gcpo-rollout -m base -n 8 --max-tokens 120 -j 1 -s 3 -o)
for i in 1 2 3 4 5 6; do jq -c ".id += \"$i\"" prompts.jsonl; done > long.jsonl
"${rollout[@]}" straight.zst long.jsonl
places=$((n / 4 > 5 ? n / 4 : 5)) killed=0
rm -f .broken.zst.part
while [ $killed -lt $places ]; do
    before=$(stat -c %s .broken.zst.part 2> /dev/null || echo 0)
    "${rollout[@]}" broken.zst long.jsonl 2> /dev/null &
    victim=$!
    for _ in $(seq 4000); do
        [ "$(stat -c %s .broken.zst.part 2> /dev/null || echo 0)" -gt $((before + RANDOM % 3000)) ] && break
        kill -0 $victim 2> /dev/null || break
        sleep 0.002
    done
    if kill -KILL $victim 2> /dev/null; then killed=$((killed + 1)); fi
    wait $victim 2> /dev/null
    if [ -e broken.zst ]; then # through: from the start again
        cmp -s broken.zst straight.zst || break
        rm broken.zst
    fi
done
[ -e broken.zst ] || "${rollout[@]}" broken.zst long.jsonl
if cmp -s broken.zst straight.zst; then
    echo "ok 6 - a rollout killed at $killed places has the bytes of one that was not"
else
    echo "not ok 6 - a rollout killed at $killed places has the bytes of one that was not"
fi

# The disk fills up in each program of a step; then there is room again, and the run goes on to the same bytes.
faults=$(dirname "$(command -v gcpo-verify)")/tests/faults.so
if [ -e "$faults" ]; then
    train one 1 > one.log 2>&1
    told=0 wrong='' stages='prompts rollout verify inject-gold advantage update model'
    for p in $stages; do
        for at in 1 $([ "$n" -gt 10 ] && echo 2); do
            rm -rf full
            if GCPO_TEST_FAULT=write:$at+:ENOSPC GCPO_TEST_FAULT_PROGRAM=gcpo-$p LD_PRELOAD=$faults train full 1 > full.log 2>&1; then
                [ $at -eq 2 ] || wrong+=" $p:not-stopped" # a program may write only once
            elif ! grep -q "^gcpo-$p: .*No space left on device" full.log; then
                wrong+=" $p:not-told"
            else
                told=$((told + 1))
            fi
            train full 1 > full.log 2>&1
            diff <(digest one) <(digest full) > differ.log || wrong+=" $p:differs"
        done
    done
    if [ -z "$wrong" ]; then
        echo "ok 7 - the disk full in each stage ($told times), then the same bytes"
    else
        echo "not ok 7 - the disk full in each stage, then the same bytes:$wrong"
    fi
else
    echo "ok 7 - the disk full in each stage # skip faults.so is not built"
fi
[ -n "${2:-}" ] || rm -rf "$dir"
