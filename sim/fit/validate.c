/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/fit/validate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/model.h"
#include "sim/base/pool.h"
#include "sim/base/progress.h"
#include "sim/fit/bandfit.h"
#include "sim/fit/validate_doc.h"
#include "sim/fit/validate_parts.h"

static const int OPEN_REPLICATIONS = 5;

struct work {
    const struct validate_options *options;
    struct arena *arena;
    const struct validate_settings *settings;
    const struct validate_table *table;
    const struct model **models; /* [table->n], NULL unknown */
};

/* One prediction of the whole table. */
struct pass {
    const struct work *work;
    const struct validate_settings *const *settings; /* [table->n] of each row; NULL: as base */
    const struct validate_result *base;
    struct validate_result *results;
    struct progress *progress;
};

/* Every row's model; a name is looked up once. */
static const struct model **find_models(struct arena *arena, const struct stock *stock,
                                        const struct validate_table *table)
{
    const struct model **models = arena_alloc(arena, (size_t)table->n + 1, sizeof *models);
    for (int i = 0; i < table->n; i++) {
        bool found = false;
        for (int j = i - 1; j >= 0 && !found; j--) {
            if (strcmp(table->rows[i].model, table->rows[j].model) == 0) {
                models[i] = models[j];
                found = true;
            }
        }
        if (!found) {
            models[i] = model_find(arena, stock->catalogue.dirs, stock->catalogue.n_dirs,
                                   table->rows[i].model, NULL);
        }
    }
    return models;
}

static void predict(void *ctx, int item, int thread)
{
    struct pass *p = ctx;
    (void)thread;
    if (p->settings[item]) {
        validate_row_predict(p->settings[item], &p->work->table->rows[item],
                             p->work->models[item], &p->results[item]);
    } else {
        p->results[item] = p->base[item];
    }
    progress_add(p->progress, 1);
}

static bool stopped(const struct validate_options *o)
{
    return o->stop && atomic_load(o->stop);
}

/* Predicts every row under its settings. False with err on a defect; heap results. */
static bool run_pass(const struct work *w, const char *label,
                     const struct validate_settings *const *settings,
                     const struct validate_result *base, struct validate_result **results,
                     struct err *err)
{
    int n = w->table->n;
    struct pass p = {.work = w, .settings = settings, .base = base};
    p.results = xcalloc((size_t)n + 1, sizeof *p.results);
    p.progress = progress_new(label, n, w->options->quiet);
    pool_run(w->options->n_threads, n, predict, &p, w->options->stop);
    progress_free(p.progress);
    *results = p.results;
    for (int i = 0; i < n; i++) {
        if (p.results[i].err.code != ERR_NONE) {
            *err = p.results[i].err;
            return false;
        }
    }
    return true;
}

static const struct validate_settings **same_settings(const struct work *w,
                                                      const struct validate_settings *one)
{
    const struct validate_settings **all =
        arena_alloc(w->arena, (size_t)w->table->n + 1, sizeof *all);
    for (int i = 0; i < w->table->n; i++) {
        all[i] = one;
    }
    return all;
}

/* ---- variants ---------------------------------------------------------------------------- */

static const struct validate_settings *with_stock(const struct work *w,
                                                  const struct stock *stock)
{
    struct validate_settings *s = arena_alloc(w->arena, 1, sizeof *s);
    *s = *w->settings;
    s->stock = stock;
    return s;
}

/* Does the row state a launch flag? As drop_flags of validate_row.c. */
static bool has_flags(const struct validate_row *row)
{
    return !isnan(row->mem_util_frac) || row->max_batched_tokens >= 0 || row->max_seqs >= 0 ||
           row->chunked_prefill >= 0 || row->recv_interval > 1 || row->wait_iters > 0 ||
           *row->moe_backend;
}

/* Effects that can only change some rows. */
static bool touches(enum effect effect, const struct validate_result *base,
                    const struct validate_row *row)
{
    if (effect == EFFECT_DISTINCT_EXPERTS || effect == EFFECT_EXPERT_SKEW) {
        return model_is_moe(base->model);
    }
    if (effect == EFFECT_FLAGS) {
        return has_flags(row);
    }
    return effect != EFFECT_ALLREDUCE_TABLE || row->n_gpus != 1;
}

static const struct validate_settings **
without_effect(const struct work *w, const struct validate_result *base, enum effect effect)
{
    struct validate_settings *s = arena_alloc(w->arena, 1, sizeof *s);
    *s = *w->settings;
    s->effect = effect;
    s->stock = variant_without_effect(w->arena, s->stock, effect);
    const struct validate_settings **all = same_settings(w, s);
    for (int i = 0; base && i < w->table->n; i++) {
        bool changes =
            base[i].skip == SKIP_NONE && touches(effect, &base[i], &w->table->rows[i]);
        all[i] = changes ? s : NULL;
    }
    return all;
}

/* Row i of the same label as an earlier row j takes its settings. */
static const char *label_of(const struct validate_result *base, int i, enum leave_out kind)
{
    return kind == LEAVE_FAMILY ? base[i].model->family : base[i].gpu->name;
}

/* Attention and expert kernels that rows of this family use and rows of no other do. */
static int own_kernels(const struct work *w, const struct validate_result *base,
                       const char *family, const struct kernel_key **keys, int most)
{
    int n = 0;
    for (int i = 0; i < w->table->n; i++) {
        if (base[i].skip != SKIP_NONE || strcmp(base[i].model->family, family) != 0) {
            continue;
        }
        for (int c = 0; c < base[i].n_constants; c++) {
            const struct step_constant *k = &base[i].constants[c];
            bool listed = strcmp(k->law, "gemm") == 0;
            for (int j = 0; j < n && !listed; j++) {
                listed = keys[j] == k->key;
            }
            if (!listed && n < most &&
                !validate_kernel_shared(w->table, base, k->key, family)) {
                keys[n++] = k->key;
            }
        }
    }
    return n;
}

/* NULL: the family has no kernels of its own. */
static const struct validate_settings *
without_family(const struct work *w, const struct validate_result *base, const char *family)
{
    enum { MOST = 256 };
    const struct kernel_key **keys = arena_alloc(w->arena, MOST, sizeof *keys);
    int n = own_kernels(w, base, family, keys, MOST);
    return n == 0
               ? NULL
               : with_stock(w, variant_without_kernels(w->arena, w->settings->stock, keys, n));
}

static const struct validate_settings **left_out(const struct work *w,
                                                 const struct validate_result *base,
                                                 enum leave_out kind, const char **from)
{
    const struct validate_settings **all = same_settings(w, w->settings);
    for (int i = 0; i < w->table->n; i++) {
        bool done = base[i].skip != SKIP_NONE;
        for (int j = i - 1; j >= 0 && !done; j--) {
            if (base[j].skip == SKIP_NONE &&
                strcmp(label_of(base, i, kind), label_of(base, j, kind)) == 0) {
                all[i] = all[j];
                from[i] = from[j];
                done = true;
            }
        }
        if (!done && kind == LEAVE_FAMILY) {
            all[i] = without_family(w, base, base[i].model->family);
            from[i] = "";
        } else if (!done) {
            all[i] =
                with_stock(w, variant_without_gpu(w->arena, w->settings->stock, base[i].gpu,
                                                  kind == LEAVE_ARCH, &from[i]));
        }
    }
    return all;
}

/* ---- the report -------------------------------------------------------------------------- */

static void count(const struct work *w, const struct validate_result *results)
{
    struct validate_totals t = {.n_rows = w->table->n, .interrupted = stopped(w->options)};
    for (int i = 0; i < w->table->n; i++) {
        const struct validate_result *r = &results[i];
        t.n_predicted += r->skip == SKIP_NONE;
        t.n_skipped += r->skip != SKIP_NONE;
        t.n_events += r->n_events;
        t.n_requests += r->n_requests;
    }
    if (w->options->totals) {
        *w->options->totals = t;
    }
}

static const char **no_names(const struct work *w)
{
    const char **names = arena_alloc(w->arena, (size_t)w->table->n + 1, sizeof *names);
    for (int i = 0; i < w->table->n; i++) {
        names[i] = "";
    }
    return names;
}

/* The base prediction and those that the options ask for. */
struct outcomes {
    struct validate_result *base, *left_out[LEAVE_N], *without[EFFECT_N];
    const char **from[LEAVE_N]; /* [table->n] SKU whose constants stood in */
};

static bool run_left_out(const struct work *w, struct outcomes *o, enum leave_out kind,
                         struct err *err)
{
    char label[32];
    snprintf(label, sizeof label, "without %s", leave_out_names[kind]);
    o->from[kind] = no_names(w);
    return run_pass(w, label, left_out(w, o->base, kind, o->from[kind]), o->base,
                    &o->left_out[kind], err);
}

static bool run_extras(const struct work *w, struct outcomes *o, struct err *err)
{
    bool all = w->options->report != NULL;
    for (int k = LEAVE_GPU; k < LEAVE_N; k++) {
        bool wanted = all || w->options->bands || w->options->leave_out == (enum leave_out)k;
        if (wanted && !stopped(w->options) && !run_left_out(w, o, (enum leave_out)k, err)) {
            return false;
        }
    }
    for (int e = EFFECT_NONE + 1; all && e < EFFECT_N; e++) {
        if (!stopped(w->options) &&
            !run_pass(w, effect_names[e], without_effect(w, o->base, (enum effect)e), o->base,
                      &o->without[e], err)) {
            return false;
        }
    }
    return true;
}

static bool write_extras(const struct work *w, const struct outcomes *o, struct err *err)
{
    const struct validate_options *v = w->options;
    struct validate_doc doc = {.table = w->table,
                               .path = v->table,
                               .stock = w->settings->stock,
                               .base = o->base,
                               .left_out = (const struct validate_result *const *)o->left_out,
                               .from = (const char *const *const *)o->from,
                               .without = (const struct validate_result *const *)o->without};
    struct bandfit_input in = {.table = w->table,
                               .base = o->base,
                               .new_sku = o->left_out[LEAVE_ARCH],
                               .new_model = o->left_out[LEAVE_FAMILY]};
    if (!v->bands && !v->report) {
        return true;
    }
    struct bandfit *fit = bandfit_new(&in);
    bool ok = !v->bands || bandfit_write(fit, v->bands, err);
    doc.bands = fit;
    ok = ok && (!v->report || validate_doc_write(&doc, v->report, err));
    bandfit_free(fit);
    return ok;
}

/* What the tables of stdout are about: the prediction, or the one with something left out. */
static const struct validate_result *shown(const struct work *w, const struct outcomes *o)
{
    enum leave_out kind = w->options->leave_out;
    return kind != LEAVE_NOTHING ? o->left_out[kind] : o->base;
}

static bool finish(const struct work *w, const struct outcomes *o, FILE *out, struct err *err)
{
    const struct validate_options *v = w->options;
    const struct validate_result *results = shown(w, o);
    count(w, o->base);
    if (stopped(v)) {
        return true;
    }
    if (v->csv && !validate_report_csv(w->table, results, v->csv, err)) {
        return false;
    }
    validate_report_print(w->table, results, v->markdown, out);
    return write_extras(w, o, err);
}

static bool run_table(const struct work *w, FILE *out, struct err *err)
{
    struct outcomes o = {0};
    const struct validate_settings **settings = without_effect(w, NULL, w->options->without);
    bool ok = run_pass(w, "rows", settings, NULL, &o.base, err) && run_extras(w, &o, err) &&
              finish(w, &o, out, err);
    free(o.base);
    for (int k = 0; k < LEAVE_N; k++) {
        free(o.left_out[k]);
    }
    for (int e = 0; e < EFFECT_N; e++) {
        free(o.without[e]);
    }
    return ok;
}

static bool explain(const struct validate_options *o, const struct work *w, FILE *out,
                    struct err *err)
{
    for (int i = 0; i < w->table->n; i++) {
        if (strcmp(w->table->rows[i].id, o->explain) == 0) {
            validate_row_explain(w->settings, &w->table->rows[i], w->models[i], out);
            return true;
        }
    }
    return err_set(err, ERR_USAGE, "no row '%s' in %s", o->explain, o->table);
}

bool validate_run(const struct validate_options *o, const struct stock *stock, FILE *out,
                  struct err *err)
{
    struct arena *arena = arena_new();
    struct validate_table table;
    struct validate_settings settings = {
        .stock = stock,
        .seed = o->seed,
        .replications = o->replications > 0 ? o->replications : OPEN_REPLICATIONS,
        .stop = o->stop,
    };
    bool ok = validate_table_load(arena, o->table, &table, err);
    if (ok) {
        struct work w = {.options = o, .arena = arena, .settings = &settings, .table = &table};
        w.models = find_models(arena, stock, &table);
        ok = o->explain ? explain(o, &w, out, err) : run_table(&w, out, err);
    }
    arena_free(arena);
    return ok;
}
