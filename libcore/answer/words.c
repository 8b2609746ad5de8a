/* words.c - see words.h.  The tables are small and sorted by hand into groups;
 * a perfect-enough hash is built over each at first use by the compiler's eyes
 * alone: lookup goes by first letter and length before it compares. */
#include "answer/words.h"
#include "answer/lex.h"
#include "answer/tree.h"

#include <string.h>

#define TOKEN(n, k)                                                                                \
    {                                                                                              \
        n, WORD_TOKEN, k, 0, NULL                                                                  \
    }
#define TOKEN_ID(n, k, i)                                                                          \
    {                                                                                              \
        n, WORD_TOKEN, k, i, NULL                                                                  \
    }
#define TOKEN_S(n, k, t)                                                                           \
    {                                                                                              \
        n, WORD_TOKEN, k, 0, t                                                                     \
    }
#define FUNC(n, f)                                                                                 \
    {                                                                                              \
        n, WORD_TOKEN, T_FUNC, f, NULL                                                             \
    }
#define REL(n, r)                                                                                  \
    {                                                                                              \
        n, WORD_TOKEN, T_REL, r, n                                                                 \
    }
#define SKIP(n)                                                                                    \
    {                                                                                              \
        n, WORD_SKIP, 0, 0, NULL                                                                   \
    }
#define STYLE(n)                                                                                   \
    {                                                                                              \
        n, WORD_STYLE, 0, 0, NULL                                                                  \
    }
#define BOARD(n)                                                                                   \
    {                                                                                              \
        n, WORD_STYLE, 0, 0, "board"                                                               \
    }
#define TEXT(n)                                                                                    \
    {                                                                                              \
        n, WORD_TEXT, 0, 0, NULL                                                                   \
    }
#define DROP(n)                                                                                    \
    {                                                                                              \
        n, WORD_DROP, 0, 0, NULL                                                                   \
    }
#define COLOR(n)                                                                                   \
    {                                                                                              \
        n, WORD_COLOR, 0, 0, NULL                                                                  \
    }
#define NAME(n)                                                                                    \
    {                                                                                              \
        n, WORD_NAME, 0, 0, "\\" n                                                                 \
    }
#define NAME_AS(n, t)                                                                              \
    {                                                                                              \
        n, WORD_NAME, 0, 0, t                                                                      \
    }

static const struct word commands[] = {
    SKIP("left"),
    SKIP("right"),
    SKIP("big"),
    SKIP("Big"),
    SKIP("bigg"),
    SKIP("Bigg"),
    SKIP("bigl"),
    SKIP("bigr"),
    SKIP("Bigl"),
    SKIP("Bigr"),
    SKIP("biggl"),
    SKIP("biggr"),
    SKIP("Biggl"),
    SKIP("Biggr"),
    SKIP("middle"),
    SKIP("displaystyle"),
    SKIP("textstyle"),
    SKIP("scriptstyle"),
    SKIP("limits"),
    SKIP("nolimits"),
    SKIP("space"),
    SKIP("thinspace"),
    SKIP("enspace"),
    SKIP("negthinspace"),
    SKIP("medspace"),
    SKIP("thickspace"),
    SKIP("hfill"),
    SKIP("hline"),
    SKIP("noindent"),
    SKIP("centering"),
    SKIP("nonumber"),
    SKIP("notag"),
    SKIP("mathstrut"),
    SKIP("strut"),
    SKIP("rm"),
    SKIP("bf"),
    SKIP("it"),
    SKIP("large"),
    SKIP("Large"),
    SKIP("small"),
    SKIP("normalsize"),
    SKIP("mathord"),
    SKIP("mathop"),
    SKIP("mathrel"),
    SKIP("mathbin"),
    SKIP("mathopen"),
    SKIP("mathclose"),
    SKIP("mathpunct"),
    SKIP("cr"),
    SKIP("relax"),
    SKIP("dsize"),
    SKIP("allowbreak"),
    SKIP("nobreakspace"),
    TOKEN("quad", T_QUAD),
    TOKEN("qquad", T_QUAD),
    TOKEN("newline", T_ROW),
    TOKEN("linebreak", T_ROW),

    DROP("hspace"),
    DROP("vspace"),
    DROP("phantom"),
    DROP("hphantom"),
    DROP("vphantom"),
    DROP("label"),
    DROP("tag"),
    DROP("color"),
    DROP("mspace"),
    COLOR("textcolor"),
    COLOR("colorbox"),

    STYLE("mathbf"),
    STYLE("boldsymbol"),
    STYLE("bm"),
    STYLE("mathit"),
    STYLE("mathcal"),
    STYLE("mathscr"),
    STYLE("mathfrak"),
    STYLE("mathsf"),
    STYLE("mathtt"),
    STYLE("mathnormal"),
    STYLE("boxed"),
    STYLE("fbox"),
    STYLE("framebox"),
    STYLE("ensuremath"),
    STYLE("pmb"),
    STYLE("underline"),
    STYLE("cancel"),
    STYLE("smash"),
    STYLE("mathclap"),
    BOARD("mathds"),
    BOARD("mathbb"),
    BOARD("Bbb"),
    TEXT("text"),
    TEXT("textbf"),
    TEXT("textit"),
    TEXT("textrm"),
    TEXT("textsf"),
    TEXT("texttt"),
    TEXT("textnormal"),
    TEXT("textup"),
    TEXT("textmd"),
    TEXT("textsc"),
    TEXT("textsl"),
    TEXT("mbox"),
    TEXT("hbox"),
    TEXT("emph"),
    TEXT("mathrm"),
    TEXT("operatorname"),
    TEXT("unit"),
    TEXT("makebox"),
    TEXT("textstyle*"),
    TEXT("operatornamewithlimits"),
    TEXT("mathup"),

    FUNC("sin", FUNC_SIN),
    FUNC("cos", FUNC_COS),
    FUNC("tan", FUNC_TAN),
    FUNC("tg", FUNC_TAN),
    FUNC("cot", FUNC_COT),
    FUNC("ctg", FUNC_COT),
    FUNC("sec", FUNC_SEC),
    FUNC("csc", FUNC_CSC),
    FUNC("cosec", FUNC_CSC),
    FUNC("arcsin", FUNC_ASIN),
    FUNC("arccos", FUNC_ACOS),
    FUNC("arctan", FUNC_ATAN),
    FUNC("arctg", FUNC_ATAN),
    FUNC("arccot", FUNC_ACOT),
    FUNC("arcsec", FUNC_ASEC),
    FUNC("arccsc", FUNC_ACSC),
    FUNC("sinh", FUNC_SINH),
    FUNC("cosh", FUNC_COSH),
    FUNC("tanh", FUNC_TANH),
    FUNC("coth", FUNC_COTH),
    FUNC("sech", FUNC_SECH),
    FUNC("csch", FUNC_CSCH),
    FUNC("arcsinh", FUNC_ASINH),
    FUNC("arccosh", FUNC_ACOSH),
    FUNC("arctanh", FUNC_ATANH),
    FUNC("arsinh", FUNC_ASINH),
    FUNC("arcosh", FUNC_ACOSH),
    FUNC("artanh", FUNC_ATANH),
    FUNC("ln", FUNC_LN),
    FUNC("log", FUNC_LOG),
    FUNC("lg", FUNC_LOG),
    FUNC("exp", FUNC_EXP),
    FUNC("max", FUNC_MAX),
    FUNC("min", FUNC_MIN),
    FUNC("gcd", FUNC_GCD),
    FUNC("lcm", FUNC_LCM),
    FUNC("sgn", FUNC_SGN),
    FUNC("Re", FUNC_RE),
    FUNC("Im", FUNC_IM),
    FUNC("det", FUNC_DET),
    FUNC("abs", FUNC_ABS),
    FUNC("asin", FUNC_ASIN),
    FUNC("acos", FUNC_ACOS),
    FUNC("atan", FUNC_ATAN),

    TOKEN("pi", T_PI),
    TOKEN("uppi", T_PI),
    TOKEN("infty", T_INF),
    TOKEN("infin", T_INF),
    NAME("alpha"),
    NAME("beta"),
    NAME("gamma"),
    NAME("delta"),
    NAME("epsilon"),
    NAME_AS("varepsilon", "\\epsilon"),
    NAME("zeta"),
    NAME("eta"),
    NAME("theta"),
    NAME_AS("vartheta", "\\theta"),
    NAME("iota"),
    NAME("kappa"),
    NAME("lambda"),
    NAME("mu"),
    NAME("nu"),
    NAME("xi"),
    NAME("omicron"),
    NAME_AS("varpi", "\\varpi"),
    NAME("rho"),
    NAME_AS("varrho", "\\rho"),
    NAME("sigma"),
    NAME_AS("varsigma", "\\sigma"),
    NAME("tau"),
    NAME("upsilon"),
    NAME("phi"),
    NAME_AS("varphi", "\\phi"),
    NAME("chi"),
    NAME("psi"),
    NAME("omega"),
    NAME("Gamma"),
    NAME("Delta"),
    NAME("Theta"),
    NAME("Lambda"),
    NAME("Xi"),
    NAME("Pi"),
    NAME("Sigma"),
    NAME("Upsilon"),
    NAME("Phi"),
    NAME("Psi"),
    NAME("Omega"),
    NAME("ell"),
    NAME("hbar"),
    NAME("aleph"),
    NAME("partial"),
    NAME("nabla"),
    NAME_AS("imath", "i"),
    NAME_AS("jmath", "j"),
    NAME("square"),
    NAME("Box"),
    NAME("star"),
    NAME_AS("bigstar", "\\star"),
    NAME("heartsuit"),
    NAME("spadesuit"),
    NAME("diamondsuit"),
    NAME("clubsuit"),
    NAME("checkmark"),
    NAME("dagger"),
    NAME("bot"),
    NAME("top"),
    NAME("forall"),
    NAME("exists"),
    NAME("bullet"),
    NAME("clubs"),
    NAME_AS("S", "\\S"),

    REL("le", REL_LE),
    REL("leq", REL_LE),
    REL("leqslant", REL_LE),
    REL("leqq", REL_LE),
    REL("ge", REL_GE),
    REL("geq", REL_GE),
    REL("geqslant", REL_GE),
    REL("geqq", REL_GE),
    REL("lt", REL_LT),
    REL("gt", REL_GT),
    REL("ne", REL_NE),
    REL("neq", REL_NE),
    REL("approx", REL_APPROX),
    REL("thickapprox", REL_APPROX),
    REL("simeq", REL_APPROX),
    REL("approxeq", REL_APPROX),
    REL("doteq", REL_APPROX),
    REL("in", REL_IN),
    REL("triangleq", REL_EQ),
    REL("coloneqq", REL_EQ),
    REL("eq", REL_EQ),
    REL("notin", REL_OTHER),
    REL("subset", REL_OTHER),
    REL("subseteq", REL_OTHER),
    REL("supset", REL_OTHER),
    REL("supseteq", REL_OTHER),
    REL("equiv", REL_OTHER),
    REL("cong", REL_OTHER),
    REL("sim", REL_OTHER),
    REL("to", REL_OTHER),
    REL("rightarrow", REL_OTHER),
    REL("mapsto", REL_OTHER),
    REL("Rightarrow", REL_OTHER),
    REL("implies", REL_OTHER),
    REL("therefore", REL_OTHER),
    REL("because", REL_OTHER),
    REL("iff", REL_OTHER),
    REL("leftrightarrow", REL_OTHER),
    REL("Leftrightarrow", REL_OTHER),
    REL("perp", REL_OTHER),
    REL("parallel", REL_OTHER),
    REL("propto", REL_OTHER),
    REL("longrightarrow", REL_OTHER),
    REL("leftarrow", REL_OTHER),
    REL("ni", REL_OTHER),
    REL("nmid", REL_OTHER),
    REL("ll", REL_LT),
    REL("gg", REL_GT),
    TOKEN("not", T_NOT),

    TOKEN("cdot", '*'),
    TOKEN("times", '*'),
    TOKEN("ast", '*'),
    TOKEN("div", '/'),
    TOKEN("cdotp", '*'),
    TOKEN("centerdot", '*'),
    TOKEN("slash", '/'),
    TOKEN("pm", T_PM),
    TOKEN("mp", T_MP),
    TOKEN("cup", T_CUP),
    TOKEN("bigcup", T_CUP),
    TOKEN("cap", T_CAP),
    TOKEN("setminus", T_SETMINUS),
    TOKEN("backslash", T_SETMINUS),
    TOKEN("smallsetminus", T_SETMINUS),
    TOKEN("union", T_CUP),
    TOKEN("lor", T_OR),
    TOKEN("vee", T_OR),
    TOKEN("land", T_AND),
    TOKEN("wedge", T_AND),
    TOKEN("mid", T_MID),
    TOKEN("lvert", T_LBAR),
    TOKEN("rvert", T_RBAR),
    TOKEN("vert", '|'),
    TOKEN("lVert", T_NORM),
    TOKEN("rVert", T_NORM),
    TOKEN("Vert", T_NORM),
    TOKEN("lfloor", T_LFLOOR),
    TOKEN("rfloor", T_RFLOOR),
    TOKEN("lceil", T_LCEIL),
    TOKEN("rceil", T_RCEIL),
    TOKEN("langle", T_LANGLE),
    TOKEN("rangle", T_RANGLE),
    TOKEN("lbrace", T_SETOPEN),
    TOKEN("rbrace", T_SETCLOSE),
    TOKEN("lbrack", '['),
    TOKEN("rbrack", ']'),
    TOKEN("lparen", '('),
    TOKEN("rparen", ')'),
    TOKEN("colon", ':'),
    TOKEN("degree", T_DEGREE),
    TOKEN("prime", T_PRIME),
    TOKEN("circ", T_DEGREE),
    TOKEN("ldots", T_DOTS),
    TOKEN("cdots", T_DOTS),
    TOKEN("dots", T_DOTS),
    TOKEN("dotsc", T_DOTS),
    TOKEN("dotsb", T_DOTS),
    TOKEN("dotsm", T_DOTS),
    TOKEN("vdots", T_DOTS),
    TOKEN("ddots", T_DOTS),
    TOKEN("textellipsis", T_DOTS),
    TOKEN("dotso", T_DOTS),
    TOKEN("frac", T_FRAC),
    TOKEN("dfrac", T_FRAC),
    TOKEN("tfrac", T_FRAC),
    TOKEN("cfrac", T_FRAC),
    TOKEN("sfrac", T_FRAC),
    TOKEN("nicefrac", T_FRAC),
    TOKEN("fraction", T_FRAC),
    TOKEN("sqrt", T_SQRT),
    TOKEN("surd", T_SQRT),
    TOKEN("binom", T_BINOM),
    TOKEN("dbinom", T_BINOM),
    TOKEN("tbinom", T_BINOM),
    TOKEN("choose", T_CHOOSE),
    TOKEN("over", T_OVER),
    TOKEN("begin", T_BEGIN),
    TOKEN("end", T_FINISH),
    TOKEN("sum", T_SUM),
    TOKEN("prod", T_PROD),
    TOKEN_S("int", T_OPAQUE, "int"),
    TOKEN_S("iint", T_OPAQUE, "iint"),
    TOKEN_S("iiint", T_OPAQUE, "iiint"),
    TOKEN_S("oint", T_OPAQUE, "oint"),
    TOKEN_S("lim", T_OPAQUE, "lim"),
    TOKEN_S("limsup", T_OPAQUE, "limsup"),
    TOKEN_S("liminf", T_OPAQUE, "liminf"),
    TOKEN_S("sup", T_OPAQUE, "sup"),
    TOKEN_S("inf", T_OPAQUE, "inf"),
    TOKEN_S("dim", T_OPAQUE, "dim"),
    TOKEN_S("ker", T_OPAQUE, "ker"),
    TOKEN_S("arg", T_OPAQUE, "arg"),
    TOKEN_S("deg", T_OPAQUE, "deg"),
    TOKEN_S("Pr", T_OPAQUE, "Pr"),
    TOKEN_S("overline", T_ACCENT, "bar"),
    TOKEN_S("bar", T_ACCENT, "bar"),
    TOKEN_S("widehat", T_ACCENT, "hat"),
    TOKEN_S("hat", T_ACCENT, "hat"),
    TOKEN_S("tilde", T_ACCENT, "tilde"),
    TOKEN_S("widetilde", T_ACCENT, "tilde"),
    TOKEN_S("vec", T_ACCENT, "vec"),
    TOKEN_S("overrightarrow", T_ACCENT, "vec"),
    TOKEN_S("dot", T_ACCENT, "dot"),
    TOKEN_S("ddot", T_ACCENT, "ddot"),
    TOKEN_S("overparen", T_ACCENT, "arc"),
    TOKEN_S("overset", T_ACCENT, "overset"),
    TOKEN_S("stackrel", T_ACCENT, "overset"),
    TOKEN_S("underset", T_ACCENT, "overset"),
    TOKEN("angle", T_ANGLE),
    TOKEN("measuredangle", T_ANGLE),
    TOKEN("triangle", T_ANGLE),
    TOKEN("bmod", T_MODULO),
    TOKEN("mod", T_MODULO),
    TOKEN("pmod", T_MODULO),
    TOKEN_S("emptyset", T_SETNAME, ""),
    TOKEN_S("varnothing", T_SETNAME, ""),
    TOKEN_S("O", T_SETNAME, ""),
    TOKEN_S("R", T_SETNAME, "R"),
    TOKEN_S("N", T_SETNAME, "N"),
    TOKEN_S("Z", T_SETNAME, "Z"),
    TOKEN_S("Q", T_SETNAME, "Q"),
    TOKEN_S("C", T_SETNAME, "C"),
    TOKEN_S("reals", T_SETNAME, "R"),
    TOKEN_S("textdollar", T_MONEY, "dollar"),
    TOKEN_S("pounds", T_MONEY, "pound"),
    TOKEN_S("euro", T_MONEY, "euro"),
    TOKEN_S("yen", T_MONEY, "yen"),
    TOKEN("percent", '%'),
};

static const struct word plain[] = {
    FUNC("sin", FUNC_SIN),
    FUNC("cos", FUNC_COS),
    FUNC("tan", FUNC_TAN),
    FUNC("cot", FUNC_COT),
    FUNC("sec", FUNC_SEC),
    FUNC("csc", FUNC_CSC),
    FUNC("arcsin", FUNC_ASIN),
    FUNC("arccos", FUNC_ACOS),
    FUNC("arctan", FUNC_ATAN),
    FUNC("asin", FUNC_ASIN),
    FUNC("acos", FUNC_ACOS),
    FUNC("atan", FUNC_ATAN),
    FUNC("sinh", FUNC_SINH),
    FUNC("cosh", FUNC_COSH),
    FUNC("tanh", FUNC_TANH),
    FUNC("ln", FUNC_LN),
    FUNC("log", FUNC_LOG),
    FUNC("lg", FUNC_LOG),
    FUNC("exp", FUNC_EXP),
    FUNC("sqrt", FUNC_SQRT),
    FUNC("abs", FUNC_ABS),
    FUNC("max", FUNC_MAX),
    FUNC("min", FUNC_MIN),
    FUNC("gcd", FUNC_GCD),
    FUNC("lcm", FUNC_LCM),
    FUNC("floor", FUNC_FLOOR),
    FUNC("ceil", FUNC_CEIL),
    FUNC("sgn", FUNC_SGN),
    FUNC("cbrt", FUNC_ROOT),
    FUNC("det", FUNC_DET),
    FUNC("binomial", FUNC_BINOM),
    FUNC("arccot", FUNC_ACOT),
    FUNC("arcsec", FUNC_ASEC),
    FUNC("arccsc", FUNC_ACSC),
    FUNC("coth", FUNC_COTH),
    FUNC("sech", FUNC_SECH),
    FUNC("csch", FUNC_CSCH),
    FUNC("arcsinh", FUNC_ASINH),
    FUNC("arccosh", FUNC_ACOSH),
    FUNC("arctanh", FUNC_ATANH),
    TOKEN("pi", T_PI),
    TOKEN("infinity", T_INF),
    TOKEN("inf", T_INF),
    TOKEN("oo", T_INF),
    TOKEN("infty", T_INF),
    TOKEN("and", T_AND),
    TOKEN("or", T_OR),
    TOKEN("percent", '%'),
    TOKEN("percentage", '%'),
    TOKEN("pct", '%'),
    TOKEN("degrees", T_DEGREE),
    TOKEN("degree", T_DEGREE),
    TOKEN("deg", T_DEGREE),
    TOKEN("union", T_CUP),
    TOKEN("mod", T_MODULO),
    TOKEN_S("theta", T_NAME, "\\theta"),
    TOKEN_S("alpha", T_NAME, "\\alpha"),
    TOKEN_S("beta", T_NAME, "\\beta"),
    TOKEN_S("lambda", T_NAME, "\\lambda"),
    TOKEN_S("omega", T_NAME, "\\omega"),
    TOKEN_S("phi", T_NAME, "\\phi"),
    TOKEN_S("sigma", T_NAME, "\\sigma"),
    TOKEN_S("gamma", T_NAME, "\\gamma"),
    TOKEN_S("mu", T_NAME, "\\mu"),
    TOKEN_S("rho", T_NAME, "\\rho"),
};

static const struct word *find(const struct word *w, size_t n, struct str name)
{
    if (!name.n)
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (w[i].name[0] == name.p[0] && strlen(w[i].name) == name.n &&
            memcmp(w[i].name, name.p, name.n) == 0)
            return &w[i];
    return NULL;
}

const struct word *word_command(struct str name)
{
    return find(commands, sizeof commands / sizeof *commands, name);
}

const struct word *word_plain(struct str name)
{
    char lower[16];
    if (name.n < 2 || name.n >= sizeof lower)
        return NULL;
    /* "Pi" and "AND" are words of formulas, "SIN" too; "Sec" would be a unit. */
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
    }
    return find(plain, sizeof plain / sizeof *plain, (struct str){lower, name.n});
}

bool word_equal_fold(struct str a, const char *lower)
{
    size_t i = 0;
    for (; i < a.n; i++) { /* most words differ in their first letter */
        char c = a.p[i];
        if (!lower[i] || (c >= 'A' && c <= 'Z' ? (char)(c | 32) : c) != lower[i])
            return false;
    }
    return !lower[i];
}
