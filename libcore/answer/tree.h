/* tree.h - an answer as a tree.
 *
 * Nodes live in the arena of whoever parses and are never changed afterwards,
 * so a parsed reference can be shared by threads. */
#ifndef ANSWER_TREE_H
#define ANSWER_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/str.h"

enum op {
    OP_NUM,  /* digits * 10^scale; flag NODE_DECIMAL if written with a point or as 3e5 */
    OP_NAME, /* a variable: "x", "\\alpha", "width" */
    OP_PI,
    OP_E,
    OP_I,
    OP_INF,
    OP_ADD, /* n terms */
    OP_MUL, /* n factors; NODE_CALL if it is written like a function of names: k(x) */
    OP_DIV, /* a / b */
    OP_POW, /* a ^ b */
    OP_NEG,
    OP_PM,      /* one kid: +-a; two: a +- b; NODE_FLIPPED for -+ */
    OP_FUNC,    /* a known function, `func` */
    OP_CALL,    /* an unknown function `name` of its kids: f(x), F_k */
    OP_BIG,     /* sum or product: index (a name), from, to, body; or kids as they come */
    OP_PERCENT, /* a % */
    OP_DEGREE,  /* a degrees */
    OP_UNIT,    /* a with the unit `name` */
    OP_BASE,    /* digits `name` in base `scale` */
    OP_RATIO,   /* a : b : ... */
    OP_CLOCK,   /* kids hour and minute; name "am", "pm" or "" */
    OP_TUPLE,   /* between `open` and `close` */
    OP_SET,     /* between braces */
    OP_LIST,    /* elements at the top level; NODE_ALTERNATIVES if joined by "or" */
    OP_UNION,
    OP_INTERSECT,
    OP_SETMINUS,
    OP_SETNAME, /* name: R N Z Q C, or "" for the empty set */
    OP_BUILDER, /* element and condition */
    OP_REL,     /* n operands and n-1 relations in rel */
    OP_MATRIX,  /* rows x n/rows, row by row */
    OP_CASES,   /* the same for cases */
    OP_TEXT,    /* words; name is their normal form */
};

enum rel { REL_EQ, REL_LT, REL_LE, REL_GT, REL_GE, REL_NE, REL_APPROX, REL_IN, REL_OTHER };

enum rel rel_negated(enum rel r); /* of \not; REL_OTHER where there is none */

enum func {
    FUNC_SQRT,
    FUNC_ROOT, /* degree, radicand */
    FUNC_ABS,
    FUNC_NORM,
    FUNC_FACT,
    FUNC_FACT2,
    FUNC_BINOM,
    FUNC_FLOOR,
    FUNC_CEIL,
    FUNC_EXP,
    FUNC_LN,
    FUNC_LOG, /* one kid: base 10; two: base, argument */
    FUNC_SIN,
    FUNC_COS,
    FUNC_TAN,
    FUNC_COT,
    FUNC_SEC,
    FUNC_CSC,
    FUNC_ASIN,
    FUNC_ACOS,
    FUNC_ATAN,
    FUNC_ACOT,
    FUNC_ASEC,
    FUNC_ACSC,
    FUNC_SINH,
    FUNC_COSH,
    FUNC_TANH,
    FUNC_COTH,
    FUNC_SECH,
    FUNC_CSCH,
    FUNC_ASINH,
    FUNC_ACOSH,
    FUNC_ATANH,
    FUNC_MAX,
    FUNC_MIN,
    FUNC_GCD,
    FUNC_LCM,
    FUNC_SGN,
    FUNC_RE,
    FUNC_IM,
    FUNC_CONJ,
    FUNC_MOD, /* a mod b, as a value */
    FUNC_SUM, /* for OP_BIG */
    FUNC_PROD,
    FUNC_DET,
};

enum node_flag {
    NODE_DECIMAL = 1,
    NODE_CALL = 2,
    NODE_FLIPPED = 4,
    NODE_ALTERNATIVES = 8,
    NODE_GROUPED = 16, /* stood in parentheses */
    NODE_MIXED = 32,   /* a mixed number */
    NODE_TEXT = 64,    /* a name that was set as text: \text{B} */
    NODE_LOOSE = 128,  /* a number whose separators could be read in another way */
};

struct node {
    uint8_t op, flags, func;
    char open, close; /* OP_TUPLE */
    uint32_t n;
    struct node **kid;
    struct str name; /* OP_NAME, OP_CALL, OP_UNIT, OP_BASE, OP_SETNAME, OP_TEXT; OP_NUM: digits */
    int32_t scale;   /* OP_NUM, OP_BASE */
    uint32_t rows;   /* OP_MATRIX, OP_CASES */
    const uint8_t *rel; /* OP_REL: n-1 of enum rel */
};

struct node *node_new(struct arena *a, enum op op, uint32_t n); /* kids unset */
struct node *node_0(struct arena *a, enum op op);
struct node *node_1(struct arena *a, enum op op, struct node *x);
struct node *node_2(struct arena *a, enum op op, struct node *x, struct node *y);
struct node *node_name(struct arena *a, enum op op, struct str name);
struct node *node_int(struct arena *a, int64_t v);
struct node *node_func(struct arena *a, enum func f, uint32_t n);
struct node *node_list(struct arena *a, enum op op, struct node **items, uint32_t n); /* copied */
struct node *node_copy(struct arena *a, const struct node *x); /* shallow; kids array copied */

/* Same tree, the order of sums, products, sets included; flags do not count. */
bool node_same(const struct node *a, const struct node *b);

/* The value of an integer literal that fits; false otherwise. */
bool node_small(const struct node *x, int64_t *out);

/* True if `name` (NULL: any variable) occurs as a variable in x. */
bool node_has_name(const struct node *x, const struct str *name);

/* True if any node under x (x included) has the operation. */
bool node_has(const struct node *x, enum op op);

#endif
