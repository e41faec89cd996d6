/* SPDX-License-Identifier: GPL-3.0-or-later */
/* validate_doc.h - the tables of VALIDATION.md and README.md as Markdown, one file each, named
 * after the markers they stand between, and residuals.csv for the charts. */
#ifndef VALIDATE_DOC_H
#define VALIDATE_DOC_H

#include "sim/fit/bandfit.h"
#include "sim/fit/validate_parts.h"
#include "sim/fit/variant.h"

struct validate_doc {
    const struct validate_table *table;
    const char *path; /* of the table */
    const struct stock *stock;
    const struct validate_result *base;
    const struct validate_result *const *left_out; /* [LEAVE_N], NULL: not run */
    const char *const *const *from;                /* [LEAVE_N][table->n] */
    const struct validate_result *const *without;  /* [EFFECT_N], NULL: not run */
    const struct bandfit *bands;
};

/* Writes below dir, which exists. */
bool validate_doc_write(const struct validate_doc *doc, const char *dir, struct err *err);

#endif
