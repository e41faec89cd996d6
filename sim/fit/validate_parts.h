/* SPDX-License-Identifier: GPL-3.0-or-later */
/* validate_parts.h - what the parts of validate.c share: a row of the measured table, what was
 * predicted for it, and the report over all rows. */
#ifndef VALIDATE_PARTS_H
#define VALIDATE_PARTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "hardware/bands.h"
#include "models/model.h"
#include "sim/base/csvio.h"
#include "sim/base/err.h"
#include "sim/base/mem.h"
#include "sim/experiment/evidence.h"
#include "sim/experiment/stock.h"
#include "sim/experiment/system.h"
#include "sim/fit/variant.h"

/* The measured columns, in the order of the table. */
enum validate_metric {
    VM_TTFT_MEAN,
    VM_TTFT_P50,
    VM_TTFT_P90,
    VM_TTFT_P99,
    VM_TPOT_MEAN,
    VM_TPOT_P50,
    VM_TPOT_P99,
    VM_ITL_MEAN,
    VM_E2E_MEAN,
    VM_E2E_P90,
    VM_E2E_P99,
    VM_OUTPUT_TOK_S,
    VM_N,
};
extern const char *const validate_metric_names[]; /* the column names: ttft_ms_mean ... */
bool validate_metric_is_ttft(enum validate_metric m);
enum band_metric validate_band_metric(enum validate_metric m);

enum validate_load { VLOAD_CLOSED, VLOAD_OPEN, VLOAD_OPEN_CONSTANT, VLOAD_OFFLINE, VLOAD_N };
extern const char *const validate_load_names[];

enum validate_suspect { SUSPECT_NONE, SUSPECT_TTFT, SUSPECT_ALL };

/* One row as written: 0, -1 or NaN where the cell is empty (see the field). */
struct validate_row {
    const char *id, *source, *date, *model, *hardware, *engine, *engine_version, *weight_dtype,
        *kv_dtype, *moe_backend; /* "" empty */
    enum validate_load load;
    enum validate_suspect suspect;
    int64_t n_gpus, tp, pp, ep, dp;                        /* 0 empty */
    int64_t concurrency, num_requests, client_limit;       /* 0 empty */
    int64_t prompt_pool, shared_prefix_tokens;             /* 0 empty */
    int64_t max_batched_tokens, max_seqs, chunked_prefill; /* -1 empty */
    int64_t stream_interval, recv_interval, wait_iters;    /* 1, 1, 0 empty */
    int prefix_cache, attention_dp, async;                 /* 1, 0, -1 empty */
    double rate_rps;                  /* INFINITY: all at once; NaN empty */
    double duration_s;                /* NaN empty */
    double isl_mean, osl_mean;        /* tokens; NaN empty */
    double mem_util_frac, wait_ratio; /* NaN, 1 empty */
    bool uniform_lengths;             /* 0.8..1.0 of nominal */
    bool warm;                        /* a later stage of one run: id ends in -s1, -s2 ... */
    double measured[VM_N];            /* NaN empty */
};

struct validate_table {
    struct validate_row *rows;
    int n;
};

/* Strings and rows live in the arena. A cell that is no number, a negative count, an unknown
 * load or length distribution are errors with file and line. */
bool validate_table_load(struct arena *arena, const char *path, struct validate_table *table,
                         struct err *err);
/* The same from a table at hand, whose texts are borrowed. */
bool validate_table_read(struct arena *arena, const struct csv_table *csv,
                         struct validate_table *table, struct err *err);

/* Why a row was not predicted. */
enum validate_skip {
    SKIP_NONE,
    SKIP_MODEL,
    SKIP_GPU,
    SKIP_ENGINE,
    SKIP_DTYPE,
    SKIP_LAYOUT,
    SKIP_LOAD,
    SKIP_MEMORY,
    SKIP_INTERRUPTED,
    SKIP_N,
};
extern const char *const validate_skip_names[];

struct validate_result {
    const struct model *model; /* NULL: unknown */
    enum validate_skip skip;
    char detail[192];          /* of the skip */
    char note[320];            /* what had to be assumed; "; " between */
    double predicted[VM_N];    /* in the units of the columns; NaN: not defined */
    double busy_s, batch_mean; /* first replication */
    double parts_s[OP_N];
    int64_t n_events, n_requests; /* all replications */
    struct evidence_state evidence;
    enum dtype weights; /* as resolved */
    const struct gpu *gpu;
    enum band_load band_load;
    enum band_prompt band_prompt;
    bool has_band[BAND_METRIC_N];
    struct band band[BAND_METRIC_N];
    struct step_constant constants[STEP_MAX_CONSTANTS]; /* what the prediction rests on */
    int n_constants;
    struct err err; /* code set: a defect, nothing may be reported */
};

struct validate_settings {
    const struct stock *stock;
    uint64_t seed;
    int replications;   /* of open loops */
    enum effect effect; /* removed from the model; EFFECT_NONE: the model as it is */
    const atomic_bool *stop;
    double step_scale, step_offset_s, api_offset_s; /* a trial correction; scale 0: none */
};

/* Predicts one row. model is what row->model names (NULL: unknown, the row is skipped). */
void validate_row_predict(const struct validate_settings *settings,
                          const struct validate_row *row, const struct model *model,
                          struct validate_result *result);

/* The deployment a row describes, knobs and assumptions included: what validate_row_predict
 * simulates. False when the row is skipped. system_fini in any case. */
bool validate_row_system(const struct validate_settings *settings,
                         const struct validate_row *row, const struct model *model,
                         struct system *system, struct validate_result *result);

/* Prints where the time of a row's decode step goes at its mean batch and mean context, and
 * over its whole run, beside what was measured and predicted. */
void validate_row_explain(const struct validate_settings *settings,
                          const struct validate_row *row, const struct model *model, FILE *out);

/* Does a row of another family rest on this kernel? */
bool validate_kernel_shared(const struct validate_table *table,
                            const struct validate_result *results, const struct kernel_key *key,
                            const char *family);
/* A measured cell that the table marks as wrong: predicted and reported apart. */
bool validate_cell_suspect(const struct validate_row *row, enum validate_metric m);

/* The report. */
bool validate_report_csv(const struct validate_table *table,
                         const struct validate_result *results, const char *path,
                         struct err *err);
void validate_report_print(const struct validate_table *table,
                           const struct validate_result *results, bool markdown, FILE *out);

/* Order statistics of errors, for the report and its tests. errors are signed fractions. */
struct error_stats {
    int n;
    double median_abs, group_median_abs, p90_abs, bias; /* NaN when n is 0 */
};
/* groups[i]: which (model, SKU, engine, dtype) group error i belongs to, 0..n_groups-1. */
void validate_error_stats(const double *errors, const int *groups, int n, int n_groups,
                          struct error_stats *out);

#endif
