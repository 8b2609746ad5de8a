# noise.awk - calls a share of the right responses wrong, as a verifier does that cannot read them.
#
#   gcpo-verify rollouts.jsonl.zst | zstdcat | awk -v share=0.05 -f noise.awk
#
# Whether a response is hit is a function of the record's id and the response's number.  Golds are not touched.
BEGIN {
    for (i = 1; i < 128; i++) code[sprintf("%c", i)] = i
    right = "\"verdict\":\"correct\",\"reward\":1"
}
{
    id = match($0, /"id":"[^"]*"/) ? substr($0, RSTART, RLENGTH) : NR
    state = 7
    for (i = 1; i <= length(id); i++) state = (state * 31 + code[substr(id, i, 1)]) % 2147483647
    rest = $0
    out = ""
    while (at = index(rest, right)) {
        state = (state * 48271) % 2147483647
        out = out substr(rest, 1, at - 1) (state / 2147483647 < share ? "\"verdict\":\"wrong\",\"reward\":0" : right)
        rest = substr(rest, at + length(right))
    }
    print out rest
}
