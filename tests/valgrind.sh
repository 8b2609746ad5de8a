#!/usr/bin/env bash
# Every case of tests/faults.sh under valgrind, undisturbed: no invalid access, nothing lost.  Programs on PATH; prints TAP.
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
command -v valgrind > /dev/null || { echo "1..0 # skip valgrind is not installed"; exit; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/bin"
for p in "$(dirname "$(command -v gcpo-verify)")"/gcpo-*; do
    [ -f "$p" ] || continue
    printf '#!/bin/sh\nexec valgrind -q --error-exitcode=70 --leak-check=full --errors-for-leak-kinds=definite --log-file=%s/log.%%p "%s" "$@"\n' \
        "$dir" "$p" > "$dir/bin/${p##*/}"
    chmod +x "$dir/bin/${p##*/}"
done
PATH=$dir/bin:$PATH "$root/tests/faults.sh" -u "$@"
status=$?
cat "$dir"/log.* 2> /dev/null | head -n 100
exit $status
