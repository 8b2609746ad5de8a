/* page.h - the report of one or several runs as one HTML file.
 *
 * Nothing is loaded from elsewhere.  Tables, charts and groups can be read without
 * JavaScript; the script only filters and orders groups.  All text from files is
 * escaped, and a content security policy lets no other script run. */
#ifndef REPORT_PAGE_H
#define REPORT_PAGE_H

#include "report/curves.h"

struct page {
    const struct run *runs;
    size_t n_runs;
    const struct curves *curves;
    struct str groups;       /* <details class="group"> elements */
    size_t n_groups;         /* of them */
    const char *groups_note; /* which these are */
    struct str provenance;   /* text: what the streams' heads say */
};

void page_put(const struct page *p, struct buf *out);

#endif
