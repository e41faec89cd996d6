/* SPDX-License-Identifier: GPL-3.0-or-later */
/* catalog.h - what the tables of the hardware catalogue share: finding a table in the search path,
 * reading required cells with an error at file and line, and looking names up. */
#ifndef CATALOG_H
#define CATALOG_H

#include <stdbool.h>

#include "sim/base/csvio.h"
#include "sim/base/err.h"
#include "sim/base/mem.h"

/* One table as found in each directory of the search path, in search order. */
struct catalog {
    struct csv_table *tables;
    int n_tables;
    int n_rows; /* of all tables together */
};

/* Reads <dir>/<path> of every directory that has it; that none has it is an error. */
bool catalog_open(struct arena *arena, const char *const *dirs, int n_dirs, const char *path,
                  struct catalog *catalog, struct err *err);

/* Cells of one row by column name. The column must exist in each case; `need` cells must not be
 * empty. Texts live as long as the table's arena. */
bool catalog_text(const struct csv_table *table, int row, const char *col, const char **text,
                  struct err *err);
bool catalog_need_text(const struct csv_table *table, int row, const char *col,
                       const char **text, struct err *err);
/* A calendar date, YYYY-MM-DD. */
bool catalog_need_date(const struct csv_table *table, int row, const char *col,
                       const char **text, struct err *err);
/* cell x scale; `fallback` (not scaled) when empty; outside min..max (in base units) is an error. */
bool catalog_number(const struct csv_table *table, int row, const char *col, double scale,
                    double fallback, double min, double max, double *value, struct err *err);
/* As catalog_number, but greater than 0 and not empty. */
bool catalog_need_positive(const struct csv_table *table, int row, const char *col,
                           double scale, double *value, struct err *err);
bool catalog_need_count(const struct csv_table *table, int row, const char *col, int *value,
                        struct err *err);

/* Names are equal when they differ only in case, '-', '_' and blanks. */
bool catalog_same_name(const char *a, const char *b);
/* Index of the first of n names equal to `name`, or -1 and an error "unknown <what> '<name>'" that
 * offers the names it could have meant. */
int catalog_find(const char *what, const char *name, const char *const *names, int n,
                 struct err *err);

#endif
