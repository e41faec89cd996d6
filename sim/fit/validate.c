/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/fit/validate.h"

#include <stdlib.h>
#include <string.h>

#include "models/model.h"
#include "sim/base/pool.h"
#include "sim/base/progress.h"
#include "sim/fit/validate_parts.h"

static const int OPEN_REPLICATIONS = 5;

struct work {
    const struct validate_settings *settings;
    const struct validate_table *table;
    const struct model **models; /* [table->n], NULL unknown */
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
    struct work *w = ctx;
    (void)thread;
    validate_row_predict(w->settings, &w->table->rows[item], w->models[item],
                         &w->results[item]);
    progress_add(w->progress, 1);
}

static bool stopped(const struct validate_options *o)
{
    return o->stop && atomic_load(o->stop);
}

static void count(const struct work *w, struct validate_totals *t)
{
    t->n_rows = w->table->n;
    for (int i = 0; i < w->table->n; i++) {
        const struct validate_result *r = &w->results[i];
        t->n_predicted += r->skip == SKIP_NONE;
        t->n_skipped += r->skip != SKIP_NONE;
        t->n_events += r->n_events;
        t->n_requests += r->n_requests;
    }
}

static bool report(const struct validate_options *o, const struct work *w, FILE *out,
                   struct err *err)
{
    for (int i = 0; i < w->table->n; i++) {
        if (w->results[i].err.code != ERR_NONE) {
            *err = w->results[i].err;
            return false;
        }
    }
    if (o->csv && !validate_report_csv(w->table, w->results, o->csv, err)) {
        return false;
    }
    validate_report_print(w->table, w->results, o->markdown, out);
    return true;
}

static bool run_table(const struct validate_options *o, struct work *w, FILE *out,
                      struct err *err)
{
    struct validate_totals totals = {0};
    w->results = xcalloc((size_t)w->table->n + 1, sizeof *w->results);
    w->progress = progress_new("rows", w->table->n, o->quiet);
    pool_run(o->n_threads, w->table->n, predict, w, o->stop);
    progress_free(w->progress);
    count(w, &totals);
    totals.interrupted = stopped(o);
    if (o->totals) {
        *o->totals = totals;
    }
    bool ok = totals.interrupted || report(o, w, out, err);
    free(w->results);
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
        struct work w = {.settings = &settings, .table = &table};
        w.models = find_models(arena, stock, &table);
        ok = o->explain ? explain(o, &w, out, err) : run_table(o, &w, out, err);
    }
    arena_free(arena);
    return ok;
}
