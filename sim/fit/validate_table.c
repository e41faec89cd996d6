/* SPDX-License-Identifier: GPL-3.0-or-later */
/* validate_table.c - reads the measured-results table. Columns are found by name; all but a few
 * may be missing, so that a table of one's own needs only what was measured. */
#include <ctype.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/csvio.h"
#include "sim/fit/validate_parts.h"

const char *const validate_metric_names[] = {
    "ttft_ms_mean", "ttft_ms_p50", "ttft_ms_p90", "ttft_ms_p99", "tpot_ms_mean", "tpot_ms_p50",
    "tpot_ms_p99",  "itl_ms_mean", "e2e_ms_mean", "e2e_ms_p90",  "e2e_ms_p99",   "output_tok_s",
};
const char *const validate_load_names[] = {"closed", "open", "open-constant", "offline"};

bool validate_metric_is_ttft(enum validate_metric m)
{
    return m <= VM_TTFT_P99;
}

struct reader {
    struct csv_table csv;
    int row;
    struct err *err;
    bool ok;
};

/* Columns without which no row can be predicted. */
static const char *const NEEDED[] = {"id",   "model",    "hardware", "engine",
                                     "load", "isl_mean", "osl_mean"};

static bool needed_columns(const struct csv_table *csv, struct err *err)
{
    int col;
    for (size_t i = 0; i < sizeof NEEDED / sizeof *NEEDED; i++) {
        if (!csv_col_need(csv, NEEDED[i], &col, err)) {
            return false;
        }
    }
    return true;
}

static const char *text_of(const struct reader *r, const char *column)
{
    return csv_cell(&r->csv, r->row, csv_col(&r->csv, column));
}

/* A number not below 0, or `empty`. */
static double number_of(struct reader *r, const char *column, double empty)
{
    double value = empty;
    int col = csv_col(&r->csv, column);
    if (!csv_number(&r->csv, r->row, col, empty, &value, r->err)) {
        r->ok = false;
        return empty;
    }
    if (value < 0.0 && *text_of(r, column)) {
        r->ok = err_at(r->err, csv_pos(&r->csv, r->row),
                       "column '%s' must not be negative, got %s", column, text_of(r, column));
    }
    return value;
}

static int64_t count_of(struct reader *r, const char *column, int64_t empty)
{
    static const double MOST = 1e12;
    double value = number_of(r, column, (double)empty);
    if (value != floor(value) || value > MOST) {
        r->ok =
            err_at(r->err, csv_pos(&r->csv, r->row),
                   "column '%s' must be a whole number, got %s", column, text_of(r, column));
        return empty;
    }
    return (int64_t)value;
}

/* 1, 0 or -1 for empty. */
static int flag_of(struct reader *r, const char *column)
{
    int64_t value = count_of(r, column, -1);
    if (value > 1) {
        r->ok = err_at(r->err, csv_pos(&r->csv, r->row), "column '%s' must be 0 or 1, got %s",
                       column, text_of(r, column));
        return -1;
    }
    return (int)value;
}

static double rate_of(struct reader *r)
{
    return strcmp(text_of(r, "rate_rps"), "inf") == 0 ? INFINITY
                                                      : number_of(r, "rate_rps", NAN);
}

/* Index of the column's text in names; an error when it is none of them. */
static int choice_of(struct reader *r, const char *column, const char *const *names, int n)
{
    const char *text = text_of(r, column);
    for (int i = 0; i < n; i++) {
        if (strcmp(text, names[i]) == 0) {
            return i;
        }
    }
    r->ok = err_at(r->err, csv_pos(&r->csv, r->row), "column '%s': '%s' is not known", column,
                   text);
    err_suggest(r->err, text, names, n);
    return 0;
}

/* Ids that end in -s0, -s1, ... are stages of one run; all but the first find a warm cache. */
static bool is_later_stage(const char *id)
{
    size_t n = strlen(id);
    return n > 3 && id[n - 3] == '-' && id[n - 2] == 's' && isdigit((unsigned char)id[n - 1]) &&
           id[n - 1] != '0';
}

static void read_texts(struct reader *r, struct validate_row *row)
{
    row->id = text_of(r, "id");
    row->source = text_of(r, "source");
    row->date = text_of(r, "date");
    row->model = text_of(r, "model");
    row->hardware = text_of(r, "hardware");
    row->engine = text_of(r, "engine");
    row->engine_version = text_of(r, "engine_version");
    row->weight_dtype = text_of(r, "weight_dtype");
    row->kv_dtype = text_of(r, "kv_dtype");
    row->moe_backend = text_of(r, "moe_backend");
    row->warm = is_later_stage(row->id);
}

static void read_load(struct reader *r, struct validate_row *row)
{
    static const char *const lengths[] = {"", "constant", "uniform-0.8-1.0"};
    static const char *const suspects[] = {"", "ttft", "all"};
    row->load = (enum validate_load)choice_of(r, "load", validate_load_names, VLOAD_N);
    row->uniform_lengths = choice_of(r, "len_dist", lengths, 3) == 2;
    row->suspect = (enum validate_suspect)choice_of(r, "suspect", suspects, 3);
    row->concurrency = count_of(r, "concurrency", 0);
    row->num_requests = count_of(r, "num_requests", 0);
    row->client_limit = count_of(r, "client_limit", 0);
    row->prompt_pool = count_of(r, "prompt_pool", 0);
    row->shared_prefix_tokens = count_of(r, "shared_prefix_tokens", 0);
    row->rate_rps = rate_of(r);
    row->duration_s = number_of(r, "duration_s", NAN);
    row->isl_mean = number_of(r, "isl_mean", NAN);
    row->osl_mean = number_of(r, "osl_mean", NAN);
}

static void read_engine(struct reader *r, struct validate_row *row)
{
    row->n_gpus = count_of(r, "n_gpus", 0);
    row->tp = count_of(r, "tp", 0);
    row->pp = count_of(r, "pp", 0);
    row->ep = count_of(r, "ep", 0);
    row->dp = count_of(r, "dp", 0);
    row->max_batched_tokens = count_of(r, "max_num_batched_tokens", -1);
    row->max_seqs = count_of(r, "max_num_seqs", -1);
    row->chunked_prefill = count_of(r, "chunked_prefill_size", -1);
    row->stream_interval = count_of(r, "stream_interval", 1);
    row->recv_interval = count_of(r, "recv_interval", 1);
    row->wait_iters = count_of(r, "batch_wait_iters", 0);
    row->wait_ratio = number_of(r, "batch_wait_ratio", 1.0);
    row->mem_util_frac = number_of(r, "gpu_mem_util", NAN);
    row->prefix_cache = flag_of(r, "prefix_cache");
    row->attention_dp = flag_of(r, "attention_dp");
    row->async = flag_of(r, "async_scheduling");
}

bool validate_table_load(struct arena *arena, const char *path, struct validate_table *table,
                         struct err *err)
{
    struct csv_table csv;
    return csv_load(arena, path, &csv, err) && validate_table_read(arena, &csv, table, err);
}

bool validate_table_read(struct arena *arena, const struct csv_table *csv,
                         struct validate_table *table, struct err *err)
{
    struct reader r = {.csv = *csv, .err = err, .ok = true};
    if (!needed_columns(&r.csv, err)) {
        return false;
    }
    table->n = r.csv.n_rows;
    table->rows = arena_alloc(arena, (size_t)r.csv.n_rows + 1, sizeof *table->rows);
    for (r.row = 0; r.ok && r.row < r.csv.n_rows; r.row++) {
        struct validate_row *row = &table->rows[r.row];
        read_texts(&r, row);
        read_load(&r, row);
        read_engine(&r, row);
        for (int m = 0; m < VM_N; m++) {
            row->measured[m] = number_of(&r, validate_metric_names[m], NAN);
        }
    }
    return r.ok;
}
