# table.awk - the comparison's tables as Markdown, from results.tsv and costs.tsv.
#
#   awk -v arms="base gcpo ..." -v against=gcpo -f table.awk costs.tsv results.tsv
#
# A figure is the mean over seeds, and each seed is another base: the interval is Student's over the seeds' means, which is
# what clustering by base comes to.  Differences are taken within a base.
function t_quantile(df,   list, part) {      # of 0.975
    list = "12.706 4.303 3.182 2.776 2.571 2.447 2.365 2.306 2.262 2.228 2.201 2.179 2.160 2.145 2.131 2.120 2.110 2.101 2.093"
    split(list, part, " ")
    return df <= 19 ? part[df] : 1.96 + 2.5 / df
}

# the mean of v[1..n] in `mean`, half its interval in `half` (-1: one seed has none)
function summarise(v, n,   i, ss) {
    mean = 0
    for (i = 1; i <= n; i++) mean += v[i] / n
    ss = 0
    for (i = 1; i <= n; i++) ss += (v[i] - mean) ^ 2
    half = n > 1 ? t_quantile(n - 1) * sqrt(ss / (n - 1) / n) : -1
}

function average(arm, of,   i) {             # of[seed, arm] over the seeds
    for (i = 1; i <= n_seeds; i++) v[i] = of[seeds[i], arm]
    summarise(v, n_seeds)
    return mean
}

function percent(x) { return sprintf("%.1f", 100 * x) }
function interval(low, high, least) {         # no share lies beyond least and 1
    if (low < least) low = least
    if (high > 1) high = 1
    return half < 0 ? "" : sprintf(" [%s, %s]", percent(low), percent(high))
}

FNR == 1 { file++; next }
file == 1 { rollouts[$1, $2] = $3; golds[$1, $2] = $4; flops[$1, $2] = $5; next }
{
    if (!($1 in known)) { known[$1] = 1; seeds[++n_seeds] = $1 }
    at[$3, $1, $2] = $4
    top[$3, $1, $2] = $5
    if ($3 <= 3) trained[$1, $2] += $4 / 3
}
END {
    n_arms = split(arms, arm, " ")
    print "| arm | tier 1 | tier 2 | tier 3 | tiers 1-3 | minus " against " | tier 3 pass@8 | tier 4 | tier 5 | tier 6 | rollouts | golds | TFLOP |"
    print "|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    for (a = 1; a <= n_arms; a++) {
        name = arm[a]
        line = "| " name " |"
        for (t = 1; t <= 6; t++) {
            for (i = 1; i <= n_seeds; i++) { one[seeds[i], name] = at[t, seeds[i], name]; best[seeds[i], name] = top[t, seeds[i], name] }
            cell[t] = percent(average(name, one))
            pass[t] = percent(average(name, best))
        }
        average(name, trained)
        line = line " " cell[1] " | " cell[2] " | " cell[3] " | " percent(mean) interval(mean - half, mean + half, 0) " |"
        for (i = 1; i <= n_seeds; i++) v[i] = trained[seeds[i], name] - trained[seeds[i], against]
        summarise(v, n_seeds)
        line = line " " (name == against ? "" : sprintf("%+.1f", 100 * mean) interval(mean - half, mean + half, -1)) " |"
        line = line " " pass[3] " | " cell[4] " | " cell[5] " | " cell[6] " |"
        print line sprintf(" %.0f | %.0f | %.2f |", average(name, rollouts), average(name, golds), average(name, flops) / 1e12)
    }
}
