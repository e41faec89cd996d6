/* SPDX-License-Identifier: GPL-3.0-or-later */
/* correction.h - what measurements of a deployment say about its step time: T' = scale x T +
 * offset for every engine iteration, and a constant added to the time before a request reaches
 * the scheduler. Fitted by sim/fit/calibration, kept in a YAML file that a scenario names under
 * engine.calibration.
 *
 * A correction belongs to one deployment: model, number formats, GPU, layout, engine and its
 * version. Any other deployment is left alone: scales do not carry over between models. */
#ifndef CORRECTION_H
#define CORRECTION_H

#include <stdbool.h>
#include <stddef.h>

#include "hardware/engine.h"
#include "models/dtype.h"
#include "scenarios/scenario.h"
#include "sim/base/err.h"
#include "sim/base/mem.h"

enum { CORRECTION_SCHEMA = 1, CORRECTION_MIN_POINTS = 3 };

struct correction_id {
    const char *model, *hardware; /* catalogue names */
    enum engine_kind engine;
    const char *engine_version; /* in a correction "": not known, fits every version */
    enum dtype weights, kv;
    int tp, pp, ep, dp;
};

struct correction {
    struct correction_id id;
    double step_scale, step_offset_s;
    double ttft_offset_s;
    int n_points;
    /* median absolute errors of the measurements: without the correction, and with it, each
     * predicted by a fit that has not seen it; NaN: not measured */
    double tpot_before_frac, tpot_after_frac, ttft_before_frac, ttft_after_frac;
    const char *measured_from, *measured_to, *fitted; /* ISO dates, "" not known */
    const char *source;                               /* the files */
};

struct correction_list {
    const char *file; /* for messages */
    struct correction *items;
    int n;
};

/* Everything lives in the arena. False with err: unreadable, another schema, unknown key,
 * a value out of range, fewer points than a fit needs. */
bool correction_load(struct arena *arena, const char *path, struct correction_list *list,
                     struct err *err);
/* The file a scenario names under engine.calibration; *list NULL when it names none. */
bool correction_of_scenario(struct arena *arena, const struct scenario *sc,
                            const struct correction_list **list, struct err *err);
/* Writes a temporary file and renames it. */
bool correction_write(const struct correction_list *list, const char *path, struct err *err);

bool correction_same(const struct correction_id *a, const struct correction_id *b);
/* The correction of a deployment; NULL with the reason in why (what differs from the nearest
 * one). */
const struct correction *correction_find(const struct correction_list *list,
                                         const struct correction_id *id, char *why, size_t n);

#endif
