/* SPDX-License-Identifier: GPL-3.0-or-later */
/* calibration.h - the scale and offset of a deployment's step time from its user's own
 * measurements: results of `vllm bench serve --save-result`, directories of them, or tables of
 * measured results (README).
 *
 * Every measurement is replayed as validate does. T' = s T + a is fitted to times per output
 * token by log error, with ridges that pull s to 1 and a to 0, so that few measurements move
 * little; then a constant to times to first token in the same way. Each is kept only when it
 * predicts measurements that its fit had not seen better than no correction does. Simulations
 * give the slope of a measurement in s and a, the minimiser works on the straight line, and
 * that is repeated from where it ends. Deterministic; any number of threads. */
#ifndef CALIBRATION_H
#define CALIBRATION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sim/base/err.h"
#include "sim/base/mem.h"
#include "sim/experiment/correction.h"
#include "sim/experiment/stock.h"
#include "sim/fit/validate_parts.h"

/* One deployment of the report. */
struct calibration_row {
    struct correction correction;
    bool fitted;         /* false: fewer than CORRECTION_MIN_POINTS measurements */
    int n_ttft;          /* of correction.n_points measurements */
    const char *example; /* id of its first measurement */
};
/* A measurement that could not be replayed. */
struct calibration_skip {
    const char *id, *why;
};
struct calibration_report {
    struct calibration_row *rows;
    int n;
    struct calibration_skip *skips;
    int n_skips;
    bool interrupted; /* nothing was written */
};

struct calibration_options {
    const char *const *inputs; /* files and directories */
    int n_inputs;
    const char *const *sets; /* "COLUMN=VALUE": what the measurements do not say */
    int n_sets;
    const char *out;
    const char *as_of; /* ISO date, for the file */
    const struct stock *stock;
    uint64_t seed;
    int n_threads;
    bool quiet;
    const atomic_bool *stop; /* NULL: none */
};

/* Fits every deployment with enough measurements and writes the file. False with err: an input
 * that cannot be read, or not one deployment with three measurements (ERR_INPUT). The report
 * lives in the arena. */
bool calibration_run(struct arena *arena, const struct calibration_options *options,
                     struct calibration_report *report, struct err *err);

/* The measurements alone; also used to tell whether a file is one. */
bool calibration_read(struct arena *arena, const struct calibration_options *options,
                      struct validate_table *table, struct err *err);

/* What simulations say about one measured time: its value at (scale, offset) and its slopes. */
struct calibration_point {
    double measured_s;
    double predicted_s, per_scale_s, per_offset; /* NaN: not measured */
};
/* The best (scale, offset) of n points whose values hold at the given one; skip: index of a
 * point left out, -1 none. */
void calibration_fit_steps(const struct calibration_point *points, int n, int skip,
                           double *scale, double *offset_s);
/* The best constant to add to n predicted times to first token. */
double calibration_fit_ttft(const double *measured_s, const double *predicted_s, int n,
                            int skip);

#endif
