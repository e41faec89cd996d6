/* SPDX-License-Identifier: GPL-3.0-or-later */
/* kernel.c - reads the fitted kernel constants and finds the row for a GPU and engine.
 *
 * The order of rows in a file is the order of preference: the standard kernel of a (GPU,
 * engine, dtype) stands first, and engines stand in for a missing one in file order. Sets
 * fitted to experts without a gate projection ("nongated") obey another law and are found only
 * by name. Look-ups are linear over some hundred rows; they run once per deployment, not per
 * iteration. */
#include "hardware/kernel.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "hardware/rows.h"

#define TEXT(type, column, kind, name)                                                         \
    {                                                                                          \
        column, kind, offsetof(struct type, name), 0, 0, 0                                     \
    }
#define NUM(type, column, name, scale, min, max)                                               \
    {                                                                                          \
        column, ROW_NUMBER, offsetof(struct type, name), scale, min, max                       \
    }
#define KEY_FIELDS(type)                                                                       \
    TEXT(type, "sku", ROW_NAME, key.sku), TEXT(type, "engine", ROW_NAME, key.engine),          \
        TEXT(type, "version", ROW_TEXT, key.version),                                          \
        TEXT(type, "dtype", ROW_NAME, key.dtype), TEXT(type, "kernel", ROW_TEXT, key.kernel),  \
        TEXT(type, "source", ROW_NAME, key.source),                                            \
    {                                                                                          \
        "err_median_frac", ROW_MAYBE, offsetof(struct type, key.err_median_frac), 1, 0, 10     \
    }

static const struct row_field gemm_fields[] = {
    KEY_FIELDS(gemm_consts),
    NUM(gemm_consts, "t0_us", t0_s, 1e-6, 0, 50),
    NUM(gemm_consts, "ec", ec, 1, 0.01, 1.0),
    NUM(gemm_consts, "em", em, 1, 0.01, 1.0),
    NUM(gemm_consts, "p", p, 1, 1, 100),
    NUM(gemm_consts, "k0", k0, 1, 0, 1e4),
    NUM(gemm_consts, "wq_exp", wq_exp, 1, 0, 2),
    NUM(gemm_consts, "occ_exp", occ_exp, 1, 0, 2),
    NUM(gemm_consts, "eq", eq, 1, 0, 10),
};

/* `phase` and `kind` are words in the file and flags in the struct. */
struct attn_row {
    const char *phase, *kind;
    struct kernel_key key;
    int head_dim;
    double is_windowed, t0_s, em, ec, p, occ_exp, tw_s, k0;
};
static const struct row_field attn_fields[] = {
    KEY_FIELDS(attn_row),
    TEXT(attn_row, "phase", ROW_NAME, phase),
    TEXT(attn_row, "kind", ROW_NAME, kind),
    {"head_dim", ROW_INT, offsetof(struct attn_row, head_dim), 1, 0, 1024},
    {"windowed", ROW_FLAG, offsetof(struct attn_row, is_windowed), 1, 0, 1},
    NUM(attn_row, "t0_us", t0_s, 1e-6, 0, 50),
    NUM(attn_row, "em", em, 1, 0.01, 1.0),
    NUM(attn_row, "ec", ec, 1, 0.01, 1.0),
    NUM(attn_row, "p", p, 1, 1, 100),
    NUM(attn_row, "occ_exp", occ_exp, 1, 0, 2),
    NUM(attn_row, "tw_us", tw_s, 1e-6, 0, 50),
    NUM(attn_row, "k0", k0, 1, 0, 1e4),
};

static const struct row_field moe_fields[] = {
    KEY_FIELDS(moe_consts),
    NUM(moe_consts, "t0_us", t0_s, 1e-6, 0, 200),
    NUM(moe_consts, "ec", ec, 1, 0.01, 1.0),
    NUM(moe_consts, "em", em, 1, 0.01, 1.0),
    NUM(moe_consts, "p", p, 1, 1, 100),
    NUM(moe_consts, "ea", ea, 1, 0.01, 1e4),
    NUM(moe_consts, "b0", b0, 1, 0, 1e4),
    NUM(moe_consts, "td_us", td_s, 1e-6, 0, 10),
    NUM(moe_consts, "i0", i0, 1, 0, 1e4),
    NUM(moe_consts, "et", et, 1, 0, 1e5),
};
#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

const struct kernel_key *kernel_gemm_key(const struct kernel_set *set, int i)
{
    return &set->gemm[i].key;
}

const struct kernel_key *kernel_attn_key(const struct kernel_set *set, int i)
{
    return &set->attn[i].key;
}

const struct kernel_key *kernel_moe_key(const struct kernel_set *set, int i)
{
    return &set->moe[i].key;
}

static bool load_gemm(struct arena *arena, const char *const *dirs, int n_dirs,
                      struct kernel_set *set, struct err *err)
{
    const struct row_layout layout = {"kernels/gemm.csv", gemm_fields, COUNT(gemm_fields),
                                      sizeof(struct gemm_consts)};
    struct row_list list;
    if (!rows_load(arena, dirs, n_dirs, &layout, &list, err)) {
        return false;
    }
    set->gemm = list.rows;
    set->n_gemm = list.n;
    return true;
}

static bool word_is(const char *word, const char *yes, const char *no, struct src_pos pos,
                    bool *value, struct err *err)
{
    *value = strcmp(word, yes) == 0;
    return *value || strcmp(word, no) == 0 ||
           err_at(err, pos, "must be '%s' or '%s', got '%s'", no, yes, word);
}

static bool load_attn(struct arena *arena, const char *const *dirs, int n_dirs,
                      struct kernel_set *set, struct err *err)
{
    const struct row_layout layout = {"kernels/attention.csv", attn_fields, COUNT(attn_fields),
                                      sizeof(struct attn_row)};
    struct row_list list;
    if (!rows_load(arena, dirs, n_dirs, &layout, &list, err)) {
        return false;
    }
    set->attn = arena_alloc(arena, (size_t)list.n + 1, sizeof *set->attn);
    set->n_attn = list.n;
    const struct attn_row *rows = list.rows;
    for (int i = 0; i < list.n; i++) {
        const struct attn_row *r = &rows[i];
        set->attn[i] = (struct attn_consts){.key = r->key,
                                            .is_windowed = r->is_windowed > 0.0,
                                            .head_dim = r->head_dim,
                                            .t0_s = r->t0_s,
                                            .em = r->em,
                                            .ec = r->ec,
                                            .p = r->p,
                                            .occ_exp = r->occ_exp,
                                            .tw_s = r->tw_s,
                                            .k0 = r->k0};
        if (!word_is(r->phase, "prefill", "decode", list.pos[i], &set->attn[i].is_prefill,
                     err) ||
            !word_is(r->kind, "mla", "gqa", list.pos[i], &set->attn[i].is_mla, err)) {
            return false;
        }
    }
    return true;
}

static bool load_moe(struct arena *arena, const char *const *dirs, int n_dirs,
                     struct kernel_set *set, struct err *err)
{
    const struct row_layout layout = {"kernels/moe.csv", moe_fields, COUNT(moe_fields),
                                      sizeof(struct moe_consts)};
    struct row_list list;
    if (!rows_load(arena, dirs, n_dirs, &layout, &list, err)) {
        return false;
    }
    set->moe = list.rows;
    set->n_moe = list.n;
    return true;
}

bool kernel_set_load(struct arena *arena, const char *const *dirs, int n_dirs,
                     struct kernel_set *set, struct err *err)
{
    *set = (struct kernel_set){0};
    return load_gemm(arena, dirs, n_dirs, set, err) &&
           load_attn(arena, dirs, n_dirs, set, err) &&
           load_moe(arena, dirs, n_dirs, set, err) &&
           transfer_load(arena, dirs, n_dirs, &set->transfers, err);
}

/* What a look-up wants. sku, engine, kernel NULL: any. */
struct want {
    const char *sku, *engine, *dtype, *kernel;
    const struct attn_want *attn;
};

static bool same(const char *wanted, const char *have)
{
    return !wanted || strcmp(wanted, have) == 0;
}

bool kernel_moe_is(const char *kernel, const char *wanted)
{
    size_t n = strcspn(wanted, "+");
    return strlen(kernel) == n && strncmp(wanted, kernel, n) == 0;
}

static bool same_kernel(const char *wanted, const char *have)
{
    return !wanted || kernel_moe_is(have, wanted);
}

const char *kernel_moe_other(const char *kernel)
{
    const char *plus = kernel ? strchr(kernel, '+') : NULL;
    return plus ? plus + 1 : NULL;
}

bool kernel_moe_by_name_only(const struct kernel_key *key)
{
    return strcmp(key->kernel, "nongated") == 0;
}

static bool key_fits(const struct kernel_key *key, const struct want *want)
{
    return strcmp(want->dtype, key->dtype) == 0 && same(want->sku, key->sku) &&
           same(want->engine, key->engine) && same_kernel(want->kernel, key->kernel) &&
           (want->kernel || !kernel_moe_by_name_only(key));
}

/* First row that fits; -1: none. One function per table because the rows differ in type. */
typedef int (*row_find)(const struct kernel_set *set, const struct want *want);

static int find_gemm(const struct kernel_set *set, const struct want *want)
{
    for (int i = 0; i < set->n_gemm; i++) {
        if (key_fits(&set->gemm[i].key, want)) {
            return i;
        }
    }
    return -1;
}

/* How badly a row stands in for another shape. A window matters less than twice the head size.
 */
static double attn_distance(const struct attn_consts *a, const struct attn_want *want)
{
    static const double WINDOW_DISTANCE = 0.5;
    double head = a->head_dim > 0 && want->head_dim > 0
                      ? fabs(log((double)want->head_dim / a->head_dim))
                      : 0.0;
    return head + (a->is_windowed != want->is_windowed ? WINDOW_DISTANCE : 0.0);
}

/* The nearest shape; of equals the first. */
static int find_attn(const struct kernel_set *set, const struct want *want)
{
    int best = -1;
    for (int i = 0; i < set->n_attn; i++) {
        const struct attn_consts *a = &set->attn[i];
        if (a->is_prefill == want->attn->is_prefill && a->is_mla == want->attn->is_mla &&
            key_fits(&a->key, want) &&
            (best < 0 ||
             attn_distance(a, want->attn) < attn_distance(&set->attn[best], want->attn))) {
            best = i;
        }
    }
    return best;
}

static int find_moe(const struct kernel_set *set, const struct want *want)
{
    for (int i = 0; i < set->n_moe; i++) {
        if (key_fits(&set->moe[i].key, want)) {
            return i;
        }
    }
    return -1;
}

static const struct gpu *nearest_of(const struct gpu_list *gpus, const struct gpu *gpu)
{
    return gpu->nearest && gpu->nearest[0] ? gpu_find(gpus, gpu->nearest, NULL) : NULL;
}

/* The fallback order of kernel.h for one wanted kernel (or any): own SKU, then the chain of
 * nearest ones, on each the engine asked for before the others. The bound ends a chain that
 * runs in a circle. */
static int find_in_chain(const struct kernel_set *set, row_find find,
                         const struct gpu_list *gpus, const struct gpu *gpu, struct want want,
                         enum kernel_match *match)
{
    const char *engine = want.engine;
    const struct gpu *at = gpu;
    for (int hop = 0; at && hop <= gpus->n; hop++) {
        want.sku = at->name;
        for (int other = 0; other < 2; other++) {
            want.engine = other ? NULL : engine;
            int row = find(set, &want);
            if (row >= 0) {
                *match = hop > 0 ? MATCH_SKU : (other ? MATCH_ENGINE : MATCH_EXACT);
                return row;
            }
        }
        at = nearest_of(gpus, at);
    }
    return -1;
}

/* Own SKU and its chain, then any SKU, the engine asked for first. */
static int find_anywhere(const struct kernel_set *set, row_find find,
                         const struct gpu_list *gpus, const struct gpu *gpu, struct want want,
                         enum kernel_match *match)
{
    int row = find_in_chain(set, find, gpus, gpu, want, match);
    if (row >= 0) {
        return row;
    }
    *match = MATCH_SKU;
    row = find(set, &want);
    if (row < 0) {
        want.engine = NULL;
        row = find(set, &want);
    }
    return row;
}

/* A kernel asked for by name is looked for everywhere before another one is taken: the choice
 * of kernel moves a grouped GEMM by 15-60 %, a transfer between SKUs by about 10 %. */
static int find_row(const struct kernel_set *set, row_find find, const struct gpu_list *gpus,
                    const struct gpu *gpu, struct want want, enum kernel_match *match)
{
    enum kernel_match unused;
    match = match ? match : &unused;
    if (want.kernel && want.kernel[0]) {
        int row = find_anywhere(set, find, gpus, gpu, want, match);
        if (row >= 0) {
            return row;
        }
    }
    want.kernel = NULL;
    return find_anywhere(set, find, gpus, gpu, want, match);
}

const struct gemm_consts *kernel_gemm(const struct kernel_set *set, const struct gpu_list *gpus,
                                      const struct gpu *gpu, const char *engine,
                                      const char *dtype, enum kernel_match *match)
{
    struct want want = {.engine = engine, .dtype = dtype};
    int row = find_row(set, find_gemm, gpus, gpu, want, match);
    return row < 0 ? NULL : &set->gemm[row];
}

const struct attn_consts *kernel_attn_for(const struct kernel_set *set,
                                          const struct gpu_list *gpus, const struct gpu *gpu,
                                          const char *engine, const struct attn_want *attn,
                                          enum kernel_match *match)
{
    struct want want = {.engine = engine, .dtype = attn->kv_dtype, .attn = attn};
    int row = find_row(set, find_attn, gpus, gpu, want, match);
    return row < 0 ? NULL : &set->attn[row];
}

const struct attn_consts *kernel_attn(const struct kernel_set *set, const struct gpu_list *gpus,
                                      const struct gpu *gpu, const char *engine,
                                      bool is_prefill, bool is_mla, const char *kv_dtype,
                                      enum kernel_match *match)
{
    const struct attn_want want = {
        .is_prefill = is_prefill, .is_mla = is_mla, .head_dim = 128, .kv_dtype = kv_dtype};
    return kernel_attn_for(set, gpus, gpu, engine, &want, match);
}

const struct moe_consts *kernel_moe(const struct kernel_set *set, const struct gpu_list *gpus,
                                    const struct gpu *gpu, const char *engine,
                                    const char *dtype, const char *kernel,
                                    enum kernel_match *match)
{
    struct want want = {.engine = engine, .dtype = dtype, .kernel = kernel};
    int row = find_row(set, find_moe, gpus, gpu, want, match);
    return row < 0 ? NULL : &set->moe[row];
}
