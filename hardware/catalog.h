/* SPDX-License-Identifier: GPL-3.0-or-later */
/* catalog.h - what the named tables of the hardware catalogue share beyond reading rows: names,
 * dates, and overlays of several directories. */
#ifndef CATALOG_H
#define CATALOG_H

#include <stdbool.h>
#include <stddef.h>

#include "hardware/rows.h"
#include "sim/base/err.h"

/* Fields of a row layout, short enough to be read as a table. A MAYBE_FIELD
 * is NaN when empty. */
#define NAME_FIELD(type, column, member)                                                       \
    {                                                                                          \
        column, ROW_NAME, offsetof(type, member), 1, 0, 0                                      \
    }
#define TEXT_FIELD(type, column, member)                                                       \
    {                                                                                          \
        column, ROW_TEXT, offsetof(type, member), 1, 0, 0                                      \
    }
#define INT_FIELD(type, column, member, min, max)                                              \
    {                                                                                          \
        column, ROW_INT, offsetof(type, member), 1, min, max                                   \
    }
#define NUMBER_FIELD(type, column, member, scale, min, max)                                    \
    {                                                                                          \
        column, ROW_NUMBER, offsetof(type, member), scale, min, max                            \
    }
#define MAYBE_FIELD(type, column, member, scale, min, max)                                     \
    {                                                                                          \
        column, ROW_MAYBE, offsetof(type, member), scale, min, max                             \
    }
#define FLAG_FIELD(type, column, member)                                                       \
    {                                                                                          \
        column, ROW_FLAG, offsetof(type, member), 1, 0, 1                                      \
    }

/* Names are equal when they differ only in case, '-', '_' and blanks. */
bool catalog_same_name(const char *a, const char *b);
/* Index of the first of n names equal to `name`, or -1 and an error "unknown <what> '<name>'"
 * that offers the names it could have meant. */
int catalog_find(const char *what, const char *name, const char *const *names, int n,
                 struct err *err);
/* A calendar date, YYYY-MM-DD. */
bool catalog_check_date(const char *date, const char *col, struct src_pos pos, struct err *err);
/* Of rows whose first member is `const char *name`: drops those that an earlier directory has
 * already; a name twice in one file is an error. */
bool catalog_overlay(struct row_list *list, size_t row_size, const char *what, struct err *err);

#endif
