#!/usr/bin/env bats
# The manual pages: references, options and examples are true.
bats_require_minimum_version 1.5.0
setup() {
    load helpers
    cd "$ROOT"
}

@test "every program has a page with the sections that people look for" {
    for p in $PROGRAMS; do
        for s in NAME SYNOPSIS DESCRIPTION "EXIT STATUS" EXAMPLES "SEE ALSO"; do
            grep -q "^\.Sh $s" "man/$p.1" || { echo "$p: no $s"; false; }
        done
    done
}

@test "every reference to a page of ours has a file" {
    grep -ho '^\.Xr gcpo[a-z-]* [0-9]' man/*.[157] | sort -u | while read -r _ page section; do
        [ -f "man/$page.$section" ] || { echo "man/$page.$section"; false; }
    done
}

@test "pages and --help have the same options" {
    for p in $PROGRAMS; do
        "$p" --help | grep -oE '^  (-., )?--[a-z0-9-]+' | grep -oE -- '--[a-z0-9-]+' |
            grep -vxE -- '--(progress|quiet|verbose|help|version)' | sort > "$T/help"
        # .It Fl o , -output Ar FILE    .It Fl -plain
        grep -E '^\.It Fl ' "man/$p.1" | grep -oE ' -[a-z][a-z0-9-]*' | sed 's/^ -/--/' |
            grep -vxE -- '--(progress|quiet|verbose|help|version)' | sort -u > "$T/page"
        diff "$T/help" "$T/page" || { echo "in $p"; false; }
    done
}

# Lines of EXAMPLES that begin with "$ " are commands; what follows, up to an empty line, is their output.
@test "every example runs and prints what the page says" {
    n=0
    for page in man/*.[157]; do
        mandoc -T ascii -O width=400 "$page" | sed $'s|.\b||g' | sed -n '/^EXAMPLES/,/^[A-Z]/p' | awk '
            /^ *\$ / { if (cmd) out(); match($0, /\$/); indent = RSTART; cmd = substr($0, RSTART + 2); text = ""; next }
            cmd && /^ *$/ { out(); next }
            cmd { text = text substr($0, indent) "\n" }
            function out() { printf "%s\001%s\002", cmd, text; cmd = "" }
            END { if (cmd) out() }' > "$T/examples"
        while IFS=$'\001' read -r -d $'\002' command want; do
            n=$((n + 1))
            got=$(bash -c "set -o pipefail; $command" 2>&1) || { echo "$page: $command: status $?: $got"; false; }
            [ "$got" = "${want%$'\n'}" ] || { echo "$page: \$ $command"; diff <(echo "${want%$'\n'}") <(echo "$got"); false; }
        done < "$T/examples"
    done
    [ "$n" -ge 3 ]
}
