/* SPDX-License-Identifier: GPL-3.0-or-later */
/* table.h - text tables on stdout: columns aligned (numbers right), header underlined, UTF-8
 * widths. */
#ifndef TABLE_H
#define TABLE_H

#include <stdio.h>

struct table;
struct table *table_new(void);
void table_col(struct table *t, const char *name); /* all columns first */
void table_put(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* value with `digits` significant digits ("-" for NaN) */
void table_num(struct table *t, double value, int digits);
/* "21.4 (18-26)": value and the band around it, two digits; the value alone when the band is
 * NaN */
void table_band(struct table *t, double value, double lo, double hi, int digits);
void table_end_row(struct table *t);
void table_write(const struct table *t, FILE *out);
void table_free(struct table *t);

#endif
