/* SPDX-License-Identifier: GPL-3.0-or-later */
/* csvio.h - CSV in and out (libcsv). First row is the header; columns are found by name. Strict
 * quoting, CRLF and BOM accepted, invalid UTF-8 refused. Errors carry file and line (and the
 * column's name in the text). */
#ifndef CSVIO_H
#define CSVIO_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/base/err.h"
#include "sim/base/mem.h"
#include "sim/base/quantity.h"

struct csv_table {
    const char *file;
    int n_cols;
    int n_rows;
    const char **cols;  /* [n_cols] header names */
    const char **cells; /* [n_rows * n_cols], "" when empty, never NULL */
    int *lines;         /* [n_rows] 1-based line in the file */
};

/* The whole file in memory (arena). Every row must have as many fields as the header. Duplicate
 * column names and an empty file are errors. */
bool csv_load(struct arena *arena, const char *path, struct csv_table *table, struct err *err);

int csv_col(const struct csv_table *table, const char *name); /* -1: absent */
bool csv_col_need(const struct csv_table *table, const char *name, int *col, struct err *err);
const char *csv_cell(const struct csv_table *table, int row, int col); /* "" when col is -1 */
/* Number in base units of the column (no unit in the cell); *value = fallback when empty. */
bool csv_number(const struct csv_table *table, int row, int col, double fallback, double *value,
                struct err *err);
/* A cell written by csv_put_exact; NaN when empty. */
bool csv_number_exact(const struct csv_table *table, int row, int col, double *value,
                      struct err *err);
struct src_pos csv_pos(const struct csv_table *table, int row);

/* Row by row with bounded memory (traces). fields[i] is "" when empty; first call is the
 * header. Every row has as many fields as the header (else an error). Stops when fn returns
 * false; csv_read then returns false too, whether or not fn filled err. Blank lines are
 * skipped. */
typedef bool (*csv_row_fn)(void *ctx, int n_fields, const char *const *fields, int64_t line,
                           struct err *err);
bool csv_read(const char *path, csv_row_fn fn, void *ctx, struct err *err);

/* Writing. A writer goes to a temporary file beside path and csv_close renames it, so a reader
 * never sees half a table. Numbers are %.9g; NaN is written as an empty cell. */
struct csv_writer;
struct csv_writer *csv_create(const char *path, struct err *err);
struct csv_writer *csv_on_stream(FILE *out); /* not closed by csv_close */
void csv_put(struct csv_writer *w, const char *text);
void csv_put_all(struct csv_writer *w, const char *const *texts,
                 size_t n); /* n cells: names of columns */
void csv_put_num(struct csv_writer *w, double value);
void csv_put_exact(struct csv_writer *w, double value); /* %a, every bit: parts on disk */
void csv_put_int(struct csv_writer *w, int64_t value);
void csv_end_row(struct csv_writer *w);
bool csv_close(struct csv_writer *w,
               struct err *err);        /* fsync and rename; frees w in any case */
void csv_abandon(struct csv_writer *w); /* removes the temporary file, frees w */

#endif
