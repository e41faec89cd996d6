/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rows.h - catalogue listings as JSON arrays of flat objects, which print as they are with
 * --json and as aligned text without. A key ends in its unit. */
#ifndef ROWS_PRINT_H
#define ROWS_PRINT_H

#include <jansson.h>
#include <stdio.h>

/* Appends a member; empty text and NaN become null. */
void row_text(json_t *row, const char *key, const char *text);
void row_num(json_t *row, const char *key, double value);
void row_int(json_t *row, const char *key, int64_t value);

/* A table: the keys of the first row are the columns. */
void rows_print(const json_t *rows, FILE *out);
/* One thing in full: a line per member, tables for lists of objects. Members named in the list
 * "estimated" are marked. */
void record_print(const json_t *record, FILE *out);

#endif
