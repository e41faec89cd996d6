/* SPDX-License-Identifier: GPL-3.0-or-later */
/* validate.h - how well headroom predicts measured results: reads a table of benchmark runs
 * (README, "Measured-results table"), replays each row's own protocol, measures as its client
 * did (no warm-up removal, cold caches, mean of per-request values) and reports the error by
 * metric and group.
 *
 * Every row is independent and lands in its own slot: the report does not depend on the number
 * of threads. Ignores: cold kernels of clients without warm-up, the client's own time. */
#ifndef VALIDATE_H
#define VALIDATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/base/err.h"
#include "sim/experiment/stock.h"
#include "sim/fit/variant.h"

struct validate_totals {
    int64_t n_rows, n_predicted, n_skipped; /* of the table */
    int64_t n_events, n_requests;           /* simulated, over all rows and replications */
    bool interrupted;                       /* stopped early: nothing was reported */
};

struct validate_options {
    const char *table;   /* path of the measured results */
    const char *csv;     /* writes id,metric,measured,predicted,error_frac,note; NULL: none */
    const char *explain; /* a row id: prints where its decode step goes instead of the
                            report; NULL: the report */
    const char *bands;   /* directory for bands.csv and evidence.csv; NULL: none */
    const char *report;  /* directory for the tables of VALIDATION.md and the residual plots'
                            data; NULL: none */
    enum leave_out leave_out; /* measurements that a row's prediction may not use */
    enum effect without;      /* effect removed from the cost model */
    bool markdown;            /* tables in Markdown */
    bool quiet;               /* no progress bar */
    int n_threads;
    uint64_t seed;
    int replications;               /* of open loops; 0: 5 */
    const atomic_bool *stop;        /* NULL: none */
    struct validate_totals *totals; /* filled when not NULL */
};

/* Runs the whole validation and prints the report to out. False with err: the table cannot be
 * read, the CSV cannot be written, or a prediction beats the physical floor (ERR_INTERNAL). */
bool validate_run(const struct validate_options *options, const struct stock *stock, FILE *out,
                  struct err *err);

#endif
