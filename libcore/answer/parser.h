/* parser.h - what the parts of the parser share; parse.h is the way in. */
#ifndef ANSWER_PARSER_H
#define ANSWER_PARSER_H

#include "answer/lex.h"
#include "answer/tree.h"

struct parser {
    struct arena *a;
    struct tok *t; /* the next token */
    enum limit limit;
    int depth;
    int bars;    /* open absolute values: | closes one */
    bool in_set; /* | and : mean "such that" */
};

/* Each returns NULL, with nothing to undo, where the text is not mathematics. */
struct node *parse_list(struct parser *p);                   /* elements with separators */
struct node *parse_choose(struct parser *p, struct node *x); /* n \choose k, a \over b */
struct node *parse_element(struct parser *p);                /* words, or a chain of relations */
struct node *parse_sum(struct parser *p);
struct node *parse_term(struct parser *p);
struct node *parse_factor(struct parser *p); /* an atom with powers and what follows it */
struct node *parse_atom(struct parser *p);
struct node *parse_argument(struct parser *p); /* of a command: a group or one token */
struct node *parse_function(struct parser *p); /* at T_FUNC */
struct node *parse_big(struct parser *p);      /* at T_SUM, T_PROD, T_OPAQUE */
struct node *parse_matrix(struct parser *p);   /* at T_BEGIN */
struct node *parse_bracket(struct parser *p);  /* at an opening bracket of any kind */
struct node *parse_unit(struct parser *p, struct node *value); /* words after a value */
bool parse_is_unit_fraction(struct tok *t);                    /* \frac{\text{km}}{\text{h}} */

bool parse_starts_atom(const struct parser *p); /* could an implied factor stand here? */
bool parse_enter(struct parser *p);             /* depth; false if too deep */
void parse_leave(struct parser *p);

/* Children collected before their number is known. */
struct items {
    struct node **v;
    uint32_t n, cap;
};
bool items_put(struct parser *p, struct items *it, struct node *x); /* false if too many or NULL */

#endif
