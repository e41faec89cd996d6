/* SPDX-License-Identifier: GPL-3.0-or-later */
/* engine.c - engine defaults and MoE kernel choice from engines.csv and moe_backends.csv.
 *
 * Both files are lists of rules. A row applies when its engine, version, GPU, memory and
 * parallelism conditions hold (an empty cell is no condition). Of the rows that apply, the
 * first that states a field decides it, so files go from the particular to the general and from
 * new to old. */
#include "hardware/engine.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "hardware/rows.h"

const char *const engine_names[] = {"vllm", "sglang", "trtllm", "static"};
#define GIB 1073741824.0
#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

/* When a rule applies. gpu: a catalogue name or the beginning of an architecture. */
struct condition {
    const char *engine, *version_from, *gpu;
    double mem_min_bytes, mem_below_bytes, tp_min; /* NaN: no condition */
};
/* Every field a double so that NaN can say "not stated". */
struct engine_row {
    struct condition when;
    double host_s, host_per_seq_s, prefill_launch_s, api_s, api_per_token_s;
    double async_scheduling, mem_util, max_batched_tokens, max_seqs, chunked_prefill;
    double block_tokens, graph_bytes, context_bytes, windowed_kv_freed, chunked_kv_freed;
    double prefix_cache;
    const char *source;
};
struct backend_row {
    struct condition when;
    const char *experts, *scheme, *kernel, *dtype_key, *source;
    double ep_min;
};
struct engine_table {
    const struct engine_row *rows;
    const struct backend_row *backends;
    int n_rows, n_backends;
};

#define TEXT(type, column, kind, name)                                                         \
    {                                                                                          \
        column, kind, offsetof(struct type, name), 0, 0, 0                                     \
    }
#define MAYBE(type, column, name, scale, max)                                                  \
    {                                                                                          \
        column, ROW_MAYBE, offsetof(struct type, name), scale, 0, max                          \
    }
#define FLAG(type, name)                                                                       \
    {                                                                                          \
#name, ROW_FLAG, offsetof(struct type, name), 1, 0, 1                                  \
    }

static const struct row_field engine_fields[] = {
    TEXT(engine_row, "engine", ROW_NAME, when.engine),
    TEXT(engine_row, "version_from", ROW_TEXT, when.version_from),
    TEXT(engine_row, "gpu", ROW_TEXT, when.gpu),
    MAYBE(engine_row, "mem_min_gib", when.mem_min_bytes, GIB, 1e5),
    MAYBE(engine_row, "mem_below_gib", when.mem_below_bytes, GIB, 1e5),
    MAYBE(engine_row, "tp_min", when.tp_min, 1, 1024),
    MAYBE(engine_row, "host_us", host_s, 1e-6, 1e5),
    MAYBE(engine_row, "host_per_seq_us", host_per_seq_s, 1e-6, 1e3),
    MAYBE(engine_row, "prefill_launch_us", prefill_launch_s, 1e-6, 1e4),
    MAYBE(engine_row, "api_ms", api_s, 1e-3, 1e4),
    MAYBE(engine_row, "api_per_token_us", api_per_token_s, 1e-6, 1e3),
    FLAG(engine_row, async_scheduling),
    MAYBE(engine_row, "mem_util", mem_util, 1, 1),
    MAYBE(engine_row, "max_batched_tokens", max_batched_tokens, 1, 1e7),
    MAYBE(engine_row, "max_seqs", max_seqs, 1, 1e6),
    MAYBE(engine_row, "chunked_prefill_tokens", chunked_prefill, 1, 1e7),
    MAYBE(engine_row, "block_tokens", block_tokens, 1, 4096),
    MAYBE(engine_row, "graph_gib", graph_bytes, GIB, 100),
    MAYBE(engine_row, "context_gib", context_bytes, GIB, 100),
    FLAG(engine_row, windowed_kv_freed),
    FLAG(engine_row, chunked_kv_freed),
    FLAG(engine_row, prefix_cache),
    TEXT(engine_row, "source", ROW_NAME, source),
};
static const struct row_field backend_fields[] = {
    TEXT(backend_row, "engine", ROW_NAME, when.engine),
    TEXT(backend_row, "version_from", ROW_TEXT, when.version_from),
    TEXT(backend_row, "gpu", ROW_TEXT, when.gpu),
    TEXT(backend_row, "experts", ROW_NAME, experts),
    TEXT(backend_row, "scheme", ROW_TEXT, scheme),
    MAYBE(backend_row, "ep_min", ep_min, 1, 1e4),
    TEXT(backend_row, "kernel", ROW_NAME, kernel),
    TEXT(backend_row, "dtype_key", ROW_NAME, dtype_key),
    TEXT(backend_row, "source", ROW_NAME, source),
};

static int engine_kind_of(const char *name)
{
    for (int i = 0; i < ENGINE_N_KINDS; i++) {
        if (strcmp(name, engine_names[i]) == 0) {
            return i;
        }
    }
    return -1;
}

static bool check_engine(const char *name, struct src_pos pos, struct err *err)
{
    if (engine_kind_of(name) >= 0) {
        return true;
    }
    err_at(err, pos, "unknown engine '%s'", name);
    err_suggest(err, name, engine_names, ENGINE_N_KINDS);
    return false;
}

static bool load_rows(struct arena *arena, const char *const *dirs, int n_dirs,
                      struct engine_table *t, struct err *err)
{
    const struct row_layout layout = {"engines.csv", engine_fields, COUNT(engine_fields),
                                      sizeof(struct engine_row)};
    struct row_list list;
    if (!rows_load(arena, dirs, n_dirs, &layout, &list, err)) {
        return false;
    }
    t->rows = list.rows;
    t->n_rows = list.n;
    for (int i = 0; i < list.n; i++) {
        if (!check_engine(t->rows[i].when.engine, list.pos[i], err)) {
            return false;
        }
    }
    return true;
}

static bool load_backends(struct arena *arena, const char *const *dirs, int n_dirs,
                          struct engine_table *t, struct err *err)
{
    const struct row_layout layout = {"moe_backends.csv", backend_fields, COUNT(backend_fields),
                                      sizeof(struct backend_row)};
    struct row_list list;
    if (!rows_load(arena, dirs, n_dirs, &layout, &list, err)) {
        return false;
    }
    struct backend_row *rows = list.rows;
    t->backends = rows;
    t->n_backends = list.n;
    for (int i = 0; i < list.n; i++) {
        rows[i].when.mem_min_bytes = rows[i].when.mem_below_bytes = rows[i].when.tp_min = NAN;
        enum dtype dtype;
        if (!check_engine(rows[i].when.engine, list.pos[i], err)) {
            return false;
        }
        if (!dtype_parse(rows[i].experts, &dtype)) {
            return err_at(err, list.pos[i], "unknown number format '%s'", rows[i].experts);
        }
    }
    return true;
}

bool engine_table_load(struct arena *arena, const char *const *dirs, int n_dirs,
                       struct engine_table **table, struct err *err)
{
    *table = arena_alloc(arena, 1, sizeof **table);
    return load_rows(arena, dirs, n_dirs, *table, err) &&
           load_backends(arena, dirs, n_dirs, *table, err);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "1.2.0rc6.post2" -> 1 2 0. A release candidate counts as its release: engines change defaults
 * on the way to it. */
struct version {
    long part[3];
};

static struct version version_of(const char *text)
{
    struct version v = {{0, 0, 0}};
    for (int i = 0; i < 3 && is_digit(*text); i++) {
        char *end;
        v.part[i] = strtol(text, &end, 10);
        text = *end == '.' ? end + 1 : "";
    }
    return v;
}

bool engine_version_reaches(const char *version, const char *from)
{
    if (!from[0] || !version || !is_digit(version[0])) {
        return true;
    }
    struct version a = version_of(version), b = version_of(from);
    for (int i = 0; i < 3; i++) {
        if (a.part[i] != b.part[i]) {
            return a.part[i] > b.part[i];
        }
    }
    return true;
}

static bool gpu_fits(const char *wanted, const struct gpu *gpu)
{
    return !wanted[0] || strcmp(wanted, gpu->name) == 0 ||
           strncmp(wanted, gpu->arch, strlen(wanted)) == 0;
}

static bool applies(const struct condition *when, enum engine_kind kind, const char *version,
                    const struct gpu *gpu, int tp)
{
    return strcmp(when->engine, engine_names[kind]) == 0 &&
           engine_version_reaches(version, when->version_from) && gpu_fits(when->gpu, gpu) &&
           !(gpu->mem_bytes < when->mem_min_bytes) &&
           !(gpu->mem_bytes >= when->mem_below_bytes) && !(tp < when->tp_min);
}

static double *number_at(struct engine_row *row, const struct row_field *field)
{
    return (double *)(void *)((char *)row + field->offset);
}

/* The fields a row may state, as opposed to its condition and source. */
static bool is_stated_field(const struct row_field *field)
{
    return (field->kind == ROW_MAYBE || field->kind == ROW_FLAG) &&
           field->offset >= sizeof(struct condition);
}

static void take_stated(struct engine_row *into, const struct engine_row *from)
{
    struct engine_row copy = *from;
    for (int i = 0; i < COUNT(engine_fields); i++) {
        const struct row_field *field = &engine_fields[i];
        if (is_stated_field(field) && isnan(*number_at(into, field))) {
            *number_at(into, field) = *number_at(&copy, field);
        }
    }
}

static bool all_stated(struct engine_row *row, enum engine_kind kind, const struct gpu *gpu,
                       struct err *err)
{
    for (int i = 0; i < COUNT(engine_fields); i++) {
        const struct row_field *field = &engine_fields[i];
        bool may_miss =
            kind == ENGINE_SGLANG && field->offset == offsetof(struct engine_row, mem_util);
        if (is_stated_field(field) && !may_miss && isnan(*number_at(row, field))) {
            return err_set(err, ERR_INPUT, "engines.csv states no %s for %s on %s",
                           field->column, engine_names[kind], gpu->name);
        }
    }
    return true;
}

static struct engine_defaults defaults_of(const struct engine_row *r, enum engine_kind kind)
{
    return (struct engine_defaults){
        .kind = kind,
        .host_s = r->host_s,
        .host_per_seq_s = r->host_per_seq_s,
        .prefill_launch_s = r->prefill_launch_s,
        .api_s = r->api_s,
        .api_per_token_s = r->api_per_token_s,
        .async_scheduling = r->async_scheduling > 0,
        .mem_util = r->mem_util,
        .max_batched_tokens = (int64_t)r->max_batched_tokens,
        .max_seqs = (int64_t)r->max_seqs,
        .chunked_prefill = (int64_t)r->chunked_prefill,
        .block_tokens = (int64_t)r->block_tokens,
        .graph_bytes = r->graph_bytes,
        .context_bytes = r->context_bytes,
        .windowed_kv_freed = r->windowed_kv_freed > 0,
        .chunked_kv_freed = r->chunked_kv_freed > 0,
        .prefix_cache = r->prefix_cache > 0,
        .source = r->source,
    };
}

bool engine_defaults_for(const struct engine_table *table, enum engine_kind kind,
                         const char *version, const struct gpu *gpu, int tp,
                         struct engine_defaults *out, struct err *err)
{
    struct engine_row merged = {.source = NULL};
    for (int i = 0; i < COUNT(engine_fields); i++) {
        if (is_stated_field(&engine_fields[i])) {
            *number_at(&merged, &engine_fields[i]) = NAN;
        }
    }
    for (int i = 0; i < table->n_rows; i++) {
        const struct engine_row *row = &table->rows[i];
        if (applies(&row->when, kind, version, gpu, tp)) {
            take_stated(&merged, row);
            merged.source = merged.source ? merged.source : row->source;
        }
    }
    if (!all_stated(&merged, kind, gpu, err)) {
        return false;
    }
    *out = defaults_of(&merged, kind);
    return true;
}

static bool scheme_fits(const char *wanted, enum quant_scheme scheme)
{
    bool is_tensor = scheme == QUANT_TENSOR_STATIC || scheme == QUANT_TENSOR_DYNAMIC;
    return !wanted[0] || (strcmp(wanted, "block") == 0 && scheme == QUANT_BLOCK) ||
           (strcmp(wanted, "tensor") == 0 && is_tensor);
}

bool engine_moe_backend(const struct engine_table *table, const struct moe_backend_key *key,
                        const char **kernel, const char **dtype_key)
{
    for (int i = 0; i < table->n_backends; i++) {
        const struct backend_row *row = &table->backends[i];
        enum dtype dtype;
        if (dtype_parse(row->experts, &dtype) && dtype == key->experts &&
            scheme_fits(row->scheme, key->scheme) && !(key->ep < row->ep_min) &&
            applies(&row->when, key->kind, key->version, key->gpu, 1)) {
            *kernel = row->kernel;
            *dtype_key = row->dtype_key;
            return true;
        }
    }
    return false;
}
