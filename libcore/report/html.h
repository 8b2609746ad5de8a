/* html.h - text into HTML and SVG.
 *
 * Whatever comes from a file goes through html_put or html_attribute: a response
 * that holds <script> is shown, not run.  Control characters become visible
 * symbols (U+2400 ...), what is not UTF-8 becomes U+FFFD. */
#ifndef REPORT_HTML_H
#define REPORT_HTML_H

#include "base/str.h"

void html_put(struct buf *out, struct str text);   /* between tags, and in "..." attributes */
void html_puts(struct buf *out, const char *text); /* the same of a C string */
void html_attribute(struct buf *out, const char *name, struct str value); /* ` name="value"` */

#endif
