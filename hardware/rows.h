/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rows.h - catalogue files as arrays of structs. A table of fields says which column fills
 * which member, in which unit and in which range; the reader does the rest. Used by kernel,
 * fabric, engine. */
#ifndef ROWS_H
#define ROWS_H

#include <stdbool.h>
#include <stddef.h>

#include "sim/base/err.h"
#include "sim/base/mem.h"

enum row_kind {
    ROW_TEXT,   /* const char *; may be empty */
    ROW_NAME,   /* const char *; must not be empty */
    ROW_NUMBER, /* double; the cell times scale; must not be empty */
    ROW_MAYBE,  /* double; NaN when empty */
    ROW_INT,    /* int; must not be empty */
    ROW_FLAG,   /* double: 1 or 0; NaN when empty; the cell is 0 or 1 */
};

struct row_field {
    const char *column;
    enum row_kind kind;
    size_t offset;   /* offsetof the member */
    double scale;    /* cell to base unit, e.g. 1e-6 for _us */
    double min, max; /* allowed range of the cell, both included */
};

struct row_layout {
    const char *file; /* below <dir>/hardware/, e.g. "kernels/gemm.csv" */
    const struct row_field *fields;
    int n_fields;
    size_t row_size;
};

struct row_list {
    void *rows; /* in the arena */
    int n;
    struct src_pos *pos; /* [n] where each row stands */
};

/* Reads the file of every directory that has it, in that order, so rows of an earlier directory
 * come first. Fails when none has it, a column is missing or a cell is out of range. */
bool rows_load(struct arena *arena, const char *const *dirs, int n_dirs,
               const struct row_layout *layout, struct row_list *list, struct err *err);

#endif
