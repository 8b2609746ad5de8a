# curves.awk - mean@8 of tiers 1 to 3 as training goes on, as a Markdown table: the means over seeds.
#
#   awk -v arms="gcpo ..." -f curves.awk curves.tsv
#
# A column is a quarter of the budget; an evaluation counts for the quarter that is nearest.
FNR == 1 { next }
{
    quarter = int($3 * 4 + 0.5)
    if (quarter > 4) quarter = 4
    if ($3 + 0 >= latest[$1, $2, quarter] + 0) {      # of two in one quarter, the later
        latest[$1, $2, quarter] = $3
        at[$1, $2, quarter, $4] = $5
    }
    seeds[$1]
}
END {
    n_arms = split(arms, arm, " ")
    print "| arm | 0 | 1/4 | 1/2 | 3/4 | all |"
    print "|---|---|---|---|---|---|"
    for (a = 1; a <= n_arms; a++) {
        line = "| " arm[a] " |"
        for (q = 0; q <= 4; q++) {
            sum = n = 0
            for (s in seeds)
                for (t = 1; t <= 3; t++)
                    if ((s, arm[a], q, t) in at) { sum += at[s, arm[a], q, t]; n++ }
            line = line (n ? sprintf(" %.1f |", 100 * sum / n) : " |")
        }
        print line
    }
}
