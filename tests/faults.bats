#!/usr/bin/env bats
# Every call of every kind fails once: no crash, no success with a damaged output, nothing left behind.
bats_require_minimum_version 1.5.0
setup() {
    load helpers
    FAULTS=$(dirname "$(command -v gcpo-inject-gold)")/tests/faults.so
    [ -e "$FAULTS" ] || skip "faults.so is not built with sanitizers"
    { group a w n w; group b w c; for i in 1 2 3 4 5 6 7 8; do group "g$i" w w c; done; } > "$T/in"
}

# faults CALL FAULT PROGRAM [OPTION...]: the n-th call fails, for every n until there are no more.
# The program writes $T/out; $T/want is what it writes undisturbed.
faults() {
    local call=$1 fault=$2 n status points=0
    shift 2
    for ((n = 1; n < 5000; n++)); do
        rm -f "$T/hit" "$T/out" "$T"/.out*
        status=0
        GCPO_TEST_FAULT=$call:$n:$fault GCPO_TEST_FAULT_HIT=$T/hit LD_PRELOAD=$FAULTS timeout 20 "$@" -o "$T/out" "$T/in" 2> "$T/stderr" || status=$?
        [ -e "$T/hit" ] || break
        points=$((points + 1))
        if [ "$status" -eq 0 ]; then
            cmp -s "$T/out" "$T/want" || { echo "$* $call:$n:$fault: status 0 and another output"; return 1; }
            [ ! -s "$T/stderr" ] || { cat "$T/stderr"; return 1; }
        else
            [ "$status" -lt 128 ] || { echo "$* $call:$n:$fault: status $status"; return 1; }
            [ "$status" -ge 64 ] && [ "$status" -ne 70 ] || { echo "$* $call:$n:$fault: status $status"; return 1; }
            [ "$(wc -l < "$T/stderr")" -eq 1 ] || { echo "$* $call:$n:$fault:"; cat "$T/stderr"; return 1; }
            # Behind the rename the output is whole; only its durability is in doubt.
            [ ! -e "$T/out" ] || cmp -s "$T/out" "$T/want" || { echo "$* $call:$n:$fault: half an output"; return 1; }
            [ ! -e "$T/.out.part" ] || { echo "$* $call:$n:$fault: .out.part is left"; return 1; }
        fi
    done
    [ "$n" -lt 5000 ]
    echo "# $1: $call $fault: $points points" >&3
}

every_fault() { # every_fault PROGRAM [OPTION...]
    "$@" -o "$T/want" "$T/in"
    faults write ENOSPC "$@"
    faults write EINTR "$@"
    faults write SHORT "$@"
    faults read EIO "$@"
    faults read EINTR "$@"
    faults read SHORT "$@"
    faults fsync EIO "$@"
    faults rename EIO "$@"
    faults close EIO "$@"
    faults open EMFILE "$@"
    faults alloc ENOMEM "$@"
}

@test "gcpo-inject-gold" { every_fault gcpo-inject-gold; }
@test "gcpo-verify" { every_fault gcpo-verify; }
@test "gcpo-advantage" { every_fault gcpo-advantage; }

@test "interrupted calls are taken up again" {
    gcpo-inject-gold -o "$T/want" "$T/in"
    for fault in write:1:EINTR write:2:SHORT read:1:EINTR read:1:SHORT fsync:1:EINTR; do
        GCPO_TEST_FAULT=$fault LD_PRELOAD=$FAULTS run -0 gcpo-inject-gold -o "$T/out" "$T/in"
        cmp "$T/out" "$T/want"
    done
}
