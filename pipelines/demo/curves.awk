# curves.awk - learning curves as SVG, from lines of model, step, tier, mean@8 (with a header).
# One panel for each tier, a line for each model; colours that the colour-blind can tell apart, and dashes besides.
BEGIN {
    FS = "\t"
    colour["gcpo"] = "#0072B2"; colour["dapo"] = "#D55E00"
    dash["gcpo"] = ""; dash["dapo"] = " stroke-dasharray=\"6 4\""
    width = 260; height = 180; left = 46; top = 40; gap = 30
}
NR == 1 { next }
{
    n = ++count[$1, $3]
    step[$1, $3, n] = $2; value[$1, $3, n] = $4
    if ($2 + 0 > last) last = $2 + 0
    if (!($1 in model)) { model[$1] = 1; models[++n_models] = $1 }
    if (!($3 in tier)) { tier[$3] = 1; tiers[++n_tiers] = $3 }
}
function x(t, s) { return left + (t - 1) * (width + gap) + (last ? s / last : 0) * width }
function y(v) { return top + (1 - v) * height }
END {
    total = left + n_tiers * (width + gap)
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#222\">\n", total, top + height + 70
    printf "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n"
    for (t = 1; t <= n_tiers; t++) {
        printf "<text x=\"%.1f\" y=\"%d\" font-weight=\"bold\">tier %s</text>\n", x(t, 0), top - 12, tiers[t]
        for (v = 0; v <= 4; v++) {
            printf "<path d=\"M%.1f %.1fH%.1f\" stroke=\"#ddd\"/>\n", x(t, 0), y(v / 4), x(t, last)
            if (t == 1) printf "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%d%%</text>\n", left - 6, y(v / 4) + 4, 25 * v
        }
        printf "<text x=\"%.1f\" y=\"%d\">0</text><text x=\"%.1f\" y=\"%d\" text-anchor=\"end\">step %d</text>\n", x(t, 0), top + height + 18, x(t, last), top + height + 18, last
        for (m = 1; m <= n_models; m++) {
            name = models[m]
            d = ""
            for (i = 1; i <= count[name, tiers[t]]; i++)
                d = d (i > 1 ? "L" : "M") sprintf("%.1f %.1f", x(t, step[name, tiers[t], i]), y(value[name, tiers[t], i]))
            printf "<path d=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"%s/>\n", d, colour[name], dash[name]
        }
    }
    for (m = 1; m <= n_models; m++) {
        name = models[m]
        at = left + (m - 1) * 120
        printf "<path d=\"M%d %dh30\" stroke=\"%s\" stroke-width=\"2\"%s/><text x=\"%d\" y=\"%d\">%s, mean@8</text>\n", at, top + height + 48, colour[name], dash[name], at + 36, top + height + 52, name
    }
    print "</svg>"
}
