# problems.awk - the demo's arithmetic problems, as records with answers and golds.
#
#   awk -f problems.awk -v seed=1 -v n=100 -v mix=1:20,2:40,3:40 -v prefix=rl -v distinct=1 [-v style=own] [exclude.jsonl ...]
#
# tier 1  a chain of one or two operations      73+5?          73+5=78 \boxed{78}
# tier 2  a chain of three                      64-8-4+8?
# tier 3  an equation with two operations       x+8-4=82?      82+4=86 86-8=78 \boxed{78}
# tier 4  an equation with three
# tier 5  an equation with one                  x+9=25?
# tier 6  a chain of four
#
# style is how the gold writes its working (the problems are the same):
#   own      as the base has learned it                      82+4=86, each step on its line
#   foreign  the same steps in other signs, just as long     82p4:86;
#   long     each step, its test and the step again          82+4=86 86-4=82 82+4=86
#   bare     the answer alone
#
# Every partial result lies in 0..99, operands in 1..9.  The mix gives the tiers' weights; with n = 0 it
# gives their numbers (64 each: mix=1:64,2:64,3:64).  distinct=1 repeats no problem; problems that occur in the
# exclude files are never given.  The numbers are those of Park and Miller's generator (48271, 2^31 - 1), which
# every awk's arithmetic holds exactly: the same arguments give the same bytes everywhere.

function rnd(k) {            # a whole number in [0, k)
    state = (state * 48271) % 2147483647
    return int(state / 2147483647 * k)
}

# one step of the working
function line(a, sign, k, c,   inverse) {
    if (style == "bare") return ""
    if (style == "foreign") return a (sign == "+" ? "p" : "m") k ":" c ";"
    inverse = sign == "+" ? "-" : "+"
    if (style == "long") return a sign k "=" c "\\n" c inverse k "=" a "\\n" a sign k "=" c "\\n"
    return a sign k "=" c "\\n"
}

# v and the operations op[1..m] with operands b[1..m]; false if a partial result leaves 0..99
function draw(m,   i) {
    v = 1 + rnd(99)
    w = v
    good = 1
    for (i = 1; i <= m; i++) {
        op[i] = rnd(2) ? "+" : "-"
        b[i] = 1 + rnd(9)
        w = op[i] == "+" ? w + b[i] : w - b[i]
        if (w < 0 || w > 99) good = 0
    }
    return good
}

function chain(m,   i, from, to) {
    while (!draw(m)) ;
    prompt = v ""
    gold = ""
    from = v
    for (i = 1; i <= m; i++) {
        prompt = prompt op[i] b[i]
        to = op[i] == "+" ? from + b[i] : from - b[i]
        gold = gold line(from, op[i], b[i], to)
        from = to
    }
    answer = from
}

function equation(m,   i, from, to, inverse) {
    while (!draw(m)) ;
    prompt = "x"
    for (i = 1; i <= m; i++) prompt = prompt op[i] b[i]
    prompt = prompt "=" w
    gold = ""
    from = w
    for (i = m; i >= 1; i--) {      # undone from the right
        inverse = op[i] == "+" ? "-" : "+"
        to = inverse == "+" ? from + b[i] : from - b[i]
        gold = gold line(from, inverse, b[i], to)
        from = to
    }
    answer = from
}

function problem(tier) {
    if (tier == 1) chain(1 + rnd(2))
    else if (tier == 2) chain(3)
    else if (tier == 3) equation(2)
    else if (tier == 4) equation(3)
    else if (tier == 5) equation(1)
    else chain(4)
    prompt = prompt "?"
}

function emit(tier) {
    do problem(tier); while (prompt in taken)
    if (distinct) taken[prompt] = 1
    printf "{\"id\":\"%s/%06d\",\"tier\":%d,\"prompt\":\"%s\\n\",\"answer\":\"%d\",\"gold\":\"%s\\\\boxed{%d}\"}\n",
           prefix, ++count, tier, prompt, answer, gold, answer
}

# the exclude files: what stands between "prompt":" and \n"
{
    if (match($0, /"prompt":"[^"\\]*/)) taken[substr($0, RSTART + 10, RLENGTH - 10)] = 1
}

END {
    state = seed % 2147483646 + 1
    for (i = 0; i < 10; i++) rnd(2)
    tiers = split(mix, part, ",")
    total = 0
    for (t = 1; t <= tiers; t++) {
        split(part[t], pair, ":")
        tier_of[t] = pair[1]
        weight[t] = pair[2]
        total += pair[2]
    }
    if (n == 0) {
        for (t = 1; t <= tiers; t++)
            for (k = 0; k < weight[t]; k++) emit(tier_of[t])
        exit
    }
    for (k = 0; k < n; k++) {
        x = rnd(total)
        for (t = 1; x >= weight[t]; t++) x -= weight[t]
        emit(tier_of[t])
    }
}
