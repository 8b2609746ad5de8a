#!/usr/bin/env bats
# pipelines/r1.mk: the plan, and the whole run with a tiny checkpoint in the model's place.
bats_require_minimum_version 1.5.0
setup() { load helpers; cd "$T" || return 1; }

r1() { make -s -f "$ROOT/pipelines/r1.mk" "$@"; }

@test "make -n prints a plan whose numbers follow from the model's shape and the rates in it; nothing else is done" {
    run make -n -f "$ROOT/pipelines/r1.mk" HERE_SAMPLE=900 HERE_SCORE=1500 R1=nothing
    [ "$status" -eq 0 ]
    [ ! -e nothing ]
    [ "${lines[0]}" = model ]
    [[ "${lines[-1]}" == "  records "* ]]
    echo "$output" > plan
    cat plan
    python3 - plan <<'PY'
import re, sys
text = open(sys.argv[1]).read()
UNIT = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
TIME = {"s": 1, "min": 60, "h": 3600, "days": 86400}
def line(name):
    return re.search(r"^  " + re.escape(name) + r"\s+(.*)$", text, re.M).group(1)
def size(s):
    v, u = re.match(r"([\d.]+) ([kMGT]?)", s).groups()
    return float(v) * UNIT[u]
def times(name):
    return [float(v) * TIME[u] for v, u in re.findall(r"([\d.]+) (s|min|h|days)\b", line(name))]
def near(seen, want, what):
    assert abs(seen - want) <= 0.006 * want + 0.06, (what, seen, want)

# DeepSeek-R1-Distill-Qwen-1.5B
d, ff, L, heads, kv, hd, V = 1536, 8960, 28, 12, 2, 128, 151936
layer = d * heads * hd * 2 + d * 2 * kv * hd + 3 * d * ff
params = L * (layer + (heads + 2 * kv) * hd + 2 * d) + d + 2 * V * d
assert params == 1777088000
weights = 2 * params
steps, per_step, n, mean, most = 100, 64, 8, 3000, 8192
trained = steps * per_step * n * mean
tested = 2 * 30 * 32 * 9000
evaluated = (steps // 20 + 1) * 128 * 8 * mean
flop = 2 * (L * layer + V * d) + 4 * heads * hd * (mean / 2) * L
near(size(line("parameters")), params, "parameters")
near(size(line("weights")), weights, "weights")
near(size(line("operations per token")), flop, "flop")
near(size(line("training").split(": ")[1]), trained, "trained")
near(size(line("evaluation").split(": ")[1]), evaluated, "evaluated")
near(size(line("test, two models").split(": ")[1]), tested, "tested")
# this machine, by the one layer that was measured
sample, score = 900 * 2 * layer / flop, 1500 * 2 * layer / flop
# the GPU: bound by memory or by arithmetic
kv16 = 2 * kv * hd * L * 2
batch = min(int((80e9 * 0.9 - weights) // (kv16 * most)), per_step * n)
step = max((weights + batch * kv16 * mean / 2) / (3350e9 * 0.6), batch * flop / (989e12 * 0.4))
gpu = batch / step
update = 3 * flop / (989e12 * 0.4)
want = {"sampling": (trained / sample, trained / gpu), "updates": (3 * trained / score, trained * update),
        "evaluation and test": ((evaluated + tested) / sample, (evaluated + tested) / gpu)}
want["together"] = tuple(sum(v[i] for v in want.values()) for i in (0, 1))
for name, (here, there) in want.items():
    seen = times(name)
    near(seen[0], here, name + " here")
    assert abs(seen[1] - there) <= 0.03 * there, (name, seen[1], there)
near(size(line("rollout, 32 sequences")), weights + 32 * 2 * kv16 * most, "rollout memory")
near(size(line("update, without activations")), weights + 16 * params, "update memory")
near(size(line("weights and states kept")), 3 * weights + (steps // 20 + 1) * 12 * params, "checkpoints")
near(size(line("records")), trained * 24, "records")
PY
    # the rates are measured where none are given, and sizes count
    run r1 -n STEPS=10 MEAN_TOKENS=300
    [ "$status" -eq 0 ]
    [[ "$output" =~ ([0-9]+)\ tokens/s\ sampled,\ ([0-9]+)\ scored ]]
    [ "${BASH_REMATCH[1]}" -gt 0 ] && [ "${BASH_REMATCH[2]}" -gt 0 ]
    [[ "$output" == *"10 steps of 64 prompts with 8 responses: 1.54 Mtokens"* ]]
}

@test "with a tiny checkpoint it runs to the end: duplicates and the test's problems are left out; killed, it ends in the same bytes" {
    need_data engine/e2e-r1distill
    for i in 1 2 3 4 5 6 7 8; do
        jq -cn --argjson i $i '{question: "What is \($i) and 1?", answer: "It is <<\($i)+1=\($i + 1)>>\($i + 1).\n#### \($i + 1)"}'
    done > raw.jsonl
    sed -n '2p;3p' raw.jsonl | sed 's/What is/WHAT  is/' > again.jsonl
    cat raw.jsonl again.jsonl > train.jsonl
    sed -n '8p' raw.jsonl > test.jsonl
    tiny() { # tiny R1 [HALTING]
        ${2:-} make -s -f "$ROOT/pipelines/r1.mk" R1="$1" MODEL="$DATA/engine/e2e-r1distill" TRAIN=train.jsonl TEST=test.jsonl STEPS=2 N=2 PER_STEP=2 MAX_TOKENS=64 EVAL_EVERY=1 EVAL_N=2 DEV_PROMPTS=2 \
            TEST_N=4 TEST_TOKENS=48 MINIBATCHES=1 THREADS=1 HERE_SAMPLE=1
    }
    tiny whole > log 2>&1 || { tail -20 log; false; }
    [ "$(cat whole/prompts.txt)" = "10 problems, 2 of them again, 1 in the test, 7 left" ]
    [ "$(plain whole/dev.jsonl.zst | wc -l) $(plain whole/prompts.jsonl.zst | wc -l)" = "2 5" ]
    grep -q 'R1-style' whole/golds.txt
    [ "$(wc -l < whole/table.tsv)" -eq 3 ]
    [ "$(head -1 whole/table.tsv)" = "$(printf 'model\tstep\tmean@4\tpass@4')" ]
    # R1's format: the prompt opens the thought, all golds are wrapped into it, the request is at the end
    plain whole/run/step-0001/step.jsonl.zst | jq -se 'map(select(.gold_fate == "injected")) | length > 0 and all(.responses[-1].text | test("</think>\n\n.boxed"))'
    plain whole/run/step-0001/prompts.jsonl.zst | jq -se 'all(.gold_verdict == "correct" and (.gold | contains("<<") | not))'
    grep -q "^ROLLOUT := --suffix 'Please reason step by step, and put your final answer within .boxed{}.'$" whole/run/params.mk
    tiny killed halting
    same() { (cd "$1" && find . -type f ! -name timing.jsonl ! -name '.*lock' ! -name 'params.mk' | sort | xargs sha256sum); }
    diff <(same whole) <(same killed)
}
