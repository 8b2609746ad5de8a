#!/usr/bin/env bats
# Every call of every kind fails once in every program: no crash, no success with a damaged output, nothing left behind, and
# the same command then ends in the same bytes.  `make torture` tries every n, this a growing stride.
bats_require_minimum_version 1.5.0
CUDA_TOO="the calls of its runtime, which opening a device makes, would fail as ours do"
setup() {
    load helpers
    FAULTS=$(dirname "$(command -v gcpo-verify)")/tests/faults.so
    [ -e "$FAULTS" ] || skip "faults.so is not built with sanitizers"
}

sweep() { # sweep PROGRAM...: all cases hold, and points were tried in each
    local status=0
    "$ROOT/tests/faults.sh" -g 1 "$@" > "$T/log" 2>&1 || status=$?
    sed 's/^/# /' "$T/log" >&3
    [ "$status" -eq 0 ]
    ! grep -q ': 0 points' "$T/log"
    for p; do grep -q "^ok .* - $p" "$T/log"; done
}

@test "every program has a case" {
    for p in $PROGRAMS; do grep -qE "^    \[${p#gcpo-}(/[a-z]+)?\]=" "$ROOT/tests/faults.sh" || { echo "$p"; false; }; done
}

@test "the filters" { sweep gcpo-verify gcpo-inject-gold gcpo-advantage; }
@test "gcpo-cat, gcpo-stat, gcpo-report" { sweep gcpo-cat gcpo-stat gcpo-report; }
@test "gcpo-gold, gcpo-prompts, gcpo-rollout, gcpo-score" { without_cuda "$CUDA_TOO"; sweep gcpo-gold gcpo-prompts gcpo-rollout gcpo-score; }
@test "gcpo-update" { without_cuda "$CUDA_TOO"; sweep gcpo-update; }
@test "gcpo-model" { without_cuda "$CUDA_TOO"; sweep gcpo-model; }

@test "interrupted calls are taken up again" {
    { group a w n w; group b w c; } > "$T/in"
    gcpo-inject-gold -o "$T/want" "$T/in"
    for fault in write:1:EINTR write:2:SHORT read:1:EINTR read:1:SHORT fsync:1:EINTR close:1:EINTR; do
        GCPO_TEST_FAULT=$fault LD_PRELOAD=$FAULTS run -0 gcpo-inject-gold -o "$T/out" "$T/in"
        cmp "$T/out" "$T/want"
    done
}
