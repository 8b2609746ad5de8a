#!/usr/bin/env bats
# The contract that all programs share (gcpo(7)), looped over every program.
bats_require_minimum_version 1.5.0
setup() {
    load helpers
    group a w c > "$T/good"
}

# The programs that read streams; and those that write a file, or what -o names.
readers() { for p in $PROGRAMS; do [ "$p" = gcpo-report ] || echo "$p"; done; }

# Programs that read groups and need no model, as far as they are built.
filters() { for p in $STREAM_PROGRAMS; do [ -e "$ROOT/cmd/$p.c" ] && echo "$p"; done; }

@test "help that was asked for goes to standard output, status 0" {
    for p in $PROGRAMS; do
        run -0 --separate-stderr "$p" --help
        [ -z "$stderr" ]
        [[ "${lines[0]}" == "$p - "* ]]
        [[ "$output" == *"usage: $p "* ]]
        first=$output
        run -0 "$p" -h
        [ "$output" = "$first" ]
        [ "$(wc -L <<< "$output")" -le 100 ]
    done
}

@test "misuse is one line and a hint on standard error, status 64" {
    for p in $PROGRAMS; do
        for bad in --nonsense --hel -% --output; do
            run -64 --separate-stderr "$p" "$bad"
            [ -z "$output" ]
            [ "${#stderr_lines[@]}" -eq 2 ]
            [[ "${stderr_lines[0]}" == "$p: "* ]]
            [ "${stderr_lines[1]}" = "try '$p --help'" ]
        done
    done
}

@test "a misspelled option is answered with the nearest one" {
    for p in $PROGRAMS; do
        for bad in --hlep --help2 --hel; do
            run -64 --separate-stderr "$p" "$bad"
            [ "${stderr_lines[0]}" = "$p: unknown option '$bad' (did you mean '--help'?)" ]
        done
        run -64 --separate-stderr "$p" --zzz
        [ "${stderr_lines[0]}" = "$p: unknown option '--zzz'" ]
    done
}

@test "help and version to a full disk: 74" {
    for p in $PROGRAMS; do
        for o in --help --version; do
            run -74 --separate-stderr bash -c "$p $o > /dev/full"
            [ "$stderr" = "$p: cannot write to standard output" ]
        done
    done
}

@test "every reader: nothing, a folder, no file, a file of zero bytes" {
    : > "$T/empty"
    for p in $(readers); do
        run -66 --separate-stderr call "$p" "$T/out" "$T/none"
        [ "$stderr" = "$p: $T/none: cannot open: No such file or directory" ]
        run -66 --separate-stderr call "$p" "$T/out" "$T"
        [ "$stderr" = "$p: $T: is a directory" ]
        run -65 --separate-stderr call "$p" "$T/out" "$T/empty"
        [ "$stderr" = "$p: $T/empty: zero bytes of input (did the program before it fail?)" ]
        [ -z "$(ls -A "$T" | grep out)" ]
    done
    run -66 --separate-stderr gcpo-report -o "$T/out" "$T/none"
    [ "$stderr" = "gcpo-report: $T/none: cannot open the folder: No such file or directory" ]
    run -66 gcpo-report -o "$T/out" "$T/empty"
    run -65 gcpo-report -o "$T/out" "$T"
    [ -z "$(ls -A "$T" | grep out)" ]
}

@test "every reader: a record that is no group is named by file and line, and leaves nothing: 65" {
    a_step
    for p in $(readers); do
        { plain "$T/step"; echo '{"id":"x","prompt":"1","responses":[3]}'; } > "$T/bad"
        run -65 --separate-stderr call "$p" "$T/out" "$T/bad"
        [[ "$stderr" == "$p: $T/bad:3: \"responses[0]\" is a number"* ]] || { echo "$stderr"; false; }
        { plain "$T/step"; printf '{"id":"x","prompt":"\xff"}\n'; } > "$T/bad"
        run -65 --separate-stderr call "$p" "$T/out" "$T/bad"
        [[ "$stderr" == "$p: $T/bad:3: not JSON: byte "* ]] || { echo "$stderr"; false; }
        [ -z "$(ls -A "$T" | grep out)" ]
    done
}

@test "every reader: a stream cut at 64 places is refused, and leaves nothing: 65" {
    for i in $(seq 40); do group "g$i" w c; done | gcpo-inject-gold > "$T/whole"
    a_step
    for p in $(readers); do
        f=$T/whole
        case $p in gcpo-score | gcpo-update) f=$T/step ;; esac
        n=$(stat -c %s "$f")
        for i in $(seq 64); do
            head -c $((i * (n - 1) / 64)) "$f" > "$T/cut"
            run -65 --separate-stderr call "$p" "$T/out" "$T/cut"
            [ "${#stderr_lines[@]}" -eq 1 ] || { echo "$p $i: $stderr"; false; }
        done
        [ -z "$(ls -A "$T" | grep out)" ]
    done
}

@test "every writer: a folder that is not there, one where nothing can be made, a full disk" {
    a_step
    for p in $(readers); do
        run -73 --separate-stderr call "$p" "$T/no/such/out" "$T/step"
        [[ "$stderr" == "$p: $T/no/such/out: cannot create "*": No such file or directory" ]] || { echo "$stderr"; false; }
        run -73 --separate-stderr call "$p" /sys/out "$T/step"
        [[ "$stderr" == "$p: /sys/out: cannot create "* ]] || { echo "$stderr"; false; }
        [ "$p" = gcpo-update ] && continue
        run -74 --separate-stderr call "$p" /dev/full "$T/step"
        [ "$stderr" = "$p: /dev/full: cannot write: No space left on device" ]
        run -74 --separate-stderr bash -c "$(declare -f call); ROOT='$ROOT'; call $p '' '$T/step' > /dev/full"
        [ "$stderr" = "$p: standard output: cannot write: No space left on device" ]
        run -73 --separate-stderr call "$p" "$T" "$T/step"
        [ "$stderr" = "$p: $T: is a directory" ]
    done
    run -73 --separate-stderr gcpo-update -m "$ROOT/testdata/model" -o "$T" "$T/step"
    [ "$stderr" = "gcpo-update: $T: exists already" ]
    run -74 --separate-stderr gcpo-update -m "$ROOT/testdata/model" -o "$T/next" --metrics /dev/full "$T/step"
    [ "$stderr" = "gcpo-update: /dev/full: cannot write: No space left on device" ]
    [ ! -e "$T/next" ] && [ -z "$(ls -A "$T" | grep '^\.')" ]
}

@test "every writer: the input may be the output" {
    a_step
    for p in $(readers); do
        [ "$p" = gcpo-update ] && continue
        call "$p" "$T/want" "$T/step"
        cp "$T/step" "$T/both"
        run -0 --separate-stderr call "$p" "$T/both" "$T/both"
        cmp "$T/both" "$T/want" || { echo "$p"; false; }
    done
}

@test "every writer: a pipe that closes early is quiet" {
    a_step
    for i in $(seq 300); do plain "$T/step" | jq -c ".id += \"$i\""; done > "$T/many"
    for p in $(readers); do
        [ "$p" = gcpo-update ] && continue
        n=600
        case $p in gcpo-rollout | gcpo-score) n=20 ;; esac
        head -n $n "$T/many" > "$T/some"
        run -0 --separate-stderr bash -c "$(declare -f call); ROOT='$ROOT'; call $p '' '$T/some' | true"
        [ -z "$stderr" ]
    done
}

@test "--version names the program and its version; -v adds the libraries" {
    for p in $PROGRAMS; do
        run -0 "$p" --version
        [[ "$output" =~ ^$p\ [0-9]+\.[0-9]+\.[0-9]+ ]]
        run -0 "$p" -V -v
        [[ "$output" == *"compiler: "* ]]
    done
}

@test "zero bytes of input are an error" {
    for p in $(filters); do
        run -65 --separate-stderr bash -c "$p < /dev/null"
        [ -z "$output" ]
        [ "$stderr" = "$p: standard input: zero bytes of input (did the program before it fail?)" ]
        run -65 "$p" -o "$T/out" /dev/null
        [ ! -e "$T/out" ]
    done
}

@test "a whole stream of zero records is fine" {
    gcpo-inject-gold "$T/good" | zstd -dc | head -0 | zstd -c > "$T/empty.zst"
    for p in $(filters); do
        run -0 --separate-stderr "$p" "$T/empty.zst"
        [ -z "$stderr" ]
    done
}

@test "missing files, directories, unreadable names: 66" {
    for p in $(filters); do
        run -66 --separate-stderr "$p" "$T/none"
        [ "$stderr" = "$p: $T/none: cannot open: No such file or directory" ]
        run -66 --separate-stderr "$p" "$T"
        [ "$stderr" = "$p: $T: is a directory" ]
        run -66 "$p" "$T/good" "$T/none" # the second of two
    done
}

@test "bad lines are named by file and line, and leave no output: 65" {
    while IFS=$'\t' read -r line message; do
        { cat "$T/good"; printf "$line\n"; } > "$T/bad"
        for p in $(filters); do
            run -65 --separate-stderr "$p" -o "$T/out" "$T/bad"
            [[ "$stderr" == "$p: $T/bad:2: $message"* ]]
            [ "${#stderr_lines[@]}" -eq 1 ]
            [ ! -e "$T/out" ] && [ ! -e "$T/.out.part" ]
        done
    done <<'CASES'
	the line is empty
not json	not JSON: byte 1
{"id":"a"	not JSON: byte 10
[1]	the line is an array (expected an object)
{"id":"a","id":"b"}	not JSON: byte 11: the key "id" occurs twice
{"id":"a","responses":3}	"responses" is a number (expected an array)
{"id":"a","responses":[3]}	"responses[0]" is a number (expected an object)
{"id":"a","x":NaN}	not JSON
{"id":"a","x":"\\xff"}	not JSON
CASES
}

@test "output that cannot be written: 73 and 74" {
    for p in $(filters); do
        [ "$p" = gcpo-stat ] && continue
        run -73 --separate-stderr "$p" -o "$T" "$T/good"
        [ "$stderr" = "$p: $T: is a directory" ]
        run -73 "$p" -o "$T/no/such/folder" "$T/good"
        run -74 --separate-stderr "$p" -o /dev/full "$T/good"
        [[ "$stderr" == "$p: /dev/full: cannot write: No space left on device" ]]
    done
    for p in $(filters); do
        run -74 --separate-stderr bash -c "$p '$T/good' > /dev/full"
    done
}

@test "a pipe that closes early is quiet" {
    for i in $(seq 3000); do group "g$i" w c; done > "$T/many"
    for p in $(filters); do
        run -0 --separate-stderr bash -c "$p '$T/many' | head -c 1 > /dev/null"
        [ -z "$stderr" ]
    done
}

@test "off a terminal, a program that succeeds is silent on standard error" {
    for p in $(filters); do
        run -0 --separate-stderr "$p" "$T/good"
        [ -z "$stderr" ]
    done
}

@test "bad records go to the reject file, if asked" {
    { cat "$T/good"; echo nonsense; group b w w; } > "$T/mixed"
    for p in gcpo-inject-gold; do
        run -0 --separate-stderr "$p" --plain --reject "$T/rejected" "$T/mixed"
        [ "$(cat "$T/rejected")" = nonsense ]
        [ "$(wc -l <<< "$output")" -eq 2 ]
        [ "$stderr" = "$p: warning: 1 of 3 records were rejected into $T/rejected" ]
    done
}

@test "a file that another process is writing is refused, naming it" {
    mkfifo "$T/pipe"
    gcpo-inject-gold -o "$T/out" "$T/pipe" 3>&- &
    pid=$!
    exec 9> "$T/pipe"
    cat "$T/good" >&9
    for _ in $(seq 100); do [ -e "$T/.out.part" ] && break; sleep 0.05; done
    sleep 0.2
    run -73 --separate-stderr gcpo-inject-gold -o "$T/out" "$T/good"
    exec 9>&-
    wait $pid
    [ "$stderr" = "gcpo-inject-gold: $T/out: is being written by process $pid" ]
    run -0 gcpo-inject-gold -o "$T/out" "$T/good"
}

@test "SIGTERM and SIGINT leave no temporary file; a killed run's is taken over" {
    for signal in TERM INT KILL; do
        mkfifo "$T/pipe$signal"
        env --default-signal=INT gcpo-inject-gold -o "$T/out" "$T/pipe$signal" 3>&- &
        pid=$!
        exec 9> "$T/pipe$signal"
        cat "$T/good" >&9
        for _ in $(seq 100); do [ -e "$T/.out.part" ] && break; sleep 0.05; done
        kill -$signal $pid
        run wait $pid
        exec 9>&-
        [ ! -e "$T/out" ]
        [ "$signal" = KILL ] || [ ! -e "$T/.out.part" ]
    done
    [ -e "$T/.out.part" ]
    run -0 gcpo-inject-gold -o "$T/out" "$T/good"
    [ ! -e "$T/.out.part" ]
}

@test "segments map to segments: tool(cat a b) = cat tool(a) tool(b)" {
    group a w w | gcpo-inject-gold > "$T/a"
    group b w c | gcpo-inject-gold > "$T/b"
    gcpo-inject-gold "$T/a" > "$T/ta"
    gcpo-inject-gold "$T/b" > "$T/tb"
    cat "$T/a" "$T/b" | gcpo-inject-gold > "$T/tab"
    cat "$T/ta" "$T/tb" | cmp - "$T/tab"
    zstd -t "$T/tab"
}

@test "memory does not grow with the stream" {
    [[ "$(command -v gcpo-verify)" != *san/* ]] || skip "sanitizers keep what is freed"
    run "$ROOT/tests/memory.sh" 20000
    echo "$output"
    [ "$(grep -c '^ok' <<< "$output")" -eq 14 ]
}
