/* SPDX-License-Identifier: GPL-3.0-or-later */
/* calibration_input.c - measurements as rows of the measured-results table. A JSON result of
 * `vllm bench serve --save-result` becomes a table of one row: its own fields, then the
 * --metadata KEY=VALUE of the benchmark whose keys are columns, then what the caller sets.
 *
 * Fields as vllm/benchmarks/serve.py writes them (vllm-project/vllm@009e6d4): date model_id
 * backend num_prompts request_rate ("inf" or a number) max_concurrency (null: none) completed
 * total_input_tokens total_output_tokens output_throughput and mean_ median_ pNN_ of ttft tpot
 * itl e2el in ms. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/base/csvio.h"
#include "sim/base/node.h"
#include "sim/fit/calibration.h"

enum { DATE_DIGITS = 8 };

/* Columns of the table, and the JSON field that holds the same. */
static const char *const columns[][2] = {
    {"id", NULL},
    {"date", NULL},
    {"model", "model_id"},
    {"hardware", NULL},
    {"n_gpus", NULL},
    {"tp", NULL},
    {"pp", NULL},
    {"ep", NULL},
    {"dp", NULL},
    {"engine", NULL},
    {"engine_version", NULL},
    {"weight_dtype", NULL},
    {"kv_dtype", NULL},
    {"load", NULL},
    {"concurrency", NULL},
    {"rate_rps", NULL},
    {"num_requests", "num_prompts"},
    {"isl_mean", NULL},
    {"osl_mean", NULL},
    {"len_dist", NULL},
    {"prompt_pool", NULL},
    {"shared_prefix_tokens", NULL},
    {"max_num_batched_tokens", NULL},
    {"max_num_seqs", NULL},
    {"gpu_mem_util", NULL},
    {"stream_interval", NULL},
    {"recv_interval", NULL},
    {"batch_wait_iters", NULL},
    {"batch_wait_ratio", NULL},
    {"prefix_cache", NULL},
    {"chunked_prefill_size", NULL},
    {"attention_dp", NULL},
    {"moe_backend", NULL},
    {"async_scheduling", NULL},
    {"client_limit", NULL},
    {"ttft_ms_mean", "mean_ttft_ms"},
    {"ttft_ms_p50", "median_ttft_ms"},
    {"ttft_ms_p90", "p90_ttft_ms"},
    {"ttft_ms_p99", "p99_ttft_ms"},
    {"tpot_ms_mean", "mean_tpot_ms"},
    {"tpot_ms_p50", "median_tpot_ms"},
    {"tpot_ms_p99", "p99_tpot_ms"},
    {"itl_ms_mean", "mean_itl_ms"},
    {"e2e_ms_mean", "mean_e2el_ms"},
    {"e2e_ms_p90", "p90_e2el_ms"},
    {"e2e_ms_p99", "p99_e2el_ms"},
    {"output_tok_s", "output_throughput"},
    {"source", NULL},
    {"duration_s", NULL},
    {"suspect", NULL},
};
enum { N_COLUMNS = (int)(sizeof columns / sizeof *columns) };

struct input {
    struct arena *arena;
    const struct calibration_options *options;
    struct validate_table *table; /* rows are on the heap until the end */
    int cap;
    struct err *err;
};

static int column_of(const char *name, size_t n)
{
    for (int i = 0; i < N_COLUMNS; i++) {
        if (strlen(columns[i][0]) == n && strncmp(columns[i][0], name, n) == 0) {
            return i;
        }
    }
    return -1;
}

/* ---- one JSON result ---- */

static const char *scalar(const struct node *root, const char *key)
{
    const struct node *node = key ? node_get(root, key) : NULL;
    return node && node->kind == NODE_SCALAR ? node->text : "";
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* "20260901-101502" as "2026-09-01"; anything else is not a date. */
static const char *iso_date(struct arena *arena, const char *stamp)
{
    return strspn(stamp, "0123456789") == DATE_DIGITS
               ? arena_printf(arena, "%.4s-%.2s-%.2s", stamp, stamp + 4, stamp + 6)
               : "";
}

/* The client's backend names the engine only where it is not the plain OpenAI protocol. */
static const char *engine_of(const char *backend)
{
    if (strncmp(backend, "sglang", 6) == 0) {
        return "sglang";
    }
    return strncmp(backend, "tensorrt", 8) == 0 ? "trtllm" : "vllm";
}

static bool tokens_per_request(const struct node *root, const char *key, struct arena *arena,
                               const char **cell, struct err *err)
{
    const struct node *total = node_get(root, key);
    const struct node *done = node_get(root, "completed");
    double n_tokens;
    double n;
    if (!total || !done) {
        return err_at(err, root->pos,
                      "no field '%s': not a result of `vllm bench serve --save-result`",
                      total ? "completed" : key);
    }
    if (!node_quantity(total, UNIT_COUNT, 0, 1e15, &n_tokens, err) ||
        !node_quantity(done, UNIT_COUNT, 1, 1e12, &n, err)) {
        return false;
    }
    *cell = arena_printf(arena, "%.9g", n_tokens / n);
    return true;
}

/* A limit on requests in flight with no rate is a closed loop. */
static void set_load(const struct node *root, const char **cells)
{
    const char *rate = scalar(root, "request_rate");
    const char *limit = scalar(root, "max_concurrency");
    bool closed = limit[0] && (!rate[0] || strcmp(rate, "inf") == 0);
    cells[column_of("load", 4)] = closed ? "closed" : "open";
    cells[column_of("concurrency", 11)] = closed ? limit : "";
    cells[column_of("rate_rps", 8)] = closed ? "" : rate[0] ? rate : "inf";
    cells[column_of("client_limit", 12)] = closed ? "" : limit;
}

static bool fill_cells(const struct input *in, const char *path, const struct node *root,
                       const char **cells)
{
    for (int i = 0; i < N_COLUMNS; i++) {
        cells[i] = scalar(root, columns[i][1]);
    }
    cells[column_of("id", 2)] = base_name(path);
    cells[column_of("date", 4)] = iso_date(in->arena, scalar(root, "date"));
    const char *backend = scalar(root, "backend");
    cells[column_of("engine", 6)] =
        engine_of(backend[0] ? backend : scalar(root, "endpoint_type"));
    set_load(root, cells);
    if (!tokens_per_request(root, "total_input_tokens", in->arena,
                            &cells[column_of("isl_mean", 8)], in->err) ||
        !tokens_per_request(root, "total_output_tokens", in->arena,
                            &cells[column_of("osl_mean", 8)], in->err)) {
        return false;
    }
    for (const struct node *at = root->child; at; at = at->next) {
        int column = column_of(at->key, strlen(at->key)); /* --metadata of the benchmark */
        if (column > 1 && at->kind == NODE_SCALAR && strcmp(at->key, "load") != 0) {
            cells[column] = at->text;
        }
    }
    return true;
}

/* ---- what the caller adds ---- */

static bool check_set(const char *set, struct err *err)
{
    const char *names[N_COLUMNS];
    const char *equals = strchr(set, '=');
    if (!equals || equals == set) {
        return err_set(err, ERR_USAGE, "--set needs COLUMN=VALUE, got '%s'", set);
    }
    if (column_of(set, (size_t)(equals - set)) >= 0) {
        return true;
    }
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)(equals - set), set);
    for (int i = 0; i < N_COLUMNS; i++) {
        names[i] = columns[i][0];
    }
    err_set(err, ERR_USAGE, "measured results have no column '%s'", word);
    err_suggest(err, word, names, N_COLUMNS);
    return false;
}

/* The table with the caller's columns in every row, added where they are missing. */
static struct csv_table with_sets(const struct input *in, const struct csv_table *t)
{
    int n_sets = in->options->n_sets;
    struct csv_table out = *t;
    size_t width = (size_t)t->n_cols + (size_t)n_sets;
    out.cols = arena_alloc(in->arena, width, sizeof *out.cols);
    out.cells = arena_alloc(in->arena, width * (size_t)t->n_rows + 1, sizeof *out.cells);
    memcpy(out.cols, t->cols, (size_t)t->n_cols * sizeof *out.cols);
    int at[N_COLUMNS + 1];
    for (int s = 0; s < n_sets; s++) {
        const char *set = in->options->sets[s];
        char *name = arena_strndup(in->arena, set, strcspn(set, "="));
        at[s] = csv_col(&out, name);
        if (at[s] < 0) {
            at[s] = out.n_cols;
            out.cols[out.n_cols++] = name;
        }
    }
    for (int row = 0; row < t->n_rows; row++) {
        const char **cells = out.cells + (size_t)row * (size_t)out.n_cols;
        for (int c = 0; c < out.n_cols; c++) {
            cells[c] = c < t->n_cols ? csv_cell(t, row, c) : "";
        }
        for (int s = 0; s < n_sets; s++) {
            cells[at[s]] = strchr(in->options->sets[s], '=') + 1;
        }
    }
    return out;
}

static bool add_table(struct input *in, const struct csv_table *t)
{
    struct validate_table part;
    struct csv_table csv = with_sets(in, t);
    if (!validate_table_read(in->arena, &csv, &part, in->err)) {
        return false;
    }
    for (int i = 0; i < part.n; i++) {
        ARRAY_RESERVE(in->table->rows, in->cap, in->table->n + 1);
        in->table->rows[in->table->n++] = part.rows[i];
    }
    return true;
}

/* What a client cannot know about the server. */
static bool names_deployment(const struct input *in, const char *path)
{
    const struct validate_row *row = &in->table->rows[in->table->n - 1];
    const char *missing = !*row->hardware                    ? "hardware"
                          : row->tp == 0 && row->n_gpus == 0 ? "tp"
                                                             : NULL;
    if (!missing) {
        return true;
    }
    err_set(in->err, ERR_INPUT, "%s does not say the %s it was measured on", path, missing);
    if (in->err) {
        snprintf(in->err->hint, sizeof in->err->hint,
                 "add --set %s=VALUE, or --metadata %s=VALUE to vllm bench serve", missing,
                 missing);
    }
    return false;
}

static bool add_json(struct input *in, const char *path)
{
    const struct node *root = json_load(in->arena, path, in->err);
    if (!root || !node_expect(root, NODE_MAP, in->err)) {
        return false;
    }
    struct csv_table t = {.file = path, .n_cols = N_COLUMNS, .n_rows = 1};
    t.cols = arena_alloc(in->arena, N_COLUMNS, sizeof *t.cols);
    t.cells = arena_alloc(in->arena, N_COLUMNS, sizeof *t.cells);
    t.lines = arena_alloc(in->arena, 1, sizeof *t.lines);
    t.lines[0] = 1;
    for (int i = 0; i < N_COLUMNS; i++) {
        t.cols[i] = columns[i][0];
    }
    return fill_cells(in, path, root, t.cells) && add_table(in, &t) &&
           names_deployment(in, path);
}

/* ---- files and directories ---- */

static bool ends_in(const char *name, const char *end)
{
    size_t n = strlen(name);
    size_t m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The results of a directory in the order of their names. */
static bool add_directory(struct input *in, const char *path)
{
    const char **names = NULL;
    int n = 0;
    int cap = 0;
    DIR *dir = opendir(path);
    if (!dir) {
        return err_set(in->err, ERR_IO, "cannot read '%s': %s", path, strerror(errno));
    }
    for (const struct dirent *at = readdir(dir); at; at = readdir(dir)) {
        if (ends_in(at->d_name, ".json") && !ends_in(at->d_name, ".pytorch.json")) {
            ARRAY_RESERVE(names, cap, n + 1);
            names[n++] = arena_printf(in->arena, "%s/%s", path, at->d_name);
        }
    }
    closedir(dir);
    bool ok = n > 0 || err_set(in->err, ERR_INPUT, "no .json result in '%s'", path);
    if (n > 0) {
        qsort(names, (size_t)n, sizeof *names, by_name);
    }
    for (int i = 0; i < n && ok; i++) {
        ok = add_json(in, names[i]);
    }
    free(names);
    return ok;
}

static bool add_input(struct input *in, const char *path)
{
    struct stat st;
    struct csv_table csv;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        return add_directory(in, path);
    }
    if (ends_in(path, ".json")) {
        return add_json(in, path);
    }
    return csv_load(in->arena, path, &csv, in->err) && add_table(in, &csv);
}

bool calibration_read(struct arena *arena, const struct calibration_options *options,
                      struct validate_table *table, struct err *err)
{
    struct validate_table heap = {0};
    struct input in = {.arena = arena, .options = options, .table = &heap, .err = err};
    bool ok = true;
    if (options->n_sets > N_COLUMNS) {
        return err_set(err, ERR_USAGE, "more than %d --set", (int)N_COLUMNS);
    }
    for (int i = 0; i < options->n_sets && ok; i++) {
        ok = check_set(options->sets[i], err);
    }
    for (int i = 0; i < options->n_inputs && ok; i++) {
        ok = add_input(&in, options->inputs[i]);
    }
    *table = (struct validate_table){
        .rows = arena_alloc(arena, (size_t)heap.n + 1, sizeof *heap.rows), .n = heap.n};
    if (heap.n > 0) {
        memcpy(table->rows, heap.rows, (size_t)heap.n * sizeof *heap.rows);
    }
    free(heap.rows);
    return ok;
}
