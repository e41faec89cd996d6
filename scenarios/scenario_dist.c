/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scenario_dist.c - lengths in tokens as people describe them (mean and 95th percentile, a file
 * of observed values, one number) turned into a struct dist. Without `dist` the keys that are
 * given decide: value constant, file empirical, min and max alone uniform, everything else
 * lognormal. */
#include "scenarios/field.h"

#include <stdlib.h>
#include <string.h>

#include "sim/base/csvio.h"

/* Kinds a scenario can name, in the order of dist_names. */
enum length_kind {
    LENGTH_CONSTANT,
    LENGTH_UNIFORM,
    LENGTH_NORMAL,
    LENGTH_LOGNORMAL,
    LENGTH_GAMMA,
    LENGTH_EMPIRICAL,
    LENGTH_N,
};
static const char *const length_names[] = {"constant",  "uniform", "normal",
                                           "lognormal", "gamma",   "empirical"};

static const double Z95 = 1.6448536269514722; /* standard normal quantile of 0.95 */
enum { MAX_LENGTH_TOKENS = 1000000000 };

struct length_spec {
    int kind;
    double value, mean, p50, p95, sd, cv, mu, sigma, shape, scale, min, max;
    const char *file, *column;
};

#define BIT(kind) (1U << (kind))
#define LEN_NUM(key_, member, dflt_, lo, hi, only_)                                            \
    {                                                                                          \
        .key = key_, .type = FIELD_NUM, .offset = offsetof(struct length_spec, member),        \
        .dflt = dflt_, .unit = UNIT_TOKENS, .min = lo, .max = hi, .only = only_                \
    }
static const struct field length_fields[] = {
    {.key = "dist",
     .type = FIELD_ENUM,
     .offset = offsetof(struct length_spec, kind),
     .dflt = "lognormal",
     .names = length_names,
     .n_names = LENGTH_N},
    LEN_NUM("value", value, "none", 1, MAX_LENGTH_TOKENS, BIT(LENGTH_CONSTANT)),
    LEN_NUM("mean", mean, "none", 1, MAX_LENGTH_TOKENS,
            BIT(LENGTH_NORMAL) | BIT(LENGTH_LOGNORMAL) | BIT(LENGTH_GAMMA)),
    LEN_NUM("p50", p50, "none", 1, MAX_LENGTH_TOKENS, BIT(LENGTH_LOGNORMAL)),
    LEN_NUM("p95", p95, "none", 1, MAX_LENGTH_TOKENS, BIT(LENGTH_LOGNORMAL)),
    LEN_NUM("sd", sd, "none", 0, MAX_LENGTH_TOKENS,
            BIT(LENGTH_NORMAL) | BIT(LENGTH_LOGNORMAL) | BIT(LENGTH_GAMMA)),
    LEN_NUM("cv", cv, "none", 0, 100,
            BIT(LENGTH_NORMAL) | BIT(LENGTH_LOGNORMAL) | BIT(LENGTH_GAMMA)),
    LEN_NUM("mu", mu, "none", 0, 20, BIT(LENGTH_LOGNORMAL)),
    LEN_NUM("sigma", sigma, "none", 0, 5, BIT(LENGTH_LOGNORMAL)),
    LEN_NUM("shape", shape, "none", 0.01, 1e6, BIT(LENGTH_GAMMA)),
    LEN_NUM("scale", scale, "none", 1e-6, MAX_LENGTH_TOKENS, BIT(LENGTH_GAMMA)),
    LEN_NUM("min", min, "1", 1, MAX_LENGTH_TOKENS, 0),
    LEN_NUM("max", max, "none", 1, MAX_LENGTH_TOKENS, 0),
    {.key = "file",
     .type = FIELD_PATH,
     .offset = offsetof(struct length_spec, file),
     .dflt = "none",
     .only = BIT(LENGTH_EMPIRICAL)},
    {.key = "column",
     .type = FIELD_STR,
     .offset = offsetof(struct length_spec, column),
     .dflt = "none",
     .only = BIT(LENGTH_EMPIRICAL)},
};
static const struct section section_length = {
    .name = "length",
    .fields = length_fields,
    .n_fields = (int)(sizeof length_fields / sizeof length_fields[0]),
    .selector = true,
};

/* ---- the form it may be written in ---- */

static struct node *scalar_node(struct reader *r, const char *key, const char *text,
                                const struct node *like)
{
    struct node *node = arena_alloc(r->arena, 1, sizeof *node);
    *node = *like;
    node->kind = NODE_SCALAR;
    node->key = key;
    node->text = text;
    node->child = NULL;
    node->next = NULL;
    node->n_children = 0;
    return node;
}

static const char *infer_kind(const struct node *map)
{
    if (node_get(map, "value")) {
        return "constant";
    }
    if (node_get(map, "file")) {
        return "empirical";
    }
    bool is_range = node_get(map, "min") && node_get(map, "max") && map->n_children == 2;
    return is_range ? "uniform" : "lognormal";
}

/* 512 becomes {dist: constant, value: 512}; a map without `dist` gets it. */
static const struct node *as_length_map(struct reader *r, const struct node *node)
{
    struct node *map = arena_alloc(r->arena, 1, sizeof *map);
    *map = *node;
    if (node->kind == NODE_SCALAR) {
        map->kind = NODE_MAP;
        map->child = scalar_node(r, "value", node->text, node);
        map->n_children = 1;
    }
    if (map->kind == NODE_MAP && !node_get(map, "dist")) {
        struct node *kind = scalar_node(r, "dist", infer_kind(map), node);
        kind->pos.file = NULL;
        kind->next = map->child;
        map->child = kind;
        map->n_children++;
    }
    return map;
}

/* ---- from the description to the parameters ---- */

static bool have(double value)
{
    return !isnan(value);
}

static double sd_of(const struct length_spec *spec)
{
    return have(spec->sd) ? spec->sd : spec->cv * spec->mean;
}

static void set_log(struct dist *dist, double mu, double sigma)
{
    dist->kind = DIST_LOGNORMAL;
    dist->a = mu;
    dist->b = sigma;
}

static bool lognormal_mean_p95(const struct length_spec *spec, struct src_pos pos,
                               struct dist *dist, struct err *err)
{
    if (spec->p95 <= spec->mean) {
        return err_at(err, pos, "p95 (%g) must be greater than the mean (%g)", spec->p95,
                      spec->mean);
    }
    struct dist fit;
    if (!dist_lognormal_from_mean_p95(spec->mean, spec->p95, &fit)) {
        return err_at(
            err, pos,
            "no lognormal has a p95 of %.3g times its mean (3.86 at most); give mean and "
            "p50, or a file of observed lengths",
            spec->p95 / spec->mean);
    }
    set_log(dist, fit.a, fit.b); /* min and max stay */
    return true;
}

static bool resolve_lognormal(const struct length_spec *spec, struct src_pos pos,
                              struct dist *dist, struct err *err)
{
    int n_given = have(spec->mean) + have(spec->p50) + have(spec->p95) + have(spec->sd) +
                  have(spec->cv) + have(spec->mu) + have(spec->sigma);
    if (n_given != 2) {
        return err_at(err, pos,
                      "a lognormal needs two of its numbers: mean and p95, mean and p50, "
                      "p50 and p95, mean and sd, mean and cv, or mu and sigma");
    }
    if (have(spec->mu) && have(spec->sigma)) {
        set_log(dist, spec->mu, spec->sigma);
    } else if (have(spec->mean) && have(spec->p95)) {
        return lognormal_mean_p95(spec, pos, dist, err);
    } else if (have(spec->mean) && have(spec->p50)) {
        if (spec->p50 > spec->mean) {
            return err_at(err, pos, "the p50 (%g) of a lognormal cannot exceed its mean (%g)",
                          spec->p50, spec->mean);
        }
        set_log(dist, log(spec->p50), sqrt(2 * log(spec->mean / spec->p50)));
    } else if (have(spec->p50) && have(spec->p95)) {
        if (spec->p95 < spec->p50) {
            return err_at(err, pos, "p95 (%g) is less than p50 (%g)", spec->p95, spec->p50);
        }
        set_log(dist, log(spec->p50), log(spec->p95 / spec->p50) / Z95);
    } else if (have(spec->mean) && (have(spec->sd) || have(spec->cv))) {
        double cv = sd_of(spec) / spec->mean;
        double variance = log1p(cv * cv);
        set_log(dist, log(spec->mean) - variance / 2, sqrt(variance));
    } else {
        return err_at(err, pos,
                      "these two numbers do not make a lognormal: give mean and p95, mean "
                      "and p50, p50 and p95, mean and sd, mean and cv, or mu and sigma");
    }
    return true;
}

static bool resolve_normal(const struct length_spec *spec, struct src_pos pos,
                           struct dist *dist, struct err *err)
{
    if (!have(spec->mean) || have(spec->sd) == have(spec->cv)) {
        return err_at(err, pos, "a normal needs mean and one of sd and cv");
    }
    dist->kind = DIST_NORMAL;
    dist->a = spec->mean;
    dist->b = sd_of(spec);
    return true;
}

static bool resolve_gamma(const struct length_spec *spec, struct src_pos pos, struct dist *dist,
                          struct err *err)
{
    bool by_moments = have(spec->mean) && have(spec->sd) != have(spec->cv);
    bool by_params = have(spec->shape) && have(spec->scale);
    bool mixed = have(spec->mean) + have(spec->sd) + have(spec->cv) + have(spec->shape) +
                     have(spec->scale) !=
                 2;
    if (mixed || (!by_moments && !by_params)) {
        return err_at(err, pos, "a gamma needs mean and one of sd and cv, or shape and scale");
    }
    dist->kind = DIST_GAMMA;
    dist->a = spec->shape;
    dist->b = spec->scale;
    if (by_moments) {
        double cv = sd_of(spec) / spec->mean;
        if (cv <= 0) {
            return err_at(err, pos, "a gamma needs a spread above 0; use dist: constant");
        }
        dist->a = 1 / (cv * cv);
        dist->b = spec->mean / dist->a;
    }
    return true;
}

static bool resolve_uniform(const struct length_spec *spec, struct src_pos pos,
                            struct dist *dist, struct err *err)
{
    if (!have(spec->max)) {
        return err_at(err, pos, "a uniform needs min and max");
    }
    dist->kind = DIST_UNIFORM;
    dist->a = spec->min;
    dist->b = spec->max;
    return true;
}

static bool resolve_constant(const struct length_spec *spec, struct src_pos pos,
                             struct dist *dist, struct err *err)
{
    if (!have(spec->value)) {
        return err_at(err, pos, "a constant needs its value");
    }
    dist->kind = DIST_CONSTANT;
    dist->a = spec->value;
    return true;
}

/* ---- observed lengths ---- */

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The named column; without a name the only one, or a usual name for this kind of length. */
static int length_column(const struct csv_table *table, const struct length_spec *spec,
                         const char *what)
{
    static const char *const prompt_names[] = {"ContextTokens", "prompt_tokens", "input_tokens",
                                               "input_length", "num_prefill_tokens"};
    static const char *const output_names[] = {"GeneratedTokens", "output_tokens",
                                               "output_length", "num_decode_tokens"};
    bool is_prompt = strcmp(what, "prompt") == 0;
    const char *const *names = is_prompt ? prompt_names : output_names;
    int n = is_prompt ? (int)(sizeof prompt_names / sizeof prompt_names[0])
                      : (int)(sizeof output_names / sizeof output_names[0]);
    if (spec->column[0] != '\0') {
        return csv_col(table, spec->column);
    }
    if (table->n_cols == 1) {
        return 0;
    }
    for (int i = 0; i < n; i++) {
        int col = csv_col(table, names[i]);
        if (col >= 0) {
            return col;
        }
    }
    return csv_col(table, "tokens");
}

static bool load_values(struct reader *r, const struct csv_table *table, int col,
                        struct dist *dist)
{
    double *values = arena_alloc(r->arena, (size_t)table->n_rows, sizeof *values);
    for (int row = 0; row < table->n_rows; row++) {
        if (!csv_number(table, row, col, NAN, &values[row], r->err)) {
            return false;
        }
        if (!(values[row] >= 0 && values[row] <= MAX_LENGTH_TOKENS)) {
            return err_at(r->err, csv_pos(table, row), "column '%s' must hold 0..%d tokens",
                          table->cols[col], MAX_LENGTH_TOKENS);
        }
    }
    qsort(values, (size_t)table->n_rows, sizeof *values, compare_doubles);
    dist->kind = DIST_EMPIRICAL;
    dist->values = values;
    dist->n_values = table->n_rows;
    return true;
}

static bool resolve_empirical(struct reader *r, const char *what,
                              const struct length_spec *spec, struct src_pos pos,
                              struct dist *dist)
{
    struct csv_table table;
    if (spec->file[0] == '\0') {
        return err_at(r->err, pos, "an empirical length needs a file");
    }
    if (!csv_load(r->arena, spec->file, &table, r->err)) {
        return false;
    }
    int col = length_column(&table, spec, what);
    if (col < 0) {
        err_at(r->err, pos, "no column '%s' in %s",
               spec->column[0] != '\0' ? spec->column : "tokens", spec->file);
        err_suggest(r->err, spec->column, table.cols, table.n_cols);
        return false;
    }
    if (table.n_rows == 0) {
        return err_at(r->err, pos, "%s has no rows", spec->file);
    }
    return load_values(r, &table, col, dist);
}

static bool resolve(struct reader *r, const char *what, const struct length_spec *spec,
                    struct src_pos pos, struct dist *dist)
{
    dist->min = spec->min;
    dist->max = have(spec->max) ? spec->max : 0;
    if (have(spec->max) && spec->max < spec->min) {
        return err_at(r->err, pos, "max (%g) is less than min (%g)", spec->max, spec->min);
    }
    switch ((enum length_kind)spec->kind) {
    case LENGTH_CONSTANT:
        return resolve_constant(spec, pos, dist, r->err);
    case LENGTH_UNIFORM:
        return resolve_uniform(spec, pos, dist, r->err);
    case LENGTH_NORMAL:
        return resolve_normal(spec, pos, dist, r->err);
    case LENGTH_GAMMA:
        return resolve_gamma(spec, pos, dist, r->err);
    case LENGTH_EMPIRICAL:
        return resolve_empirical(r, what, spec, pos, dist);
    default:
        return resolve_lognormal(spec, pos, dist, r->err);
    }
}

bool dist_read(struct reader *r, const char *key, const struct node *node, struct src_pos where,
               struct dist *out)
{
    struct length_spec spec = {0};
    if (!node || node->kind == NODE_NULL) {
        out->kind = DIST_CONSTANT; /* a = 0: the class says where lengths come from instead */
        return true;
    }
    const struct node *map = as_length_map(r, node);
    struct reader_mark mark = reader_push(r, key, node);
    bool ok = section_read(r, &section_length, map, where, &spec) &&
              resolve(r, key, &spec, node->pos, out);
    reader_pop(r, mark);
    return ok;
}
