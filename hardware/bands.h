/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bands.h - how far predictions were off: hardware/bands.csv (80 % bands as quantiles of
 * measured / predicted by kind of deployment) and hardware/evidence.csv (which deployments have
 * been measured). Both are written by `headroom validate --bands`.
 *
 * No band is chosen by a model's name. What was measured is listed by the shape of a model, so
 * that the same architecture under another name counts as the same. */
#ifndef BANDS_H
#define BANDS_H

#include <stdbool.h>

#include "sim/base/err.h"
#include "sim/base/mem.h"

/* Tails are percentiles above the 90th: they hang on the few requests that a mean averages out.
 */
enum band_metric {
    BAND_TTFT,
    BAND_TPOT,
    BAND_ITL,
    BAND_E2E,
    BAND_OUTPUT_TOK_S,
    BAND_TTFT_TAIL,
    BAND_E2E_TAIL,
    BAND_METRIC_N,
};
/* ttft tpot itl e2e output_tok_s ttft-tail e2e-tail */
extern const char *const band_metric_names[];

/* What presses on the deployment. Closed loops with few clients test the decode step, with many
 * the scheduler. */
enum band_load {
    BAND_CLOSED_LOW,
    BAND_CLOSED_HIGH,
    BAND_OPEN,
    BAND_OFFLINE,
    BAND_LOAD_N,
};
extern const char *const band_load_names[]; /* closed-low closed-high open offline */
enum { BAND_LOW_CLIENTS = 16 };             /* up to so many */

/* Of time to first token only: that of short prompts is the engine's time around the kernels,
 * that of long ones their computation. Clients of a closed loop whose outputs are all of one
 * length come back in the waves in which they were served, and wait for each other: how far
 * they keep in step is not known, whatever their prompts. Any: prompts of several kinds, or
 * other measures. */
enum band_prompt { BAND_PROMPT_ANY, BAND_PROMPT_SHORT, BAND_PROMPT_LONG, BAND_PROMPT_WAVES };
extern const char *const band_prompt_names[]; /* "" short long waves */
enum { BAND_LONG_PROMPT_TOKENS = 2048 };      /* long: a mean of so many or more */

/* Whether model and SKU are among the measured ones. What is new has wider bands, from the
 * errors of predictions without that GPU's, or that family's, own measurements. */
enum band_scope { SCOPE_SEEN, SCOPE_NEW_MODEL, SCOPE_NEW_SKU, SCOPE_NEW, SCOPE_N };
extern const char *const band_scope_names[]; /* seen new-model new-sku new */

struct band_key {
    enum band_metric metric;
    enum band_scope scope;
    bool is_moe;
    const char *engine;
    enum band_load load;
    const char *sku;
    enum band_prompt prompt;
};

/* Measured / predicted at the 10 % and the 90 % quantile; lo <= 1 <= hi. */
struct band {
    double lo, hi;
};

struct band_row {
    const char *metric, *scope, *kind, *engine, *load, *prompt, *sku; /* "": any */
    int n, n_groups;
    struct band band;
    const char *source, *as_of;
};

struct evidence_row {
    const char *shape, *family; /* of the model */
    const char *kind, *sku, *engine, *dtype;
    int n;
    const char *source, *as_of;
};

enum evidence { EVIDENCE_NONE, EVIDENCE_SKU, EVIDENCE_FAMILY, EVIDENCE_MEASURED };
extern const char *const evidence_names[]; /* none, same SKU only, same family, measured */

struct band_table {
    struct band_row *rows;
    struct evidence_row *evidence;
    int n_rows, n_evidence;
};

/* Empty when no directory has the files. */
bool band_table_load(struct arena *arena, const char *const *dirs, int n_dirs,
                     struct band_table *table, struct err *err);
/* The most specific row that covers the key; false when there is none. */
bool band_find(const struct band_table *table, const struct band_key *key, struct band *out);

/* What is known of a deployment. */
struct evidence_state {
    enum evidence grade;
    enum band_scope scope;
};

/* A deployment as the evidence sees it. */
struct evidence_key {
    const char *shape, *family, *sku, *engine, *dtype;
    bool is_moe;
};
/* measured: shape, SKU, engine and dtype; same family: the SKU and engine with a model of the
 * family or of the same kind (dense, MoE); same SKU only: anything on the SKU. */
enum evidence evidence_grade(const struct band_table *table, const struct evidence_key *key);
enum band_scope evidence_scope(const struct band_table *table, const struct evidence_key *key);

#endif
