#!/usr/bin/env bats
# gcpo-report(1): runs as one HTML file.
bats_require_minimum_version 1.5.0
setup() { load helpers; }

# run NAME STEPS: a folder as train.mk leaves it
run_folder() {
    local r=$T/$1 k
    mkdir -p "$r/eval"
    printf 'MODEL := base\nALGO := %s\nLR := 1e-6\n' "$1" > "$r/params.mk"
    for k in $(seq "$2"); do
        d=$r/$(printf 'step-%04d' "$k")
        mkdir -p "$d"
        { group "p$k" w w c; group "q$k" w n w; } | jq -c '.tier = 1' | gcpo-inject-gold -o "$d/step.jsonl.zst"
        jq -nc --argjson k "$k" '{step: $k, algo: "gcpo", groups: {all: 2, mixed: 1, all_wrong: 1, all_right: 0, unscorable: 0, injected: 1},
            rows: {all: 6, gold: 1}, accuracy: ($k / 100), policy: {ratio_min: 0.9, ratio_max: (1 + $k / 100), entropy: 0.5},
            grad_norm: 2, optimizer_steps: $k, mismatch: {max: 0}}' > "$d/metrics.jsonl"
        echo "{\"step\":$k,\"tokens_per_s\":$((1000 * k))}" > "$d/timing.jsonl"
        cat "$d/metrics.jsonl" >> "$r/metrics.jsonl"
    done
    for k in 0000 "$(printf '%04d' "$2")"; do
        { group a w c; group b c c; } | jq -c '.tier = 1' | gcpo-stat --json --by tier > "$r/eval/$k.json"
    done
}

browser() { # DOM of a page after its script ran; $1: address
    command -v chromium > /dev/null || skip "no chromium"
    timeout 600 chromium --headless --no-sandbox --disable-gpu --disable-background-networking --enable-logging=stderr --dump-dom "$1" 2> "$T/log"
}

@test "a run becomes one file that loads nothing" {
    run_folder a 3
    run -0 --separate-stderr gcpo-report -o "$T/r.html" "$T/a"
    [ -z "$stderr" ]
    # uPlot's licence line names its home, and that is all
    [ "$(grep -vxF '/*! https://github.com/leeoniya/uPlot (v1.6.32) */' "$T/r.html" | grep -cE '(src|href)=|@import|url\(|https?://')" -eq 0 ]
    for heading in Overview 'Held-out prompts' Curves Groups Parameters Provenance; do grep -q "<h2[^>]*>$heading</h2>" "$T/r.html"; done
    grep -q '<td>75.0% (50.0–100.0)</td>' "$T/r.html" # mean@2 of the held-out prompts
    [ "$(grep -c '<details class="group"' "$T/r.html")" -eq 6 ]
    grep -q 'data-contrast="all-wrong" data-verdicts="wrong no-answer" data-gold="injected" data-part="tier 1" data-id="q1"' "$T/r.html"
    grep -q '0 at every step: .*mismatch.max' "$T/r.html"
    for chart in 'Held-out prompts, mean@2' 'Groups by contrast' 'Ratio of the policy&#39;s responses' 'Update, tokens per second'; do
        grep -q "<svg.*aria-label=\"$chart\"" "$T/r.html"
    done
}

@test "equal runs give equal bytes, and the choice of groups is the seed's" {
    run_folder a 3
    gcpo-report --groups 3 "$T/a" > "$T/1"
    gcpo-report --groups 3 "$T/a" | cmp - "$T/1"
    [ "$(grep -c '<details class="group"' "$T/1")" -eq 3 ]
    [ "$(for s in 1 2 3 4 5 6; do gcpo-report --groups 3 -s $s "$T/a" | grep -o 'data-id="[^"]*"' | paste -sd' '; done | sort -u | wc -l)" -gt 1 ]
    [ "$(gcpo-report --groups 0 "$T/a" | grep -c '<details class="group"')" -eq 0 ]
}

@test "several runs are laid over each other, and what differs is marked" {
    run_folder a 3
    run_folder b 4
    gcpo-report -o "$T/r.html" "$T/a" "$T/b"
    grep -q '<svg.*aria-label="Held-out prompts, mean@2: tier 1"' "$T/r.html"
    [ "$(grep -A30 'aria-label="Gradient norm"' "$T/r.html" | grep -c '^<path class="l c[01]"[^>]*d="M[^"]*L')" -eq 2 ]
    grep -q '<tr class="differs"><td>ALGO</td>' "$T/r.html"
    grep -q '<tr><td>LR</td>' "$T/r.html"
    mkdir "$T/x" && cp -r "$T/a" "$T/x/a"
    gcpo-report "$T/a" "$T/x/a" | grep -q '<td>x/a</td>'
    gcpo-report "$T/a" "$T/a" | grep -q '<td>.*/a (2)</td>'
}

@test "what a model wrote is shown, not run" {
    run_folder a 1
    evil='</pre></details><script>document.title="taken"</script><img src=x onerror="document.title=1">"&'
    group x w c | jq -c --arg e "$evil" '.id = $e | .prompt = $e | .answer = $e | .gold = $e | .responses[0].text = $e + "\u0000\u001b[31m\u202e" | .responses[0].extracted = $e | .responses[0].why = $e | .gold_fate = $e' |
        gcpo-cat -o "$T/a/step-0001/step.jsonl.zst"
    printf 'LR := %s\n' "$evil" > "$T/a/params.mk"
    jq -nc --arg e "$evil" '{step: 1, ($e): 2, algo: $e}' > "$T/a/metrics.jsonl"
    cp -r "$T/a" "$T/<script>x"
    gcpo-report -o "$T/r.html" "$T/<script>x"
    [ "$(grep -o '<script' "$T/r.html" | wc -l)" -eq 1 ]
    ! grep -q '<img' "$T/r.html"
    ! grep -q $'\033\|\xe2\x80\xae' "$T/r.html"
    browser "file://$T/r.html" > "$T/dom"
    grep -q '<title>&lt;script&gt;x</title>' "$T/dom"
    ! grep -i 'console' "$T/log"
}

@test "in a browser: no errors, filters and their address work" {
    run_folder a 3
    gcpo-report -o "$T/r.html" "$T/a"
    browser "file://$T/r.html" > "$T/dom"
    ! grep -i 'console' "$T/log"
    grep -q '<output id="count" class="dim">6 of 6 shown</output>' "$T/dom"
    browser "file://$T/r.html#contrast=all-wrong&step=2" > "$T/dom"
    grep -q '<output id="count" class="dim">1 of 6 shown</output>' "$T/dom"
    browser "file://$T/r.html#text=P3&sort=id" > "$T/dom"
    grep -q '<output id="count" class="dim">1 of 6 shown</output>' "$T/dom"
    browser "file://$T/r.html#sort=right&reverse=1" > "$T/dom"
    [ "$(grep -o 'data-id="[^"]*"' "$T/dom" | head -3 | paste -sd' ')" = 'data-id="p3" data-id="p2" data-id="p1"' ]
    browser "file://$T/r.html#sort=right" > "$T/dom"
    [ "$(grep -o 'data-id="[^"]*"' "$T/dom" | head -3 | paste -sd' ')" = 'data-id="q1" data-id="q2" data-id="q3"' ]
}

# drive PAGE WIDTH: steps of a program for the page; prints what it returns.  Skips where there is no chromium or no client.
drive() {
    command -v chromium > /dev/null || skip "no chromium"
    command -v node > /dev/null || skip "no node"
    node "$ROOT/tests/browser.mjs" "$@"
}

@test "in a browser: charts are enlarged, runs hidden, groups opened, at 1280 and 400 pixels" {
    run_folder a 3
    run_folder b 3
    gcpo-report -o "$T/r.html" "$T/a" "$T/b"
    for width in 1280 400; do
        drive "$T/r.html" "$width" > "$T/seen"
        cat "$T/seen"
        grep -qx 'messages 0' "$T/seen"
        grep -qx "page as wide as the window: true" "$T/seen"
        grep -qx 'lines of the enlarged chart: a b' "$T/seen"
        grep -qx 'opacity of a hidden run: 0.07' "$T/seen"
        grep -qx 'groups shown with verdict no-answer: 6 of 12 shown' "$T/seen"
        grep -qx 'first group by id, reversed: q3' "$T/seen"
    done
}

@test "without JavaScript everything is there" {
    run_folder a 2
    gcpo-report "$T/a" | sed '/<script/,/<\/script>/d' > "$T/r.html"
    [ "$(grep -c '<details class="group"' "$T/r.html")" -eq 4 ]
    ! grep -q '<details class="group"[^>]*hidden' "$T/r.html"
    grep -q '<form id="filters" hidden>' "$T/r.html"
}

@test "a run that goes on, or has only some of its files, can be looked at" {
    run_folder a 3
    rm "$T/a/metrics.jsonl" "$T/a/step-0003/step.jsonl.zst" "$T/a/params.mk"
    rm -r "$T/a/eval"
    gcpo-report -o "$T/r.html" "$T/a"
    grep -q '<tr><td>a</td><td>gcpo</td><td>3</td>' "$T/r.html"
    [ "$(grep -c '<details class="group"' "$T/r.html")" -eq 4 ]
    rm -r "$T/a"/step-*
    run -65 gcpo-report "$T/a"
    run -66 --separate-stderr gcpo-report "$T/none"
    [ "$stderr" = "gcpo-report: $T/none: cannot open the folder: No such file or directory" ]
    run -64 gcpo-report
}

@test "a damaged file is named and nothing is written" {
    run_folder a 2
    echo '{"step":' >> "$T/a/metrics.jsonl"
    run -65 --separate-stderr gcpo-report -o "$T/r.html" "$T/a"
    [[ "$stderr" == "gcpo-report: $T/a/metrics.jsonl:3: byte 9: "* ]]
    [ ! -e "$T/r.html" ]
    run_folder b 1
    head -c -9 "$T/b/step-0001/step.jsonl.zst" > "$T/cut" && mv "$T/cut" "$T/b/step-0001/step.jsonl.zst"
    run -65 gcpo-report -o "$T/r.html" "$T/b"
    [ ! -e "$T/r.html" ]
    run_folder c 1
    echo '[' > "$T/c/eval/0001.json"
    run -65 gcpo-report -o "$T/r.html" "$T/c"
}

@test "--svg writes one curve as a file of its own" {
    run_folder a 5
    run_folder b 5
    gcpo-report --svg contrast -o "$T/c.svg" "$T/a"
    head -c 60 "$T/c.svg" | grep -q '<svg class="chart" xmlns="http://www.w3.org/2000/svg"'
    [ "$(grep -c '<path class="l ' "$T/c.svg")" -eq 4 ] # two lines, and two in the legend
    gcpo-report --svg 'mean:tier 1' "$T/a" "$T/b" | grep -q '<title>b, step 5: 75%</title>'
    gcpo-report --svg grad_norm "$T/a" > /dev/null || gcpo-report --svg gradient "$T/a" > /dev/null
    run -64 --separate-stderr gcpo-report --svg nothing "$T/a"
    [[ "$stderr" == "gcpo-report: there is no curve 'nothing' (expected one of mean, pass, "* ]]
    if command -v xmllint; then xmllint --noout "$T/c.svg"; fi
}

@test "tokens are shaded, and old stands beside new where a step was scored" {
    need_data engine/e2e-qwen3/tokenizer.json
    run_folder a 1
    group p w c | jq -c '.responses[0] += {tokens: [72, 73, 74, 75], logprobs: [-0.125, -1, -3, -8], ref_logprobs: [-0.125, -1, -3, -7]}' |
        gcpo-cat -o "$T/a/step-0001/scored.jsonl.zst"
    gcpo-report -m "$DATA/engine/e2e-qwen3" "$T/a" > "$T/r.html"
    grep -q '<span class="p1" title="-1">.*<span class="p2" title="-3">.*<span class="p3" title="-8">' "$T/r.html"
    grep -q '<span>log-prob -12.12 (-3.03 per token)</span><span>under the other model -11.12</span><span>ratio 1.284</span>' "$T/r.html"
}

@test "long texts and many responses are cut, and that is said" {
    run_folder a 1
    group p $(yes w | head -100) | jq -c '.responses[0].text = ("x" * 9000)' | gcpo-cat -o "$T/a/step-0001/step.jsonl.zst"
    gcpo-report "$T/a" > "$T/r.html"
    grep -q '\[4000 of 9000 bytes\]' "$T/r.html"
    grep -q '36 more responses' "$T/r.html"
}

@test "many long groups stay under 5 MB" {
    run_folder a 2
    for i in $(seq 40); do group "g$i" w w w w c c c c; done | jq -c '.responses |= map(.text = ("<word> " * 2000))' > "$T/in"
    for k in 1 2; do gcpo-cat -o "$T/a/step-000$k/step.jsonl.zst" "$T/in"; done
    gcpo-report --groups 4096 -o "$T/r.html" "$T/a"
    [ "$(stat -c %s "$T/r.html")" -lt 5000000 ]
    grep -q 'data-step="2"' "$T/r.html"
}
