/* SPDX-License-Identifier: GPL-3.0-or-later */
/* param.h - dated, sourced parameters in the unit of their source: economics (tco.csv) and
 * failures (reliability.csv). A planner picks a row, converts it by its unit and can show where
 * the number came from. */
#ifndef PARAM_H
#define PARAM_H

#include <stdbool.h>

#include "sim/base/err.h"
#include "sim/base/mem.h"

struct param {
    const char *category; /* "electricity" */
    const char *name;     /* "industrial-price" */
    double value;
    double low, high;    /* range of the source; NaN when it gives none */
    const char *unit;    /* "USD/kWh" */
    const char *context; /* what it holds for: "Texas", a GPU name, a system; may be "" */
    const char *source, *as_of;
    bool estimated; /* unsourced or computed here */
};

struct param_list {
    struct param *items;
    int n;
};

/* Reads <dir>/hardware/<file>, file "tco.csv" or "reliability.csv", of each directory. */
bool param_list_load(struct arena *arena, const char *const *dirs, int n_dirs, const char *file,
                     struct param_list *list, struct err *err);
/* The newest row of this name and context (NULL: any); when no row has exactly that context,
 * those that begin with it count. Of equally new rows the first. NULL: none. */
const struct param *param_find(const struct param_list *list, const char *category,
                               const char *name, const char *context);

#endif
