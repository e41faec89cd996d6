/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/fit/micro.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/base/csvio.h"
#include "sim/cost/gemm.h"
#include "sim/fit/robust.h"

/* What a product tells of: arithmetic from so many rows on, bandwidth below so many with a
 * weight beyond the caches, the launch otherwise. */
static const double LARGE_M = 1024.0;
static const double SMALL_M = 64.0;
static const double LARGE_WEIGHT_BYTES = 128.0 * 1024 * 1024;
/* Rounded measurements and data sheets. */
static const double FLOOR_SLACK = 0.98;
static const double LEAST = 0.01;     /* of a peak, as hardware/kernel.c takes it */
static const double MAX_T0_US = 50.0; /* ... and what it takes of launches */
static const double MAX_MOE_T0_US = 200.0;
enum { STARTS = 3, FIRST_EXP = 10, LAST_EXP = 28 }; /* curve: 1 KiB to 256 MiB */

struct product {
    double m, n, k, latency_s;
    const char *dtype; /* key of kernels/gemm.csv */
    struct gemm_unit unit;
    const struct gemm_consts *base;
};
struct reduce {
    double bytes, latency_s;
    int n_gpus;
};

struct micro {
    struct arena *arena;
    const struct micro_options *options;
    const struct gpu *gpu;
    struct product *products;
    int n_products;
    struct reduce *reduces;
    int n_reduces;
    bool has_ec, has_em, has_t0;
    double ec_factor, em_factor, t0_us; /* fitted: factors on the base, the launch itself */
};

/* ---- reading ---- */

struct columns {
    int kind, m, n, k, bytes, n_gpus, latency, dtype;
};

static bool find_columns(const struct csv_table *t, struct columns *c, struct err *err)
{
    c->m = csv_col(t, "m");
    c->n = csv_col(t, "n");
    c->k = csv_col(t, "k");
    c->bytes = csv_col(t, "bytes");
    c->n_gpus = csv_col(t, "n_gpus");
    c->dtype = csv_col(t, "dtype");
    return csv_col_need(t, "kind", &c->kind, err) &&
           csv_col_need(t, "latency_us", &c->latency, err);
}

static bool positive(const struct csv_table *t, int row, int col, const char *name,
                     double *value, struct err *err)
{
    if (!csv_number(t, row, col, NAN, value, err)) {
        return false;
    }
    return *value > 0.0 ||
           err_at(err, csv_pos(t, row), "'%s' must be a number above 0, got '%s'", name,
                  csv_cell(t, row, col));
}

/* Number format and scaling of a key of kernels/gemm.csv. */
static bool format_of(const char *key, enum dtype *dtype, enum quant_scheme *scheme, int *group)
{
    *scheme = QUANT_NONE;
    *group = 0;
    if (strcmp(key, "fp8_block") == 0) {
        *dtype = DTYPE_FP8;
        *scheme = QUANT_BLOCK;
        *group = 128;
        return true;
    }
    if (!dtype_parse(key, dtype)) {
        return false;
    }
    if (*dtype == DTYPE_FP8) {
        *scheme = QUANT_TENSOR_DYNAMIC;
    } else if (*dtype == DTYPE_NVFP4) {
        *scheme = QUANT_GROUP;
        *group = 16;
    }
    return *dtype == DTYPE_BF16 || *dtype == DTYPE_FP8 || *dtype == DTYPE_NVFP4;
}

static bool resolve_product(struct micro *u, const struct csv_table *t, int row,
                            struct product *p, struct err *err)
{
    enum dtype dtype;
    enum quant_scheme scheme;
    int group;
    enum kernel_match match;
    const struct stock *stock = u->options->stock;
    if (!format_of(p->dtype, &dtype, &scheme, &group) ||
        strcmp(gemm_dtype_key(u->gpu, dtype, scheme), p->dtype) != 0) {
        return err_at(err, csv_pos(t, row), "%s does not compute in '%s'", u->gpu->name,
                      p->dtype);
    }
    p->base = kernel_gemm(&stock->kernels, &stock->gpus, u->gpu, "vllm", p->dtype, &match);
    if (!p->base) {
        return err_at(err, csv_pos(t, row), "no GPU has constants for '%s'", p->dtype);
    }
    gemm_unit_init(&p->unit, u->gpu, p->base, dtype, scheme, group);
    double floor_s = gemm_floor_s(&p->unit, p->m, p->n, p->k);
    return p->latency_s >= FLOOR_SLACK * floor_s ||
           err_at(
               err, csv_pos(t, row),
               "%.4g us is below the physical floor of %.4g us: the weight was in a cache, or "
               "the GPU is another",
               1e6 * p->latency_s, 1e6 * floor_s);
}

static bool read_product(struct micro *u, const struct csv_table *t, const struct columns *c,
                         int row, double latency_s, struct err *err)
{
    struct product *p = &u->products[u->n_products];
    p->latency_s = latency_s;
    p->dtype =
        c->dtype >= 0 && *csv_cell(t, row, c->dtype) ? csv_cell(t, row, c->dtype) : "bf16";
    if (!positive(t, row, c->m, "m", &p->m, err) || !positive(t, row, c->n, "n", &p->n, err) ||
        !positive(t, row, c->k, "k", &p->k, err) || !resolve_product(u, t, row, p, err)) {
        return false;
    }
    u->n_products++;
    return true;
}

static bool read_reduce(struct micro *u, const struct csv_table *t, const struct columns *c,
                        int row, double latency_s, struct err *err)
{
    struct reduce *r = &u->reduces[u->n_reduces];
    double n_gpus = NAN;
    if (!positive(t, row, c->bytes, "bytes", &r->bytes, err) ||
        !positive(t, row, c->n_gpus, "n_gpus", &n_gpus, err)) {
        return false;
    }
    if (n_gpus != floor(n_gpus) || n_gpus < 2.0 || n_gpus > u->gpu->scaleup_gpus) {
        return err_at(err, csv_pos(t, row), "n_gpus must be 2..%d on %s", u->gpu->scaleup_gpus,
                      u->gpu->name);
    }
    r->n_gpus = (int)n_gpus;
    r->latency_s = latency_s;
    if (r->n_gpus != u->reduces[0].n_gpus) {
        return err_at(err, csv_pos(t, row),
                      "measure all all-reduces on the same number of GPUs");
    }
    double floor_s = collective_floor_s(u->gpu, "all_reduce", r->n_gpus, r->bytes);
    if (latency_s < FLOOR_SLACK * floor_s) {
        return err_at(err, csv_pos(t, row), "%.4g us is below the physical floor of %.4g us",
                      1e6 * latency_s, 1e6 * floor_s);
    }
    u->n_reduces++;
    return true;
}

static bool read_table(struct micro *u, struct err *err)
{
    struct csv_table t;
    struct columns c;
    if (!csv_load(u->arena, u->options->table, &t, err) || !find_columns(&t, &c, err)) {
        return false;
    }
    u->products = arena_alloc(u->arena, (size_t)t.n_rows + 1, sizeof *u->products);
    u->reduces = arena_alloc(u->arena, (size_t)t.n_rows + 1, sizeof *u->reduces);
    for (int row = 0; row < t.n_rows; row++) {
        static const char *const kinds[] = {"gemm", "all_reduce"};
        const char *kind = csv_cell(&t, row, c.kind);
        double us;
        if (!positive(&t, row, c.latency, "latency_us", &us, err)) {
            return false;
        }
        if (strcmp(kind, kinds[0]) == 0) {
            if (!read_product(u, &t, &c, row, 1e-6 * us, err)) {
                return false;
            }
        } else if (strcmp(kind, kinds[1]) == 0) {
            if (!read_reduce(u, &t, &c, row, 1e-6 * us, err)) {
                return false;
            }
        } else {
            err_at(err, csv_pos(&t, row), "kind must be gemm or all_reduce, got '%s'", kind);
            err_suggest(err, kind, kinds, 2);
            return false;
        }
    }
    return u->n_products > 0 ||
           err_set(err, ERR_INPUT, "%s: no product (kind gemm) was measured", t.file);
}

/* ---- products ---- */

static bool tells_of_arithmetic(const struct product *p)
{
    return p->m >= LARGE_M;
}

static bool tells_of_bandwidth(const struct product *p)
{
    return p->m <= SMALL_M && p->unit.weight_bytes * p->n * p->k >= LARGE_WEIGHT_BYTES;
}

static double within(double x, double lo, double hi)
{
    return fmin(fmax(x, lo), hi);
}

static double law(const void *ctx, int i, const double *x)
{
    const struct micro *u = ctx;
    struct gemm_unit unit = u->products[i].unit;
    const struct gemm_consts *base = u->products[i].base;
    int at = 0;
    if (u->has_ec) {
        unit.consts.ec = within(base->ec * x[at++], LEAST, 1.0);
    }
    if (u->has_em) {
        unit.consts.em = within(base->em * x[at++], LEAST, 1.0);
    }
    if (u->has_t0) {
        unit.consts.t0_s = 1e-6 * x[at];
    }
    return gemm_law_s(&unit, u->products[i].m, u->products[i].n, u->products[i].k);
}

static void fit_products(struct micro *u)
{
    struct robust_param params[3];
    int n = 0;
    for (int i = 0; i < u->n_products; i++) {
        const struct product *p = &u->products[i];
        bool ec = tells_of_arithmetic(p);
        bool em = tells_of_bandwidth(p);
        u->has_ec = u->has_ec || ec;
        u->has_em = u->has_em || em;
        u->has_t0 = u->has_t0 || (!ec && !em);
    }
    if (u->has_ec) {
        params[n++] = (struct robust_param){0.02, 20.0, 1.0, true};
    }
    if (u->has_em) {
        params[n++] = (struct robust_param){0.02, 20.0, 1.0, true};
    }
    if (u->has_t0) {
        params[n++] =
            (struct robust_param){0.1, MAX_T0_US, 1e6 * u->products[0].base->t0_s, true};
    }
    size_t rows = (size_t)u->n_products;
    double *measured = xcalloc(rows, sizeof *measured);
    double *weight = xcalloc(rows, sizeof *weight);
    uint64_t *shape = xcalloc(rows, sizeof *shape);
    for (size_t i = 0; i < rows; i++) {
        measured[i] = u->products[i].latency_s;
        weight[i] = 1.0;
        shape[i] = i;
    }
    struct robust_data data = {.n_rows = u->n_products,
                               .n_params = n,
                               .measured_s = measured,
                               .weight = weight,
                               .shape = shape,
                               .law = law,
                               .ctx = u,
                               .params = params,
                               .stream = "micro"};
    double x[ROBUST_MAX_PARAMS];
    robust_fit(&data, NULL, STARTS, x);
    int at = 0;
    u->ec_factor = u->has_ec ? x[at++] : 1.0;
    u->em_factor = u->has_em ? x[at++] : 1.0;
    u->t0_us = u->has_t0 ? x[at] : NAN;
    free(measured);
    free(weight);
    free(shape);
}

/* ---- writing ---- */

static struct csv_writer *create(const struct micro *u, const char *name,
                                 const char *const *columns, struct err *err)
{
    struct csv_writer *w =
        csv_create(arena_printf(u->arena, "%s/hardware/%s", u->options->out, name), err);
    for (; w && *columns; columns++) {
        csv_put(w, *columns);
    }
    if (w) {
        csv_end_row(w);
    }
    return w;
}

static void put_key(struct csv_writer *w, const struct micro *u, const struct kernel_key *key)
{
    csv_put(w, u->gpu->name);
    csv_put(w, key->engine);
    csv_put(w, key->version);
    csv_put(w, key->dtype);
    csv_put(w, key->kernel);
}

static void put_end(struct csv_writer *w, const struct micro *u, const struct kernel_key *key)
{
    csv_put(w, "");
    csv_put(w, arena_printf(u->arena, "constants of %s scaled to %d products measured on %s",
                            key->sku, u->n_products, u->gpu->name));
    csv_put(w, u->options->as_of);
    csv_end_row(w);
}

static double share(double base, double factor)
{
    return within(base * factor, LEAST, 1.0);
}

/* Launches of other kernels move as much as that of a product. */
static double launch_us(const struct micro *u, double base_s, double most_us)
{
    double change = u->has_t0 ? u->t0_us - 1e6 * u->products[0].base->t0_s : 0.0;
    return within(1e6 * base_s + change, 0.0, most_us);
}

/* Does the GPU compute in the format of a row? Formats of weights alone always run. */
static bool has_format(const struct gpu *gpu, const char *dtype)
{
    if (strncmp(dtype, "fp8", 3) == 0) {
        return gpu->flops_per_s[DTYPE_FP8] > 0.0;
    }
    return strcmp(dtype, "nvfp4") != 0 || gpu->flops_per_s[DTYPE_NVFP4] > 0.0;
}

/* The first GPU of the chain of nearest ones that has rows; key_at gives the key of row i. */
typedef const struct kernel_key *(*key_at)(const struct kernel_set *set, int i);

static const char *base_sku(const struct micro *u, key_at at, int n)
{
    const struct gpu_list *gpus = &u->options->stock->gpus;
    const struct gpu *gpu = u->gpu;
    for (int hop = 0; gpu && hop <= gpus->n; hop++) {
        for (int i = 0; i < n; i++) {
            if (strcmp(at(&u->options->stock->kernels, i)->sku, gpu->name) == 0) {
                return gpu->name;
            }
        }
        gpu = gpu->nearest && gpu->nearest[0] ? gpu_find(gpus, gpu->nearest, NULL) : NULL;
    }
    return "";
}

static bool wanted(const struct micro *u, const struct kernel_key *key, const char *sku)
{
    return strcmp(key->sku, sku) == 0 && has_format(u->gpu, key->dtype);
}

static bool write_gemm(const struct micro *u, int *n, struct err *err)
{
    static const char *const columns[] = {
        "sku", "engine", "version", "dtype", "kernel",          "t0_us",  "ec",    "em", "p",
        "k0",  "wq_exp", "occ_exp", "eq",    "err_median_frac", "source", "as_of", NULL};
    const struct kernel_set *set = &u->options->stock->kernels;
    const char *sku = base_sku(u, kernel_gemm_key, set->n_gemm);
    struct csv_writer *w = create(u, "kernels/gemm.csv", columns, err);
    for (int i = 0; w && i < set->n_gemm; i++) {
        const struct gemm_consts *g = &set->gemm[i];
        if (!wanted(u, &g->key, sku)) {
            continue;
        }
        put_key(w, u, &g->key);
        csv_put_num(w, launch_us(u, g->t0_s, MAX_T0_US));
        csv_put_num(w, share(g->ec, u->ec_factor));
        csv_put_num(w, share(g->em, u->em_factor));
        csv_put_num(w, g->p);
        csv_put_num(w, g->k0);
        csv_put_num(w, g->wq_exp);
        csv_put_num(w, g->occ_exp);
        csv_put_num(w, g->eq);
        put_end(w, u, &g->key);
        (*n)++;
    }
    return w && csv_close(w, err);
}

static bool write_attention(const struct micro *u, int *n, struct err *err)
{
    static const char *const columns[] = {
        "sku",      "engine",   "version",         "dtype",  "kernel", "phase", "kind",
        "head_dim", "windowed", "t0_us",           "em",     "ec",     "p",     "occ_exp",
        "tw_us",    "k0",       "err_median_frac", "source", "as_of",  NULL};
    const struct kernel_set *set = &u->options->stock->kernels;
    const char *sku = base_sku(u, kernel_attn_key, set->n_attn);
    struct csv_writer *w = create(u, "kernels/attention.csv", columns, err);
    for (int i = 0; w && i < set->n_attn; i++) {
        const struct attn_consts *a = &set->attn[i];
        if (!wanted(u, &a->key, sku)) {
            continue;
        }
        put_key(w, u, &a->key);
        csv_put(w, a->is_prefill ? "prefill" : "decode");
        csv_put(w, a->is_mla ? "mla" : "gqa");
        csv_put_int(w, a->head_dim);
        csv_put_int(w, a->is_windowed);
        csv_put_num(w, launch_us(u, a->t0_s, MAX_T0_US));
        csv_put_num(w, share(a->em, u->em_factor));
        csv_put_num(w, share(a->ec, u->ec_factor));
        csv_put_num(w, a->p);
        csv_put_num(w, a->occ_exp);
        csv_put_num(w, 1e6 * a->tw_s);
        csv_put_num(w, a->k0);
        put_end(w, u, &a->key);
        (*n)++;
    }
    return w && csv_close(w, err);
}

static bool write_moe(const struct micro *u, int *n, struct err *err)
{
    static const char *const columns[] = {
        "sku",    "engine", "version", "dtype", "kernel",
        "t0_us",  "ec",     "em",      "p",     "ea",
        "b0",     "td_us",  "i0",      "et",    "err_median_frac",
        "source", "as_of",  NULL};
    const struct kernel_set *set = &u->options->stock->kernels;
    const char *sku = base_sku(u, kernel_moe_key, set->n_moe);
    struct csv_writer *w = create(u, "kernels/moe.csv", columns, err);
    for (int i = 0; w && i < set->n_moe; i++) {
        const struct moe_consts *m = &set->moe[i];
        if (!wanted(u, &m->key, sku)) {
            continue;
        }
        put_key(w, u, &m->key);
        csv_put_num(w, launch_us(u, m->t0_s, MAX_MOE_T0_US));
        csv_put_num(w, share(m->ec, u->ec_factor));
        csv_put_num(w, share(m->em, u->em_factor));
        csv_put_num(w, m->p);
        csv_put_num(w, m->ea);
        csv_put_num(w, m->b0);
        csv_put_num(w, 1e6 * m->td_s);
        csv_put_num(w, m->i0);
        csv_put_num(w, m->et);
        put_end(w, u, &m->key);
        (*n)++;
    }
    return w && csv_close(w, err);
}

/* ---- all-reduce ---- */

static double reduce_now_s(const struct micro *u, int n_gpus, double bytes)
{
    const struct stock *s = u->options->stock;
    return collective_time_s(&s->fabric, &s->gpus, u->gpu, "vllm", "all_reduce", n_gpus, bytes);
}

static double ratio_of(const struct micro *u, const struct reduce *r)
{
    return r->latency_s / reduce_now_s(u, r->n_gpus, r->bytes);
}

/* Measured over predicted, between the smallest and the largest on a straight line in log
 * bytes. */
static double ratio_at(const struct reduce *small, double at_small, const struct reduce *large,
                       double at_large, double bytes)
{
    double span = log(large->bytes / small->bytes);
    double share_of = span > 0.0 ? within(log(bytes / small->bytes) / span, 0.0, 1.0) : 0.0;
    return exp(log(at_small) + share_of * (log(at_large) - log(at_small)));
}

static bool write_curve(const struct micro *u, struct micro_report *report, struct err *err)
{
    static const char *const columns[] = {"sku",       "engine", "version", "kernel",
                                          "operation", "n_gpus", "bytes",   "time_us",
                                          "source",    "as_of",  NULL};
    const struct reduce *small = &u->reduces[0];
    const struct reduce *large = &u->reduces[0];
    for (int i = 1; i < u->n_reduces; i++) {
        small = u->reduces[i].bytes < small->bytes ? &u->reduces[i] : small;
        large = u->reduces[i].bytes > large->bytes ? &u->reduces[i] : large;
    }
    report->small_ratio = ratio_of(u, small);
    report->large_ratio = ratio_of(u, large);
    const char *source = arena_printf(u->arena, "%d all-reduces measured on %d x %s",
                                      u->n_reduces, small->n_gpus, u->gpu->name);
    struct csv_writer *w = create(u, "collectives/allreduce.csv", columns, err);
    for (int n = 2; w && n <= u->gpu->scaleup_gpus && n <= 16; n *= 2) {
        for (int e = FIRST_EXP; e <= LAST_EXP; e++) {
            double bytes = ldexp(1.0, e);
            double ratio =
                ratio_at(small, report->small_ratio, large, report->large_ratio, bytes);
            double t = fmax(ratio * reduce_now_s(u, n, bytes),
                            collective_floor_s(u->gpu, "all_reduce", n, bytes));
            csv_put(w, u->gpu->name);
            csv_put(w, "vllm");
            csv_put(w, "measured");
            csv_put(w, "custom");
            csv_put(w, "all_reduce");
            csv_put_int(w, n);
            csv_put_num(w, bytes);
            csv_put_num(w, 1e6 * t);
            csv_put(w, source);
            csv_put(w, u->options->as_of);
            csv_end_row(w);
            report->n_curve_points++;
        }
    }
    return w && csv_close(w, err);
}

static bool make_folder(struct arena *arena, const char *out, const char *name, struct err *err)
{
    const char *path = arena_printf(arena, "%s/%s", out, name);
    return mkdir(path, 0777) == 0 || errno == EEXIST ||
           err_set(err, ERR_IO, "cannot make '%s': %s", path, strerror(errno));
}

static void fill_report(const struct micro *u, struct micro_report *r)
{
    const struct gemm_consts *base = u->products[0].base;
    r->gpu = u->gpu->name;
    r->base = base->key.sku;
    r->ec_before = base->ec;
    r->em_before = base->em;
    r->t0_before_s = base->t0_s;
    r->ec = u->has_ec ? share(base->ec, u->ec_factor) : NAN;
    r->em = u->has_em ? share(base->em, u->em_factor) : NAN;
    r->t0_s = u->has_t0 ? 1e-6 * u->t0_us : NAN;
}

bool micro_run(struct arena *arena, const struct micro_options *options,
               struct micro_report *report, struct err *err)
{
    struct micro u = {.arena = arena, .options = options};
    *report = (struct micro_report){.small_ratio = NAN, .large_ratio = NAN};
    u.gpu = gpu_find(&options->stock->gpus, options->gpu, err);
    if (!u.gpu || !read_table(&u, err)) {
        return false;
    }
    fit_products(&u);
    fill_report(&u, report);
    const char *out = options->out;
    return make_folder(arena, out, "hardware", err) &&
           make_folder(arena, out, "hardware/kernels", err) &&
           make_folder(arena, out, "hardware/collectives", err) &&
           write_gemm(&u, &report->n_gemm, err) && write_attention(&u, &report->n_attn, err) &&
           write_moe(&u, &report->n_moe, err) &&
           (u.n_reduces == 0 || write_curve(&u, report, err));
}
